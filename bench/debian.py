"""A layer like a Debian system's: 370 MB of this machine's own programs, libraries and documents.

A system of debootstrap's would need a mirror. Which files these are depends on nothing but what is
installed: of each tree the first ones by path, until its share is full.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench.place import Place

SHARES_MB = {
    "/usr/bin": 100,
    "/usr/sbin": 25,
    "/usr/lib/x86_64-linux-gnu": 120,
    "/usr/lib/python3.11": 25,
    "/usr/share/doc": 45,
    "/usr/share/man": 20,
    "/usr/share/perl": 15,
    "/usr/share/zoneinfo": 5,
    "/usr/share/locale": 20,
    "/usr/include": 10,
}
_LARGEST = 24_000_000
_LEAST_OF_A_FILE = 512  # what its header takes in an archive


def system_archive(place: Place) -> Path:
    """An archive of such a layer, not compressed."""
    path, names = place.directory / "system.tar", place.directory / "system.names"
    names.write_bytes(b"\0".join(name.encode() for name in selected()))
    command: list[str | Path] = ["tar", "-C", "/", "--no-recursion", "--ignore-failed-read"]
    command += ["--null", "-T", names, "-cf", path]
    subprocess.run(command, check=False, stderr=subprocess.DEVNULL)
    return path


def selected() -> Iterator[str]:
    """Paths of files, links and directories, without the first slash."""
    for tree, megabytes in SHARES_MB.items():
        yield from _first_of(tree, megabytes * 10**6)


def _first_of(tree: str, share: int) -> Iterator[str]:
    """The first files by path that fit."""
    for directory, names, files in os.walk(tree):
        names.sort()
        yield directory.lstrip("/")
        for name in sorted(files):
            path = os.path.join(directory, name)
            size = os.lstat(path).st_size
            if size > _LARGEST:
                continue
            share -= max(size, _LEAST_OF_A_FILE)
            if share < 0:
                return
            yield path.lstrip("/")
