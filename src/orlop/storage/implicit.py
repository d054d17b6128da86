"""Directories that a layer writes into without saying what they are like.

An archive with `tmp/x` but without `tmp/` makes a directory `tmp` in the layer's tree. Its mode and
owner would cover those that a layer below gives it: /tmp would not be for everybody any more. So an
image with such layers gets one more layer on top, with nothing but these directories, as the
uppermost layer that does describe them has them.
"""

from __future__ import annotations

import hashlib
import os
import stat

from orlop.errors import SyscallError
from orlop.kernel.paths import open_beneath
from orlop.storage import attributes
from orlop.storage.extract import WHITEOUT_DEVICE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from orlop.storage.layers import Layer, LayerStore

    Trees = Sequence[tuple[str, Layer]]  # of an image, the uppermost first

_PLACE = os.O_PATH | os.O_NOFOLLOW
_PREFIX = "attributes:"


def attributes_layer(store: LayerStore, layers: Sequence[Layer]) -> str:
    """The host directory of the layer that goes on top, "" if none is needed. Made at first use.

    Args:
        store: where it is kept.
        layers: of the image, from the lowest to the uppermost.

    Raises:
        SyscallError: it cannot be made.
    """
    wanted = {path for layer in layers[1:] for path in layer.implicit}
    if not wanted:
        return ""
    name = _name(layers)
    if not store.has(name):
        trees = [(store.tree(layer.diff_id), layer) for layer in reversed(layers)]
        covered = sorted(path for path in wanted if _is_covered(path, trees))
        if not covered:
            return ""
        ids = tuple(layer.diff_id for layer in layers)
        store.adopt(name, ids, lambda top: _fill(top, covered, trees))
    return store.tree(name)


def _name(layers: Sequence[Layer]) -> str:
    chain = hashlib.sha256("\n".join(layer.diff_id for layer in layers).encode())
    return f"{_PREFIX}{chain.hexdigest()}"


def _is_covered(path: str, trees: Trees) -> bool:
    """Whether the uppermost layer that has it says nothing about it, but a lower one does."""
    tree, passed = _describing(path, trees)
    return bool(tree) and passed


def _describing(path: str, trees: Trees) -> tuple[str, bool]:
    """The tree of the uppermost layer that says what the directory is like, "" if none does.

    A whiteout, or a directory that hides what is below, ends the search: what is further down is
    another directory, which nobody sees.

    Returns:
        That, and whether a layer above has the directory and says nothing about it.
    """
    passed = False
    for tree, layer in trees:
        there = _look(tree, path)
        if there is None:
            break
        exists, ends = there
        if exists and path not in layer.implicit:
            return tree, passed
        passed = passed or exists
        if ends:
            break
    return "", passed


def _look(tree: str, path: str) -> tuple[bool, bool] | None:
    """Whether a layer has the directory, and whether it hides lower ones; None: something else."""
    top = os.open(tree, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    ends = False
    try:
        at = ""
        for part in path.split("/"):
            at = f"{at}/{part}" if at else part
            status, opaque = _status(top, at)
            if status is None:
                return False, ends
            if stat.S_ISCHR(status.st_mode) and status.st_rdev == WHITEOUT_DEVICE:
                return False, True
            if not stat.S_ISDIR(status.st_mode):
                return None
            ends = ends or opaque
        return True, ends
    finally:
        os.close(top)


def _status(top: int, path: str) -> tuple[os.stat_result | None, bool]:
    """What is there, if anything, and whether it is a directory that hides lower ones."""
    try:
        place = open_beneath(top, path, _PLACE)
    except SyscallError:
        return None, False
    try:
        return os.fstat(place), _is_opaque(place)
    finally:
        os.close(place)


def _is_opaque(place: int) -> bool:
    for prefix in (attributes.TRUSTED_OVERLAY, attributes.USER_OVERLAY):
        try:
            if os.getxattr(f"/proc/self/fd/{place}", prefix + attributes.OPAQUE) == b"y":
                return True
        except OSError:
            continue
    return False


def _fill(top: int, paths: Sequence[str], trees: Trees) -> None:
    """Makes the directories and those above; attributes at the end, of the deepest first."""
    made: dict[str, None] = {}
    for path in paths:
        parts = path.split("/")
        made.update(dict.fromkeys("/".join(parts[: n + 1]) for n in range(len(parts))))
    for path in sorted(made):
        os.mkdir(path, 0o755, dir_fd=top)
    for path in sorted(made, reverse=True):
        tree, _ = _describing(path, trees)
        if tree:
            _copy_attributes(tree, path, top)


def _copy_attributes(tree: str, path: str, top: int) -> None:
    lower = os.open(tree, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        source = open_beneath(lower, path, _PLACE)
    finally:
        os.close(lower)
    own = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=top)
    try:
        status = os.fstat(source)
        os.fchown(own, status.st_uid, status.st_gid)
        os.fchmod(own, stat.S_IMODE(status.st_mode))
        attributes.apply(own, attributes.read(f"/proc/self/fd/{source}"))
        os.utime(own, ns=(status.st_atime_ns, status.st_mtime_ns))
    finally:
        os.close(own)
        os.close(source)
