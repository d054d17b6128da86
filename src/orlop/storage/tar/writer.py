"""Writing archives: ustar headers, with pax headers before them where ustar has no room.

The same entries give the same bytes, whoever writes them when.
"""

from __future__ import annotations

import struct

from orlop.storage.tar.entry import BLOCK_BYTES, DIRECTORY, FILE
from orlop.storage.tar.pax import SCHILY

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from orlop.storage.tar.entry import Entry

_HEADER = struct.Struct("100s8s8s8s12s12s8sc100s6s2s32s32s8s8s155s12x")
_LARGEST_SIZE = 0o77777777777
_LARGEST_ID = 0o7777777
_LARGEST_TIME_S = 0o77777777777

END = bytes(2 * BLOCK_BYTES)
"""What an archive ends with."""


def header(entry: Entry) -> bytes:
    """The headers of an entry; its content follows, and then `padding`."""
    name = entry.name + b"/" if entry.kind == DIRECTORY and entry.name[-1:] != b"/" else entry.name
    records = dict(_records(entry, name))
    short = _block(entry, name, entry.kind)
    if not records:
        return short
    text = b"".join(_record(key, value) for key, value in records.items())
    named = entry.replace(name=b"PaxHeaders/entry", size=len(text), mode=0o644, link=b"")
    return b"".join((_block(named, named.name, b"x"), text, padding(len(text)), short))


def padding(size: int) -> bytes:
    """What follows content of that size."""
    return bytes(-size % BLOCK_BYTES)


def _records(entry: Entry, name: bytes) -> Iterator[tuple[bytes, bytes]]:
    """What a ustar header has no room for."""
    if _split(name) is None or not name.isascii():
        yield b"path", name
    if len(entry.link) > 100 or not entry.link.isascii():
        yield b"linkpath", entry.link
    if entry.size > _LARGEST_SIZE:
        yield b"size", str(entry.size).encode()
    if entry.uid > _LARGEST_ID:
        yield b"uid", str(entry.uid).encode()
    if entry.gid > _LARGEST_ID:
        yield b"gid", str(entry.gid).encode()
    seconds, ns = divmod(entry.mtime_ns, 1_000_000_000)
    if ns or not 0 <= seconds <= _LARGEST_TIME_S:
        yield b"mtime", _seconds(entry.mtime_ns)
    for key, value in entry.xattrs:
        yield SCHILY + key.encode(errors="surrogateescape"), value


def _seconds(ns: int) -> bytes:
    seconds, rest = divmod(ns, 1_000_000_000)
    return f"{seconds}.{rest:09}".rstrip("0").rstrip(".").encode()


def _record(name: bytes, value: bytes) -> bytes:
    """A record, whose length counts its own digits too."""
    rest = len(name) + len(value) + 3
    length = rest + len(str(rest))
    if len(str(length)) > len(str(rest)):
        length += 1
    return b"%d %s=%s\n" % (length, name, value)


def _split(name: bytes) -> tuple[bytes, bytes] | None:
    """Prefix and name of a ustar header, None if they do not fit."""
    if len(name) <= 100:
        return b"", name
    at = name.rfind(b"/", 0, 156)
    while at > 0:
        if 0 < len(name) - at - 1 <= 100:
            return name[:at], name[at + 1 :]
        at = name.rfind(b"/", 0, at) if len(name) - at - 1 <= 100 else -1
    return None


def _block(entry: Entry, name: bytes, kind: bytes) -> bytes:
    prefix, short = _split(name) or (b"", name[:100])
    size = entry.size if kind in (FILE, b"x") else 0
    seconds = entry.mtime_ns // 1_000_000_000
    fields = [
        short,
        _octal(entry.mode, 8),
        _octal(entry.uid if entry.uid <= _LARGEST_ID else 0, 8),
        _octal(entry.gid if entry.gid <= _LARGEST_ID else 0, 8),
        _octal(size if size <= _LARGEST_SIZE else 0, 12),
        _octal(seconds if 0 <= seconds <= _LARGEST_TIME_S else 0, 12),
        b" " * 8,
        kind,
        entry.link[:100],
        b"ustar\0",
        b"00",
        b"",
        b"",
        _octal(entry.device[0], 8),
        _octal(entry.device[1], 8),
        prefix,
    ]
    fields[6] = b"%06o\0 " % sum(_HEADER.pack(*fields))
    return _HEADER.pack(*fields)


def _octal(value: int, width: int) -> bytes:
    return b"%0*o\0" % (width - 1, value)
