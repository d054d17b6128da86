"""A dockerd of the benchmark's own, if the machine has one: its data, socket and cgroups.

With `network` it has a network namespace of its own, too, where it may make its bridge and rules.
"""

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
_WITH_NETWORK = ("unshare", "--mount", "--net", "dockerd")
_WITHOUT_NETWORK = (
    *("unshare", "--mount", "dockerd", "--bridge=none", "--iptables=false"),
    *("--ip6tables=false", "--ip-masq=false"),
)


@dataclass(frozen=True)
class Daemon:
    """A daemon that answers, with the benchmark's root file system as its image."""

    socket: Path

    def command(self, *words: str) -> list[str]:
        """A command of the docker client."""
        return ["docker", "-H", f"unix://{self.socket}", *words]


@contextlib.contextmanager
def running_dockerd(place: Place, *, network: bool = False) -> Iterator[Daemon | None]:
    """The daemon, or None where there is none; ended with the context.

    It has a mount namespace of its own, so that no mount is left when it ends.

    Args:
        place: where.
        network: its containers can have a network, within a network namespace of its own.
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
                *(_WITH_NETWORK if network else _WITHOUT_NETWORK),
                f"--cgroup-parent=/{place.tag}-docker",
                *(f"--data-root={directory / 'root'}", f"--exec-root={directory / 'exec'}"),
                *(f"--pidfile={directory / 'pid'}", f"--host=unix://{daemon.socket}"),
            ],
            stdout=log,
            stderr=log,
        )
    try:
        yield daemon if _answers(daemon, process) and import_image(daemon, place) else None
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


def import_image(daemon: Daemon, place: Place) -> bool:
    """Whether the daemon has the benchmark's root file system as its image now."""
    command: list[str | Path] = ["tar", "-C", place.rootfs, "-c", "."]
    archive = subprocess.run(command, check=True, capture_output=True)
    return _succeeds(daemon.command("import", "-", IMAGE), archive.stdout)


def _succeeds(command: list[str], stdin: bytes = b"") -> bool:
    return subprocess.run(command, input=stdin, capture_output=True, check=False).returncode == 0
