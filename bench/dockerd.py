"""A dockerd of the benchmark's own, if the machine has one: its data, socket and cgroups."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from bench.place import Place

IMAGE = "bench"
_START_TAKES_S = 30.0


@dataclass(frozen=True)
class Daemon:
    """A daemon that answers, with the benchmark's root file system as its image."""

    socket: Path

    def command(self, *words: str) -> list[str]:
        """A command of the docker client."""
        return ["docker", "-H", f"unix://{self.socket}", *words]


@contextlib.contextmanager
def running_dockerd(place: Place) -> Iterator[Daemon | None]:
    """The daemon, or None where there is none; ended with the context.

    It has a mount namespace of its own, so that no mount is left when it ends.
    """
    if not shutil.which("dockerd") or not shutil.which("docker"):
        yield None
        return
    directory = place.fresh("docker")
    directory.mkdir()
    daemon = Daemon(directory / "socket")
    with (directory / "log").open("wb") as log:
        process = subprocess.Popen(
            [
                *("unshare", "--mount", "dockerd", "--bridge=none", "--iptables=false"),
                *("--ip6tables=false", "--ip-masq=false", f"--cgroup-parent=/{place.tag}-docker"),
                *(f"--data-root={directory / 'root'}", f"--exec-root={directory / 'exec'}"),
                *(f"--pidfile={directory / 'pid'}", f"--host=unix://{daemon.socket}"),
            ],
            stdout=log,
            stderr=log,
        )
    try:
        yield daemon if _answers(daemon, process) and _import(daemon, place.rootfs) else None
    finally:
        process.terminate()
        process.wait()


def _answers(daemon: Daemon, process: subprocess.Popen[bytes]) -> bool:
    deadline = time.monotonic() + _START_TAKES_S
    while process.poll() is None and time.monotonic() < deadline:
        if _succeeds(daemon.command("version")):
            return True
        time.sleep(0.1)
    return False


def _import(daemon: Daemon, rootfs: Path) -> bool:
    archive = subprocess.run(["tar", "-C", rootfs, "-c", "."], check=True, capture_output=True)
    return _succeeds(daemon.command("import", "-", IMAGE), archive.stdout)


def _succeeds(command: list[str], stdin: bytes = b"") -> bool:
    return subprocess.run(command, input=stdin, capture_output=True, check=False).returncode == 0
