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

_NS_GET_NSTYPE = 0xB703  # ioctl_ns(2), since Linux 4.11


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


def type_of(path: str) -> NamespaceType:
    """What kind of namespace a host path is.

    Raises:
        InvalidArgument: the path is no namespace.
        SyscallError: it cannot be opened.
        Unsupported: it is of a kind that this code does not know.
    """
    import fcntl

    try:
        # O_NONBLOCK, since somebody may have put a FIFO there.
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    except OSError as error:
        raise SyscallError("open", error.errno or 0, path) from None
    try:
        flag = fcntl.ioctl(fd, _NS_GET_NSTYPE)
    except OSError:
        raise InvalidArgument(f"cannot join namespace {path}: it is not a namespace") from None
    finally:
        os.close(fd)
    kind = BY_FLAG.get(flag)
    if kind is None:
        raise Unsupported(f"the kind of namespace of {path}", needs="a newer orlop")
    return kind
