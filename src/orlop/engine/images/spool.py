"""An archive of images on its way in: kept in a file, since what it lists comes last in it.

The file has no name, so nothing is left of it after a crash.
"""

from __future__ import annotations

import os
import posixpath
from typing import TYPE_CHECKING

from orlop.engine.nameless import kept, nameless
from orlop.errors import InvalidArgument, NotFound
from orlop.storage.decompress import decompressed
from orlop.storage.tar.entry import FILE, LINK, SYMLINK
from orlop.storage.tar.reader import TarReader

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Self

    from orlop.storage.tar.entry import Entry

_MEMBERS_LIMIT = 100_000
_LINKS_LIMIT = 10
_CHUNK = 512 << 10


class Spool:
    """The files of an archive; see `orlop.image.archive.Members`. Used as a context.

    Args:
        directory: absolute host directory for the file.
        chunks: the archive, compressed in any way or not.

    Raises:
        InvalidArgument: it is no archive, or has too many members.
        Unavailable: the disk has no room for it.
    """

    def __init__(self, directory: str, chunks: Iterable[bytes]) -> None:
        self._file = nameless(directory)
        self._places: dict[str, tuple[int, int]] = {}
        self._links: dict[str, str] = {}
        try:
            self._fill(chunks)
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def __contains__(self, name: str) -> bool:
        return self._find(name) is not None

    def size(self, name: str) -> int:
        """Bytes of a file.

        Raises:
            NotFound: there is none ("member").
        """
        return self._place(name)[1]

    def read(self, name: str, limit: int) -> bytes:
        """All of a file.

        Raises:
            NotFound: there is none ("member").
            InvalidArgument: it has more than so many bytes.
        """
        size = self.size(name)
        if size > limit:
            raise InvalidArgument(f"invalid archive: {name!r:.200} has more than {limit} bytes")
        return b"".join(self.chunks(name))

    def chunks(self, name: str) -> Iterator[bytes]:
        """The bytes of a file; several may be read at the same time.

        Raises:
            NotFound: there is none ("member").
        """
        position, left = self._place(name)
        while left:
            data = os.pread(self._file.fileno(), min(left, _CHUNK), position)
            if not data:
                raise InvalidArgument("the archive is cut off")
            yield data
            position += len(data)
            left -= len(data)

    def _place(self, name: str) -> tuple[int, int]:
        found = self._find(name)
        if found is None:
            raise NotFound("member", name)
        return found

    def _find(self, name: str) -> tuple[int, int] | None:
        """Where a file is; links, which old archives have for layers, are followed."""
        at = posixpath.normpath(name)
        for _ in range(_LINKS_LIMIT):
            if at in self._places:
                return self._places[at]
            if at not in self._links:
                return None
            at = self._links[at]
        return None

    def _fill(self, chunks: Iterable[bytes]) -> None:
        reader = TarReader(kept(self._file, decompressed(chunks), "load the archive"))
        for count, entry in enumerate(reader):
            if count >= _MEMBERS_LIMIT:
                raise InvalidArgument(f"the archive has more than {_MEMBERS_LIMIT} members")
            self._note(entry, reader.stream.position)
        reader.finish()

    def _note(self, entry: Entry, position: int) -> None:
        name = posixpath.normpath(os.fsdecode(entry.name).lstrip("/"))
        if entry.kind == FILE and entry.pieces is None:
            self._places[name] = (position, entry.size)
            self._links.pop(name, None)
        elif entry.kind in (LINK, SYMLINK):
            target = os.fsdecode(entry.link)
            if entry.kind == SYMLINK:
                target = posixpath.join(posixpath.dirname(name), target)
            self._links[name] = posixpath.normpath(target.lstrip("/"))
            self._places.pop(name, None)
