"""A cgroup beside another one, with its limits, for a process that must not use up its share.

Below the other one it would: what a sub-cgroup uses counts above too. What is copied are limits,
and who may use which devices; weights and what is done when memory runs out are not.
"""

from __future__ import annotations

import os
import posixpath

from orlop.errors import SyscallError
from orlop.kernel.cgroup import control, devices, devices_attach
from orlop.kernel.cgroup.creation import CpusetDirectory, Creation, Directory, entry_of
from orlop.kernel.cgroup.settings import Setting, place_of, unified_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from orlop.kernel.cgroup.settings import Place

PREFIX = "orlop-probe-"
"""The name of a copy is this and the PID of who has made it."""

# In an order that the kernel accepts: a sum with swap is never below its part.
_FILES = (
    "cpuset.cpus",
    "cpuset.mems",
    "memory.limit_in_bytes",
    "memory.memsw.limit_in_bytes",
    "memory.swap.max",
    "memory.high",
    "memory.max",
    "pids.max",
    "cpu.cfs_period_us",
    "cpu.cfs_quota_us",
    "cpu.max",
)


def copy(where: tuple[Place, ...]) -> Creation:
    """How to make a cgroup with the same limits beside this one, in all hierarchies.

    One at the top of what is mounted has no limits, and has the copy below it.

    Raises:
        SyscallError: the cgroup is gone, or may not be looked at.
    """
    copies = tuple(place.replace(directory=_beside(place)) for place in where)
    steps: list[Directory | CpusetDirectory | Setting] = []
    for place, made in zip(where, copies, strict=True):
        steps.append(Directory(made.directory, leaf=True))
        steps += _settings(place, made)
    cpuset = place_of(copies, "cpuset")
    if cpuset is not None and not cpuset.v2:
        steps.append(CpusetDirectory(cpuset.directory))
    return Creation(
        tuple(steps), entry_of(copies), paths={made.mount: made.directory for made in copies}
    )


def _beside(place: Place) -> str:
    top = place.directory == place.mount
    above = place.directory if top else posixpath.dirname(place.directory)
    return f"{above}/{PREFIX}{os.getpid()}"


def _settings(place: Place, made: Place) -> Iterator[Setting]:
    for name in _FILES:
        value = control.read_or(f"{place.directory}/{name}", "").strip()
        if value:
            yield Setting(f"{made.directory}/{name}", value, f"{name} of the target")
    if "devices" in place.controllers and not place.v2:
        rules = devices.parse_list(control.read(f"{place.directory}/devices.list"))
        for name, value in devices.transition(devices.ANYTHING, rules):
            yield Setting(f"{made.directory}/{name}", value, "device rules of the target")


def copy_device_filters(where: tuple[Place, ...], creation: Creation) -> None:
    """The v2 copy has the device filters of the original: it is made for that, if it has any.

    A filter cannot be read back and written, only attached once more.
    """
    unified = unified_of(where)
    if unified is None:
        return
    try:
        os.mkdir(creation.entry.directory)
    except OSError as error:
        path = creation.entry.directory
        raise SyscallError("mkdir", error.errno or 0, path) from None
    devices_attach.copy(unified.directory, creation.entry.directory)


def remove_leftovers(creation: Creation) -> None:
    """Copies beside this one whose makers were killed, so that nobody removes them, are gone."""
    for directory in creation.paths.values():
        above = posixpath.dirname(directory)
        for name in os.listdir(above):
            maker = name.removeprefix(PREFIX)
            if name.startswith(PREFIX) and not os.path.exists(f"/proc/{maker}"):
                try:
                    os.rmdir(f"{above}/{name}")
                except OSError:
                    continue  # somebody is in it, or was quicker
