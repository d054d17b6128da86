"""Root file systems for test containers: busybox, and the probe of this directory."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

USERS = """\
root:x:0:0:root:/root:/bin/sh
daemon:x:1:1:daemon:/usr/sbin:/bin/false
tester:x:1000:1000:tester:/home/tester:/bin/sh
"""
GROUPS = """\
root:x:0:
daemon:x:1:
audio:x:29:tester
tester:x:1000:
extra:x:1001:tester
"""

APPLETS = """
    ash base64 basename cat chmod chown cp cut date dd df dirname echo env expr false find grep
    head hostname id ip kill ln ls mkdir mknod mount mv od printf ps pwd readlink rm rmdir sed seq
    sh sleep sort stat stty tail test touch tr true tty umount uname wc
""".split()  # noqa: SIM905 - easier to read
"""What tests may use of busybox inside: making links for all 400 would take most of their time."""

_DIRECTORIES = ("bin", "dev", "etc", "home/tester", "proc", "root", "sys", "usr", "var")


class RootfsTemplate:
    """A root file system from which each test gets a copy of its own.

    The two programs are hard links to the template's, all else is made anew: tests may change
    every directory and every link of their copy, but must not write into the programs.
    """

    def __init__(self, where: Path) -> None:
        """Compile the probe and copy busybox into `where`."""
        where.mkdir(parents=True)
        self._busybox = where / "busybox"
        self.probe = where / "probe"
        shutil.copy2(shutil.which("busybox") or "/bin/busybox", self._busybox)
        compile_static(Path(__file__).with_name("probe.c"), self.probe)

    def copy_to(self, where: Path) -> Path:
        """Make a fresh root file system in `where`, which must not exist; return `where`."""
        for name in _DIRECTORIES:
            (where / name).mkdir(parents=True, exist_ok=True)
        (where / "tmp").mkdir()
        (where / "tmp").chmod(0o1777)
        os.link(self._busybox, where / "bin/busybox")
        os.link(self.probe, where / "bin/probe")
        for applet in APPLETS:
            os.symlink("busybox", where / "bin" / applet)
        (where / "etc/passwd").write_text(USERS)
        (where / "etc/group").write_text(GROUPS)
        return where


def compile_static(source: Path, program: Path) -> None:
    """Compile one C file to a static program, with musl where it is installed."""
    compiler = shutil.which("musl-gcc") or "gcc"
    subprocess.run(
        [compiler, "-std=gnu11", "-static", "-Os", "-Wall", "-Wextra", "-o", program, source],
        check=True,
    )


def hand_over(rootfs: Path, uid: int, gid: int) -> None:
    """Give the directories of `rootfs` to `uid`:`gid`: the root of a user namespace.

    Files stay root's: they are links that are shared with other copies.
    """
    for directory, _, _ in os.walk(rootfs):
        os.chown(directory, uid, gid)
