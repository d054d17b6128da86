"""Control groups as steps: directories, limits and the device list, then the way in.

On v2 the container's process is born in its cgroup (CLONE_INTO_CGROUP, Linux 5.7). On v1 it
writes itself into each hierarchy; docs/decisions/0002-cgroup-v1-lone-thread.md tells why that
is done by the process itself, through `tasks`.
"""

from __future__ import annotations

import os

from orlop.kernel.cgroup.creation import CpusetDirectory, Creation, Directory
from orlop.launch.plan import (
    CGROUP_REMOVE,
    MAY_BE_REFUSED,
    NO_SLOT,
    AttachDeviceFilter,
    EnterCgroup,
    InheritCpuset,
    MakeCgroup,
    Open,
    Slot,
    WriteCgroup,
)
from orlop.records import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from orlop.kernel.cgroup.creation import Entry
    from orlop.kernel.cgroup.settings import Setting
    from orlop.launch.plan import Operation
    from orlop.runtime.planner.builder import Builder


class Way(Record):
    """The opened ways into a cgroup.

    Attributes:
        born_in: the v2 directory for the clone, NO_SLOT if there is none.
        tasks: the v1 files through which the process enters.
    """

    born_in: Slot = NO_SLOT
    tasks: tuple[Slot, ...] = ()


def plan_cgroup(b: Builder, creation: Creation | None, *, remove: bool = False) -> Way:
    """Makes the container's cgroups; None leaves its process where the launcher is.

    With `remove` the launcher, which has to stay for that, removes them at its end.
    """
    if creation is None:
        return Way()
    for step in creation.steps:
        b.launcher(*_operation(step, CGROUP_REMOVE if remove else 0))
    way = plan_joined_cgroup(b, creation.entry)
    if creation.device_program:
        op = AttachDeviceFilter(way.born_in, creation.device_program)
        b.launcher(op, "OCI linux.resources.devices")
    return way


def _operation(step: Directory | CpusetDirectory | Setting, own: int) -> tuple[Operation, str]:
    match step:
        case Directory():
            if step.leaf:
                return MakeCgroup(step.path, own), "the container's cgroup"
            return MakeCgroup(step.path), "a cgroup above the container's"
        case CpusetDirectory():
            return InheritCpuset(step.path), "cpuset(7): without these nothing can run there"
        case _:
            flags = MAY_BE_REFUSED if step.optional else 0
            return WriteCgroup(step.path, step.value, flags), step.reason


def plan_joined_cgroup(b: Builder, entry: Entry | Creation | None) -> Way:
    """Opens the ways into cgroups that exist by then, or makes them."""
    if entry is None:
        return Way()
    if isinstance(entry, Creation):
        return plan_cgroup(b, entry)
    born_in = NO_SLOT
    if entry.directory:
        born_in = b.slot()
        flags = os.O_RDONLY | os.O_DIRECTORY
        b.launcher(Open(born_in, entry.directory, flags), "to be born in (CLONE_INTO_CGROUP)")
    tasks = []
    for path in entry.tasks:
        slot = b.slot()
        b.launcher(Open(slot, path, os.O_WRONLY), "a way into the cgroup")
        tasks.append(slot)
    return Way(born_in, tuple(tasks))


def plan_enter_cgroup(b: Builder, way: Way) -> None:
    """Moves the container's process into its v1 cgroups."""
    for slot in way.tasks:
        b.container(EnterCgroup(slot), "into the cgroup, by itself and thus cheaply")
