"""Compressed bytes as what they stand for, whoever compressed them, and in threads of their own.

Which compression it is, the first bytes say. What comes out at a time is bounded, so that a few
bytes which stand for a terabyte take no memory.
"""

from __future__ import annotations

import queue
import threading

from orlop.errors import Unsupported
from orlop.storage.tar.entry import ArchiveError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import Any, Protocol

    class Digest(Protocol):
        """As those of hashlib."""

        def update(self, data: bytes, /) -> None:
            """Takes more bytes."""


GZIP = "gzip"
BZIP2 = "bzip2"
XZ = "xz"
ZSTD = "zstd"
NONE = ""

_MAGIC = {
    b"\x1f\x8b\x08": GZIP,
    b"BZh": BZIP2,
    b"\xfd7zXZ\x00": XZ,
    b"\x28\xb5\x2f\xfd": ZSTD,
}
_ZSTD_SKIPPABLE = b"\x2a\x4d\x18"  # behind 0x50 to 0x5f
_MOST_MAGIC = 6

CHUNK_BYTES = 256 << 10
_XZ_MEMORY_BYTES = 256 << 20
_ZSTD_WINDOW_BYTES = 128 << 20
_DEPTH = 8  # chunks between two threads


def compression_of(start: bytes) -> str:
    """The compression that bytes begin with; NONE if none is known."""
    for magic, name in _MAGIC.items():
        if start.startswith(magic):
            return name
    return ZSTD if start[1:4] == _ZSTD_SKIPPABLE and start[0] & 0xF0 == 0x50 else NONE


def decompressed(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """What the chunks stand for, in chunks of at most `CHUNK_BYTES`, or as they are.

    Raises:
        ArchiveError: the compressed form is damaged or cut off.
        Unsupported: the library for it is missing.
    """
    source = iter(chunks)
    start = b""
    for chunk in source:
        start += chunk
        if len(start) >= _MOST_MAGIC:
            break
    compression = compression_of(start)
    whole = _put_back(start, source)
    if compression == NONE:
        return whole
    if compression == ZSTD:
        return _zstd(whole)
    return _members(whole, _MAKERS[compression], compression)


def _put_back(start: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    if start:
        yield start
    yield from rest


def _gzip() -> Any:
    from isal import igzip_lib

    return igzip_lib.IgzipDecompressor(flag=igzip_lib.DECOMP_GZIP)


def _bzip2() -> Any:
    import bz2

    return bz2.BZ2Decompressor()


def _xz() -> Any:
    import lzma

    return lzma.LZMADecompressor(format=lzma.FORMAT_XZ, memlimit=_XZ_MEMORY_BYTES)


_MAKERS: dict[str, Callable[[], Any]] = {GZIP: _gzip, BZIP2: _bzip2, XZ: _xz}


def _members(chunks: Iterator[bytes], make: Callable[[], Any], name: str) -> Iterator[bytes]:
    """The content of one compressed member after the other, until what follows is none."""
    decompressor, begun = make(), False
    for chunk in chunks:
        data = chunk
        while True:
            if decompressor.eof:
                data = (decompressor.unused_data + data).lstrip(b"\0")
                if not data:
                    break
                if compression_of(data) != name and len(data) >= _MOST_MAGIC:
                    return
                decompressor = make()
            begun = True
            out = _step(decompressor, data, name)
            data = b""
            if out:
                yield out
            if not decompressor.eof and decompressor.needs_input:
                break
    if begun and not decompressor.eof:
        raise ArchiveError(f"cannot decompress {name}: it is cut off")


def _step(decompressor: Any, data: bytes, name: str) -> bytes:
    try:
        out: bytes = decompressor.decompress(data, CHUNK_BYTES)
    except _errors(name) as error:
        raise ArchiveError(f"cannot decompress {name}: {error}") from error
    return out


def _errors(name: str) -> tuple[type[Exception], ...]:
    """What the library for this compression raises about bytes that are none of it."""
    found: list[type[Exception]] = [OSError, ValueError, EOFError]
    if name == GZIP:
        from isal import isal_zlib

        found.append(isal_zlib.IsalError)  # type: ignore[arg-type]  # the stub has an instance
    if name == XZ:
        import lzma

        found.append(lzma.LZMAError)
    return tuple(found)


class _File:
    """Chunks as a file to read from."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self._rest = memoryview(b"")

    def read(self, size: int) -> bytes:
        """The next bytes, at most so many; b"" at the end."""
        while not self._rest:
            chunk = next(self._chunks, None)
            if chunk is None:
                return b""
            self._rest = memoryview(chunk)
        taken, self._rest = self._rest[:size], self._rest[size:]
        return bytes(taken)


def _zstd(chunks: Iterator[bytes]) -> Iterator[bytes]:
    try:
        import zstandard
    except ImportError:
        raise Unsupported("zstd", needs="the Python package zstandard") from None
    decompressor = zstandard.ZstdDecompressor(max_window_size=_ZSTD_WINDOW_BYTES)
    source: Any = _File(chunks)
    with decompressor.stream_reader(source, read_across_frames=True) as reader:
        while True:
            try:
                out = reader.read(CHUNK_BYTES)
            except zstandard.ZstdError as error:
                raise ArchiveError(f"cannot decompress zstd: {error}") from error
            if not out:
                return
            yield out


def hashed(chunks: Iterable[bytes], digest: Digest) -> Iterator[bytes]:
    """The same chunks, each counted into the digest before."""
    for chunk in chunks:
        digest.update(chunk)
        yield chunk


class Ahead:
    """An iterator whose work is done in a thread of its own, some chunks ahead.

    Used as a context: at its end the thread has ended too, however far it came.
    """

    def __init__(self, chunks: Iterable[bytes], name: str) -> None:
        self._source = chunks
        self._queue: queue.Queue[bytes | BaseException | None] = queue.Queue(_DEPTH)
        self._stopped = False
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def __enter__(self) -> Ahead:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped = True
        while self._thread.is_alive():
            try:
                self._queue.get_nowait()  # it may be waiting for room
            except queue.Empty:
                self._thread.join(0.001)

    def __iter__(self) -> Iterator[bytes]:
        """The chunks, and at their end whatever exception has ended them."""
        while (item := self._queue.get()) is not None:
            if isinstance(item, BaseException):
                raise item
            yield item

    def _run(self) -> None:
        end: BaseException | None = None
        try:
            for chunk in self._source:
                if self._stopped:
                    return
                self._queue.put(chunk)
        except BaseException as error:  # noqa: BLE001 - it is raised where the chunks are wanted
            end = error
        self._queue.put(end)
