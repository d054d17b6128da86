"""Build hook: compiles the launcher into the package and names the wheel after the platform."""

from __future__ import annotations

import platform
import subprocess
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class LauncherHook(BuildHookInterface[Any]):
    """Runs `make -C launch`; the launcher is static, so one wheel serves every Python 3."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build `src/orlop/_bin/orlop-launch` before the files are collected."""
        subprocess.run(["make", "-C", f"{self.root}/launch"], check=True)
        build_data["pure_python"] = False
        build_data["tag"] = f"py3-none-linux_{platform.machine()}"
        if version != "editable":
            build_data["force_include"]["src/orlop/_bin/orlop-launch"] = "orlop/_bin/orlop-launch"
