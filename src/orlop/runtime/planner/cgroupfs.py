"""The `cgroup` mount: the container's view of the control group file systems.

With a cgroup namespace the kernel itself shows only the container's subtree; without one, v1
hierarchies are shown by bind mounts of the container's own directories.
"""

from __future__ import annotations

import posixpath

from orlop.kernel.mounts import MOUNT_ATTR_RDONLY
from orlop.launch.plan import (
    CREATE,
    NO_SLOT,
    RECURSIVE,
    Attach,
    CloneTree,
    MakeSymlink,
    NewFilesystem,
    SetMount,
    Slot,
)
from orlop.runtime.planner.namespaces import new_types

TYPE_CHECKING = False
if TYPE_CHECKING:
    from orlop.kernel.cgroup.detect import Hierarchy
    from orlop.kernel.mounts import MountOptions
    from orlop.runtime.planner.builder import Builder
    from orlop.runtime.planner.situation import Situation
    from orlop.runtime.spec import Spec


def plan_cgroup_mount(
    b: Builder,
    spec: Spec,
    situation: Situation,
    destination: str,
    options: MountOptions,
    reason: str,
) -> None:
    """Mounts what the host has: one v2 hierarchy, or a tmpfs with a directory for each."""
    own_namespace = "cgroup" in new_types(spec.linux)
    unified = situation.layout.unified
    if unified is not None and len(situation.layout.hierarchies) == 1:
        slot = b.slot()
        _new_cgroup2(b, slot, options.set, reason)
        b.container(Attach(slot, *b.locate(destination), CREATE), reason)
        b.hide_filesystems(destination)
        return
    tmpfs = b.slot()
    writable = options.set & ~MOUNT_ATTR_RDONLY
    b.container(NewFilesystem(tmpfs, "tmpfs", "cgroup", ("mode=755",), writable), reason)
    b.container(Attach(tmpfs, *b.locate(destination), CREATE), reason)
    b.hide_filesystems(destination)
    b.add_filesystem(destination, tmpfs)
    for hierarchy in situation.layout.hierarchies:
        _plan_hierarchy(b, situation, tmpfs, hierarchy, options, own_namespace, reason)
    if options.set & MOUNT_ATTR_RDONLY:
        b.container(SetMount(tmpfs, MOUNT_ATTR_RDONLY), f"{reason} (ro)")


def _plan_hierarchy(
    b: Builder,
    situation: Situation,
    tmpfs: Slot,
    hierarchy: Hierarchy,
    options: MountOptions,
    own_namespace: bool,
    reason: str,
) -> None:
    name = posixpath.basename(hierarchy.mount)
    slot = b.slot()
    if own_namespace and hierarchy.v2:
        _new_cgroup2(b, slot, options.set, reason)
    elif own_namespace:
        chosen = (
            ("none", f"name={hierarchy.name}") if hierarchy.name else tuple(hierarchy.controllers)
        )
        b.container(NewFilesystem(slot, "cgroup", "cgroup", chosen, options.set), reason)
    else:
        path = situation.cgroup_directory(hierarchy)
        b.container(CloneTree(slot, NO_SLOT, path, RECURSIVE), reason)
        if options.set:
            b.container(SetMount(slot, options.set), reason)
    b.container(Attach(slot, tmpfs, name, CREATE), f"{reason}: {name}")
    for controller in hierarchy.controllers:
        if controller != name and not hierarchy.v2:
            b.container(MakeSymlink(tmpfs, controller, name), f"{reason}: {controller}")


def _new_cgroup2(b: Builder, slot: Slot, attributes: int, reason: str) -> None:
    b.container(NewFilesystem(slot, "cgroup2", "cgroup", (), attributes), reason)
