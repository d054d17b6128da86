"""The machine that an engine works on, as `info` shows it."""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING

from orlop.engine.containers.copies import Copies
from orlop.kernel import lsm
from orlop.kernel.cgroup.detect import detect
from orlop.kernel.features import read_features
from orlop.records import Record

if TYPE_CHECKING:
    from orlop.engine.settings import Settings

_LIMITS = ("memory", "cpu", "cpuset", "pids", "io")


class SystemFacts(Record):
    """Facts of the host and of the engine.

    Attributes:
        id: of the engine: the same as long as its data root is on this machine.
        host_name: of the host.
        kernel: release of the kernel.
        system: name of the distribution, as "Debian GNU/Linux 12 (bookworm)".
        system_version: its number, as "12".
        machine: as uname(2) has it.
        cpus: that this process may use.
        memory_bytes: of the machine.
        swap: whether the kernel can limit swap.
        cgroup_version: 1 or 2; 1 also where both are mounted and v1 has the controllers.
        controllers: of "memory", "cpu", "cpuset", "pids" and "io" those that can be used.
        security: security modules and mechanisms that containers get, as "seccomp".
        forwards_ipv4: the host routes packets.
        rootless: the engine has no rights of root on the host.
        copies: new containers get copies of their images, where others get overlays.
        warnings: what is missing, for people.
    """

    id: str
    host_name: str
    kernel: str
    system: str
    system_version: str
    machine: str
    cpus: int
    memory_bytes: int
    swap: bool
    cgroup_version: int
    controllers: tuple[str, ...]
    security: tuple[str, ...]
    forwards_ipv4: bool
    rootless: bool
    copies: bool
    warnings: tuple[str, ...] = ()


class System:
    """What is known of the host.

    Args:
        settings: of the engine.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._copies = Copies(settings)

    def facts(self) -> SystemFacts:
        """The facts as they are now; some files of /proc and /etc are read."""
        features, layout = read_features(), detect()
        controllers = _controllers()
        names = _os_release()
        return SystemFacts(
            id=_engine_id(self._settings.data_root),
            host_name=os.uname().nodename,
            kernel=features.release,
            system=names.get("PRETTY_NAME", "Linux"),
            system_version=names.get("VERSION_ID", ""),
            machine=features.machine,
            cpus=len(os.sched_getaffinity(0)),
            memory_bytes=os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
            swap=_limits_swap(),
            cgroup_version=2 if all(hierarchy.v2 for hierarchy in layout.hierarchies) else 1,
            controllers=controllers,
            security=("seccomp", *_modules()),
            forwards_ipv4=_read("/proc/sys/net/ipv4/ip_forward").strip() == "1",
            rootless=os.geteuid() != 0,
            copies=self._copies.are_wanted(),
            warnings=tuple(_warnings(controllers)),
        )


def _controllers() -> tuple[str, ...]:
    """Those that limits need, by the names of v2."""
    found = {name for hierarchy in detect().hierarchies for name in hierarchy.controllers}
    found |= {"io"} if "blkio" in found else set()
    return tuple(name for name in _LIMITS if name in found)


def _limits_swap() -> bool:
    """Whether there is a limit for swap: always on v2, on v1 by a choice at boot."""
    for hierarchy in detect().hierarchies:
        if "memory" in hierarchy.controllers:
            return hierarchy.v2 or os.path.exists(f"{hierarchy.mount}/memory.memsw.limit_in_bytes")
    return False


def _modules() -> tuple[str, ...]:
    return tuple(name for name in lsm.active() if name in ("apparmor", "selinux"))


def _warnings(controllers: tuple[str, ...]) -> list[str]:
    return [f"WARNING: No {name} limit support" for name in _LIMITS[:4] if name not in controllers]


def _os_release() -> dict[str, str]:
    """See: os-release(5)."""
    lines = (_read("/etc/os-release") or _read("/usr/lib/os-release")).splitlines()
    pairs = (line.partition("=") for line in lines if "=" in line and not line.startswith("#"))
    return {name: value.strip("\"'") for name, _, value in pairs}


def _engine_id(data_root: str) -> str:
    """As a UUID; the machine's own id does not show in it. See: machine-id(5)."""
    machine = _read("/etc/machine-id").strip()
    digits = hashlib.sha256(f"orlop\0{machine}\0{data_root}".encode()).hexdigest()
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:32]}"


def _read(path: str) -> str:
    """The content of a file of the host, "" if it cannot be read."""
    try:
        with open(path) as file:
            return file.read()
    except OSError:
        return ""
