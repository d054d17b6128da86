"""Mounts: what a plan makes detached, sets up and attaches at last is mounted in place by mount(8).

So a mount is there for a moment before its options are, and source and target are paths that are
resolved more than once. While nobody else is in the container yet that makes no difference.
"""

from __future__ import annotations

from orlop.insight.shell.draft import FIRST, ROOT, SCRATCH
from orlop.insight.shell.functions import (
    CHANGE_MOUNT,
    CHANGE_MOUNTS,
    COVERED_MODE,
    MASK,
    MOUNT_POINT,
    MOUNT_POINT_LIKE,
    PLAIN_MOUNT_POINT,
    PROTECT,
    STAGE,
)
from orlop.insight.shell.places import Filesystem, Mounted, Opened, Terminal, Tree
from orlop.insight.shell.words import below, word
from orlop.kernel import mounts
from orlop.kernel.mounts import MOUNT_ATTR__ATIME, MOUNT_ATTR_RDONLY
from orlop.launch.plan import (
    INHERIT_MODE,
    NO_FOLLOW,
    NO_SLOT,
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
    SetMount,
    SwitchRoot,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from orlop.insight.shell.draft import Draft, Renderings

# Bit: the option that sets it, and the one that clears it.
_ATTRIBUTES = {
    mounts.MOUNT_ATTR_RDONLY: ("ro", "rw"),
    mounts.MOUNT_ATTR_NOSUID: ("nosuid", "suid"),
    mounts.MOUNT_ATTR_NODEV: ("nodev", "dev"),
    mounts.MOUNT_ATTR_NOEXEC: ("noexec", "exec"),
    mounts.MOUNT_ATTR_NODIRATIME: ("nodiratime", "diratime"),
    mounts.MOUNT_ATTR_NOSYMFOLLOW: ("nosymfollow", "symfollow"),
}
_ACCESS_TIMES = {
    mounts.MOUNT_ATTR_RELATIME: "relatime",
    mounts.MOUNT_ATTR_NOATIME: "noatime",
    mounts.MOUNT_ATTR_STRICTATIME: "strictatime",
}
_PROPAGATION = {
    mounts.MS_SHARED: "shared",
    mounts.MS_SLAVE: "slave",
    mounts.MS_PRIVATE: "private",
    mounts.MS_UNBINDABLE: "unbindable",
}
_MAPPED = "it has mounts with mapped owners, which mount(8) can make from util-linux 2.39 on only"


def _options(set_: int, clear: int = 0) -> list[str]:
    """Attribute bits in mount(8)'s words."""
    found = [on for bit, (on, _) in _ATTRIBUTES.items() if set_ & bit]
    found += [off for bit, (_, off) in _ATTRIBUTES.items() if clear & bit & ~set_]
    if (set_ | clear) & MOUNT_ATTR__ATIME:
        found.append(_ACCESS_TIMES[set_ & MOUNT_ATTR__ATIME])
    return found


# --- sources ---


def _clone_tree(op: CloneTree, d: Draft) -> None:
    if op.base != NO_SLOT:
        content = d.slots.content(op.base)
        place = d.slots.place(op.base, op.path)
        d.slots.fill(op.out, content if isinstance(content, Terminal) else Tree(place.path, False))
        return
    recursive = bool(op.flags & RECURSIVE)
    if op.flags & NO_FOLLOW:
        d.here(f"[ ! -L {d.path(op.path)} ] || fail {word(op.path + ' is a symbolic link')}")
    if op.out == d.slots.root:
        d.paths.define("ROOT_SOURCE", op.path)
    elif d.user_namespace:
        name = str(op.out)
        d.use(STAGE)
        d.staging(f"stage {'rbind' if recursive else 'bind'} {d.path(op.path)} {name}")
        d.slots.fill(op.out, Tree(op.path, recursive, name))
        return
    d.slots.fill(op.out, Tree(op.path, recursive))


def _new_filesystem(op: NewFilesystem, d: Draft) -> None:
    d.slots.fill(op.out, Filesystem(op.type, op.source, op.options, op.attributes))


def _copy_up(op: CopyUp, d: Draft) -> None:
    content = d.slots.content(op.mount)
    if isinstance(content, Filesystem):
        d.slots.fill(op.mount, content.replace(copy_up=True))


def _open_inside(op: OpenInside, d: Draft) -> None:
    d.slots.fill(op.out, d.slots.place(op.base, op.path))


# --- attaching ---


def _attach(op: Attach, d: Draft) -> None:
    content = d.slots.content(op.mount)
    if op.mount == d.slots.root:
        _attach_root(op, d)
        return
    place = d.slots.place(op.base, op.path)
    match content:
        case Tree():
            _bind(content, place, d)
        case Filesystem():
            _mount(content, place, op.flags, d)
        case Terminal():
            _bind_terminal(place, d)
        case _:
            d.cannot(f"it mounts something of its caller's at {place.path}")
    d.slots.fill(op.mount, place)


def _attach_root(op: Attach, d: Draft) -> None:
    content = d.slots.content(op.mount)
    if op.base == NO_SLOT and op.path != "/":
        d.root_path = op.path
    if isinstance(content, Tree):
        kind = "--rbind" if content.recursive else "--bind"
        command = f"mount {kind} -- {d.path(content.path)} {d.rooted('/')}"
        # Who is root of a user namespace need not be able to reach the directory.
        if d.user_namespace:
            d.staging(command)
        else:
            d.here(command)
    elif isinstance(content, Filesystem):
        d.here(_mount_command(content, "", d.rooted("/"), d))
    d.slots.fill(op.mount, Mounted("/"))


def _target(content: Tree | Filesystem, place: Mounted, d: Draft, *, plain: bool = False) -> str:
    """A word for the place where something is to be mounted, after the commands that make it."""
    if place.host:
        target = d.path(place.path)
        d.here(f"mkdir -p -- {target}")
        return target
    d.reply = place.path
    if isinstance(content, Filesystem):
        d.use(PLAIN_MOUNT_POINT if plain else MOUNT_POINT)
        d.here(f"{'plain_' if plain else ''}mount_point {word(place.path)}")
    else:
        d.use(MOUNT_POINT_LIKE)
        d.here(f"mount_point_like {_source(content, d)} {word(place.path)}")
    return '"$REPLY"'


def _source(tree: Tree, d: Draft) -> str:
    return below(SCRATCH, f"/stage/{tree.staged}") if tree.staged else d.path(tree.path)


def _bind(tree: Tree, place: Mounted, d: Draft) -> None:
    target = _target(tree, place, d)
    # mount(8) would take notes of a move, in a directory of the host's.
    kind = "--no-mtab --move" if tree.staged else "--rbind" if tree.recursive else "--bind"
    d.here(f"mount {kind} -- {_source(tree, d)} {target}")
    for change in tree.changes:
        _change(change, place, d)


def _mount(new: Filesystem, place: Mounted, flags: int, d: Draft) -> None:
    mode = ""
    if flags & INHERIT_MODE and not place.host:
        mode = '"$MODE"'
        d.use(COVERED_MODE)
        d.here(f"covered_mode {word(place.path)}")
    target = _target(new, place, d, plain=bool(flags & ORDINARY_DIRECTORY))
    if new.copy_up:
        prepared = below(SCRATCH, "/new")
        d.here(
            _mount_command(new, mode, prepared, d),
            f"cp --archive --one-file-system -- {target}/. {prepared}",
            f"mount --no-mtab --move {prepared} {target}",
        )
    else:
        d.here(_mount_command(new, mode, target, d))
    if new.attributes & MOUNT_ATTR_RDONLY:
        d.use(CHANGE_MOUNT)
        d.here(f"change_mount {target} ro")


def _mount_command(new: Filesystem, mode: str, target: str, d: Draft) -> str:
    """Read-only comes later, by `change_mount`: here it would be the file system's as well."""
    options = ",".join([*_options(new.attributes & ~MOUNT_ATTR_RDONLY), *new.options])
    # The mode begins with a comma.
    given = f"{word(options or 'defaults')}{mode}" if options or mode else ""
    return (
        f"mount -t {word(new.type)}{' -o ' + given if given else ''} -- {word(new.source)} {target}"
    )


def _bind_terminal(place: Mounted, d: Draft) -> None:
    d.use(MOUNT_POINT_LIKE)
    d.here(
        "if [ -t 0 ]; then",
        f"  mount_point_like /dev/null {word(place.path)}",
        '  mount --bind -- "$(tty)" "$REPLY"',
        "fi",
    )
    d.reply = ""


# --- changes ---


def _set_mount(op: SetMount, d: Draft) -> None:
    content = d.slots.content(op.mount)
    if op.user_namespace != NO_SLOT:
        d.cannot(_MAPPED)
    match content:
        case Opened():
            d.starting(f"start+=(--propagation {_PROPAGATION[op.propagation]})")
        case Filesystem():
            attributes = content.attributes & ~op.clear | op.set
            d.slots.fill(op.mount, content.replace(attributes=attributes))
        case Mounted() if d.pivoted and op.propagation and op.mount == d.slots.root:
            _share_root(op, d)
        case Mounted():
            _change(op, content, d)
        case Tree() if op.propagation != mounts.MS_SLAVE:  # where it is bound, all are slaves
            d.slots.fill(op.mount, content.replace(changes=(*content.changes, op)))
        case _:
            pass


def _change(op: SetMount, place: Mounted, d: Draft) -> None:
    options = _options(op.set, op.clear)
    if options:
        d.use(CHANGE_MOUNTS if op.recursive else CHANGE_MOUNT)
        function = "change_mounts" if op.recursive else "change_mount"
        d.here(f"{function} {d.find(place)} {','.join(options)}")
    if op.propagation:
        d.here(f"mount {_make(op)} {d.find(place)}")


def _make(op: SetMount) -> str:
    return f"--make-{'r' if op.recursive else ''}{_PROPAGATION[op.propagation]}"


def _share_root(op: SetMount, d: Draft) -> None:
    """Only after the pivot, which refuses a shared root: from outside, by the process's root."""
    if op.propagation == mounts.MS_SHARED:
        d.misses("the link of bind mounts to the host's: mounts that are made there do not appear")
    command = f'mount --no-canonicalize {_make(op)} "/proc/${FIRST}/root"'
    d.after_entering(f'nsenter --target "${FIRST}" --mount {command}')


# --- the root ---


def _pivot_root(_: PivotRoot, d: Draft) -> None:
    d.pivoted = True
    d.after_entering(
        f'nsenter --target "${FIRST}" --mount --wdns="${ROOT}" pivot_root . .',
    )


def _switch_root(_: SwitchRoot, d: Draft) -> None:
    d.pivoted = True
    d.cannot("it does without pivot_root(2) (--no-pivot): no tool moves another process's root")


def _change_root(_: ChangeRoot, d: Draft) -> None:
    d.pivoted = True
    d.cannot("it has no mount namespace of its own: no tool changes another process's root")


def _mask(op: Mask, d: Draft) -> None:
    d.use(MASK)
    d.here(f"mask {word(d.slots.place(op.base, op.path).path)}")
    d.reply = ""


def _protect(op: Protect, d: Draft) -> None:
    d.use(PROTECT)
    d.here(f"protect {word(d.slots.place(op.base, op.path).path)}")
    d.reply = ""


RENDERINGS: Renderings = {
    CloneTree: _clone_tree,
    NewFilesystem: _new_filesystem,
    SetMount: _set_mount,
    Attach: _attach,
    CopyUp: _copy_up,
    OpenInside: _open_inside,
    PivotRoot: _pivot_root,
    SwitchRoot: _switch_root,
    ChangeRoot: _change_root,
    Mask: _mask,
    Protect: _protect,
}
