"""Opening by descriptor: a path never leads out of the directory that it is looked up in.

What a container can write to may change while it is walked through. So nothing of it is opened by
a path of the host's, and nothing that could block or do something by being opened (a fifo, a
device) is opened for reading before it was looked at.

See: openat2(2); CVE-2018-15664.
"""

from __future__ import annotations

import errno
import os
import stat

from orlop.errors import SyscallError
from orlop.kernel import syscalls

# linux/openat2.h
RESOLVE_NO_XDEV = 0x01
RESOLVE_NO_MAGICLINKS = 0x02
RESOLVE_NO_SYMLINKS = 0x04
RESOLVE_BENEATH = 0x08
RESOLVE_IN_ROOT = 0x10

_TRIES = 64  # a rename anywhere on the machine makes openat2 give up; see its EAGAIN


def open_in_root(root: int, path: str | bytes, flags: int, mode: int = 0) -> int:
    """A descriptor (close-on-exec, the caller's to close) of a path as it is in that root.

    Symlinks, absolute ones too, and ".." never lead out of the root, also while others change what
    is below it. Links of /proc that lead elsewhere are not followed.

    Args:
        root: descriptor of the directory that is taken as "/".
        path: below it, absolute or not.
        flags: as of open(2).
        mode: of a file that is made.

    Raises:
        SyscallError: as in openat2(2); EAGAIN if others rename without end.
    """
    return _retried(root, path, flags, mode, RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS)


def open_beneath(directory: int, path: str | bytes, flags: int, mode: int = 0) -> int:
    """The same, but a path that leads out is refused (EXDEV), and so is a symlink (ELOOP).

    Raises:
        SyscallError: as in openat2(2).
    """
    resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_SYMLINKS
    return _retried(directory, path, flags, mode, resolve)


def _retried(directory: int, path: str | bytes, flags: int, mode: int, resolve: int) -> int:
    for tried in range(_TRIES):
        try:
            return syscalls.openat2(directory, path, flags | os.O_CLOEXEC, mode, resolve)
        except SyscallError as error:
            if error.errno != errno.EAGAIN or tried == _TRIES - 1:
                raise
    raise AssertionError


def open_regular(directory: int, name: str | bytes) -> int:
    """A descriptor for reading of a regular file, the last component of whose path is `name`.

    It neither waits for a fifo nor wakes a device: what is there was opened as a place first
    (O_PATH), and is opened for reading only after it has turned out to be a file.

    Args:
        directory: descriptor of the directory that it is in.
        name: of the entry, without a slash; a symlink is not followed.

    Raises:
        SyscallError: there is none (ENOENT), or no regular file (EINVAL; ELOOP for a symlink).
    """
    try:
        place = os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=directory)
    except OSError as error:
        raise SyscallError("open", error.errno or 0, os.fsdecode(name)) from None
    try:
        return reopen_regular(place, os.fsdecode(name))
    finally:
        os.close(place)


def reopen_regular(place: int, name: str = "") -> int:
    """A descriptor for reading of the regular file that an O_PATH descriptor is of.

    Raises:
        SyscallError: it is no regular file (EINVAL; ELOOP for a symlink), or may not be read.
    """
    kind = stat.S_IFMT(os.fstat(place).st_mode)
    if kind != stat.S_IFREG:
        refusal = errno.ELOOP if kind == stat.S_IFLNK else errno.EINVAL
        raise SyscallError("open", refusal, name)
    try:
        # Our own descriptor, so the link leads to that file and no other.
        return os.open(f"/proc/self/fd/{place}", os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise SyscallError("open", error.errno or 0, name) from None
