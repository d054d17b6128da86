"""Control groups of boxes of which both the launcher and the caller were killed.

Nothing runs in them: a box ends with each of the two. The next process that makes a box in the same
place removes them. Which are meant is told by their names, which have the caller's process id; and
as that may be one of another PID namespace, they have to be old and empty too.
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from orlop.kernel.cgroup.detect import CgroupLayout

PREFIX = "orlop-box-"
_OLD_S = 60.0
_HEX = 16


def name_of(owner: int, number: int) -> str:
    """The name of a process's box; all names have one length."""
    return f"{PREFIX}{owner:08x}-{number & 0xFFFFFFFF:08x}"


def owner_of(name: str) -> int | None:
    """The process of whose box this is the name, None if it is no such name."""
    owner, dash, number = name.removeprefix(PREFIX).partition("-")
    if not name.startswith(PREFIX) or not dash or (len(owner), len(number)) != (8, 8):
        return None
    try:
        return int(owner, _HEX)
    except ValueError:
        return None


def sweep(layout: CgroupLayout, older_than_s: float = _OLD_S) -> None:
    """Removes what dead processes have left; what cannot be removed stays.

    Args:
        layout: the hierarchies in which boxes are made.
        older_than_s: younger ones are not looked at.
    """
    for path in _dead(layout, time.time() - older_than_s):
        try:
            os.rmdir(path)
        except OSError:  # in use after all, or somebody else was first
            continue


def _dead(layout: CgroupLayout, before: float) -> Iterator[str]:
    for hierarchy in layout.hierarchies:
        directory = os.path.dirname(hierarchy.directory(PREFIX))
        try:
            entries = list(os.scandir(directory))
        except OSError:
            continue
        for entry in entries:
            owner = owner_of(entry.name)
            if owner is None or os.path.exists(f"/proc/{owner}"):
                continue
            try:
                if entry.stat(follow_symlinks=False).st_mtime <= before:
                    yield entry.path
            except OSError:
                continue
