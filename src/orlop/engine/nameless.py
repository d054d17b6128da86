"""Files without a name, for what has to be whole before use: a crash leaves nothing of them."""

from __future__ import annotations

import os
import tempfile
from typing import TYPE_CHECKING

from orlop.errors import SyscallError
from orlop.storage.space import Watch, no_room

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import IO

_CHUNK = 512 << 10


def nameless(directory: str) -> IO[bytes]:
    """An empty file, unbuffered; the caller closes it.

    Args:
        directory: absolute host directory, which is there.

    Raises:
        SyscallError: it cannot be made.
    """
    try:
        return tempfile.TemporaryFile(dir=directory, buffering=0)
    except OSError as error:
        raise SyscallError("write", error.errno or 0, directory) from error


def kept(file: IO[bytes], chunks: Iterable[bytes], purpose: str) -> Iterator[bytes]:
    """The same chunks, each written to the file before.

    Args:
        file: from `nameless`.
        chunks: what is to be kept.
        purpose: what it is kept for, for the message.

    Raises:
        Unavailable: the disk has no room for it.
    """
    watch = Watch(file.fileno(), purpose)
    for chunk in chunks:
        watch.count(len(chunk))
        left = memoryview(chunk)
        while left:
            try:
                left = left[file.write(left) :]
            except OSError as error:
                raise no_room(purpose) from error
        yield chunk


def complete(directory: str, chunks: Iterable[bytes], purpose: str) -> IO[bytes]:
    """A file with all of the chunks; blocks until the last one has come. The caller closes it.

    Raises:
        SyscallError: it cannot be made.
        Unavailable: the disk has no room for it.
        What `chunks` raises.
    """
    os.makedirs(directory, 0o700, exist_ok=True)
    file = nameless(directory)
    try:
        for _ in kept(file, chunks, purpose):
            pass
    except BaseException:
        file.close()
        raise
    return file


def content(file: IO[bytes]) -> Iterator[bytes]:
    """What is in the file, from its beginning."""
    position = 0
    while data := os.pread(file.fileno(), _CHUNK, position):
        yield data
        position += len(data)
