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
    "fsconfig": (431, 431),
    "fsmount": (432, 432),
    "fsopen": (430, 430),
    "inotify_add_watch": (254, 27),
    "inotify_init1": (294, 26),
    "inotify_rm_watch": (255, 28),
    "mount": (165, 40),
    "mount_setattr": (442, 442),
    "move_mount": (429, 429),
    "open_tree": (428, 428),
    "openat2": (437, 437),
    "ptrace": (101, 117),
    "seccomp": (317, 277),
    "setns": (308, 268),
    "umount2": (166, 39),
    "unshare": (272, 97),
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


def inotify_init1(flags: int) -> int:
    """A new inotify(7) descriptor, the caller's to close.

    Raises:
        SyscallError: as in inotify_init1(2): the user has too many.
        Unsupported: the machine is neither x86-64 nor arm64.
    """
    return _call("inotify_init1", flags)


def inotify_add_watch(fd: int, path: str, mask: int) -> int:
    """The number of a watch on a host path; the same as before if the file is watched already.

    Raises:
        SyscallError: as in inotify_add_watch(2).
    """
    try:
        return _call("inotify_add_watch", fd, os.fsencode(path), mask)
    except SyscallError as error:
        raise SyscallError("inotify_add_watch", error.errno, path) from None


def inotify_rm_watch(fd: int, watch: int) -> None:
    """The watch is gone.

    Raises:
        SyscallError: EINVAL, it was gone already (as after its file).
    """
    _call("inotify_rm_watch", fd, watch)


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


def mount_filesystem(type_: str, target: str, flags: int, data: str) -> None:
    """mount(2) of a file system without a device, as an overlay.

    Raises:
        SyscallError: as in mount(2); its path is the target.
    """
    texts = type_.encode(), os.fsencode(target), type_.encode()
    _on_path("mount", target, *texts, flags, os.fsencode(data))


def umount2(target: str, flags: int) -> None:
    """umount2(2).

    Raises:
        SyscallError: as in umount2(2); its path is the target.
    """
    try:
        _call("umount2", os.fsencode(target), flags)
    except SyscallError as error:
        raise SyscallError("umount2", error.errno, target) from None


def openat2(directory: int, path: str | bytes, flags: int, mode: int, resolve: int) -> int:
    """A descriptor (the caller's to close) of what the path leads to; see openat2(2).

    Args:
        directory: where the path starts, and what RESOLVE_IN_ROOT and RESOLVE_BENEATH keep to.
        path: relative to it.
        flags: as of open(2).
        mode: of a file that is made.
        resolve: RESOLVE_* bits.

    Raises:
        SyscallError: as in openat2(2).
        Unsupported: the machine is neither x86-64 nor arm64.
    """
    how = flags.to_bytes(8, "little") + mode.to_bytes(8, "little") + resolve.to_bytes(8, "little")
    return _on_path("openat2", path, directory, os.fsencode(path), how, len(how))


def open_tree(directory: int, path: str | bytes, flags: int) -> int:
    """A descriptor (the caller's to close) of a mount or a place in one, or of a copy of it.

    Raises:
        SyscallError: as in open_tree(2).
        Unsupported: the machine is neither x86-64 nor arm64.
    """
    return _on_path("open_tree", path, directory, os.fsencode(path), flags)


def move_mount(
    source: int, source_path: str | bytes, target: int, target_path: str | bytes, flags: int
) -> None:
    """A mount is attached somewhere else; see move_mount(2).

    Raises:
        SyscallError: as in move_mount(2).
        Unsupported: the machine is neither x86-64 nor arm64.
    """
    paths = os.fsencode(source_path), os.fsencode(target_path)
    _on_path("move_mount", target_path, source, paths[0], target, paths[1], flags)


def fsopen(type_: str, flags: int) -> int:
    """A descriptor (the caller's to close) by which a file system instance is described.

    Raises:
        SyscallError: as in fsopen(2); its path is the type.
        Unsupported: the machine is neither x86-64 nor arm64.
    """
    return _on_path("fsopen", type_, type_.encode(), flags)


def fsconfig(context: int, command: int, key: str | None, value: str | None, number: int) -> None:
    """One thing of a file system instance is said; see fsconfig(2).

    Raises:
        SyscallError: as in fsconfig(2); its path is the key.
        Unsupported: the machine is neither x86-64 nor arm64.
    """
    words = (
        None if key is None else key.encode(),
        None if value is None else os.fsencode(value),
    )
    _on_path("fsconfig", key or "", context, command, *words, number)


def fsmount(context: int, flags: int, attributes: int) -> int:
    """A descriptor (the caller's to close) of a mount that is attached nowhere; see fsmount(2).

    Raises:
        SyscallError: as in fsmount(2).
        Unsupported: the machine is neither x86-64 nor arm64.
    """
    return _call("fsmount", context, flags, attributes)


def mount_setattr(
    directory: int, path: str, flags: int, *, set_: int, clear: int, propagation: int
) -> None:
    """Attributes and propagation of a mount are others; see mount_setattr(2).

    Raises:
        SyscallError: as in mount_setattr(2).
        Unsupported: the machine is neither x86-64 nor arm64.
    """
    attributes = b"".join(word.to_bytes(8, "little") for word in (set_, clear, propagation, 0))
    words = (directory, os.fsencode(path), flags, attributes, len(attributes))
    _on_path("mount_setattr", path, *words)


def unshare(flags: int) -> None:
    """The calling thread is in new namespaces of these kinds; see unshare(2).

    Raises:
        SyscallError: as in unshare(2).
        Unsupported: the machine is neither x86-64 nor arm64.
    """
    _call("unshare", flags)


def _on_path(name: str, path: str | bytes, *arguments: Any) -> int:
    """As `_call`, with the path in the error."""
    try:
        return _call(name, *arguments)
    except SyscallError as error:
        raise SyscallError(name, error.errno, os.fsdecode(path)) from None


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
