"""Mount options in the OCI's words, as what the new mount API takes; and the mounts that there are.

The new API tells apart what mount(2) has in one word of flags:

- attributes of one mount (MOUNT_ATTR_*, mount_setattr(2)): read-only, nosuid, access times ...;
- propagation (MS_SHARED ...), also mount_setattr(2);
- parameters of the file system instance (fsconfig(2)): both the generic ones, as `sync`, and those
  of the file system type, as `size=64m`. They mean nothing to a bind mount.

See: runtime-spec config.md#configLinuxMountOptions, mount(8), mount_setattr(2), fsopen(2).
"""

from __future__ import annotations

from orlop.errors import InvalidArgument
from orlop.records import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

# linux/mount.h
MOUNT_ATTR_RDONLY = 0x00000001
MOUNT_ATTR_NOSUID = 0x00000002
MOUNT_ATTR_NODEV = 0x00000004
MOUNT_ATTR_NOEXEC = 0x00000008
MOUNT_ATTR__ATIME = 0x00000070  # a field of three values, not three bits
MOUNT_ATTR_RELATIME = 0x00000000
MOUNT_ATTR_NOATIME = 0x00000010
MOUNT_ATTR_STRICTATIME = 0x00000020
MOUNT_ATTR_NODIRATIME = 0x00000080
MOUNT_ATTR_IDMAP = 0x00100000
MOUNT_ATTR_NOSYMFOLLOW = 0x00200000  # since Linux 5.14

MS_UNBINDABLE = 1 << 17
MS_PRIVATE = 1 << 18
MS_SLAVE = 1 << 19
MS_SHARED = 1 << 20

# fcntl.h
AT_SYMLINK_NOFOLLOW = 0x100
AT_NO_AUTOMOUNT = 0x800
AT_EMPTY_PATH = 0x1000
AT_RECURSIVE = 0x8000

NOT_BIND = 0
BIND = 1
BIND_RECURSIVE = 2

NOT_MAPPED = 0
MAPPED = 1
MAPPED_RECURSIVE = 2


class MountOptions(Record):
    """What a list of mount options asks for.

    Attributes:
        set: MOUNT_ATTR_ bits that the mount gets.
        clear: bits that it loses, for mount_setattr(2): `set` comes after `clear`, and with a value
            of the access time field in `set` the whole field is in `clear`.
        recursive_set: the same for the mount and all below it (the r* options).
        recursive_clear: the same.
        propagation: in order, MS_SHARED, MS_PRIVATE, MS_SLAVE or MS_UNBINDABLE, each with
            whether it is recursive.
        bind: NOT_BIND, BIND or BIND_RECURSIVE.
        remount: the mount that is there is changed, none is made.
        id_map: NOT_MAPPED, MAPPED or MAPPED_RECURSIVE.
        copy_up: a new tmpfs is filled with what it covers (`tmpcopyup`).
        superblock: generic fsconfig(2) flags ("sync", "nolazytime"), in order. Read-only is not one
            of them: `ro` is an attribute here, since it can be set after the mount was filled.
        data: parameters of the file system type, "key=value" or "flag", in order.
    """

    set: int = 0
    clear: int = 0
    recursive_set: int = 0
    recursive_clear: int = 0
    propagation: tuple[tuple[int, bool], ...] = ()
    bind: int = NOT_BIND
    remount: bool = False
    id_map: int = NOT_MAPPED
    copy_up: bool = False
    superblock: tuple[str, ...] = ()
    data: tuple[str, ...] = ()


# option: (bits that it is about, their value). The opposite of an access time is the kernel's
# default, which is relatime; so `norelatime` has nothing to undo, as in mount(8).
_ATTRIBUTES = {
    "atime": (MOUNT_ATTR__ATIME, MOUNT_ATTR_RELATIME),
    "dev": (MOUNT_ATTR_NODEV, 0),
    "diratime": (MOUNT_ATTR_NODIRATIME, 0),
    "exec": (MOUNT_ATTR_NOEXEC, 0),
    "noatime": (MOUNT_ATTR__ATIME, MOUNT_ATTR_NOATIME),
    "nodev": (MOUNT_ATTR_NODEV, MOUNT_ATTR_NODEV),
    "nodiratime": (MOUNT_ATTR_NODIRATIME, MOUNT_ATTR_NODIRATIME),
    "noexec": (MOUNT_ATTR_NOEXEC, MOUNT_ATTR_NOEXEC),
    "norelatime": (0, 0),
    "nostrictatime": (MOUNT_ATTR__ATIME, MOUNT_ATTR_RELATIME),
    "nosuid": (MOUNT_ATTR_NOSUID, MOUNT_ATTR_NOSUID),
    "nosymfollow": (MOUNT_ATTR_NOSYMFOLLOW, MOUNT_ATTR_NOSYMFOLLOW),
    "relatime": (MOUNT_ATTR__ATIME, MOUNT_ATTR_RELATIME),
    "ro": (MOUNT_ATTR_RDONLY, MOUNT_ATTR_RDONLY),
    "rw": (MOUNT_ATTR_RDONLY, 0),
    "strictatime": (MOUNT_ATTR__ATIME, MOUNT_ATTR_STRICTATIME),
    "suid": (MOUNT_ATTR_NOSUID, 0),
    "symfollow": (MOUNT_ATTR_NOSYMFOLLOW, 0),
}

_RECURSIVE_ATTRIBUTES = {f"r{option}": bits for option, bits in _ATTRIBUTES.items()}

_PROPAGATION = {
    "private": (MS_PRIVATE, False),
    "rprivate": (MS_PRIVATE, True),
    "rshared": (MS_SHARED, True),
    "rslave": (MS_SLAVE, True),
    "runbindable": (MS_UNBINDABLE, True),
    "shared": (MS_SHARED, False),
    "slave": (MS_SLAVE, False),
    "unbindable": (MS_UNBINDABLE, False),
}

_BIND = {"bind": BIND, "rbind": BIND_RECURSIVE}
_ID_MAP = {"idmap": MAPPED, "ridmap": MAPPED_RECURSIVE}

# The generic parameters that fsconfig(2) knows (fs/fs_context.c, common_set_sb_flag).
_SUPERBLOCK = frozenset(("async", "dirsync", "lazytime", "mand", "nolazytime", "nomand", "sync"))

# Options that the specification has and that change nothing: `defaults` names what is anyway so;
# `silent` and `loud` are about messages that the new API hands to the caller and does not print;
# `iversion` can no longer be chosen, since each file system decides for itself.
_WITHOUT_EFFECT = frozenset(("defaults", "iversion", "loud", "noiversion", "silent"))

# What mount(8) reads in /etc/fstab and never tells the kernel.
_FSTAB_ONLY = frozenset(("_netdev", "auto", "noauto", "nofail", "nouser"))
_FSTAB_PREFIXES = ("x-", "X-", "comment=")

_LSM_OPTIONS = ("context", "defcontext", "fscontext", "rootcontext")

KNOWN_OPTIONS = tuple(
    sorted(
        {"remount", "tmpcopyup"}
        | _ATTRIBUTES.keys()
        | _RECURSIVE_ATTRIBUTES.keys()
        | _PROPAGATION.keys()
        | _BIND.keys()
        | _ID_MAP.keys()
        | _SUPERBLOCK
        | _WITHOUT_EFFECT
    )
)
"""All options that are not handed to the file system type, for the features structure."""


def propagation_of(name: str) -> tuple[int, bool]:
    """The MS_ flag of a propagation type ("rslave"), and whether it is recursive.

    Raises:
        InvalidArgument: it is none of the eight.
    """
    if name not in _PROPAGATION:
        known = ", ".join(_PROPAGATION)
        raise InvalidArgument(f"unknown mount propagation {name!r}", hint=f"known are {known}")
    return _PROPAGATION[name]


def parse_options(options: Iterable[str]) -> MountOptions:
    """What these options ask for; of contradicting ones the last counts.

    Unknown options are the file system type's own, and the kernel judges them.
    """
    words = tuple(options)
    known = _parsed.get(words)
    if known is None:
        if len(_parsed) >= _MOST_PARSED:
            _parsed.clear()
        known = _parsed[words] = _parse(words)
    return known


_MOST_PARSED = 256
_parsed: dict[tuple[str, ...], MountOptions] = {}  # a start asks several times for each of them


def _parse(options: Iterable[str]) -> MountOptions:
    attributes = _Attributes()
    recursive = _Attributes()
    propagation: list[tuple[int, bool]] = []
    superblock: list[str] = []
    data: list[str] = []
    bind, id_map, remount, copy_up = NOT_BIND, NOT_MAPPED, False, False
    for option in _separate(options):
        if option in _ATTRIBUTES:
            attributes.change(*_ATTRIBUTES[option])
        elif option in _RECURSIVE_ATTRIBUTES:
            recursive.change(*_RECURSIVE_ATTRIBUTES[option])
        elif option in _PROPAGATION:
            propagation.append(_PROPAGATION[option])
        elif option in _BIND:
            bind = max(bind, _BIND[option])
        elif option in _ID_MAP:
            id_map = max(id_map, _ID_MAP[option])
        elif option in _SUPERBLOCK:
            superblock.append(option)
        elif option == "remount":
            remount = True
        elif option == "tmpcopyup":
            copy_up = True
        elif not _is_for_nobody(option):
            data.append(_unquoted(option))
    return MountOptions(
        set=attributes.set,
        clear=attributes.clear,
        recursive_set=recursive.set,
        recursive_clear=recursive.clear,
        propagation=tuple(propagation),
        bind=bind,
        remount=remount,
        id_map=id_map,
        copy_up=copy_up,
        superblock=tuple(superblock),
        data=tuple(data),
    )


class _Attributes:
    """`set` and `clear` of a struct mount_attr in the making."""

    def __init__(self) -> None:
        self.set = self.clear = 0

    def change(self, bits: int, value: int) -> None:
        """Gives these bits this value, whatever was said of them before."""
        self.set = self.set & ~bits | value
        if bits == MOUNT_ATTR__ATIME or not value:
            self.clear |= bits
        else:
            self.clear &= ~bits


def _is_for_nobody(option: str) -> bool:
    return (
        not option
        or option in _WITHOUT_EFFECT
        or option in _FSTAB_ONLY
        or option.startswith(_FSTAB_PREFIXES)
    )


def _separate(options: Iterable[str]) -> Iterable[str]:
    """The options one by one: several in one string count as several, as they did to mount(2).

    A comma in double quotes (SELinux levels) or behind a backslash (overlay directories) is none.
    """
    for option in options:
        if "," not in option:
            yield option
            continue
        start, quoted, escaped = 0, False, False
        for position, char in enumerate(option):
            if char == "," and not quoted and not escaped:
                yield option[start:position]
                start = position + 1
            quoted ^= char == '"' and not escaped
            escaped = char == "\\" and not escaped
        yield option[start:]


def _unquoted(option: str) -> str:
    """The option as fsconfig(2) takes it: a label without the quotes that mount(2) needs."""
    key, _, value = option.partition("=")
    if key in _LSM_OPTIONS and len(value) > 1 and value[0] == value[-1] == '"':
        return f"{key}={value[1:-1]}"
    return option


class Mount(Record):
    """A line of /proc/PID/mountinfo; see proc_pid_mountinfo(5).

    `shared`, `master` and `propagate_from` are peer group ids, 0 where there is none.
    """

    id: int
    parent: int
    major: int
    minor: int
    root: str
    target: str
    options: tuple[str, ...]
    shared: int
    master: int
    propagate_from: int
    unbindable: bool
    type: str
    source: str
    super_options: tuple[str, ...]


def parse_mountinfo(text: str) -> tuple[Mount, ...]:
    """The mounts that /proc/PID/mountinfo lists; of several on one target the last is on top."""
    return tuple(_parse_mount(line) for line in text.split("\n") if line)


def _parse_mount(line: str) -> Mount:
    words = line.split(" ")
    try:
        end = words.index("-", 6)
        groups = dict.fromkeys(("shared", "master", "propagate_from"), 0)
        for tag in words[6:end]:
            key, _, group = tag.partition(":")
            if key in groups:
                groups[key] = int(group)
        major, _, minor = words[2].partition(":")
        return Mount(
            id=int(words[0]),
            parent=int(words[1]),
            major=int(major),
            minor=int(minor),
            root=_unescape(words[3]),
            target=_unescape(words[4]),
            options=tuple(words[5].split(",")),
            shared=groups["shared"],
            master=groups["master"],
            propagate_from=groups["propagate_from"],
            unbindable="unbindable" in words[6:end],
            type=_unescape(words[end + 1]),
            source=_unescape(words[end + 2]),
            super_options=tuple(words[end + 3].split(",")),
        )
    except (ValueError, IndexError):
        raise InvalidArgument(f"cannot parse mountinfo: {line!r} is not of its form") from None


def _unescape(word: str) -> str:
    """The word without the octal escapes that the kernel writes for white space and the like."""
    if "\\" not in word:
        return word
    head, *rest = word.split("\\")
    return head + "".join(chr(int(part[:3], 8)) + part[3:] for part in rest)


def read_mountinfo(pid: int | None = None) -> tuple[Mount, ...]:
    """The mounts that a process (None: the caller) sees below its root."""
    path = f"/proc/{'self' if pid is None else pid}/mountinfo"
    with open(path, errors="surrogateescape", newline="\n") as file:
        return parse_mountinfo(file.read())
