"""The directories of volumes: VOLUMES/NAME/_data. Everything here blocks."""

from __future__ import annotations

import os

from orlop.errors import InvalidArgument, NotFound, SyscallError
from orlop.kernel.paths import open_in_root
from orlop.storage import removal

_DATA = "_data"
_MODE = 0o755


def names_in(directory: str) -> tuple[str, ...]:
    """The names of the volumes that have a directory."""
    return tuple(n for n in os.listdir(directory) if os.path.isdir(f"{directory}/{n}/{_DATA}"))


def make(directory: str, name: str) -> None:
    """The volume has a directory.

    Raises:
        SyscallError: it cannot be made.
    """
    own = f"{directory}/{name}"
    try:
        os.makedirs(own, 0o711, exist_ok=True)
        if not os.path.isdir(f"{own}/{_DATA}"):
            os.mkdir(f"{own}/{_DATA}", _MODE)
            os.chmod(f"{own}/{_DATA}", _MODE)
    except OSError as error:
        raise SyscallError("make a volume", error.errno or 0, own) from error


def remove_files(directory: str, name: str) -> None:
    """The volume has no directory.

    Raises:
        SyscallError: something cannot be removed.
    """
    own = f"{directory}/{name}"
    try:
        removal.remove_path(own)
    except OSError as error:
        raise SyscallError("remove a volume", error.errno or 0, own) from error


def open_subpath(mountpoint: str, subpath: str) -> int:
    """A descriptor (the caller's to close) of a part of a volume, which never leads out of it.

    Raises:
        NotFound: there is no such part (kind "subpath").
        InvalidArgument: it is absolute, or leads above the volume.
    """
    if subpath.startswith("/") or ".." in subpath.split("/"):
        raise InvalidArgument(f"the subpath {subpath!r} of a volume has to stay within it")
    try:
        volume = os.open(mountpoint, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise SyscallError("open", error.errno or 0, mountpoint) from None
    try:
        return open_in_root(volume, subpath, os.O_PATH)
    except SyscallError:
        raise NotFound("subpath", subpath) from None
    finally:
        os.close(volume)
