"""Trees as a whole: how big one is, and a copy of one.

See: moby's directory.Size for what Docker counts.
"""

from __future__ import annotations

import os
import stat

from orlop.storage.archive import archived, everything
from orlop.storage.depth import DEEPEST
from orlop.storage.extract import Rules, extract
from orlop.storage.tar.reader import TarReader

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from orlop.storage.archive import Keep

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def size(directory: int) -> int:
    """Bytes of all files below a directory; those with several names count once, directories not.

    What disappears meanwhile does not count, nor what is deeper than anybody walks.
    """
    seen: set[tuple[int, int]] = set()
    return _size(directory, seen, 0)


def _size(directory: int, seen: set[tuple[int, int]], depth: int) -> int:
    total = 0
    for name in os.listdir(directory):
        try:
            status = os.stat(name, dir_fd=directory, follow_symlinks=False)
            if stat.S_ISDIR(status.st_mode):
                total += _size_below(directory, name, seen, depth)
            elif status.st_nlink == 1 or (status.st_dev, status.st_ino) not in seen:
                seen.add((status.st_dev, status.st_ino))
                total += status.st_size
        except (FileNotFoundError, NotADirectoryError):
            continue
    return total


def _size_below(directory: int, name: str, seen: set[tuple[int, int]], depth: int) -> int:
    if depth >= DEEPEST:
        return 0
    below = os.open(name, _DIRECTORY, dir_fd=directory)
    try:
        return _size(below, seen, depth + 1)
    finally:
        os.close(below)


def size_of(path: str) -> int:
    """The same of a host directory, 0 if there is none."""
    try:
        directory = os.open(path, _DIRECTORY)
    except (FileNotFoundError, NotADirectoryError):
        return 0
    try:
        return size(directory)
    finally:
        os.close(directory)


def copy(
    source: int,
    target: int,
    warn: Callable[[str], None],
    rules: Rules | None = None,
    *,
    keep: Keep = everything,
    layer: bool = False,
) -> None:
    """A directory has everything that another one has: owners, modes, times, attributes, links.

    Sockets are left out.

    Args:
        source: descriptor of the directory to copy.
        target: descriptor of the one that gets the copy.
        warn: gets a text for what was left out.
        rules: as of `extract`.
        keep: what is copied, by its path from "." on.
        layer: the source is an overlay's layer.

    Raises:
        Unavailable: the disk is nearly full.
        SyscallError: something cannot be read or made.
    """
    archive = archived(source, ".", ".", keep, layer=layer)
    extract(TarReader(archive), target, rules or Rules(), warn)
