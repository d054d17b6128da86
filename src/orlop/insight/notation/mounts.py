"""Mounts, and entering the root (launch/mounts.c, filesystem.c, copyup.c, root.c)."""

from __future__ import annotations

import os

from orlop.insight.notation.constants import MOUNT_ATTR, MS, flags, open_flags
from orlop.insight.notation.syntax import Calls, aside, call, descriptor, quoted, struct
from orlop.kernel.mounts import MOUNT_ATTR_IDMAP
from orlop.launch.plan import (
    CREATE,
    INHERIT_MODE,
    NO_FOLLOW,
    NO_SLOT,
    NOT_IN_PROC,
    ORDINARY_DIRECTORY,
    RECURSIVE,
    Attach,
    ChangeRoot,
    CloneTree,
    CopyUp,
    Mask,
    NewFilesystem,
    OpenInside,
    PivotRoot,
    Protect,
    SendOpened,
    SetMount,
    SwitchRoot,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from orlop.insight.notation.scene import Notations, Scene
    from orlop.insight.notation.syntax import Call
    from orlop.launch.plan import Slot

INSIDE = "RESOLVE_NO_MAGICLINKS|RESOLVE_IN_ROOT"
_PLAIN = "RESOLVE_NO_MAGICLINKS|RESOLVE_NO_SYMLINKS|RESOLVE_IN_ROOT"
_BY_DESCRIPTORS = "MOVE_MOUNT_F_EMPTY_PATH|MOVE_MOUNT_T_EMPTY_PATH"
_CLONE = "OPEN_TREE_CLONE|OPEN_TREE_CLOEXEC"
_IF_THERE = "if it is there"
_LONGEST_VALUE = 255  # of fsconfig(2)
_DIRECTORY = "O_RDONLY|O_DIRECTORY|O_CLOEXEC|O_PATH"
_CONTEXT = descriptor("fs")


def look_up(
    s: Scene, base: Slot, path: str, opening: int = os.O_PATH, resolve: str = INSIDE
) -> Calls:
    """The one call that resolves a path in a directory, if there is a path to resolve."""
    how = struct(
        flags=open_flags(opening | os.O_CLOEXEC), resolve="" if base == NO_SLOT else resolve
    )
    found = s.opened(base, path)
    if not path and opening == os.O_PATH:
        return (aside("fcntl", s.slot(base), "F_DUPFD_CLOEXEC", "0", result=found),)
    where = quoted(path or ".")
    return (aside("openat2", s.slot(base), where, how, result=found),)


def look_up_to_make(
    s: Scene,
    base: Slot,
    path: str,
    opening: int = os.O_PATH | os.O_DIRECTORY,
    resolve: str = INSIDE,
) -> Calls:
    """The same for a path that is made where it is missing; the host's root counts as a base."""
    if base != NO_SLOT:
        return look_up(s, base, path, opening, resolve)
    how = struct(flags=open_flags(opening | os.O_CLOEXEC), resolve=resolve)
    host = descriptor("/")
    return (
        aside("open", '"/"', _DIRECTORY, result=host),
        aside("openat2", host, quoted(path), how, result=s.opened(base, path)),
    )


def _move(s: Scene, tree: str, base: Slot, path: str, *, note: str = "") -> Call:
    ends = (tree, '""', s.opened(base, path), '""')
    return call("move_mount", *ends, _BY_DESCRIPTORS, note=note, always=not note)


def _clone_tree(op: CloneTree, s: Scene) -> Calls:
    how = _CLONE + ("|AT_RECURSIVE" if op.flags & RECURSIVE else "")
    follow = "|AT_SYMLINK_NOFOLLOW" if op.flags & NO_FOLLOW else ""
    before: Calls = ()
    if op.base == NO_SLOT:
        source = ("AT_FDCWD", quoted(op.path), how + follow)
    elif not op.path:
        source = (s.slot(op.base), '""', f"{how}|AT_EMPTY_PATH")
    else:
        opening = os.O_PATH | (os.O_NOFOLLOW if op.flags & NO_FOLLOW else 0)
        before = look_up(s, op.base, op.path, opening)
        source = (s.opened(op.base, op.path), '""', f"{how}|AT_EMPTY_PATH")
    result = s.fill(op.out, s.place(op.base, op.path))
    check = (aside("fstat", result),) if op.flags & NO_FOLLOW else ()
    return (*before, call("open_tree", *source, result=result), *check)


def _new_filesystem(op: NewFilesystem, s: Scene) -> Calls:
    longest = max((len(option.partition("=")[2]) for option in op.options), default=0)
    if max(longest, len(op.source)) > _LONGEST_VALUE:
        return _classic(op, s)
    attributes = flags(op.attributes, MOUNT_ATTR)
    return (
        call("fsopen", quoted(op.type), "FSOPEN_CLOEXEC"),
        *_options(op),
        aside("fsconfig", _CONTEXT, "FSCONFIG_CMD_CREATE", "NULL", "NULL"),
        call("fsmount", _CONTEXT, "FSMOUNT_CLOEXEC", attributes, result=s.fill(op.out, op.type)),
    )


def _options(op: NewFilesystem) -> Iterator[Call]:
    if op.source:
        source = ("FSCONFIG_SET_STRING", '"source"', quoted(op.source))
        # A mere name, unless it is a path.
        yield (call if "/" in op.source else aside)("fsconfig", _CONTEXT, *source)
    for option in op.options:
        key, equals, value = option.partition("=")
        kind = ("FSCONFIG_SET_STRING" if equals else "FSCONFIG_SET_FLAG", quoted(key))
        yield call("fsconfig", _CONTEXT, *kind, quoted(value) if equals else "NULL")


def _classic(op: NewFilesystem, s: Scene) -> Calls:
    """Values that fsconfig(2) has no room for go through mount(2), on /proc for a moment."""
    read_only = "MS_RDONLY" if "ro" in op.options else "0"
    data = ",".join(option for option in op.options if option != "ro")
    result = s.fill(op.out, op.type)
    attributes = struct(attr_set=flags(op.attributes, MOUNT_ATTR), attr_clr="MOUNT_ATTR__ATIME")
    return (
        call("mount", quoted(op.source), '"/proc"', quoted(op.type), read_only, quoted(data)),
        aside("open_tree", "AT_FDCWD", '"/proc"', _CLONE, result=result),
        aside("umount2", '"/proc"', "MNT_DETACH"),
        call("mount_setattr", result, '""', "AT_EMPTY_PATH", attributes),
    )


def _set_mount(op: SetMount, s: Scene) -> Calls:
    mapped = op.user_namespace != NO_SLOT
    bits = op.set | (MOUNT_ATTR_IDMAP if mapped else 0)
    attributes = struct(
        attr_set=flags(bits, MOUNT_ATTR) if bits else "",
        attr_clr=flags(op.clear, MOUNT_ATTR) if op.clear else "",
        propagation=flags(op.propagation, MS) if op.propagation else "",
        userns_fd=s.slot(op.user_namespace) if mapped else "",
    )
    how = "AT_EMPTY_PATH" + ("|AT_RECURSIVE" if op.recursive else "")
    return (call("mount_setattr", s.slot(op.mount), '""', how, attributes),)


def _attach(op: Attach, s: Scene) -> Calls:
    tree = s.slot(op.mount)
    plain = op.flags & ORDINARY_DIRECTORY
    before: Calls = ()
    if op.flags & INHERIT_MODE:
        before += look_up(s, op.base, op.path)
        before += (aside("fchmod", tree, "mode of what it covers", always=False),)
    if op.flags & CREATE:
        before += (aside("fstat", tree),)
        before += look_up_to_make(s, op.base, op.path, os.O_PATH, _PLAIN if plain else INSIDE)
        before += missing(s, op.base, op.path)
    else:
        before += look_up(s, op.base, op.path, resolve=_PLAIN if plain else INSIDE)
    if op.flags & NOT_IN_PROC:
        before += (aside("fstatfs", s.opened(op.base, op.path)),)
    moved = _move(s, tree, op.base, op.path)
    s.fill(op.mount, s.place(op.base, op.path))
    return (*before, moved)


def missing(s: Scene, base: Slot, path: str) -> Calls:
    """What is made of a path that is not there."""
    name = quoted(path.rpartition("/")[2])
    return (aside("mkdirat", s.parent(base, path), name, "0755", note="if missing", always=False),)


def _open_inside(op: OpenInside, s: Scene) -> Calls:
    (found,) = look_up(s, op.base, op.path)
    return (found.replace(detail=False, result=s.fill(op.out, s.place(op.base, op.path))),)


def _send_opened(op: SendOpened, s: Scene) -> Calls:
    message = struct(cmsg_type="SCM_RIGHTS", cmsg_data=f"[{s.opened(op.base, op.path)}]")
    return (
        *look_up(s, op.base, op.path),
        call("sendmsg", s.slot(op.socket), message, "MSG_NOSIGNAL", note="or the errno"),
    )


def _copy_up(op: CopyUp, s: Scene) -> Calls:
    source = s.opened(op.base, op.path)
    copied = f"and a copy of each entry into {s.slot(op.mount)}"
    return (
        *look_up(s, op.base, op.path, os.O_RDONLY | os.O_DIRECTORY),
        call("getdents64", source, note=copied, always=False),
    )


def _mask(op: Mask, s: Scene) -> Calls:
    names = (s.what(op.null) or str(op.null), s.what(op.empty) or str(op.empty))
    tree = descriptor(f"clone of {' or '.join(names)}")
    cover = f"{s.slot(op.null)} or {s.slot(op.empty)}"
    return (
        *look_up(s, op.base, op.path),
        aside("fstat", s.opened(op.base, op.path), always=False),
        aside("open_tree", cover, '""', f"{_CLONE}|AT_EMPTY_PATH", result=tree, always=False),
        _move(s, tree, op.base, op.path, note=_IF_THERE),
    )


def _protect(op: Protect, s: Scene) -> Calls:
    tree = descriptor(f"clone of {s.place(op.base, op.path)}")
    how = f"{_CLONE}|AT_EMPTY_PATH|AT_RECURSIVE"
    attributes = ('""', "AT_EMPTY_PATH|AT_RECURSIVE", struct(attr_set="MOUNT_ATTR_RDONLY"))
    return (
        *look_up(s, op.base, op.path),
        aside("open_tree", s.opened(op.base, op.path), '""', how, result=tree, always=False),
        call("mount_setattr", tree, *attributes, note=_IF_THERE, always=False),
        _move(s, tree, op.base, op.path, note=_IF_THERE).replace(detail=True),
    )


def _pivot_root(op: PivotRoot, s: Scene) -> Calls:
    old = descriptor("old root")
    slave = struct(propagation="MS_SLAVE")
    return (
        aside("open", '"/"', _DIRECTORY, result=old),
        call("fchdir", s.slot(op.root)),
        call("pivot_root", '"."', '"."'),
        aside("mount_setattr", old, '""', "AT_EMPTY_PATH|AT_RECURSIVE", slave),
        aside("fchdir", old),
        call("umount2", '"."', "MNT_DETACH"),
        aside("chdir", '"/"'),
    )


def _change_root(op: ChangeRoot | SwitchRoot, s: Scene) -> Calls:
    return (
        call("fchdir", s.slot(op.root)),
        call("chroot", '"."'),
        aside("chdir", '"/"'),
    )


def _switch_root(op: SwitchRoot, s: Scene) -> Calls:
    host = descriptor("/")
    point = "each procfs and sysfs of the host"
    return (
        aside("readlinkat", descriptor("/proc"), '"self/fd/N"'),
        aside("openat", descriptor("/proc"), '"self/mountinfo"', "O_RDONLY|O_CLOEXEC"),
        aside("mount", "NULL", point, "NULL", "MS_REC|MS_SLAVE", always=False),
        call("umount2", point, "MNT_DETACH", always=False),
        aside("open", '"/"', _DIRECTORY, result=host),
        call("move_mount", s.slot(op.root), '""', host, '""', _BY_DESCRIPTORS),
        *_change_root(op, s),
    )


CALLS: Notations = {
    CloneTree: _clone_tree,
    NewFilesystem: _new_filesystem,
    SetMount: _set_mount,
    Attach: _attach,
    OpenInside: _open_inside,
    SendOpened: _send_opened,
    CopyUp: _copy_up,
    Mask: _mask,
    Protect: _protect,
    PivotRoot: _pivot_root,
    SwitchRoot: _switch_root,
    ChangeRoot: _change_root,
}
