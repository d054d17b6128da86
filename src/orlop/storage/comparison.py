"""Two trees, compared file by file: for what is not an overlay, and so has no record of changes.

As in Docker, a file was modified if it is of another kind, or has another mode, owner, device,
size, time or capability; of a directory the time does not count.
"""

from __future__ import annotations

import os
import stat

from orlop.errors import SyscallError
from orlop.storage.attributes import CAPABILITY
from orlop.storage.changes import ADDED, DELETED, MODIFIED, Change
from orlop.storage.depth import check_depth

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Set

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_PLACE = os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC


def compare(before: int, after: int, left_out: Set[str] = frozenset()) -> tuple[Change, ...]:
    """What was changed, by path.

    Args:
        before: descriptor of a directory.
        after: descriptor of what has become of it.
        left_out: paths without leading slash that are not compared.

    Raises:
        SyscallError: something cannot be read.
    """
    try:
        found = tuple(_below(before, after, "", left_out))
    except OSError as error:
        if isinstance(error, SyscallError):
            raise
        raise SyscallError("read", error.errno or 0, str(error.filename or "")) from error
    return tuple(sorted(found, key=lambda change: change.path))


def _below(before: int | None, after: int, path: str, left_out: Set[str]) -> Iterator[Change]:
    check_depth(path)
    old = _entries(before) if before is not None else {}
    new = _entries(after)
    for name in sorted(old.keys() | new.keys()):
        at = f"{path}/{name}"
        if at[1:] in left_out:
            continue
        now = new.get(name)
        if now is None:
            yield Change(at, DELETED)
        else:
            yield from _entry(before, after, name, old.get(name), now, at, left_out)


def _entry(
    before: int | None,
    after: int,
    name: str,
    was: os.stat_result | None,
    now: os.stat_result,
    path: str,
    left_out: Set[str],
) -> Iterator[Change]:
    inner: tuple[Change, ...] = ()
    if stat.S_ISDIR(now.st_mode):
        old = None
        if before is not None and was is not None and stat.S_ISDIR(was.st_mode):
            old = os.open(name, _DIRECTORY, dir_fd=before)
        new = os.open(name, _DIRECTORY, dir_fd=after)
        try:
            inner = tuple(_below(old, new, path, left_out))
        finally:
            os.close(new)
            if old is not None:
                os.close(old)
    if was is None:
        yield Change(path, ADDED)
    elif inner or _differs(before, after, name, was, now):
        yield Change(path, MODIFIED)
    yield from inner


def _differs(
    before: int | None, after: int, name: str, was: os.stat_result, now: os.stat_result
) -> bool:
    same = (
        was.st_mode == now.st_mode
        and (was.st_uid, was.st_gid) == (now.st_uid, now.st_gid)
        and was.st_rdev == now.st_rdev
    )
    if not same or before is None:
        return True
    if not stat.S_ISDIR(now.st_mode) and (was.st_size, was.st_mtime_ns) != (
        now.st_size,
        now.st_mtime_ns,
    ):
        return True
    return _capability(before, name) != _capability(after, name)


def _capability(directory: int, name: str) -> bytes:
    place = os.open(name, _PLACE, dir_fd=directory)
    try:
        return os.getxattr(f"/proc/self/fd/{place}", CAPABILITY)
    except OSError:
        return b""
    finally:
        os.close(place)


def _entries(directory: int) -> dict[str, os.stat_result]:
    found = {}
    for name in os.listdir(directory):
        try:
            found[name] = os.stat(name, dir_fd=directory, follow_symlinks=False)
        except FileNotFoundError:
            continue
    return found
