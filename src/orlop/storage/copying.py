"""Roots without overlays: a copy of all layers for each container.

For hosts where an overlay cannot be mounted: the data root is on another overlay or on NFS, or the
kernel has none. It takes room and time, and works everywhere.
"""

from __future__ import annotations

import os

from orlop.errors import NotFound, SyscallError
from orlop.storage import removal, trees
from orlop.storage.archive import members, whiteout_of
from orlop.storage.changes import DELETED
from orlop.storage.comparison import compare
from orlop.storage.extract import APPLIED, Rules
from orlop.storage.tar.writer import header

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence, Set

    from orlop.storage.changes import Change

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC


def make_root(lowers: Sequence[str], root: str, warn: Callable[[str], None]) -> None:
    """A host directory has what an overlay of these layers would show: all of it, or nothing.

    Args:
        lowers: host directories, the uppermost first.
        root: is made; its parent exists. One that is there already stays as it is.
        warn: gets a text for what was left out.

    Raises:
        NotFound: a layer is gone.
        Unavailable: the disk is nearly full.
        SyscallError: something cannot be read or made.
    """
    if os.path.isdir(root):
        return
    fresh = f"{root}.new"
    removal.remove_path(fresh)
    os.mkdir(fresh, 0o755)
    try:
        _apply_all(lowers, fresh, warn)
        os.rename(fresh, root)
    except BaseException:
        removal.remove_path(fresh)
        raise


def _apply_all(lowers: Sequence[str], root: str, warn: Callable[[str], None]) -> None:
    target = os.open(root, _DIRECTORY)
    try:
        for lower in reversed(lowers):
            if not os.path.isdir(lower):
                raise NotFound("layer", lower, hint="pull the image again")
            source = os.open(lower, _DIRECTORY)
            try:
                trees.copy(source, target, warn, Rules(whiteouts=APPLIED), layer=True)
            finally:
                os.close(source)
    finally:
        os.close(target)


def layer(root: str, changed: Sequence[Change]) -> Iterator[bytes]:
    """An archive of what was changed of a copy, as a layer of images; without its end.

    Args:
        root: the copy.
        changed: see `changes`.

    Raises:
        SyscallError: something cannot be read.
    """
    kept = {os.fsencode(change.path[1:]) for change in changed if change.kind != DELETED}
    top = os.open(root, _DIRECTORY)
    try:
        yield from members(top, ".", "", lambda path, _: not path or path in kept)
    finally:
        os.close(top)
    for change in changed:
        if change.kind == DELETED:
            yield header(whiteout_of(os.fsencode(change.path[1:])))


def changes(
    lowers: Sequence[str], root: str, scratch: str, unseen: Set[str] = frozenset()
) -> tuple[Change, ...]:
    """What was changed of a copy, by path.

    Args:
        lowers: what it was made of.
        root: the copy.
        scratch: a host path for another copy, which is made and removed.
        unseen: container paths that do not count.

    Raises:
        As `make_root`.
    """
    try:
        make_root(lowers, scratch, lambda _: None)
        before, after = os.open(scratch, _DIRECTORY), os.open(root, _DIRECTORY)
        try:
            return compare(before, after, frozenset(path.lstrip("/") for path in unseen))
        finally:
            os.close(before)
            os.close(after)
    except OSError as error:
        if isinstance(error, SyscallError):
            raise
        raise SyscallError("compare", error.errno or 0, root) from error
    finally:
        removal.remove_path(scratch)
