"""Mounts by descriptor: made without a place, and attached where a descriptor says.

A mount that is attached nowhere is gone with its last descriptor. One that is attached in a mount
namespace of a thread's own is gone with that thread. So whatever dies when, the host's table of
mounts stays as it was.

See: fsopen(2), fsconfig(2), fsmount(2), move_mount(2), open_tree(2), mount_namespaces(7).
"""

from __future__ import annotations

import os

from orlop.errors import SyscallError
from orlop.kernel import syscalls
from orlop.kernel.mounts import AT_EMPTY_PATH, AT_RECURSIVE, MS_PRIVATE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

# linux/mount.h
_FSOPEN_CLOEXEC = 1
_FSMOUNT_CLOEXEC = 1
_FSCONFIG_SET_FLAG = 0
_FSCONFIG_SET_STRING = 1
_FSCONFIG_CMD_CREATE = 6
_OPEN_TREE_CLONE = 1
_MOVE_MOUNT_F_EMPTY_PATH = 0x04
_MOVE_MOUNT_T_EMPTY_PATH = 0x40
_AT_FDCWD = -100
_MNT_DETACH = 2
_CLONE_NEWNS = 0x00020000


def new_filesystem(type_: str, options: Iterable[str], attributes: int = 0) -> int:
    """A descriptor (close-on-exec, the caller's to close) of a mount that is attached nowhere.

    Args:
        type_: of the file system, as "overlay".
        options: "key=value" or "flag", each at most 255 bytes long.
        attributes: MOUNT_ATTR_ bits.

    Raises:
        SyscallError: the kernel refuses; its hint has the kernel's own words, if it has any.
    """
    context = syscalls.fsopen(type_, _FSOPEN_CLOEXEC)
    try:
        for option in options:
            key, equals, value = option.partition("=")
            command = _FSCONFIG_SET_STRING if equals else _FSCONFIG_SET_FLAG
            syscalls.fsconfig(context, command, key, value if equals else None, 0)
        syscalls.fsconfig(context, _FSCONFIG_CMD_CREATE, None, None, 0)
        return syscalls.fsmount(context, _FSMOUNT_CLOEXEC, attributes)
    except SyscallError as error:
        where = error.path or type_
        raise SyscallError(error.syscall, error.errno, where, hint=_said(context)) from None
    finally:
        os.close(context)


def _said(context: int) -> str:
    """What the kernel has written about an error, "" if nothing."""
    lines: list[str] = []
    while True:
        try:
            line = os.read(context, 1024).decode(errors="replace").strip()
        except OSError:  # ENODATA: that was all
            return "; ".join(lines)
        if line.startswith("e "):
            lines.append(line.removeprefix("e "))


def classic_filesystem(type_: str, options: str, place: str, attributes: int = 0) -> int:
    """The same by mount(2), whose options may be 4095 bytes long together.

    For a moment it is attached to a place, so the thread has to have mounts of its own.

    Args:
        type_: of the file system.
        options: with commas between them.
        place: a host directory that is in nobody's way.
        attributes: MOUNT_ATTR_ bits.

    Raises:
        SyscallError: the kernel refuses.
    """
    syscalls.mount_filesystem(type_, place, 0, options)
    try:
        mount = clone_tree(_AT_FDCWD, place, recursive=False)
    finally:
        syscalls.umount2(place, _MNT_DETACH)
    set_attributes(mount, attributes)
    return mount


def clone_tree(directory: int, path: str = "", *, recursive: bool = True) -> int:
    """A descriptor (the caller's to close) of a copy of mounts, attached nowhere.

    Args:
        directory: where the path starts, or, with a path of "", what is copied.
        path: of the top of what is copied.
        recursive: with what is mounted below.

    Raises:
        SyscallError: as in open_tree(2).
    """
    deep = AT_RECURSIVE if recursive else 0
    flags = _OPEN_TREE_CLONE | os.O_CLOEXEC | AT_EMPTY_PATH | deep
    return syscalls.open_tree(directory, path, flags)


def attach(mount: int, target: int) -> None:
    """What a descriptor has of mounts covers the place that another one stands for.

    Raises:
        SyscallError: as in move_mount(2).
    """
    flags = _MOVE_MOUNT_F_EMPTY_PATH | _MOVE_MOUNT_T_EMPTY_PATH
    syscalls.move_mount(mount, "", target, "", flags)


def detach(place: str) -> None:
    """What is mounted at a host path is there no more; who uses it still, keeps it.

    Raises:
        SyscallError: as in umount2(2).
    """
    syscalls.umount2(place, _MNT_DETACH)


def set_attributes(mount: int, attributes: int, *, recursive: bool = False) -> None:
    """A mount has these MOUNT_ATTR_ bits too.

    Raises:
        SyscallError: as in mount_setattr(2).
    """
    flags = AT_EMPTY_PATH | (AT_RECURSIVE if recursive else 0)
    syscalls.mount_setattr(mount, "", flags, set_=attributes, clear=0, propagation=0)


def leave_mount_namespace() -> None:
    """The calling thread has mounts of its own: what it attaches nobody else sees, nor is it told.

    It has to be a thread that ends afterwards, since it cannot go back.

    Raises:
        SyscallError: it may not (CAP_SYS_ADMIN).
    """
    syscalls.unshare(_CLONE_NEWNS)
    syscalls.mount_setattr(_AT_FDCWD, "/", AT_RECURSIVE, set_=0, clear=0, propagation=MS_PRIVATE)
