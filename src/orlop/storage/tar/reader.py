"""Reading archives: entries, one after the other, each with its content.

Nothing is believed: lengths are bounded, numbers checked, and whoever writes endless headers is
stopped.

See: POSIX pax(1), GNU tar manual "Basic Tar Format", tar(5) of libarchive.
"""

from __future__ import annotations

import struct

from orlop.storage.tar import pax, sparse
from orlop.storage.tar.entry import (
    BLOCK,
    BLOCK_BYTES,
    CHARACTER,
    DIRECTORY,
    FILE,
    KINDS,
    LINK,
    SYMLINK,
    ArchiveError,
    Entry,
    shown,
)
from orlop.storage.tar.numbers import bounded, decimal, nanoseconds, number
from orlop.storage.tar.stream import Stream

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from orlop.storage.tar.sparse import Pieces

_HEADER = struct.Struct("100s8s8s8s12s12s8sc100s6s2s32s32s8s8s155s12s")
_ZEROS = bytes(BLOCK_BYTES)
_SPACES = 8 * ord(" ")

_LONG_NAME = b"L"
_LONG_LINK = b"K"
_EXTENDED = b"x"
_SUN_EXTENDED = b"X"
_GLOBAL = b"g"
_OLD_SPARSE = b"S"
_FILES = (FILE, b"\0", b"7", _OLD_SPARSE)

_MOST_EXTENSION_BYTES = 1 << 20  # as Go's reader, which Docker has
_MOST_EXTENSIONS = 64  # before one entry
_LONGEST_PATH = 4096
_LARGEST = (1 << 63) - 1

Records = dict[bytes, bytes]


class TarReader:
    """The entries of an archive: iterate, and read each one's content before the next.

    Args:
        chunks: the archive's bytes.

    Attributes:
        stream: the same.
    """

    def __init__(self, chunks: Iterable[bytes | memoryview]) -> None:
        self.stream = Stream(chunks)
        self._global: Records = {}
        self._left = 0  # bytes of the entry's content that were not read yet
        self._padding = 0

    def __iter__(self) -> Iterator[Entry]:
        """The entries.

        Raises:
            ArchiveError: it is no archive, damaged, or cut off.
        """
        while (entry := self._next()) is not None:
            yield entry

    def content(self) -> Iterator[memoryview]:
        """The present entry's content as it is stored, without holes, in portions.

        Each is valid until the next one is asked for.

        Raises:
            ArchiveError: the archive is cut off.
        """
        left, self._left = self._left, 0
        yield from self.stream.pieces(left)

    def finish(self) -> None:
        """What follows the last entry was read too, so that a digest of all can be compared."""
        self.stream.drain()

    def _next(self) -> Entry | None:
        self._skip_rest()
        extensions = _Extensions(self._global)
        for _ in range(_MOST_EXTENSIONS):
            header = self._header()
            if header is None:
                return None
            kind = header[156:157]
            if kind in _FILES or kind in KINDS:
                return self._entry(header, extensions)
            self._extend(header, kind, extensions)
        raise ArchiveError(f"the archive has more than {_MOST_EXTENSIONS} headers for one entry")

    def _skip_rest(self) -> None:
        if self._left or self._padding:
            self.stream.skip(self._left + self._padding)
            self._left = self._padding = 0

    def _header(self) -> bytes | None:
        """The next header, None at the end: two blocks of zeros, or one, or nothing more."""
        header = self.stream.block(BLOCK_BYTES)
        if header is None or header == _ZEROS:
            return None
        if _is_sound(header):
            return header
        at = self.stream.position - BLOCK_BYTES
        raise ArchiveError(f"no archive, or a damaged one: there is no header at byte {at}")

    def _extend(self, header: bytes, kind: bytes, extensions: _Extensions) -> None:
        if kind not in (_LONG_NAME, _LONG_LINK, _EXTENDED, _SUN_EXTENDED, _GLOBAL):
            name = header[:100].partition(b"\0")[0]
            raise ArchiveError(
                f"entry {shown(name)} is of the kind {shown(kind)}, which is unknown"
            )
        size = number(header[124:136], "a size")
        if not 0 <= size <= _MOST_EXTENSION_BYTES:
            raise ArchiveError(f"the archive has a header of {size} bytes for one entry")
        text = self.stream.take(size)
        self.stream.skip(-size % BLOCK_BYTES)
        if kind == _LONG_NAME:
            extensions.name = text.partition(b"\0")[0]
        elif kind == _LONG_LINK:
            extensions.link = text.partition(b"\0")[0]
        elif kind == _GLOBAL:
            self._extend_all(text)
            extensions.records = {**self._global, **extensions.own}
        else:
            extensions.add(text)

    def _extend_all(self, text: bytes) -> None:
        self._global.update(pax.records(text))
        if sum(map(len, self._global)) + sum(map(len, self._global.values())) > (
            _MOST_EXTENSION_BYTES
        ):
            raise ArchiveError("the archive has more than a MiB of headers for all entries")

    def _entry(self, header: bytes, extensions: _Extensions) -> Entry:
        # fmt: off
        (name, mode, uid, gid, size, mtime, _, kind, link, magic, version, _, _, major, minor,
         prefix, star) = _HEADER.unpack(header)
        # fmt: on
        records = extensions.records
        name = extensions.name or _full_name(name, prefix, magic + version, star)
        link = extensions.link or link.partition(b"\0")[0]
        stored = number(size, "a size")
        ids = number(uid, "an owner"), number(gid, "a group")
        mtime_ns, atime_ns = number(mtime, "a time") * 1_000_000_000, None
        xattrs: tuple[tuple[str, bytes], ...] = ()
        if records:
            name = records.get(b"path") or name
            link = records.get(b"linkpath") or link
            stored = _pax_number(records, b"size", stored)
            ids = _pax_number(records, b"uid", ids[0]), _pax_number(records, b"gid", ids[1])
            mtime_ns, atime_ns = _pax_times(records, mtime_ns)
            xattrs = pax.xattrs(records)
        real_kind = kind if kind in KINDS and kind != FILE else _kind_of_file(kind, name)
        pieces, real = None, 0
        if real_kind == FILE:
            pieces, real, stored, name = self._file(header, kind, extensions, stored, name)
        elif stored < 0:
            raise ArchiveError(f"entry {shown(name)} has a size of {stored} bytes")
        else:
            stored = 0  # whatever its header says: nothing else has content
        _check(name, link, real_kind, real, ids)
        self._left, self._padding = stored, -stored % BLOCK_BYTES
        return Entry(
            name.rstrip(b"/") or name[:1],
            real_kind,
            number(mode, "a mode") & 0o7777,
            *ids,
            real,
            bounded(mtime_ns),
            link if real_kind in (LINK, SYMLINK) else b"",
            _device(major, minor) if real_kind in (CHARACTER, BLOCK) else (0, 0),
            atime_ns,
            xattrs,
            pieces,
        )

    def _file(
        self, header: bytes, kind: bytes, extensions: _Extensions, stored: int, name: bytes
    ) -> tuple[Pieces | None, int, int, bytes]:
        """Pieces, size, stored bytes and name of a file, sparse or not."""
        pieces, real = self._pieces(header, kind, extensions)
        if pieces is None:
            _check_size(name, stored)
            return None, stored, stored, name
        name = extensions.records.get(b"GNU.sparse.name") or name
        if sparse.is_in_content(extensions.records):
            pieces, taken = sparse.in_content(self.stream)
            stored -= taken
        _check_size(name, stored)
        _check_size(name, real)
        sparse.check(pieces, real, stored)
        return pieces, real, stored, name

    def _pieces(
        self, header: bytes, kind: bytes, extensions: _Extensions
    ) -> tuple[Pieces | None, int]:
        """The pieces of a sparse file (() where they are in its content) and its size."""
        if kind == _OLD_SPARSE:
            return sparse.old(header, self.stream)
        records = extensions.records
        if not records:
            return None, 0
        pieces = sparse.of_pax(records, extensions.pairs)
        if pieces is None and not sparse.is_in_content(records):
            return None, 0
        real = records.get(b"GNU.sparse.realsize") or records.get(b"GNU.sparse.size") or b"0"
        return pieces or (), decimal(real, "the size of a sparse file")


class _Extensions:
    """What the headers before an entry say of it."""

    def __init__(self, of_all: Records) -> None:
        self.records: Records = of_all
        self.own: Records = {}
        self.pairs: list[bytes] = []
        self.name = self.link = b""

    def add(self, text: bytes) -> None:
        own = self.own
        for name, value in pax.records(text):
            own[name] = value
            if name in (b"GNU.sparse.offset", b"GNU.sparse.numbytes"):
                self.pairs.append(value)
        self.records = {**self.records, **own}


def _kind_of_file(kind: bytes, name: bytes) -> bytes:
    """FILE, or DIRECTORY for one as it was written before there was a kind for it."""
    return DIRECTORY if kind != _OLD_SPARSE and name.endswith(b"/") else FILE


def _device(major: bytes, minor: bytes) -> tuple[int, int]:
    return number(major, "a device"), number(minor, "a device")


def _check_size(name: bytes, size: int) -> None:
    if not 0 <= size <= _LARGEST:
        raise ArchiveError(f"entry {shown(name)} has a size of {size} bytes")


def _check(name: bytes, link: bytes, kind: bytes, size: int, ids: tuple[int, int]) -> None:
    """A file can have these names and owners.

    Raises:
        ArchiveError: it cannot.
    """
    _check_size(name, size)
    if b"\0" in name or b"\0" in link:
        raise ArchiveError(f"entry {shown(name)} has a NUL in a name")
    if max(len(name), len(link)) > _LONGEST_PATH:
        raise ArchiveError(f"entry {shown(name)} has a name of {len(name)} bytes")
    if kind in (LINK, SYMLINK) and not link:
        raise ArchiveError(f"entry {shown(name)} is a link to nothing")
    if not (0 <= ids[0] < 0xFFFFFFFF and 0 <= ids[1] < 0xFFFFFFFF):
        raise ArchiveError(f"entry {shown(name)} belongs to {ids[0]}:{ids[1]}, which cannot be")


def _is_sound(header: bytes) -> bool:
    """Whether the checksum is right."""
    field = header[148:156]
    try:
        said = number(field, "a checksum")
    except ArchiveError:
        return False
    return said == sum(header) - sum(field) + _SPACES or said == _signed_sum(header)


def _signed_sum(header: bytes) -> int:
    """The checksum of programs that took bytes for signed numbers."""
    whole = header[:148] + header[156:]
    return sum(whole) - 256 * sum(byte > 127 for byte in whole) + _SPACES


def _full_name(name: bytes, prefix: bytes, magic: bytes, star: bytes) -> bytes:
    name = name.partition(b"\0")[0]
    if magic[:6] == b"ustar\0" and prefix[0]:
        if star.endswith(b"tar\0"):  # star keeps times in the last 24 bytes of the prefix
            prefix = prefix[:131]
        return prefix.partition(b"\0")[0] + b"/" + name
    return name


def _pax_number(records: Records, name: bytes, otherwise: int) -> int:
    text = records.get(name)
    return decimal(text, name.decode()) if text else otherwise


def _pax_times(records: Records, mtime_ns: int) -> tuple[int, int | None]:
    modified, accessed = records.get(b"mtime"), records.get(b"atime")
    return (
        nanoseconds(modified, "mtime") if modified else mtime_ns,
        nanoseconds(accessed, "atime") if accessed else None,
    )
