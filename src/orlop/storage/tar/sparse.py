"""Files with holes: where their content lies, in the four ways in which GNU tar has written it.

See: GNU tar manual, "Storing Sparse Files".
"""

from __future__ import annotations

from orlop.storage.tar.entry import BLOCK_BYTES, ArchiveError
from orlop.storage.tar.numbers import decimal, number

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from orlop.storage.tar.stream import Stream

Pieces = tuple[tuple[int, int], ...]

_MOST_PIECES = 1 << 20
_PAIR = 24
_LONGEST_NUMBER = 20
_IN_HEADER, _HEADER_START, _HEADER_MORE = 4, 386, 482
_IN_BLOCK, _BLOCK_MORE = 21, 504
_REAL_SIZE = slice(483, 495)


def old(header: bytes, stream: Stream) -> tuple[Pieces, int]:
    """Pieces and size of a file of the old form: in its header and in blocks behind that.

    Raises:
        ArchiveError: they are no numbers, or too many.
    """
    found: list[tuple[int, int]] = []
    _add_pairs(found, header[_HEADER_START:], _IN_HEADER)
    more = header[_HEADER_MORE]
    while more:
        block = stream.take(BLOCK_BYTES)
        _add_pairs(found, block, _IN_BLOCK)
        more = block[_BLOCK_MORE]
    return tuple(found), number(header[_REAL_SIZE], "the size of a sparse file")


def _add_pairs(found: list[tuple[int, int]], text: bytes, most: int) -> None:
    for at in range(0, most * _PAIR, _PAIR):
        if not text[at : at + 12].strip(b"\0 "):
            return
        offset = number(text[at : at + 12], "an offset in a sparse file")
        found.append((offset, number(text[at + 12 : at + _PAIR], "a length in a sparse file")))
    _check_count(len(found))


def of_pax(found: Mapping[bytes, bytes], pairs: Iterable[bytes]) -> Pieces | None:
    """Pieces of a file of the forms 0.0 and 0.1, None where these records are of no such file.

    Args:
        found: the records.
        pairs: of form 0.0 the offsets and lengths, whose records repeat.

    Raises:
        ArchiveError: they are no numbers, or too many.
    """
    if b"GNU.sparse.map" in found:
        text = found[b"GNU.sparse.map"]
        return _pairs(text.split(b",") if text else [])
    if b"GNU.sparse.numblocks" in found:
        return _pairs(list(pairs))
    return None


def is_in_content(found: Mapping[bytes, bytes]) -> bool:
    """Whether these records are of a file of form 1.0, whose content begins with the map."""
    return found.get(b"GNU.sparse.major") == b"1"


def in_content(stream: Stream) -> tuple[Pieces, int]:
    """Pieces of a file of form 1.0, and how many bytes of its content they took.

    Raises:
        ArchiveError: they are no numbers, or too many.
    """
    text, taken = b"", 0
    numbers: list[bytes] = []
    wanted = 1
    while len(numbers) < wanted:
        text += stream.take(BLOCK_BYTES)
        taken += BLOCK_BYTES
        *lines, text = text.split(b"\n")
        if not numbers and lines:
            count = decimal(lines[0], "the number of pieces of a sparse file")
            _check_count(count)
            wanted = 1 + 2 * count
        numbers += lines
        if len(numbers) < wanted and len(text) > _LONGEST_NUMBER:
            raise ArchiveError("the archive has a sparse file without a map")
    return _pairs(numbers[1:wanted]), taken


def _pairs(numbers: list[bytes]) -> Pieces:
    if len(numbers) % 2:
        raise ArchiveError("the archive has a sparse file with an offset without a length")
    _check_count(len(numbers) // 2)
    values = [decimal(text, "a number of a sparse file") for text in numbers]
    return tuple(zip(values[::2], values[1::2], strict=True))


def _check_count(count: int) -> None:
    if not 0 <= count <= _MOST_PIECES:
        raise ArchiveError(f"the archive has a sparse file with {count} pieces")


def check(pieces: Pieces, size: int, stored: int) -> None:
    """The pieces are in order, lie within the file, and are what is stored.

    Raises:
        ArchiveError: they do not.
    """
    end = 0
    for offset, length in pieces:
        if offset < end or length < 0 or offset + length > size:
            raise ArchiveError("the archive has a sparse file whose pieces overlap or lie outside")
        end = offset + length
    if sum(length for _, length in pieces) != stored:
        raise ArchiveError("the archive has a sparse file with more or less content than it says")
