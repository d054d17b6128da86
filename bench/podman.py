"""podman, if the machine has it: a world of its own below one directory.

It runs crun, its default, which refuses hosts with cgroup v1 and v2 side by side: so in a mount
namespace without the v2 hierarchy, which podman's own mounts stay in as well.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.dockerd import IMAGE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from bench.place import Place

_SETTINGS = """\
[containers]
default_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
[network]
network_backend = "netavark"
network_config_dir = "{directory}/networks"
"""
_HOLD = "umount -l /sys/fs/cgroup/unified; echo ready; exec cat"


@dataclass(frozen=True)
class Podman:
    """A podman with the benchmark's root file system as its image.

    Attributes:
        directory: of all that it keeps.
        namespace: path of its mount namespace.
        cgroup_parent: of its containers.
    """

    directory: Path
    namespace: str
    cgroup_parent: str

    def command(self, *words: str) -> list[str]:
        """A command of podman's."""
        directory = self.directory
        return [
            *("nsenter", f"--mount={self.namespace}", f"--wd={directory}", "--"),
            *("env", f"CONTAINERS_CONF={directory / 'containers.conf'}"),
            *("podman", f"--root={directory / 'root'}", f"--runroot={directory / 'run'}"),
            *(f"--tmpdir={directory / 'tmp'}", "--storage-driver=overlay", *words),
        ]

    def run_command(self, *words: str) -> list[str]:
        """A command that runs a container."""
        return self.command("run", f"--cgroup-parent={self.cgroup_parent}", *words)


@contextlib.contextmanager
def podman_of_its_own(place: Place) -> Iterator[Podman | None]:
    """The podman, or None where it cannot be measured."""
    if not shutil.which("podman") or not shutil.which("nsenter"):
        yield None
        return
    directory = place.fresh("podman")
    directory.mkdir()
    (directory / "containers.conf").write_text(_SETTINGS.format(directory=directory))
    holder = subprocess.Popen(
        ["unshare", "--mount", "--propagation", "private", "sh", "-c", _HOLD],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    assert holder.stdout
    holder.stdout.readline()
    podman = Podman(directory, f"/proc/{holder.pid}/ns/mnt", f"/{place.tag}-podman")
    try:
        yield podman if _import(podman, place.rootfs) else None
    finally:
        holder.communicate()
        _remove_cgroups(podman.cgroup_parent)


def _import(podman: Podman, rootfs: Path) -> bool:
    archive = subprocess.run(["tar", "-C", rootfs, "-c", "."], check=True, capture_output=True)
    made = subprocess.run(
        podman.command("import", "-", IMAGE),
        input=archive.stdout,
        capture_output=True,
        check=False,
    )
    return made.returncode == 0


def _remove_cgroups(parent: str) -> None:
    """What runs leave of the parent's control groups."""
    for hierarchy in os.scandir("/sys/fs/cgroup"):
        for directory, _, _ in os.walk(f"{hierarchy.path}{parent}", topdown=False):
            os.rmdir(directory)
