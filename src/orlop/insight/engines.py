"""Which engine has made a container, told by its cgroup path and its parent, without asking it.

Cgroup paths are the engine's: a process in a container can only add to the end of its own, so the
leftmost name that fits counts. Command lines are whatever a process likes to be called; they give
a word for the column "engine" and nothing more.
"""

from __future__ import annotations

import itertools
import os

from orlop.errors import OrlopError
from orlop.kernel import process as processes
from orlop.records import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

DOCKER, PODMAN = "docker", "podman"


class Origin(Record):
    """Who made a process, "" where it is not known.

    Attributes:
        engine: "docker", "podman", "bwrap", ...
        id: the engine's id of the container.
        name: the container's name.
    """

    engine: str = ""
    id: str = ""
    name: str = ""


class _Pattern(Record):
    """A directory of the cgroup tree: `start` + id + `end`, perhaps in a directory `parent`."""

    engine: str
    start: str
    end: str = ""
    parent: str = ""
    hexadecimal: bool = True

    def id_in(self, name: str, parent: str) -> str:
        inside = name.startswith(self.start) and name.endswith(self.end)
        if not inside or (self.parent and parent != self.parent):
            return ""
        found = name[len(self.start) : len(name) - len(self.end)]
        return "" if self.hexadecimal and not _is_id(found) else found


# With systemd as cgroup driver an engine's containers are scopes, else directories.
_PATTERNS = (
    _Pattern("docker", "docker-", ".scope"),
    _Pattern("docker", "", parent="docker"),
    _Pattern("podman", "libpod-", ".scope"),
    _Pattern("podman", "libpod-"),
    _Pattern("cri-o", "crio-", ".scope"),
    _Pattern("cri-o", "crio-"),
    _Pattern("containerd", "cri-containerd-", ".scope"),
    _Pattern("systemd-nspawn", "machine-", ".scope", hexadecimal=False),
    _Pattern("systemd-nspawn", "systemd-nspawn@", ".service", hexadecimal=False),
    _Pattern("lxc", "lxc.payload.", hexadecimal=False),
    _Pattern("lxc", "", parent="lxc", hexadecimal=False),
    _Pattern("", ""),  # somebody's, whose parent may tell more
)

# The programs that stand beside a container, and what their options say.
_SHIM, _CONMON = "containerd-shim", "conmon"
_NAMESPACE_OF_DOCKER = "moby"
_STARTERS = {
    "bwrap": "bwrap",
    "unshare": "unshare",
    "systemd-nspawn": "systemd-nspawn",
    "lxc-start": "lxc",
    "orlop-launch": "orlop",
}


ENGINES = ("pid", *sorted({pattern.engine for pattern in _PATTERNS} - {""}))
"""What can stand in front of the colon in a target's name."""


def _is_id(text: str) -> bool:
    """Whether it is of the form that engines give to containers: 64 hexadecimal digits."""
    return len(text) == 64 and not set(text) - set("0123456789abcdef")


def container_of(cgroups: Iterable[str]) -> Origin:
    """The container whose cgroup paths these are; its engine may stay unknown."""
    for path in cgroups:
        parent = ""
        for name in path.split("/"):
            for pattern in _PATTERNS:
                if found := pattern.id_in(name, parent):
                    return Origin(pattern.engine, found)
            parent = name
    return Origin()


def origin_of(
    cgroups: Iterable[str], command: Sequence[str] = (), parent: Sequence[str] = ()
) -> Origin:
    """Who made a process, from its cgroup paths and its own and its parent's command line."""
    container, monitor = container_of(cgroups), _monitor(parent)
    if container.id:
        return Origin(container.engine or monitor.engine or "container", container.id, monitor.name)
    if monitor.id:
        return monitor
    own, above = _program(command), _program(parent)
    return Origin(_STARTERS.get(own) or _STARTERS.get(above, ""))


def _monitor(command: Sequence[str]) -> Origin:
    program = _program(command)
    if program.startswith(_SHIM):
        namespace = _option(command, "-namespace")
        engine = DOCKER if namespace == _NAMESPACE_OF_DOCKER else "containerd"
        return Origin(engine, _option(command, "-id"))
    if program == _CONMON:
        return Origin(PODMAN, _option(command, "-c"), _option(command, "-n"))
    return Origin()


def _program(command: Sequence[str]) -> str:
    return os.path.basename(command[0]) if command else ""


def _option(command: Sequence[str], name: str) -> str:
    return next((value for key, value in itertools.pairwise(command) if key == name), "")


def shim_bundle(pid: int, container: str) -> str:
    """The bundle of a container under containerd, whose first process this is; "" if not found.

    It is the working directory of its parent, the shim, or for a shim of several containers beside
    that. A shim that lives in another mount namespace than this process does not count, since its
    path would mean something else here.
    """
    try:
        shim = processes.read_stat(pid).ppid
        if not _program(processes.command_line(shim)).startswith(_SHIM):
            return ""
        if processes.namespaces(shim)["mount"] != processes.namespaces(os.getpid())["mount"]:
            return ""
        return os.path.join(os.path.dirname(os.readlink(f"/proc/{shim}/cwd")), container)
    except (OrlopError, OSError):
        return ""
