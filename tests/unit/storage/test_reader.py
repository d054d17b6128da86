"""What the reader makes of archives that other programs have written."""

from __future__ import annotations

import io
import tarfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orlop.storage.tar.entry import (
    BLOCK,
    CHARACTER,
    DIRECTORY,
    FIFO,
    FILE,
    LINK,
    SYMLINK,
    ArchiveError,
    Entry,
)
from orlop.storage.tar.reader import TarReader
from orlop.storage.tar.writer import END, header, padding
from tests import tarballs

_KINDS = {
    tarfile.REGTYPE: FILE,
    tarfile.DIRTYPE: DIRECTORY,
    tarfile.SYMTYPE: SYMLINK,
    tarfile.LNKTYPE: LINK,
    tarfile.CHRTYPE: CHARACTER,
    tarfile.BLKTYPE: BLOCK,
    tarfile.FIFOTYPE: FIFO,
}
_NAMES = (
    st.text(
        st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=250
    )
    .map(lambda name: name.rstrip("/"))
    .filter(lambda name: name)
)
_MEMBERS = st.builds(
    lambda **fields: fields,
    name=_NAMES,
    type=st.sampled_from(sorted(_KINDS)),
    mode=st.integers(0, 0o7777),
    uid=st.integers(0, 0xFFFFFFFE),
    gid=st.integers(0, 0xFFFFFFFE),
    mtime=st.integers(0, 1 << 36),
    linkname=_NAMES,
    devmajor=st.integers(0, 4095),
    devminor=st.integers(0, 1 << 20),
    content=st.binary(max_size=2000),
)


def read(archive: bytes, chunk: int = 1 << 20) -> list[tuple[Entry, bytes]]:
    """Entries with their content, from an archive in chunks of that size."""
    pieces = (archive[at : at + chunk] for at in range(0, len(archive), chunk))
    reader = TarReader(pieces)
    return [(entry, b"".join(bytes(piece) for piece in reader.content())) for entry in reader]


@given(
    st.lists(_MEMBERS, max_size=6),
    st.sampled_from([tarfile.PAX_FORMAT, tarfile.GNU_FORMAT]),
    st.integers(1, 3000),
)
def test_python_s_archives(members: list[dict[str, object]], form: int, chunk: int) -> None:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w", format=form) as archive:
        for fields in members:
            archive.addfile(_info(fields), io.BytesIO(fields["content"]))  # type: ignore[arg-type]
    found = read(file.getvalue(), chunk)
    assert len(found) == len(members)
    for (entry, content), fields in zip(found, members, strict=True):
        _check(entry, content, fields)


def _info(fields: dict[str, object]) -> tarfile.TarInfo:
    info = tarfile.TarInfo()
    for name, value in fields.items():
        if name != "content":
            setattr(info, name, value)
    is_file = fields["type"] == tarfile.REGTYPE
    info.size = len(fields["content"]) if is_file else 0  # type: ignore[arg-type]
    return info


def _check(entry: Entry, content: bytes, fields: dict[str, object]) -> None:
    assert entry.name == str(fields["name"]).encode()
    assert entry.kind == _KINDS[fields["type"]]  # type: ignore[index]
    assert (entry.mode, entry.uid, entry.gid) == (fields["mode"], fields["uid"], fields["gid"])
    if int(str(fields["mtime"])) < (1 << 63) // 1_000_000_000:
        assert entry.mtime_ns == int(str(fields["mtime"])) * 1_000_000_000
    if entry.kind == FILE:
        assert content == fields["content"]
        assert entry.size == len(content)
    if entry.kind in (LINK, SYMLINK):
        assert entry.link == str(fields["linkname"]).encode()
    if entry.kind in (CHARACTER, BLOCK):
        assert entry.device == (fields["devmajor"], fields["devminor"])


_ENTRIES = st.builds(
    Entry,
    name=st.binary(min_size=1, max_size=300)
    .map(lambda name: name.replace(b"\0", b"_").rstrip(b"/"))
    .filter(bool),
    kind=st.sampled_from([FILE, DIRECTORY, FIFO]),
    mode=st.integers(0, 0o7777),
    uid=st.integers(0, 0xFFFFFFFE),
    gid=st.integers(0, 0xFFFFFFFE),
    mtime_ns=st.integers(0, (1 << 63) - 1),
    xattrs=st.dictionaries(
        st.sampled_from(["user.a", "user.b", "security.capability"]), st.binary(max_size=50)
    ).map(lambda attributes: tuple(attributes.items())),
)


@given(_ENTRIES, st.binary(max_size=1500))
def test_what_the_writer_writes_the_reader_reads(entry: Entry, content: bytes) -> None:
    content = content if entry.kind == FILE else b""
    entry = entry.replace(size=len(content))
    archive = header(entry) + content + padding(len(content)) + END
    # An attribute without a value is how pax takes one back.
    kept = tuple((name, value) for name, value in entry.xattrs)
    assert read(archive) == [(entry.replace(xattrs=kept), content)]


@given(_ENTRIES.filter(lambda entry: entry.name.isascii()))
def test_python_reads_what_the_writer_writes(entry: Entry) -> None:
    entry = entry.replace(size=0)
    with tarfile.open(fileobj=io.BytesIO(header(entry) + END)) as archive:
        (member,) = archive.getmembers()
    assert member.name.encode() == entry.name
    assert (member.mode, member.uid, member.gid) == (entry.mode, entry.uid, entry.gid)


# --- by hand ----------------------------------------------------------------------------------


def one(archive: bytes) -> Entry:
    """The only entry of an archive."""
    ((entry, _),) = read(archive + tarballs.END)
    return entry


def test_times_to_the_nanosecond() -> None:
    header = tarballs.pax({b"mtime": b"1234567890.123456789", b"atime": b"5.5"})
    entry = one(header + tarballs.member(b"a"))
    assert entry.mtime_ns == 1234567890_123456789
    assert entry.atime_ns == 5_500_000_000


def test_a_time_with_a_short_fraction() -> None:
    assert one(tarballs.pax({b"mtime": b"1.5"}) + tarballs.member(b"a")).mtime_ns == 1_500_000_000


def test_global_headers_count_until_they_are_overruled() -> None:
    archive = (
        tarballs.pax({b"uid": b"7", b"gid": b"8"}, b"g")
        + tarballs.member(b"a")
        + tarballs.pax({b"uid": b"9"})
        + tarballs.member(b"b")
        + tarballs.member(b"c")
        + tarballs.END
    )
    assert [(e.name, e.uid, e.gid) for e, _ in read(archive)] == [
        (b"a", 7, 8),
        (b"b", 9, 8),
        (b"c", 7, 8),
    ]


def test_numbers_in_base_256() -> None:
    big = (1 << 31) + 5
    entry = one(tarballs.member(b"a", uid=b"\x80" + big.to_bytes(7, "big")))
    assert entry.uid == big


@pytest.mark.parametrize("key", [b"SCHILY.xattr.user.x", b"LIBARCHIVE.xattr.user.x"])
def test_extended_attributes(key: bytes) -> None:
    value = b"aGk=" if key.startswith(b"LIB") else b"hi"
    entry = one(tarballs.pax({key: value}) + tarballs.member(b"a"))
    assert entry.xattrs == (("user.x", b"hi"),)


def test_an_old_sparse_file_with_a_long_map() -> None:
    pieces = [(1000 * n, 10) for n in range(30)]
    text = b"".join(
        tarballs.octal(offset, 12) + tarballs.octal(size, 12) for offset, size in pieces[4:]
    )
    first, second = text[: 21 * 24], text[21 * 24 :]
    more = first.ljust(504, b"\0") + b"\1" + bytes(7) + second.ljust(512, b"\0")
    entry = one(tarballs.old_sparse(b"a", pieces[:4], b"x" * 300, 40_000, more))
    assert entry.pieces == tuple(pieces)
    assert entry.size == 40_000


def test_a_sparse_file_whose_map_is_in_its_content() -> None:
    records = {
        b"GNU.sparse.major": b"1",
        b"GNU.sparse.minor": b"0",
        b"GNU.sparse.name": b"real",
        b"GNU.sparse.realsize": b"100",
    }
    content = tarballs.padded(b"2\n0\n4\n50\n4\n") + b"aaaabbbb"
    archive = tarballs.pax(records) + tarballs.member(b"GNUSparse/a", content=content)
    ((entry, stored),) = read(archive + tarballs.END)
    assert (entry.name, entry.size, entry.pieces) == (b"real", 100, ((0, 4), (50, 4)))
    assert stored == b"aaaabbbb"


def test_a_directory_as_before_ustar() -> None:
    entry = one(tarballs.member(b"d/", b"\0", magic=b"\0" * 8))
    assert (entry.name, entry.kind) == (b"d", DIRECTORY)


def test_one_block_of_zeros_is_an_end() -> None:
    assert [e.name for e, _ in read(tarballs.member(b"a") + bytes(512))] == [b"a"]


def test_no_block_of_zeros_is_an_end() -> None:
    assert [e.name for e, _ in read(tarballs.member(b"a"))] == [b"a"]


def test_an_empty_archive() -> None:
    assert read(b"") == []
    assert read(tarballs.END) == []


@given(st.binary(max_size=3000))
def test_bytes_are_an_archive_or_refused(noise: bytes) -> None:
    try:
        read(noise)
    except ArchiveError as refusal:
        assert str(refusal).isprintable()


@given(st.data())
def test_a_damaged_archive_is_read_or_refused(data: st.DataObject) -> None:
    whole = bytearray(
        tarballs.pax({b"path": b"some/where", b"mtime": b"12.5"})
        + tarballs.member(b"a", content=b"hello")
        + tarballs.old_sparse(b"s", [(0, 4)], b"data", 100)
        + tarballs.END
    )
    for _ in range(data.draw(st.integers(1, 4))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    try:
        read(bytes(whole))
    except ArchiveError as refusal:
        assert str(refusal).isprintable()
