"""Control groups: directories, files that hold limits, and the way in."""

from __future__ import annotations

import posixpath

from orlop.insight.shell.functions import INHERIT_CPUSET, MAKE_CGROUP
from orlop.insight.shell.places import Opened
from orlop.insight.shell.words import word
from orlop.launch.plan import (
    CGROUP_NEW,
    MAY_BE_REFUSED,
    AttachDeviceFilter,
    EnterCgroup,
    InheritCpuset,
    MakeCgroup,
    Open,
    WriteCgroup,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from orlop.insight.shell.draft import Draft, Renderings
    from orlop.launch.plan import Plan

_MOUNTS = "/sys/fs/cgroup/"
_V1_ENTRY = "tasks"


def name_cgroups(plan: Plan, d: Draft) -> None:
    """Gives the container's cgroup in each hierarchy a variable: CGROUP_MEMORY, or just CGROUP."""
    entered = {step.op.tasks for step in plan.steps if isinstance(step.op, EnterCgroup)}
    made = {step.op.path for step in plan.steps if isinstance(step.op, MakeCgroup)}
    opened = [step.op for step in plan.steps if isinstance(step.op, Open)]
    leaves = [posixpath.dirname(op.path) if op.out in entered else op.path for op in opened]
    v1 = bool(entered)
    for leaf in dict.fromkeys(leaf for leaf in leaves if leaf in made):
        hierarchy = leaf.removeprefix(_MOUNTS).partition("/")[0]
        suffix = "".join(c if c.isascii() and c.isalnum() else "_" for c in hierarchy).upper()
        d.paths.define(f"CGROUP_{suffix}" if v1 else "CGROUP", leaf)


def _make(op: MakeCgroup, d: Draft) -> None:
    d.use(MAKE_CGROUP)
    d.here(f"make_cgroup {d.path(op.path)}{' new' if op.flags & CGROUP_NEW else ''}")


def _inherit_cpuset(op: InheritCpuset, d: Draft) -> None:
    d.use(INHERIT_CPUSET)
    d.here(f"inherit_cpuset {d.path(op.path)}")


def _write(op: WriteCgroup, d: Draft) -> None:
    write = f"echo {word(op.value)} > {d.path(op.path)}"
    d.here(f"{{ {write}; }} 2> /dev/null || :" if op.flags & MAY_BE_REFUSED else write)


def _attach_device_filter(_: AttachDeviceFilter, d: Draft) -> None:
    d.misses(
        "the device filter: on cgroup v2 it is an eBPF program, which no tool loads from a script,"
        " so every device node that is there can be opened"
    )


def _enter(op: EnterCgroup, d: Draft) -> None:
    tasks = d.slots.content(op.tasks)
    if isinstance(tasks, Opened):
        d.enter(f"echo 0 > {d.path(tasks.path)}")


RENDERINGS: Renderings = {
    MakeCgroup: _make,
    InheritCpuset: _inherit_cpuset,
    WriteCgroup: _write,
    AttachDeviceFilter: _attach_device_filter,
    EnterCgroup: _enter,
}
