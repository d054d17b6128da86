"""What a container's files take on the disk."""

from __future__ import annotations

import functools
import os
from typing import TYPE_CHECKING

from orlop.engine.containers.answers import Size
from orlop.engine.containers.copies import copy_of
from orlop.runtime.layers import upper
from orlop.storage.trees import size_of

if TYPE_CHECKING:
    from orlop.engine.container import Container

_MOST_LAYERS = 4096


def measure(container: Container) -> Size:
    """Bytes of what it has written, and of that together with its image; blocks.

    The image `host` counts nothing: its files are the machine's own.
    """
    below = sum(map(_layer, container.image.lowers))
    if copy := copy_of(container):
        return Size(max(size_of(copy) - below, 0), size_of(copy))
    scratch = f"{container.directory}/layers"
    try:
        names = os.listdir(scratch)
    except FileNotFoundError:
        names = []
    suffix = upper_suffix()
    written = sum(size_of(f"{scratch}/{name}") for name in names if name.endswith(suffix))
    return Size(written, written + below)


@functools.lru_cache(_MOST_LAYERS)
def _layer(path: str) -> int:
    """The size of a layer, which never changes."""
    return size_of(path)


def upper_suffix() -> str:
    """How the directories of what was written end."""
    from orlop.runtime.layers import Overlay

    return upper(Overlay("/", (), ""))
