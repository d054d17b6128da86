"""System calls that Python's library lacks and the host side needs, through ctypes.

Importing this module is cheap; the first call loads ctypes (some milliseconds). What a
container's start needs is the launcher's work, not this module's.
"""

from __future__ import annotations

import errno
import os

from orlop.errors import SyscallError, Unsupported

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_SECCOMP_SET_MODE_FILTER = 1

# As large as any union bpf_attr so far. For BPF_PROG_QUERY, Linux 6.17 and later write behind a
# smaller one.
_BPF_ATTRIBUTE_BYTES = 192

# Of x86-64, and of the generic table that arm64 and all later machines have.
_NUMBERS = {
    "bpf": (321, 280),
    "mount": (165, 40),
    "ptrace": (101, 117),
    "seccomp": (317, 277),
    "setns": (308, 268),
    "umount2": (166, 39),
}
_COLUMNS = {"x86_64": 0, "aarch64": 1}

_libc: Any = None


def bpf(command: int, attribute: bytes) -> tuple[int, bytes]:
    """The result of bpf(2), and the attribute as the kernel has left it.

    Args:
        command: BPF_PROG_LOAD (5) and so on.
        attribute: the beginning of a `union bpf_attr`; the rest is zero. What its pointers point to
            is for the caller to keep alive.

    Returns:
        A descriptor (close-on-exec, the caller's to close), where the command gives one.

    Raises:
        SyscallError: as in bpf(2).
        Unsupported: the machine is neither x86-64 nor arm64.
    """
    import ctypes

    buffer = ctypes.create_string_buffer(attribute, _BPF_ATTRIBUTE_BYTES)
    return _call("bpf", command, buffer, _BPF_ATTRIBUTE_BYTES), buffer.raw


def ptrace(request: int, thread: int, address: int = 0, data: int | bytearray = 0) -> int:
    """The result of ptrace(2), as the system call gives it.

    Args:
        request: PTRACE_SEIZE (0x4206) and so on.
        thread: the id of the thread that is traced.
        address: what the request takes it for.
        data: a number, or a buffer that the kernel writes into or reads from.

    Raises:
        SyscallError: as in ptrace(2).
        Unsupported: the machine is neither x86-64 nor arm64.
    """
    import ctypes

    if isinstance(data, bytearray):
        return _call(
            "ptrace", request, thread, address, (ctypes.c_char * len(data)).from_buffer(data)
        )
    return _call("ptrace", request, thread, address, data)


def setns(fd: int, flag: int) -> None:
    """The calling thread is in the namespace of that descriptor; other threads are not.

    Args:
        fd: of a namespace, or a pidfd.
        flag: the CLONE_NEW* bit of its kind.

    Raises:
        SyscallError: as in setns(2).
        Unsupported: the machine is neither x86-64 nor arm64.
    """
    _call("setns", fd, flag)


def seccomp_flags_known(flags: int) -> bool:
    """Whether the running kernel knows these SECCOMP_FILTER_FLAG_ bits; see seccomp(2)."""
    try:
        # Unknown flags are refused before the missing filter is noticed.
        _call("seccomp", _SECCOMP_SET_MODE_FILTER, flags, None)
    except SyscallError as error:
        return error.errno == errno.EFAULT
    return False


def mount(source: str, target: str, flags: int) -> None:
    """mount(2) without a file system type: a bind mount, or a change of propagation.

    Raises:
        SyscallError: as in mount(2); its path is the target.
    """
    try:
        _call("mount", os.fsencode(source), os.fsencode(target), None, flags, None)
    except SyscallError as error:
        raise SyscallError("mount", error.errno, target) from None


def umount2(target: str, flags: int) -> None:
    """umount2(2).

    Raises:
        SyscallError: as in umount2(2); its path is the target.
    """
    try:
        _call("umount2", os.fsencode(target), flags)
    except SyscallError as error:
        raise SyscallError("umount2", error.errno, target) from None


def _call(name: str, *arguments: Any) -> int:
    """The result of a system call; integers among the arguments count as 64 bits."""
    import ctypes

    column = _COLUMNS.get(os.uname().machine)
    if column is None:
        raise Unsupported(f"the system call {name}", needs="an x86-64 or arm64 machine")
    words = [ctypes.c_ulong(word) if isinstance(word, int) else word for word in arguments]
    result = _load().syscall(ctypes.c_long(_NUMBERS[name][column]), *words)
    if result < 0:
        raise SyscallError(name, ctypes.get_errno())
    return int(result)


def _load() -> Any:
    global _libc  # noqa: PLW0603 - libraries are loaded once
    if _libc is None:
        import ctypes

        _libc = ctypes.CDLL(None, use_errno=True)
        _libc.syscall.restype = ctypes.c_long
    return _libc
