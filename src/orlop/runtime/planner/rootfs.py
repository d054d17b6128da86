"""The container's file system view: root, mounts, what is hidden, and entering it.

Sources of bind mounts are cloned by the launcher before the clone, with the caller's rights and in
the caller's view of the host; the container's process attaches the detached clones by descriptor.
Without rights on the host (rootless) the container's process has to clone them itself.
"""

from __future__ import annotations

import os

from orlop.kernel import idmap
from orlop.kernel.mounts import (
    BIND_RECURSIVE,
    MAPPED_RECURSIVE,
    MOUNT_ATTR_IDMAP,
    MOUNT_ATTR_RDONLY,
    MS_PRIVATE,
    MS_SLAVE,
    parse_options,
    propagation_of,
)
from orlop.launch.plan import (
    CREATE,
    INHERIT_MODE,
    NO_SLOT,
    NOT_IN_PROC,
    ORDINARY_DIRECTORY,
    RECURSIVE,
    Attach,
    ChangeRoot,
    CloneTree,
    CopyUp,
    MakeUserNamespace,
    Mask,
    NewFilesystem,
    Open,
    OpenInside,
    PivotRoot,
    Protect,
    SetMount,
    Slot,
    SwitchRoot,
)
from orlop.runtime.paths import normal
from orlop.runtime.planner.namespaces import new_types

TYPE_CHECKING = False
if TYPE_CHECKING:
    from orlop.kernel.mounts import MountOptions
    from orlop.runtime.planner.builder import Builder
    from orlop.runtime.planner.situation import Situation
    from orlop.runtime.spec import Mount, Spec

# One superblock for all mounts of these types, or none of its own: "ro" is for the mount alone.
_NO_SUPERBLOCK_FLAGS = frozenset(
    {"proc", "sysfs", "tmpfs", "devpts", "mqueue", "cgroup", "cgroup2", "overlay"}
)
_MUST_BE_ORDINARY = frozenset({"proc", "sysfs"})  # CVE-2019-16884, CVE-2019-19921, CVE-2023-27561
_LABELLED = frozenset({"tmpfs", "mqueue", "devpts", "ramfs", "overlay"})


class Sources:
    """Makes detached clones of host paths; by the launcher before the clone, if it may."""

    def __init__(self, b: Builder, situation: Situation, propagation: str) -> None:
        self._b = b
        self._by_launcher = situation.privileged
        self._linked = propagation in ("shared", "rshared")

    def clone(self, path: str, reason: str, *, recursive: bool = True, cut: bool = False) -> Slot:
        """A detached clone of a host path.

        Mounts made in it do not appear on the host, unless the configuration's propagation says
        that they shall (and not `cut`).
        """
        slot = self._b.slot()
        add = self._b.launcher if self._by_launcher else self._b.container
        add(CloneTree(slot, NO_SLOT, path, RECURSIVE if recursive else 0), reason)
        if cut or not self._linked:
            op = SetMount(slot, propagation=MS_SLAVE, recursive=int(recursive))
            add(op, "mounts made inside must not appear on the host")
        return slot


class Prepared:
    """What the launcher has ready for the container's process when it begins with its mounts."""

    def __init__(self, b: Builder, spec: Spec, situation: Situation) -> None:
        self.sources = Sources(b, situation, spec.linux.rootfs_propagation or "")
        self.root = NO_SLOT
        self.binds: dict[int, Slot] = {}
        self.null = NO_SLOT
        self.layers: tuple[Slot, ...] = ()


def plan_sources(b: Builder, spec: Spec, situation: Situation) -> Prepared:
    """Clones of everything of the host that goes into the container; for the launcher if it may."""
    prepared = Prepared(b, spec, situation)
    if situation.privileged:
        _clone_sources(b, spec, situation, prepared)
    return prepared


def _clone_sources(b: Builder, spec: Spec, situation: Situation, prepared: Prepared) -> None:
    if situation.layers is None:
        # pivot_root(2) refuses a root that is shared; what was asked for is set after it.
        prepared.root = prepared.sources.clone(situation.root, "OCI root.path", cut=True)
    for index, mount in enumerate(spec.mounts):
        options = parse_options(mount.options)
        if options.bind and not options.remount:
            reason = f"OCI mounts[{index}]: {mount.destination}"
            source = _host_path(mount.source, situation)
            recursive = options.bind == BIND_RECURSIVE
            slot = prepared.sources.clone(source, reason, recursive=recursive)
            _map_ids(b, spec, situation, mount, options, slot, reason)
            prepared.binds[index] = slot
    if spec.linux.masked_paths:
        prepared.null = prepared.sources.clone(
            "/dev/null", "OCI linux.maskedPaths", recursive=False
        )


def plan_rootfs(b: Builder, spec: Spec, situation: Situation, prepared: Prepared) -> None:
    """Steps from the caller's mounts to a complete tree at `b.root`, not yet entered."""
    types = {namespace.type for namespace in spec.linux.namespaces}
    if "mount" not in types:
        # Nothing can be mounted without showing on the host; validation has refused what would be.
        b.root = b.slot()
        flags = os.O_PATH | os.O_DIRECTORY
        b.container(Open(b.root, situation.root, flags), "OCI root.path, as it is on the host")
        return
    if "mount" in new_types(spec.linux):
        host = b.slot()
        b.container(Open(host, "/", os.O_PATH | os.O_DIRECTORY), "the mounts to leave behind")
        flag = MS_PRIVATE if spec.linux.rootfs_propagation in ("private", "rprivate") else MS_SLAVE
        op = SetMount(host, propagation=flag, recursive=1)
        b.container(op, "nothing mounted here may appear on the host")
    if not situation.privileged:
        _clone_sources(b, spec, situation, prepared)
    if situation.layers is None:
        b.root = prepared.root
        at = _mount_point(spec, situation)
        b.container(Attach(b.root, NO_SLOT, at), "pivot_root(2) wants one")
    else:
        from orlop.runtime.planner.layered import plan_layers

        prepared.layers = plan_layers(b, situation.layers, _mount_point(spec, situation))
    for index, mount in enumerate(spec.mounts):
        _plan_mount(b, spec, situation, prepared, index, mount)


def _mount_point(spec: Spec, situation: Situation) -> str:
    """Where the new root is mounted until it is pivoted.

    Over "/", which every process can reach; the directory itself may be in one that the root of a
    user namespace may not search. But hooks have to find the container's mounts where they are
    told that its root is.
    """
    hooks = spec.hooks
    if hooks.prestart or hooks.create_runtime or hooks.create_container:
        return situation.root
    return "/"


def _plan_mount(
    b: Builder, spec: Spec, situation: Situation, prepared: Prepared, index: int, mount: Mount
) -> None:
    reason = f"OCI mounts[{index}]: {mount.destination}"
    options = parse_options(mount.options)
    destination = normal(mount.destination)
    if mount.type == "cgroup" and not options.bind:
        from orlop.runtime.planner.cgroupfs import plan_cgroup_mount

        plan_cgroup_mount(b, spec, situation, destination, options, reason)
        return
    if options.remount:
        slot = b.slot()
        b.container(OpenInside(slot, *b.locate(destination)), f"{reason} (remount)")
        b.container(SetMount(slot, options.set, options.clear), f"{reason} (remount)")
        return
    attributes = options.set
    if options.bind:
        slot = prepared.binds[index]
    else:
        slot = b.slot()
        _new_filesystem(b, spec, mount, options, slot, reason)
        _map_ids(b, spec, situation, mount, options, slot, reason)
    base, rest = b.locate(destination)
    if options.copy_up:
        b.container(CopyUp(base, rest, slot), f"{reason} (tmpcopyup)")
    flags = CREATE | (ORDINARY_DIRECTORY if mount.type in _MUST_BE_ORDINARY else 0)
    if destination != "/proc" and not destination.startswith("/proc/"):
        flags |= NOT_IN_PROC
    if mount.type == "tmpfs" and not any(word.startswith("mode=") for word in options.data):
        flags |= INHERIT_MODE
    b.container(Attach(slot, base, rest, flags), reason)
    b.hide_filesystems(destination)
    if not options.bind:
        b.add_filesystem(destination, slot)
    if options.bind and (attributes or options.clear):
        b.container(
            SetMount(slot, attributes, options.clear), f"{reason} ({', '.join(mount.options)})"
        )
    elif options.copy_up and attributes & MOUNT_ATTR_RDONLY:
        b.container(SetMount(slot, MOUNT_ATTR_RDONLY), f"{reason} (ro)")
    if options.recursive_set or options.recursive_clear:
        op = SetMount(slot, options.recursive_set, options.recursive_clear, recursive=1)
        b.container(op, f"{reason} ({', '.join(mount.options)})")
    for flag, recursive in options.propagation:
        b.container(
            SetMount(slot, propagation=flag, recursive=int(recursive)), f"{reason} (propagation)"
        )


def _new_filesystem(
    b: Builder, spec: Spec, mount: Mount, options: MountOptions, slot: Slot, reason: str
) -> None:
    data = options.data
    attributes = options.set
    if mount.type not in _NO_SUPERBLOCK_FLAGS:
        data = options.superblock + data
        if attributes & MOUNT_ATTR_RDONLY:  # of a block device, or its driver would write to it
            data = ("ro", *data)
    if spec.linux.mount_label and mount.type in _LABELLED:
        data = (*data, f"context={spec.linux.mount_label}")
    if options.copy_up:
        attributes &= ~MOUNT_ATTR_RDONLY
    source = mount.source or mount.type or ""
    b.container(NewFilesystem(slot, mount.type or "", source, data, attributes), reason)


def _map_ids(
    b: Builder,
    spec: Spec,
    situation: Situation,
    mount: Mount,
    options: MountOptions,
    slot: Slot,
    reason: str,
) -> None:
    """An idmapped mount, with the mount's own maps or those of the container's user namespace."""
    if not (options.id_map or mount.uid_mappings):
        return
    uid_map = mount.uid_mappings or spec.linux.uid_mappings or situation.joined_maps[0]
    gid_map = mount.gid_mappings or spec.linux.gid_mappings or situation.joined_maps[1]
    namespace = b.slot()
    b.launcher(
        MakeUserNamespace(namespace, idmap.text(uid_map), idmap.text(gid_map)), f"{reason} (idmap)"
    )
    recursive = int(options.id_map == MAPPED_RECURSIVE)
    b.launcher(
        SetMount(slot, MOUNT_ATTR_IDMAP, user_namespace=namespace, recursive=recursive),
        f"{reason} (idmap)",
    )


def _host_path(source: str | None, situation: Situation) -> str:
    """Relative sources are relative to the bundle (runtime-spec config.md#mounts)."""
    return os.path.join(situation.bundle, source or "")


def plan_hiding(b: Builder, spec: Spec, prepared: Prepared) -> None:
    """Masks and read-only paths. They need nothing of the container's own: see Mask and Protect."""
    linux = spec.linux
    for index, path in enumerate(linux.readonly_paths):
        b.container(Protect(*b.locate(path)), f"OCI linux.readonlyPaths[{index}]")
    if linux.masked_paths:
        empty = b.slot()
        op = NewFilesystem(empty, "tmpfs", "tmpfs", ("nr_inodes=1", "mode=555"), MOUNT_ATTR_RDONLY)
        b.container(op, "OCI linux.maskedPaths: an empty directory to put over others")
        for index, path in enumerate(linux.masked_paths):
            op_mask = Mask(*b.locate(path), prepared.null, empty)
            b.container(op_mask, f"OCI linux.maskedPaths[{index}]")


def plan_enter_root(b: Builder, spec: Spec, situation: Situation, prepared: Prepared) -> None:
    """Makes the prepared tree the root; what was there before is out of reach afterwards."""
    types = {namespace.type for namespace in spec.linux.namespaces}
    if "mount" not in types:
        b.container(ChangeRoot(b.root), "there is no mount namespace to pivot in")
        return
    if situation.no_pivot:
        b.container(SwitchRoot(b.root), "--no-pivot")
    else:
        b.container(PivotRoot(b.root), "the container's root")
    if spec.root is not None and spec.root.readonly:
        for slot in (b.root, *prepared.layers):
            b.container(SetMount(slot, MOUNT_ATTR_RDONLY), "OCI root.readonly")
    propagation = spec.linux.rootfs_propagation
    if propagation:
        flag, recursive = propagation_of(propagation)
        op = SetMount(b.root, propagation=flag, recursive=int(recursive))
        b.container(op, "OCI linux.rootfsPropagation")
