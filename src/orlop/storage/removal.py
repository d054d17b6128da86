"""Removing trees, however deep, without following a link or ending on another file system.

A tree that a container has made can be deeper than a path may be long, and deeper than a process
may have descriptors. So below a certain depth directories are moved up to the top first.
"""

from __future__ import annotations

import itertools
import os
import stat

_DEEPEST = 32
_MOVED = b".moved-%d"


def remove(directory: int, name: str | bytes) -> None:
    """There is no such entry any more, and nothing of what was below it.

    What is missing is fine. A mount point below is not touched: removing it fails with EBUSY.

    Args:
        directory: descriptor of the directory that the entry is in.
        name: of the entry, without a slash.

    Raises:
        OSError: something cannot be removed.
    """
    try:
        os.unlink(name, dir_fd=directory)
    except FileNotFoundError:
        return
    except (IsADirectoryError, PermissionError):  # Linux says EISDIR, POSIX EPERM
        _remove_directory(directory, os.fsencode(name))


def remove_path(path: str) -> None:
    """The same for an absolute host path, whose parents nobody else can change.

    Raises:
        OSError: something cannot be removed.
    """
    above, name = os.path.split(path)
    try:
        directory = os.open(above, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    try:
        remove(directory, name)
    finally:
        os.close(directory)


def empty(directory: int) -> None:
    """Nothing is in the directory any more.

    Raises:
        OSError: something cannot be removed.
    """
    for name in os.listdir(directory):
        remove(directory, name)


def _remove_directory(directory: int, name: bytes) -> None:
    try:
        top = _open(directory, name)
    except FileNotFoundError:
        return
    try:
        device = os.fstat(top).st_dev
        if device != os.fstat(directory).st_dev:
            os.rmdir(name, dir_fd=directory)  # a mount point: EBUSY
        numbers = itertools.count()
        while names := os.listdir(top):
            for below in names:
                _remove_below(top, top, os.fsencode(below), device, 1, numbers)
    finally:
        os.close(top)
    os.rmdir(name, dir_fd=directory)


def _remove_below(
    top: int, directory: int, name: bytes, device: int, depth: int, numbers: itertools.count[int]
) -> None:
    try:
        os.unlink(name, dir_fd=directory)
    except FileNotFoundError:
        return
    except (IsADirectoryError, PermissionError):
        pass
    else:
        return
    try:
        below = _open(directory, name)
    except FileNotFoundError:
        return
    try:
        if os.fstat(below).st_dev == device:
            for inner in map(os.fsencode, os.listdir(below)):
                if depth < _DEEPEST:
                    _remove_below(top, below, inner, device, depth + 1, numbers)
                else:
                    os.rename(inner, _unused(top, numbers), src_dir_fd=below, dst_dir_fd=top)
    finally:
        os.close(below)
    os.rmdir(name, dir_fd=directory)


def _unused(top: int, numbers: itertools.count[int]) -> bytes:
    """A name that nothing at the top has."""
    while True:
        name = _MOVED % next(numbers)
        try:
            os.stat(name, dir_fd=top, follow_symlinks=False)
        except FileNotFoundError:
            return name


def _open(directory: int, name: bytes) -> int:
    """A descriptor of a directory, whoever may read it."""
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        return os.open(name, flags, dir_fd=directory)
    except PermissionError:  # without CAP_DAC_OVERRIDE its mode counts
        status = os.stat(name, dir_fd=directory, follow_symlinks=False)
        if not stat.S_ISDIR(status.st_mode):
            raise
        place = os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=directory)
        try:
            os.chmod(f"/proc/self/fd/{place}", 0o700)
        finally:
            os.close(place)
        return os.open(name, flags, dir_fd=directory)
