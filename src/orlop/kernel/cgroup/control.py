"""Control files: each is read and written in one system call, and errors name it."""

from __future__ import annotations

import errno
import os

from orlop.errors import SyscallError

_ENOUGH = 1 << 16
GONE = (errno.ENOENT, errno.ENODEV)
"""What a file of a removed cgroup answers: to open(2), and to read(2) where it was open before."""


def read(path: str) -> str:
    """The whole content of a file.

    Raises:
        SyscallError: it cannot be read.
    """
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            return read_all(fd)
        finally:
            os.close(fd)
    except OSError as error:
        raise SyscallError("read", error.errno or 0, path) from None


def read_all(fd: int) -> str:
    """What there is from the descriptor's position on."""
    parts = []
    while part := os.read(fd, _ENOUGH):
        parts.append(part)
    return b"".join(parts).decode("utf-8", "surrogateescape")


def read_or(path: str, otherwise: str) -> str:
    """The content of a file, or something else if it is not there or the kernel has it turned off.

    Raises:
        SyscallError: it cannot be read for another reason.
    """
    try:
        return read(path)
    except SyscallError as error:
        if error.errno in GONE or error.errno == errno.EOPNOTSUPP:
            return otherwise
        raise


def write(path: str, value: str) -> None:
    """The kernel has accepted the value.

    Raises:
        SyscallError: it has not, or there is no such file.
    """
    try:
        fd = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
        try:
            os.write(fd, value.encode("utf-8", "surrogateescape"))
        finally:
            os.close(fd)
    except OSError as error:
        raise SyscallError("write", error.errno or 0, path) from None


def flat_keyed(text: str) -> dict[str, int]:
    """A file of lines "KEY NUMBER", as memory.stat; other lines are left out."""
    found = {}
    for line in text.splitlines():
        key, _, value = line.rpartition(" ")
        if key and value.isdecimal():
            found[key] = int(value)
    return found


def write_if_there(path: str, value: str) -> bool:
    """Writes, unless the file's cgroup is gone; whether it was there.

    Raises:
        SyscallError: the kernel has not accepted the value.
    """
    try:
        write(path, value)
    except SyscallError as error:
        if error.errno in GONE:
            return False
        raise
    return True
