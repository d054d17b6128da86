"""Compressed bytes, whoever compressed them."""

from __future__ import annotations

import bz2
import gzip
import lzma
import threading
from collections.abc import Callable, Iterator

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from orlop.storage.decompress import CHUNK_BYTES, Ahead, decompressed
from orlop.storage.tar.entry import ArchiveError

COMPRESSORS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "bzip2": bz2.compress,
    "xz": lzma.compress,
    "zstd": lambda data: zstandard.ZstdCompressor(write_checksum=True).compress(data),
}


def in_chunks(data: bytes, size: int) -> Iterator[bytes]:
    return (data[at : at + size] for at in range(0, len(data), size))


@pytest.mark.parametrize("name", COMPRESSORS)
@given(st.binary(max_size=5000), st.integers(1, 700), st.integers(1, 3))
def test_members_one_after_the_other(name: str, data: bytes, chunk: int, times: int) -> None:
    whole = COMPRESSORS[name](data) * times
    assert b"".join(decompressed(in_chunks(whole, chunk))) == data * times


@pytest.mark.parametrize("name", COMPRESSORS)
def test_what_comes_out_is_bounded(name: str) -> None:
    size = 8 << 20
    chunks = list(decompressed([COMPRESSORS[name](bytes(size))]))
    assert max(map(len, chunks)) <= CHUNK_BYTES
    assert sum(map(len, chunks)) == size


@pytest.mark.parametrize("name", ["gzip", "bzip2", "xz"])
def test_what_is_cut_off_is_refused(name: str) -> None:
    whole = COMPRESSORS[name](bytes(range(256)) * 100)
    with pytest.raises(ArchiveError, match="cannot decompress"):
        list(decompressed([whole[:-5]]))


@pytest.mark.parametrize("name", COMPRESSORS)
def test_what_is_damaged_is_refused(name: str) -> None:
    whole = bytearray(COMPRESSORS[name](bytes(range(256)) * 100))
    whole[len(whole) // 2] ^= 0xFF
    with pytest.raises(ArchiveError, match="cannot decompress"):
        list(decompressed([bytes(whole)]))


def test_zeros_behind_a_member_are_nothing() -> None:
    assert b"".join(decompressed([gzip.compress(b"a") + bytes(1000)])) == b"a"


@pytest.mark.parametrize("data", [b"", b"a", b"plain bytes of an archive"])
def test_what_is_not_compressed_stays(data: bytes) -> None:
    assert b"".join(decompressed(in_chunks(data, 1))) == data


def test_an_iterator_ahead_gives_what_it_is_given() -> None:
    with Ahead((b"%d" % n for n in range(100)), "test") as ahead:
        assert list(ahead) == [b"%d" % n for n in range(100)]


def test_an_error_ahead_is_raised_behind_what_came_before() -> None:
    def failing() -> Iterator[bytes]:
        yield b"a"
        raise ArchiveError("no more")

    with Ahead(failing(), "test") as ahead:
        iterator = iter(ahead)
        assert next(iterator) == b"a"
        with pytest.raises(ArchiveError, match="no more"):
            next(iterator)


def test_an_iterator_ahead_ends_when_nobody_wants_it() -> None:
    def endless() -> Iterator[bytes]:
        while True:
            yield b"a"

    before = threading.active_count()
    with Ahead(endless(), "test") as ahead:
        assert next(iter(ahead)) == b"a"
    assert threading.active_count() == before
