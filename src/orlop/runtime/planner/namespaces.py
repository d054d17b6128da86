"""Namespaces: which are made, which are joined, and in which order the kernel allows it.

The order is forced. Namespaces of others have to be joined before the container's user namespace
is made or entered, because afterwards the process has no rights over them; what is new has to
be made after, so that it belongs to the container's user namespace. Then setns(2) to a PID
namespace and unshare(2) of a time namespace only take effect for children, so both come before the
clone, and the cgroup namespace takes the cgroup of its maker as its root, so it comes after the
process was moved. Where joins have to come before a user namespace, a middle process does them,
because the launcher has to stay what it is.
"""

from __future__ import annotations

import os

from orlop.kernel import idmap
from orlop.kernel.namespaces import BY_NAME
from orlop.launch.plan import (
    KEEP_GROUPS,
    LAUNCHER,
    MIDDLE,
    OF_CONTAINER,
    SELF,
    Clone,
    Join,
    NewSession,
    Open,
    RunIdMapHelper,
    SetUser,
    Side,
    Slot,
    Step,
    Undumpable,
    Unshare,
    WriteProc,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from orlop.runtime.planner.builder import Builder
    from orlop.runtime.planner.situation import Situation
    from orlop.runtime.spec import Linux, Spec

_TAKES_EFFECT_FOR_CHILDREN = ("pid", "time")
_NONE_HANDED: Mapping[str, Slot] = {}


def new_types(linux: Linux) -> set[str]:
    """Types of namespaces that the container gets new."""
    return {namespace.type for namespace in linux.namespaces if not namespace.path}


def plan_namespaces(
    b: Builder,
    spec: Spec,
    situation: Situation,
    cgroup: Slot,
    handed: Mapping[str, Slot] = _NONE_HANDED,
) -> None:
    """Steps up to a container's process that is in all its namespaces but a new cgroup one.

    Afterwards that process is root there, and leader of a session. `handed` are namespaces to join
    that the caller has opened, besides those that the configuration has by path.
    """
    linux = spec.linux
    new = new_types(linux)
    paths = {n.type: n.path for n in linux.namespaces if n.path}
    opened = {kind: _open_namespace(b, kind, path) for kind, path in paths.items()}
    opened.update(handed)

    user_first = "user" in opened or ("user" in new and bool(set(opened) - {"pid"}))
    early = [kind for kind in opened if user_first or kind in _TAKES_EFFECT_FOR_CHILDREN]
    # The launcher stays where it is: its other children are hooks, which belong to the host.
    before = MIDDLE if early or "time" in new else LAUNCHER
    # The user namespace last: entering it gives up all rights over the others.
    for kind in sorted(early, key=lambda kind: kind == "user"):
        b.add(
            Step(
                before, Join(opened[kind], BY_NAME[kind].flag), f"OCI linux.namespaces: join {kind}"
            )
        )
    if "time" in new:
        b.add(Step(before, Unshare(BY_NAME["time"].flag), "OCI linux.namespaces: new time"))
        if linux.time_offsets:
            _time_offsets(b, linux, before)

    flags = 0
    for kind in new - {"cgroup", "time"}:
        flags |= BY_NAME[kind].flag
    names = ", ".join(sorted(new - {"cgroup", "time"})) or "none new"
    b.add(Step(before, Clone(flags, cgroup), f"OCI linux.namespaces: {names}"))
    if "user" in new:
        _id_maps(b, linux, situation)
    if opened:
        b.container(Undumpable(), "processes in the joined namespaces must not trace this one")
    b.container(NewSession(), "a session of its own, away from the caller's terminal")
    for kind, slot in opened.items():
        if kind not in early:
            b.container(Join(slot, BY_NAME[kind].flag), f"OCI linux.namespaces: join {kind}")
    if "user" in new or "user" in opened:
        _become_root(b, situation)


def plan_cgroup_namespace(b: Builder, spec: Spec) -> None:
    """A new cgroup namespace, once the process is in its cgroup."""
    if "cgroup" in new_types(spec.linux):
        b.container(Unshare(BY_NAME["cgroup"].flag), "OCI linux.namespaces: new cgroup")


def plan_join(b: Builder, target: Slot, types: tuple[str, ...], cgroup: Slot) -> None:
    """Steps up to a process in the namespaces of the target (a pidfd), but not its cgroup one yet.

    `types` are those in which the target differs from the caller.
    """
    if "pid" in types:
        b.launcher(Join(target, BY_NAME["pid"].flag), "exec: children are in the container's pid")
    b.launcher(Clone(0, cgroup), "exec: the process to be")
    b.container(Undumpable(), "processes of the container must not trace this one (CVE-2016-9962)")
    b.container(NewSession(), "a session of its own, away from the caller's terminal")


def plan_enter(b: Builder, situation: Situation, target: Slot, types: tuple[str, ...]) -> None:
    """Enters the target's namespaces at once; the kernel takes them in the order that works."""
    flags = 0
    for kind in types:
        if kind != "pid":
            flags |= BY_NAME[kind].flag
    if flags:
        b.container(Join(target, flags), "exec: " + ", ".join(k for k in types if k != "pid"))
    if "user" in types:
        _become_root(b, situation)


def _become_root(b: Builder, situation: Situation) -> None:
    """What the process makes from here on (a terminal, say) belongs to somebody in there."""
    keep = KEEP_GROUPS if _groups_denied(situation) else 0
    b.container(SetUser(0, 0, b"", keep), "act as root of the user namespace")


def _open_namespace(b: Builder, kind: str, path: str) -> Slot:
    slot = b.slot()
    b.launcher(Open(slot, path, os.O_RDONLY), f"OCI linux.namespaces: the {kind} namespace to join")
    return slot


def _time_offsets(b: Builder, linux: Linux, side: Side) -> None:
    lines = "".join(
        f"{clock} {offset.secs} {offset.nanosecs}\n" for clock, offset in linux.time_offsets.items()
    )
    op = WriteProc(SELF, "timens_offsets", lines.encode())
    b.add(Step(side, op, "OCI linux.timeOffsets"))


def _groups_denied(situation: Situation) -> bool:
    return not situation.privileged and not situation.id_map_helpers


def _id_maps(b: Builder, linux: Linux, situation: Situation) -> None:
    for file, helper, maps in (
        ("uid_map", "newuidmap", linux.uid_mappings),
        ("gid_map", "newgidmap", linux.gid_mappings),
    ):
        reason = f"OCI linux.{file[:3]}Mappings"
        if situation.id_map_helpers:
            b.launcher(RunIdMapHelper(helper, idmap.helper_arguments(maps)), reason)
            continue
        if file == "gid_map" and _groups_denied(situation):
            # user_namespaces(7): without rights over the parent namespace, before gid_map.
            b.launcher(WriteProc(OF_CONTAINER, "setgroups", b"deny"), "needed for gid_map")
        b.launcher(WriteProc(OF_CONTAINER, file, idmap.text(maps).encode()), reason)
