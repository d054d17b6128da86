"""Layers that come as bytes from elsewhere than a registry: into the store, and unpacked.

A layer that is compressed with gzip or zstd stays as it is. Any other is compressed with gzip on
the way, by ISA-L in threads, which costs less than writing it out uncompressed would.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, cast

from isal import igzip_threaded

from orlop.image import media
from orlop.image.layer import Layer
from orlop.storage.decompress import GZIP, ZSTD, compression_of, decompressed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import BinaryIO

    from orlop.image.content import ContentStore, NewBlob
    from orlop.image.layer import LayerStore

    Write = Callable[[bytes], object]

_LEVEL = 1
_THREADS = 2
_KEPT = {GZIP: media.OCI_LAYER_GZIP, ZSTD: media.OCI_LAYER_ZSTD}
_MAGIC_BYTES = 16


def store_layer(
    content: ContentStore,
    layers: LayerStore,
    chunks: Iterable[bytes],
    *,
    diff_id: str = "",
    digest: str = "",
) -> Layer:
    """The layer is unpacked, and a blob of the store: all of it, or nothing.

    Args:
        content: where its blob goes.
        layers: who unpacks it.
        chunks: its archive, compressed in any way or not.
        diff_id: what its uncompressed digest has to be; "" for any.
        digest: what its digest as it comes has to be; "" for any.

    Raises:
        InvalidArgument: it is no archive, a hostile one, or another one.
        Unavailable: the disk is nearly full.
    """
    compression, whole = _peeked(iter(chunks))
    with content.new() as blob:
        if compression in _KEPT:
            stream = _Stream(_copied(whole, blob.write))
            found = _unpack(layers, stream, diff_id)
            return Layer(blob.commit(digest), blob.size, _KEPT[compression], found)
        with _compressing(blob) as write:
            plain = _copied(decompressed(whole), write)
            found = _unpack(layers, _Stream(plain), diff_id)
        return Layer(blob.commit(), blob.size, media.OCI_LAYER_GZIP, found)


def _unpack(layers: LayerStore, stream: _Stream, diff_id: str) -> str:
    found = layers.unpack(stream, media_type="", diff_id=diff_id)
    while stream.read():  # it was unpacked before
        pass
    return found


def _peeked(chunks: Iterator[bytes]) -> tuple[str, Iterator[bytes]]:
    """How the bytes are compressed, and all of them."""
    start = b""
    for chunk in chunks:
        start += chunk
        if len(start) >= _MAGIC_BYTES:
            break

    def whole() -> Iterator[bytes]:
        if start:
            yield start
        yield from chunks

    return compression_of(start), whole()


def _copied(chunks: Iterable[bytes], write: Write) -> Iterator[bytes]:
    """The same chunks, each written before."""
    for chunk in chunks:
        write(chunk)
        yield chunk


@contextlib.contextmanager
def _compressing(blob: NewBlob) -> Iterator[Write]:
    """Writes into the blob what it is given, compressed."""
    target = cast("BinaryIO", blob)
    open_: Any = igzip_threaded.open  # it has no types
    with open_(target, "wb", compresslevel=_LEVEL, threads=_THREADS) as file:
        yield file.write


class _Stream:
    """Chunks as a `LayerStream`."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self._rest = memoryview(b"")

    def read(self, size: int = -1, /) -> bytes:
        while not self._rest:
            chunk = next(self._chunks, None)
            if chunk is None:
                return b""
            self._rest = memoryview(chunk)
        count = len(self._rest) if size < 0 else size
        taken, self._rest = self._rest[:count], self._rest[count:]
        return bytes(taken)
