"""The eight kinds of namespaces, and which namespace a path is.

See: namespaces(7), runtime-spec config-linux.md#namespaces.
"""

from __future__ import annotations

import os

from orlop.errors import InvalidArgument, SyscallError, Unsupported
from orlop.records import Record


class NamespaceType(Record):
    """One kind of namespace.

    Attributes:
        name: in the OCI's words ("network").
        file: in /proc/PID/ns ("net").
        flag: its CLONE_NEW* bit, for clone3(2), unshare(2) and setns(2).
    """

    name: str
    file: str
    flag: int


CLONE_NEWTIME = 0x00000080
CLONE_NEWNS = 0x00020000
CLONE_NEWCGROUP = 0x02000000
CLONE_NEWUTS = 0x04000000
CLONE_NEWIPC = 0x08000000
CLONE_NEWUSER = 0x10000000
CLONE_NEWPID = 0x20000000
CLONE_NEWNET = 0x40000000

USER = NamespaceType("user", "user", CLONE_NEWUSER)
PID = NamespaceType("pid", "pid", CLONE_NEWPID)
NETWORK = NamespaceType("network", "net", CLONE_NEWNET)
MOUNT = NamespaceType("mount", "mnt", CLONE_NEWNS)
IPC = NamespaceType("ipc", "ipc", CLONE_NEWIPC)
UTS = NamespaceType("uts", "uts", CLONE_NEWUTS)
CGROUP = NamespaceType("cgroup", "cgroup", CLONE_NEWCGROUP)
TIME = NamespaceType("time", "time", CLONE_NEWTIME)

NAMESPACES = (USER, PID, NETWORK, MOUNT, IPC, UTS, CGROUP, TIME)
BY_NAME = {kind.name: kind for kind in NAMESPACES}
BY_FLAG = {kind.flag: kind for kind in NAMESPACES}
BY_FILE = {kind.file: kind for kind in NAMESPACES}

# ioctl_ns(2), since Linux 4.11
_NS_GET_USERNS = 0xB701
_NS_GET_PARENT = 0xB702
_NS_GET_NSTYPE = 0xB703
_NS_GET_OWNER_UID = 0xB704


class NamespaceId(Record):
    """Which namespace: device and inode number of its file; equal only for the same namespace."""

    device: int
    inode: int


def available() -> tuple[NamespaceType, ...]:
    """The kinds of namespaces that the running kernel has."""
    present = set(os.listdir("/proc/self/ns"))
    return tuple(kind for kind in NAMESPACES if kind.file in present)


def identify(path: str | int) -> NamespaceId:
    """Which namespace a host path, as /proc/PID/ns/net, or a descriptor is.

    Raises:
        SyscallError: there is nothing at the path, or it may not be looked at.
    """
    try:
        found = os.stat(path)
    except OSError as error:
        raise SyscallError("stat", error.errno or 0, str(path)) from None
    return NamespaceId(found.st_dev, found.st_ino)


def same(one: str | int, other: str | int) -> bool:
    """Whether two paths or descriptors are the same namespace."""
    return identify(one) == identify(other)


class Lineage(Record):
    """What the kernel tells about one namespace.

    Attributes:
        kind: of the namespace.
        inode: its own.
        owner: inode of the user namespace that it belongs to, which is the parent of a user
            namespace; None if that is outside of what this process may see.
        owner_uid: of a user namespace, who made it, as this process sees that user.
        parent: of a PID namespace, the inode of the one above; None as for `owner`.
    """

    kind: NamespaceType
    inode: int
    owner: int | None = None
    owner_uid: int | None = None
    parent: int | None = None


def lineage(path: str) -> tuple[Lineage, ...]:
    """What kind of namespace a host path is and where it belongs; the same for those above it.

    The first entry is the namespace itself.

    Raises:
        As `type_of`.
    """
    fd = open_file(path)
    try:
        return _lineage(fd, path)
    finally:
        os.close(fd)


def _lineage(fd: int, path: str) -> tuple[Lineage, ...]:
    kind = _type_of(fd, path)
    owners = _above(fd, _NS_GET_USERNS, path)
    parents = _above(fd, _NS_GET_PARENT, path) if kind is PID else ()
    own = Lineage(
        kind=kind,
        inode=identify(fd).inode,
        owner=owners[0].inode if owners else None,
        owner_uid=_owner_uid(fd) if kind is USER else None,
        parent=parents[0].inode if parents else None,
    )
    return (own, *owners, *parents)


def _above(fd: int, request: int, path: str) -> tuple[Lineage, ...]:
    import fcntl

    try:
        other = fcntl.ioctl(fd, request)
    except PermissionError:  # it is above or beside this process's own
        return ()
    try:
        return _lineage(other, path)
    finally:
        os.close(other)


def _owner_uid(fd: int) -> int:
    import fcntl
    import struct

    (uid,) = struct.unpack("I", fcntl.ioctl(fd, _NS_GET_OWNER_UID, struct.pack("I", 0)))
    return int(uid)


def parse_link(text: str) -> tuple[NamespaceType, int] | None:
    """Kind and inode number of what the kernel calls a namespace, "net:[4026531840]"; else None."""
    file, colon, rest = text.partition(":[")
    kind, number = BY_FILE.get(file), rest.removesuffix("]")
    if not colon or kind is None or not number.isdecimal():
        return None
    return kind, int(number)


def type_of(path: str) -> NamespaceType:
    """What kind of namespace a host path is.

    Raises:
        InvalidArgument: the path is no namespace.
        SyscallError: it cannot be opened.
        Unsupported: it is of a kind that this code does not know.
    """
    fd = open_file(path)
    try:
        return _type_of(fd, path)
    finally:
        os.close(fd)


def open_file(path: str) -> int:
    """A descriptor (close-on-exec, the caller's to close) of what should be a namespace's file.

    Raises:
        SyscallError: it cannot be opened.
    """
    try:
        # O_NONBLOCK, since somebody may have put a FIFO there.
        return os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    except OSError as error:
        raise SyscallError("open", error.errno or 0, path) from None


def _type_of(fd: int, path: str) -> NamespaceType:
    import fcntl

    try:
        flag = fcntl.ioctl(fd, _NS_GET_NSTYPE)
    except OSError:
        raise InvalidArgument(f"cannot join namespace {path}: it is not a namespace") from None
    kind = BY_FLAG.get(flag)
    if kind is None:
        raise Unsupported(f"the kind of namespace of {path}", needs="a newer orlop")
    return kind
