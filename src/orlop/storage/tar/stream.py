"""Bytes that come in chunks of any size, taken in the portions that a format wants.

What is taken is not copied unless it crosses the border of two chunks.
"""

from __future__ import annotations

from orlop.storage.tar.entry import ArchiveError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


class Stream:
    """A sequence of bytes, read once.

    Attributes:
        position: how many bytes were taken so far.
    """

    def __init__(self, chunks: Iterable[bytes | memoryview]) -> None:
        self._chunks = iter(chunks)
        self._chunk = memoryview(b"")
        self._at = 0
        self.position = 0

    def take(self, size: int) -> bytes:
        """The next bytes, exactly as many.

        Raises:
            ArchiveError: the stream ends before.
        """
        start = self._at
        end = start + size
        if end <= len(self._chunk):
            self._at = end
            self.position += size
            return bytes(self._chunk[start:end])
        return b"".join(self.pieces(size))

    def block(self, size: int) -> bytes | None:
        """The next bytes, or None at the end of the stream.

        Raises:
            ArchiveError: there are some, but fewer.
        """
        if self._at == len(self._chunk) and not self._next():
            return None
        return self.take(size)

    def pieces(self, size: int) -> Iterator[memoryview]:
        """The next bytes in portions as they come, each valid until the next is asked for.

        Raises:
            ArchiveError: the stream ends before.
        """
        while size:
            if self._at == len(self._chunk) and not self._next():
                raise ArchiveError("the archive is cut off: it ends within an entry")
            piece = self._chunk[self._at : self._at + size]
            self._at += len(piece)
            self.position += len(piece)
            size -= len(piece)
            yield piece

    def skip(self, size: int) -> None:
        """Leaves out that many bytes.

        Raises:
            ArchiveError: the stream ends before.
        """
        end = self._at + size
        if end <= len(self._chunk):
            self._at = end
            self.position += size
            return
        for _ in self.pieces(size):
            pass

    def drain(self) -> None:
        """Everything that is left was read."""
        while True:
            self.position += len(self._chunk) - self._at
            self._at = len(self._chunk)
            if not self._next():
                return

    def _next(self) -> bool:
        """The next chunk that has something in it is there; False at the end."""
        for chunk in self._chunks:
            if len(chunk):
                self._chunk = memoryview(chunk)
                self._at = 0
                return True
        return False
