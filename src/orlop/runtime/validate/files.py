"""The container's files: root, mounts, what is hidden, devices."""

from __future__ import annotations

from orlop.errors import SpecError
from orlop.kernel import idmap
from orlop.kernel.mounts import NOT_MAPPED, parse_options
from orlop.runtime.paths import normal
from orlop.runtime.validate.namespaces import check_map, container_maps

TYPE_CHECKING = False
if TYPE_CHECKING:
    from orlop.kernel.mounts import MountOptions
    from orlop.runtime.spec import Linux, Mount, Spec
    from orlop.runtime.validate.facts import Facts

_MOUNTS = "config.md#mounts"
_OPTIONS = "config.md#linux-mount-options"
_POSIX_MOUNTS = "config.md#posix-platform-mounts"
_DEVICES = "config-linux.md#devices"
_PROPAGATION = "config-linux.md#rootfs-mount-propagation"

# What may be mounted over in /proc: files that lxcfs emulates, and two that runc has let through.
# Anything else would let a container hide what its confinement rests on, as attr/ (CVE-2019-16884).
_PROC_FILES = frozenset(
    (
        "/proc/cpuinfo",
        "/proc/diskstats",
        "/proc/loadavg",
        "/proc/meminfo",
        "/proc/slabinfo",
        "/proc/stat",
        "/proc/swaps",
        "/proc/sys/crypto/fips_enabled",
        "/proc/sys/kernel/ns_last_pid",
        "/proc/uptime",
    )
)

# makedev(3) as the kernel has it (linux/kdev_t.h).
_MAX_MAJOR = (1 << 12) - 1
_MAX_MINOR = (1 << 20) - 1


def check_root(spec: Spec, _facts: Facts) -> None:
    """There is a root, and it is made read-only only where that is nobody else's business."""
    if spec.root is None:
        raise SpecError("root", "is required", spec_ref="config.md#root")
    if spec.root.readonly and spec.linux.namespace("mount") is None:
        reason = "cannot be set without a mount namespace"
        raise SpecError("root.readonly", reason, spec_ref="config.md#root")


def check_mounts(spec: Spec, facts: Facts) -> None:
    """Each mount on its own, and that there is a mount namespace for them."""
    if spec.mounts and spec.linux.namespace("mount") is None:
        raise SpecError(
            "mounts", "without a mount namespace they would be the host's", spec_ref=_MOUNTS
        )
    for index, mount in enumerate(spec.mounts):
        field = f"mounts[{index}]"
        options = parse_options(mount.options)
        _check_destination(field, mount, options)
        _check_type(field, mount, options)
        _check_id_map(field, mount, options, spec.linux, facts)
        _check_owner_options(field, options, spec.linux, facts)


def relative_destinations(spec: Spec, _facts: Facts) -> tuple[str, ...]:
    """Destinations without a leading slash: deprecated, taken as relative to /."""
    return tuple(
        f"mounts[{index}].destination: {mount.destination} is not absolute; taken as relative to /"
        for index, mount in enumerate(spec.mounts)
        if not mount.destination.startswith("/")
    )


def _check_destination(field: str, mount: Mount, options: MountOptions) -> None:
    """Nothing may cover the root or hide what is in /proc.

    Here the path is judged as it is written; that it does not lead to /proc through a symlink is
    for the launcher to see.
    """
    destination = normal(mount.destination)
    if destination == "/":
        reason = "nothing can be mounted over the root"
    elif destination == "/proc":
        if _is_procfs(mount, options):
            return
        reason = "only a proc file system can be mounted at /proc"
    elif destination.startswith("/proc/") and destination not in _PROC_FILES:
        reason = f"{destination} is inside /proc, where nothing can be mounted over"
    else:
        return
    raise SpecError(f"{field}.destination", reason, spec_ref=_MOUNTS)


def _is_procfs(mount: Mount, options: MountOptions) -> bool:
    if options.bind:
        return normal(mount.source or "") == "/proc"
    return mount.type == "proc"


def _check_type(field: str, mount: Mount, options: MountOptions) -> None:
    if options.remount:
        if options.data or options.superblock:
            reason = "remount changes attributes of the mount, not its file system"
            raise SpecError(f"{field}.options", reason, spec_ref=_OPTIONS)
    elif options.bind:
        _check_bind(field, mount, options)
    elif mount.type is None:
        reason = "is required unless the options have bind or rbind"
        raise SpecError(f"{field}.type", reason, spec_ref=_POSIX_MOUNTS)
    elif mount.type == "bind":
        reason = "a bind mount needs the option bind or rbind"
        raise SpecError(f"{field}.options", reason, spec_ref=_MOUNTS)
    elif options.copy_up and mount.type != "tmpfs":
        raise SpecError(f"{field}.options", "tmpcopyup is for tmpfs only", spec_ref=_OPTIONS)


def _check_bind(field: str, mount: Mount, options: MountOptions) -> None:
    if mount.source is None:
        raise SpecError(f"{field}.source", "a bind mount needs one", spec_ref=_MOUNTS)
    if options.copy_up:
        raise SpecError(f"{field}.options", "tmpcopyup is for tmpfs only", spec_ref=_OPTIONS)
    if options.data:
        given = ", ".join(options.data)
        reason = f"a bind mount has no options of a file system type, as {given:.80}"
        raise SpecError(f"{field}.options", reason, spec_ref=_OPTIONS)


def _check_id_map(
    field: str, mount: Mount, options: MountOptions, linux: Linux, facts: Facts
) -> None:
    own_maps = bool(mount.uid_mappings or mount.gid_mappings)
    if options.id_map == NOT_MAPPED and not own_maps:
        return
    if not options.bind:
        reason = "only bind mounts can have an id map"
        raise SpecError(f"{field}.options", reason, spec_ref=_OPTIONS)
    if facts.rootless:
        reason = "an unprivileged user cannot make mounts with an id map"
        raise SpecError(f"{field}.options", reason, spec_ref=_OPTIONS)
    if own_maps:
        for name, mappings in (
            ("uidMappings", mount.uid_mappings),
            ("gidMappings", mount.gid_mappings),
        ):
            if not mappings:
                reason = "uidMappings and gidMappings have to be given together"
                raise SpecError(f"{field}.{name}", reason, spec_ref=_POSIX_MOUNTS)
            check_map(f"{field}.{name}", mappings)
    elif linux.namespace("user") is None:
        reason = "an id map needs uidMappings and gidMappings, or a user namespace"
        raise SpecError(f"{field}.options", reason, spec_ref=_OPTIONS)


def _check_owner_options(field: str, options: MountOptions, linux: Linux, facts: Facts) -> None:
    """`uid=` and `gid=` of a file system in a user namespace name ids that exist there."""
    maps = container_maps(linux, facts)
    if maps is None:
        return
    for option in options.data:
        name, _, value = option.partition("=")
        if name in ("uid", "gid") and value.isascii() and value.isdigit():
            mappings = maps[0] if name == "uid" else maps[1]
            if idmap.to_host(mappings, int(value)) is None:
                reason = f"{option} is not mapped in the container's user namespace"
                raise SpecError(f"{field}.options", reason, spec_ref=_OPTIONS)


def check_hidden_paths(spec: Spec, _facts: Facts) -> None:
    """Masked and read-only paths need a mount namespace, or they would be hidden from the host."""
    if spec.linux.namespace("mount") is not None:
        return
    for field, section, paths in (
        ("linux.maskedPaths", "masked-paths", spec.linux.masked_paths),
        ("linux.readonlyPaths", "readonly-paths", spec.linux.readonly_paths),
    ):
        if paths:
            reason = "cannot be set without a mount namespace"
            raise SpecError(field, reason, spec_ref=f"config-linux.md#{section}")


def check_propagation(spec: Spec, facts: Facts) -> None:
    """A private root that is not pivoted would keep the host's mounts under it."""
    propagation = spec.linux.rootfs_propagation
    if propagation in ("private", "rprivate") and facts.no_pivot:
        reason = f"{propagation} is not safe with --no-pivot"
        raise SpecError("linux.rootfsPropagation", reason, spec_ref=_PROPAGATION)


def check_devices(spec: Spec, _facts: Facts) -> None:
    """Numbers that a device node can have, and one node at a path."""
    nodes: dict[str, tuple[str, int | None, int | None]] = {}
    for index, device in enumerate(spec.linux.devices):
        field = f"linux.devices[{index}]"
        if device.type != "p":
            _check_number(f"{field}.major", device.major, _MAX_MAJOR)
            _check_number(f"{field}.minor", device.minor, _MAX_MINOR)
        path = normal(device.path)
        if path == "/":
            raise SpecError(f"{field}.path", "is the root directory", spec_ref=_DEVICES)
        node = (device.type, device.major, device.minor)
        if nodes.setdefault(path, node) != node:
            raise SpecError(f"{field}.path", f"{path} is another device too", spec_ref=_DEVICES)


def _check_number(field: str, number: int | None, highest: int) -> None:
    if number is None:
        raise SpecError(field, "is required", spec_ref=_DEVICES)
    if not 0 <= number <= highest:
        raise SpecError(field, f"must be from 0 to {highest}, not {number}", spec_ref=_DEVICES)
