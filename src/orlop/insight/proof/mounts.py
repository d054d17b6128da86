"""Mounts: each that was asked for, what is hidden, and what nobody has asked for."""

from __future__ import annotations

import os
import stat

from orlop.insight.mounts import (
    ABSENT,
    MASKED,
    READ_ONLY,
    STATE_NAMES,
    UNKNOWN,
)
from orlop.insight.proof.rows import (
    AS_ASKED,
    NOT_ASKED,
    UNREADABLE,
    Row,
    Section,
    compared,
    unreadable,
)
from orlop.insight.quantities import plural
from orlop.kernel.mounts import (
    BIND_RECURSIVE,
    MOUNT_ATTR_NODEV,
    MOUNT_ATTR_NOEXEC,
    MOUNT_ATTR_NOSUID,
    MOUNT_ATTR_NOSYMFOLLOW,
    MOUNT_ATTR_RDONLY,
    parse_options,
)
from orlop.runtime.defaults import MASKED_PATHS, READONLY_PATHS
from orlop.runtime.paths import normal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from orlop.insight.inside import Opened
    from orlop.insight.mounts import Mounts, SeenMount
    from orlop.insight.proof.facts import Facts
    from orlop.kernel.mounts import MountOptions
    from orlop.runtime.spec import Device, Mount, Spec

NAME = "mounts"

# Attributes that restrict; access times do not.
_RESTRICTIONS = (
    ("ro", MOUNT_ATTR_RDONLY),
    ("nosuid", MOUNT_ATTR_NOSUID),
    ("nodev", MOUNT_ATTR_NODEV),
    ("noexec", MOUNT_ATTR_NOEXEC),
    ("nosymfollow", MOUNT_ATTR_NOSYMFOLLOW),
)
_CGROUPS = frozenset({"cgroup", "cgroup2"})
_MADE_BY_RUNTIMES = ("/dev/console", "/dev/ptmx")


def paths_to_look_at(asked: Spec | None) -> tuple[str, ...]:
    """The paths of a target about which `section`, and the weaknesses, want to know."""
    found = [*MASKED_PATHS, *READONLY_PATHS]
    if asked is not None:
        found += (*asked.linux.masked_paths, *asked.linux.readonly_paths)
        found += (mount.destination for mount in asked.mounts)
        found += (device.path for device in asked.linux.devices)
    return tuple(dict.fromkeys(map(normal, found)))


def section(facts: Facts, asked: Spec | None) -> Section:
    """The mounts of a target that has a mount namespace of its own; else one row."""
    mounts = facts.mounts
    if mounts is None:
        return Section(NAME, ())
    if facts.isolated("mount") is False:
        return Section(NAME, (Row("mounts", f"the host's, {len(mounts.all)}"),))
    rows = [_root(mounts, asked)]
    if mounts.obstacle:
        rows.append(unreadable("paths by descriptor", mounts.obstacle))
    if asked is None:
        rows += _default_hiding(mounts)
    else:
        wanted = {normal(mount.destination): mount for mount in asked.mounts}
        rows += (_mount(mounts, destination, mount) for destination, mount in wanted.items())
        rows += _hiding(mounts, asked)
        rows += (_device(mounts, device) for device in asked.linux.devices)
    rows += _unasked(mounts, asked)
    rows += _nodes(mounts)
    return Section(NAME, tuple(rows))


# --- root -----------------------------------------------------------------------------------


def _root(mounts: Mounts, asked: Spec | None) -> Row:
    found = mounts.holding("/") or (mounts.looked and mounts.by_id(mounts.looked.root.mount))
    if not found:
        return unreadable("/", "its root is no mount: a chroot(2)")
    observed = described(found)
    if asked is None or asked.root is None:
        return Row("/", observed)
    read_only = not found.writable
    if mounts.looked is not None:
        read_only = mounts.looked.root.read_only
    wanted = asked.root.readonly
    return compared("/", observed, "read-only" if wanted else "writable", same=read_only is wanted)


def described(seen: SeenMount) -> str:
    """A mount in one line: its type, what of the host it is, its attributes."""
    words = [seen.mount.type]
    if seen.host_path:
        words.append(f"the host's {seen.host_path}")
    elif seen.mount.source not in ("", "none", seen.mount.type):
        words.append(seen.mount.source)
    access = "rw" if seen.writable else "ro"
    words.append(",".join(filter(None, (access, _shown(_attributes(seen) & ~MOUNT_ATTR_RDONLY)))))
    return ", ".join(words)


# --- what was asked for ---------------------------------------------------------------------


def _mount(mounts: Mounts, destination: str, wanted: Mount) -> Row:
    options = parse_options(wanted.options)
    found, opened = mounts.holding(destination), mounts.opened(destination)
    asked = _asked(wanted, options)
    if opened is not None and opened.errno:
        return compared(destination, os.strerror(opened.errno).lower(), asked, same=False)
    if found is None:
        return Row(destination, "cannot be told", asked, UNREADABLE)
    if found.target != mounts.resolved(destination):
        return compared(destination, f"no mount: in that of {found.target}", asked, same=False)
    note = _difference(mounts, found, wanted, options)
    if not note and options.bind and mounts.foreign:
        note = "whoever made it has other mounts than orlop, so the source cannot be told"
        return Row(destination, described(found), asked, NOT_ASKED, note)
    return compared(destination, described(found), asked, same=not note, note=note)


def _asked(wanted: Mount, options: MountOptions) -> str:
    kind = f"bind of {wanted.source}" if options.bind else wanted.type or "none"
    bits = _asked_attributes(options)
    access = "ro" if bits & MOUNT_ATTR_RDONLY else "rw"
    return f"{kind}, {','.join(filter(None, (access, _shown(bits & ~MOUNT_ATTR_RDONLY))))}"


def _difference(mounts: Mounts, found: SeenMount, wanted: Mount, options: MountOptions) -> str:
    """What is not as it was asked; "" if nothing."""
    destination, kind = normal(wanted.destination), wanted.type or ""
    if kind in _CGROUPS and not options.bind and found.mount.type == "tmpfs":
        return _difference_in_hierarchies(mounts, found.target, options)
    if not options.bind and found.mount.type != kind and not {found.mount.type, kind} <= _CGROUPS:
        return f"another file system: {found.mount.type}"
    opened = mounts.opened(destination)
    known = options.bind and not mounts.foreign
    if known and not _is_source(found, opened, wanted.source or ""):
        return f"not {wanted.source}"
    asked = _asked_attributes(options)
    has = _attributes(found)
    if opened is not None:
        has = has & ~MOUNT_ATTR_RDONLY | (MOUNT_ATTR_RDONLY if opened.read_only else 0)
    if lost := asked & ~has:
        return f"without {_shown(lost)}"
    # A bind mount has the restrictions of its source as well.
    more = has & ~asked
    return f"{_shown(more)} in addition" if more and not options.bind else ""


def _difference_in_hierarchies(mounts: Mounts, target: str, options: MountOptions) -> str:
    """v1's hierarchies are mounted in a tmpfs, in which nothing is at stake but their names."""
    for seen in mounts.all:
        below = seen.target.startswith(f"{target}/") and seen.mount.type in _CGROUPS
        if below and (lost := _asked_attributes(options) & ~_attributes(seen)):
            return f"{seen.target} without {_shown(lost)}"
    return ""


def _asked_attributes(options: MountOptions) -> int:
    return (options.set | options.recursive_set) & sum(bit for _, bit in _RESTRICTIONS)


def _attributes(seen: SeenMount) -> int:
    """The restrictions of a mount as MOUNT_ATTR_ bits."""
    bits = sum(bit for name, bit in _RESTRICTIONS if name in seen.mount.options)
    return bits | (0 if seen.writable else MOUNT_ATTR_RDONLY)


def _shown(bits: int) -> str:
    return ",".join(name for name, bit in _RESTRICTIONS if bits & bit)


def _is_source(found: SeenMount, opened: Opened | None, source: str) -> bool:
    """Whether a host path is what is mounted. Relative ones are the bundle's, which is unknown."""
    if not source.startswith("/"):
        return True
    try:
        status = os.stat(source)
    except OSError:
        return found.mount.root.endswith("//deleted") or found.host_path == source
    if opened is None:
        return found.host_path == os.path.realpath(source)
    same = (status.st_dev, status.st_ino) == (opened.device, opened.inode)
    return same or found.host_path == os.path.realpath(source)


# --- what is hidden -------------------------------------------------------------------------


def _hiding(mounts: Mounts, asked: Spec) -> Iterator[Row]:
    wanted = dict.fromkeys(map(normal, asked.linux.readonly_paths), READ_ONLY)
    wanted.update(dict.fromkeys(map(normal, asked.linux.masked_paths), MASKED))
    for path, state in wanted.items():
        yield _state(mounts, path, state)


def _state(mounts: Mounts, path: str, wanted: int) -> Row:
    found = mounts.state(path)
    asked = STATE_NAMES[wanted]
    if found.state == UNKNOWN:
        return Row(path, mounts.obstacle or "unknown", asked, UNREADABLE)
    if found.state == ABSENT:
        return Row(path, STATE_NAMES[ABSENT], asked, AS_ASKED)
    same = found.state == wanted or (wanted == READ_ONLY and found.state == MASKED)
    return compared(path, STATE_NAMES[found.state], asked, same=same)


def _default_hiding(mounts: Mounts) -> Iterator[Row]:
    """What becomes of the paths that Docker hides, where nobody has said anything."""
    for path in (*MASKED_PATHS, *READONLY_PATHS):
        found = mounts.state(path)
        if found.state not in (ABSENT, UNKNOWN):
            yield Row(path, STATE_NAMES[found.state])


def _device(mounts: Mounts, wanted: Device) -> Row:
    """A device node that was asked for."""
    path = normal(wanted.path)
    kind = "block" if wanted.type == "b" else "character"
    asked = f"{kind} device {wanted.major}:{wanted.minor}"
    opened = mounts.opened(path)
    if opened is None:
        return Row(path, mounts.obstacle or "unknown", asked, UNREADABLE)
    if wanted.type == "p":
        return compared(path, _kind(opened), "a FIFO", same=stat.S_ISFIFO(opened.mode))
    return compared(path, _kind(opened), asked, same=_kind(opened) == asked)


def _kind(opened: Opened) -> str:
    if opened.errno:
        return os.strerror(opened.errno).lower()
    number = f"{os.major(opened.special)}:{os.minor(opened.special)}"
    if stat.S_ISBLK(opened.mode):
        return f"block device {number}"
    if stat.S_ISCHR(opened.mode):
        return f"character device {number}"
    return "a FIFO" if stat.S_ISFIFO(opened.mode) else "no device"


# --- what nobody has asked for --------------------------------------------------------------


def _unasked(mounts: Mounts, asked: Spec | None) -> Iterator[Row]:
    """The other mounts that can be reached, but not those that only hide something."""
    explained = _explained(mounts, asked)
    for seen in mounts.all:
        if seen.target == "/" or seen.covered or seen.mount.id in explained:
            continue
        note = "" if asked is None or seen.target in _MADE_BY_RUNTIMES else "nobody asked for it"
        yield Row(seen.target, described(seen), verdict=NOT_ASKED, note=note)


def _explained(mounts: Mounts, asked: Spec | None) -> frozenset[int]:
    """The ids of mounts that are there because of the configuration, or to hide a path."""
    exact, trees = [*MASKED_PATHS, *READONLY_PATHS], set[str]()
    if asked is not None:
        exact += (*asked.linux.masked_paths, *asked.linux.readonly_paths)
        exact += (device.path for device in asked.linux.devices)
        for mount in asked.mounts:
            exact.append(mount.destination)
            if mount.type in _CGROUPS or parse_options(mount.options).bind == BIND_RECURSIVE:
                trees.add(mounts.resolved(normal(mount.destination)))
    targets = {mounts.resolved(normal(path)) for path in exact}
    return frozenset(
        seen.mount.id
        for seen in mounts.all
        if seen.target in targets or any(seen.target.startswith(f"{tree}/") for tree in trees)
    )


def _nodes(mounts: Mounts) -> Iterator[Row]:
    """The device nodes in /dev, which tell what the control groups' rules are about."""
    devices = mounts.looked.devices if mounts.looked is not None else ()
    if not devices:
        return
    blocks = [node.path for node in devices if node.block]
    note = f"block devices: {', '.join(blocks)}" if blocks else ""
    names = ", ".join(node.path.removeprefix("/dev/") for node in devices)
    yield Row("device nodes in /dev", f"{plural(len(devices), 'node')}: {names}", note=note)
