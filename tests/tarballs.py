"""Archives byte by byte, also such as no program writes."""

from __future__ import annotations

import struct
from typing import Any

BLOCK = 512
END = bytes(2 * BLOCK)
USTAR = b"ustar\x0000"
GNU = b"ustar  \0"
_HEADER = struct.Struct("100s8s8s8s12s12s8sc100s8s32s32s8s8s155s12x")


def padded(content: bytes) -> bytes:
    """Content up to a whole number of blocks."""
    return content + bytes(-len(content) % BLOCK)


def octal(value: int, width: int) -> bytes:
    return b"%0*o\0" % (width - 1, value)


def header(
    name: bytes,
    kind: bytes = b"0",
    *,
    size: int | bytes = 0,
    mode: int | bytes = 0o644,
    uid: int | bytes = 0,
    gid: int | bytes = 0,
    mtime: int | bytes = 0,
    link: bytes = b"",
    device: tuple[int, int] = (0, 0),
    magic: bytes = USTAR,
    prefix: bytes = b"",
    checksum: bytes | None = None,
) -> bytes:
    """One header; a number may be given as the bytes of its field."""

    def field(value: int | bytes, width: int) -> bytes:
        return value if isinstance(value, bytes) else octal(value, width)

    fields = [
        name,
        field(mode, 8),
        field(uid, 8),
        field(gid, 8),
        field(size, 12),
        field(mtime, 12),
        b" " * 8,
        kind,
        link,
        magic,
        b"",
        b"",
        octal(device[0], 8),
        octal(device[1], 8),
        prefix,
    ]
    fields[6] = b"%06o\0 " % sum(_HEADER.pack(*fields)) if checksum is None else checksum
    return _HEADER.pack(*fields)


def member(name: bytes, kind: bytes = b"0", content: bytes = b"", **options: Any) -> bytes:
    """A header with its content."""
    options.setdefault("size", len(content))
    return header(name, kind, **options) + padded(content)


def directory(name: bytes, **options: Any) -> bytes:
    options.setdefault("mode", 0o755)
    return member(name, b"5", **options)


def symlink(name: bytes, target: bytes) -> bytes:
    return member(name, b"2", link=target, mode=0o777)


def hardlink(name: bytes, target: bytes) -> bytes:
    return member(name, b"1", link=target)


def record(name: bytes, value: bytes) -> bytes:
    """A pax record with its length."""
    rest = len(name) + len(value) + 3
    length = rest + len(str(rest))
    length += len(str(length)) > len(str(rest))
    return b"%d %s=%s\n" % (length, name, value)


def pax(records: dict[bytes, bytes] | bytes, kind: bytes = b"x") -> bytes:
    """An extended header for what follows: records, or the bytes in place of them."""
    text = records if isinstance(records, bytes) else b"".join(record(*r) for r in records.items())
    return member(b"PaxHeaders/x", kind, text)


def gnu_name(name: bytes, kind: bytes = b"L") -> bytes:
    """A long name (L) or link target (K) as GNU tar writes it."""
    return member(b"././@LongLink", kind, name + b"\0", magic=GNU)


def old_sparse(
    name: bytes, pieces: list[tuple[int, int]], content: bytes, size: int, more: bytes = b""
) -> bytes:
    """A sparse file of GNU tar's old form; `more` are the blocks that continue its map."""
    base = bytearray(header(name, b"S", size=len(content), magic=GNU))
    for index, (offset, length) in enumerate(pieces[:4]):
        at = 386 + 24 * index
        base[at : at + 24] = octal(offset, 12) + octal(length, 12)
    base[482] = 1 if more else 0
    base[483:495] = octal(size, 12)
    base[148:156] = b" " * 8
    base[148:156] = b"%06o\0 " % sum(base)
    return bytes(base) + more + padded(content)
