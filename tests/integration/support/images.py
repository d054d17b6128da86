"""A small image for engines: the busybox root file system as a tar archive."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.integration.support.rootfs import RootfsTemplate

IMAGE = "orlop-test"
"""What the tests call the image in each engine."""


def archive(template: RootfsTemplate, where: Path) -> Path:
    """Pack a copy of the root file system; `where` is an empty place below the session's own."""
    rootfs = template.copy_to(where / "image")
    pause = rootfs / "bin/pause"  # for pods: their pause container's command is one word
    pause.write_text("#!/bin/sh\nexec probe wait\n")
    pause.chmod(0o755)
    path = where / "image.tar"
    subprocess.run(["tar", "-C", rootfs, "-cf", path, "."], check=True)
    return path
