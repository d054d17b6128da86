"""System calls that Python's library lacks and the host side needs, through ctypes.

Importing this module is cheap; the first call loads ctypes (some milliseconds). What a
container's start needs is the launcher's work, not this module's.
"""

from __future__ import annotations

import os

from orlop.errors import SyscallError, Unsupported

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

SECCOMP_SET_MODE_FILTER = 1

# name: (x86-64, generic table of arm64, riscv64 and later ones)
_NUMBERS = {
    "bpf": (321, 280),
    "seccomp": (317, 277),
    "pidfd_getfd": (438, 438),
}
_COLUMNS = {"x86_64": 0, "aarch64": 1, "riscv64": 1, "loongarch64": 1}


def _number(name: str) -> int:
    column = _COLUMNS.get(os.uname().machine)
    if column is None:
        raise Unsupported(f"the system call {name}", needs="an x86-64 or arm64 machine")
    return _NUMBERS[name][column]


_libc: Any = None


def _load() -> Any:
    global _libc  # noqa: PLW0603 - libraries are loaded once
    if _libc is None:
        import ctypes

        _libc = ctypes.CDLL(None, use_errno=True)
        _libc.syscall.restype = ctypes.c_long
        _libc.setns.argtypes = (ctypes.c_int, ctypes.c_int)
        _libc.unshare.argtypes = (ctypes.c_int,)
    return _libc


def _call(name: str, *arguments: Any, path: str = "") -> int:
    """The result of a system call by number; arguments that are integers count as 64 bits."""
    import ctypes

    libc = _load()
    words = [ctypes.c_ulong(word) if isinstance(word, int) else word for word in arguments]
    result = libc.syscall(ctypes.c_long(_number(name)), *words)
    if result < 0:
        raise SyscallError(name, ctypes.get_errno(), path)
    return int(result)


def setns(fd: int, types: int = 0) -> None:
    """The calling thread is in that namespace, or in those of that type of a pidfd.

    For threads that are made for it: nothing else in this process notices.

    Args:
        fd: a namespace or (since Linux 5.8) a pidfd.
        types: CLONE_NEW* bits; 0 takes a namespace of any type.

    Raises:
        SyscallError: as in setns(2).
    """
    import ctypes

    if _load().setns(fd, types) != 0:
        raise SyscallError("setns", ctypes.get_errno(), f"fd {fd}")


def unshare(flags: int) -> None:
    """The calling thread is in new namespaces, by their CLONE_NEW* bits.

    Raises:
        SyscallError: as in unshare(2).
    """
    import ctypes

    if _load().unshare(flags) != 0:
        raise SyscallError("unshare", ctypes.get_errno(), f"{flags:#x}")


def pidfd_getfd(pidfd: int, fd: int) -> int:
    """A copy (close-on-exec) of another process's descriptor, since Linux 5.6.

    Raises:
        SyscallError: the process is gone (ESRCH), may not be traced (EPERM) or has no such
            descriptor (EBADF).
    """
    return _call("pidfd_getfd", pidfd, fd, 0)


def bpf(command: int, attributes: bytearray) -> int:
    """The result of the system call: often a descriptor (close-on-exec), the caller's to close.

    Args:
        command: BPF_PROG_LOAD (5), BPF_PROG_ATTACH (8) and so on.
        attributes: a `union bpf_attr`, which the kernel may write into. What its pointers point
            to is for the caller to keep alive.

    Raises:
        SyscallError: as in bpf(2).
    """
    import ctypes

    buffer = (ctypes.c_char * len(attributes)).from_buffer(attributes)
    return _call("bpf", command, ctypes.byref(buffer), len(attributes))


def seccomp_flags_known(flags: int) -> bool:
    """Whether the running kernel knows these SECCOMP_FILTER_FLAG_ bits; see seccomp(2)."""
    import errno

    try:
        # Unknown flags are refused before the missing filter is noticed.
        _call("seccomp", SECCOMP_SET_MODE_FILTER, flags, None)
    except SyscallError as error:
        return error.errno == errno.EFAULT
    return False
