"""What is at paths inside a target's mount namespace, by descriptors that are opened there.

The launcher goes into the namespace, resolves each path in the target's root and sends back what it
has opened. Nothing of the target is resolved on the host, and nothing of orlop but the launcher
ever is inside.
"""

from __future__ import annotations

import _socket
import os
import stat
import struct

from orlop.errors import Unavailable
from orlop.kernel.namespaces import CLONE_NEWNS
from orlop.kernel.process import open_pidfd
from orlop.launch.executor import launch
from orlop.launch.plan import (
    CONTAINER,
    LAUNCHER,
    Clone,
    Join,
    NextPart,
    Open,
    Plan,
    SendOpened,
    Slot,
    Step,
    Undumpable,
)
from orlop.records import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from orlop.kernel.process import Identity

_CLOSE_ON_EXEC = 0x40000000  # MSG_CMSG_CLOEXEC
_PATIENCE_S = 10  # a file system in user space may never answer
LISTED = frozenset({"tmpfs", "devtmpfs"})
"""File systems whose directories the kernel lists by itself, and not a process."""
_PIDFD, _SOCKET, _ROOT = map(Slot, range(3))


class Opened(Record):
    """What is at one path.

    Attributes:
        path: in the target.
        errno: why it could not be opened, 0 if it was. The rest is 0 then.
        mode, device, inode, special: st_mode, st_dev, st_ino and st_rdev of fstat(2).
        empty: for a directory, that it is a tmpfs without anything in it.
        resolved: the same path without symlinks, "" if it is not known; text from a container.
        read_only: nothing can be written there, because of the mount or the file system.
        mount: the id of the mount that it is in, as in /proc/PID/mountinfo.
    """

    path: str
    errno: int = 0
    mode: int = 0
    device: int = 0
    inode: int = 0
    special: int = 0
    empty: bool = False
    resolved: str = ""
    read_only: bool = False
    mount: int = 0

    @property
    def is_null(self) -> bool:
        """Whether it is the null device."""
        return stat.S_ISCHR(self.mode) and self.special == os.makedev(1, 3)


class DeviceNode(Record):
    """A device node in the target's /dev; `block` or else character."""

    path: str
    block: bool
    major: int
    minor: int


class Looked(Record):
    """What was found: the root itself, and each path that was asked for."""

    root: Opened
    paths: tuple[Opened, ...]
    devices: tuple[DeviceNode, ...]

    def at(self, path: str) -> Opened | None:
        """What is at a path that was asked for."""
        return next((found for found in self.paths if found.path == path), None)


def look(process: Identity, paths: Sequence[str], listable: Collection[int]) -> Looked:
    """What is at these absolute paths in the mount namespace of a process, and which devices.

    The root is that of the namespace, which a process in a chroot(2) does not have. /dev is looked
    through if it is in one of the `listable` mounts (ids), those of file systems of type LISTED.

    Raises:
        NotFound: the process is gone.
        LaunchError: its mount namespace may not be entered (EPERM).
        Unavailable: there is no launcher, or a file system in the target does not answer.
    """
    asked = ("/", "/dev", *paths)
    found: list[Opened] = []
    devices: tuple[DeviceNode, ...] = ()
    for path, error, fd in _opened_inside(process, asked):
        found.append(_examined(path, fd) if fd >= 0 else Opened(path, error))
        if len(found) == 2 and fd >= 0 and found[1].mount in listable:
            devices = tuple(_devices_in(fd))
    return Looked(found[0], tuple(found[2:]), devices)


def _plan(paths: Sequence[str]) -> Plan:
    inside = (
        Undumpable(),
        Join(_PIDFD, CLONE_NEWNS),
        Open(_ROOT, "/", os.O_PATH | os.O_DIRECTORY),
        *(SendOpened(_ROOT, path, _SOCKET) for path in paths),
    )
    steps = (
        Step(LAUNCHER, Clone(0)),
        *(Step(CONTAINER, op, "to look into the target") for op in inside),
        Step(LAUNCHER, NextPart()),  # there is none: here it ends
    )
    return Plan(steps, slots=3, inherited=2)


def _opened_inside(process: Identity, paths: Sequence[str]) -> Iterator[tuple[str, int, int]]:
    """Each path with its errno, or with a descriptor (else -1) that is closed afterwards."""
    ours, theirs = _socket.socketpair(
        _socket.AF_UNIX, _socket.SOCK_SEQPACKET | _socket.SOCK_CLOEXEC
    )
    ours.settimeout(_PATIENCE_S)
    try:
        pidfd = open_pidfd(process)
        try:
            running = launch(_plan(paths), (pidfd, theirs.fileno()))
        finally:
            os.close(pidfd)
            theirs.close()
        try:
            for path in paths:
                error, fd = _receive(ours)
                if error is None:
                    running.wait_running()  # raises what went wrong
                    return
                try:
                    yield path, error, fd
                finally:
                    if fd >= 0:
                        os.close(fd)
        finally:
            running.close()
            running.reap()
    finally:
        ours.close()


def _receive(socket: _socket.socket) -> tuple[int | None, int]:
    """The errno and the descriptor of one message; None if there will be none any more."""
    try:
        data, ancillary, _, _ = socket.recvmsg(4, _socket.CMSG_SPACE(4), _CLOSE_ON_EXEC)
    except TimeoutError:
        raise Unavailable("cannot look into the target: a file system does not answer") from None
    if len(data) < 4:
        return None, -1
    (error,) = struct.unpack("=i", data)
    for _, _, fds in ancillary:
        return error, struct.unpack_from("=i", fds)[0]
    return error, -1


def _examined(path: str, fd: int) -> Opened:
    status, system = os.fstat(fd), os.fstatvfs(fd)
    return Opened(
        path=path,
        mode=status.st_mode,
        device=status.st_dev,
        inode=status.st_ino,
        special=status.st_rdev,
        empty=status.st_nlink == 2 and status.st_size <= _EMPTY_TMPFS_BYTES,
        # Of what is outside of our own root, the kernel tells the path below the root that it has.
        resolved=os.readlink(f"/proc/self/fd/{fd}"),
        read_only=bool(system.f_flag & os.ST_RDONLY),
        mount=_mount_of(fd),
    )


# mm/shmem.c, BOGO_DIRENT_SIZE: 20 bytes for an entry, of which "." and ".." are always there.
_EMPTY_TMPFS_BYTES = 40


def _mount_of(fd: int) -> int:
    with open(f"/proc/self/fdinfo/{fd}") as file:
        for line in file:
            if line.startswith("mnt_id:"):
                return int(line.split()[1])
    return 0


def _devices_in(fd: int) -> Iterator[DeviceNode]:
    """The device nodes in a directory."""
    directory = os.open(f"/proc/self/fd/{fd}", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for name in sorted(os.listdir(directory)):
            status = os.stat(name, dir_fd=directory, follow_symlinks=False)
            block = stat.S_ISBLK(status.st_mode)
            if block or stat.S_ISCHR(status.st_mode):
                number = status.st_rdev
                yield DeviceNode(f"/dev/{name}", block, os.major(number), os.minor(number))
    finally:
        os.close(directory)
