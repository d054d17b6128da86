"""Build hook: compiles the launcher and the probe into the package, a wheel for this platform."""

from __future__ import annotations

import platform
import subprocess
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class LauncherHook(BuildHookInterface[Any]):
    """Runs `make -C launch`; what it makes is static, so one wheel serves every Python 3."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build the programs of `src/orlop/_bin` before the files are collected."""
        subprocess.run(["make", "-C", f"{self.root}/launch"], check=True)
        build_data["pure_python"] = False
        build_data["tag"] = f"py3-none-linux_{platform.machine()}"
        if version != "editable":
            for program in ("orlop-launch", "orlop-probe"):
                build_data["force_include"][f"src/orlop/_bin/{program}"] = f"orlop/_bin/{program}"
