"""Text in columns, as Go's text/tabwriter aligns it for docker.

A tab ends a cell. A column is as wide as the widest of the cells that follow each other in it, so a
line without that cell begins a new column; what follows a line's last tab belongs to none.
"""

from __future__ import annotations

from orlop.faces.cli.output.text import width_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

PADDING = 3
WIDTH = 10
WIDE = 20
"""The least width of a column of `top`."""


def aligned(text: str, *, least: int = WIDTH) -> str:
    """The text with its tabs replaced by blanks, so that columns stand below each other.

    Args:
        text: lines with tabs.
        least: how wide a column is at least, in characters, with the blanks behind it.
    """
    lines = [line.split("\t") for line in text.split("\n")]
    if not any(len(line) > 1 for line in lines):
        return text
    widths: list[list[int]] = [[] for _ in lines]
    _measure(lines, 0, len(lines), 0, least, widths)
    return "\n".join(
        "".join(map(_padded, line, known)) + line[-1]
        for line, known in zip(lines, widths, strict=True)
    )


def _padded(cell: str, width: int) -> str:
    return cell + " " * (width - width_of(cell))


def _measure(
    lines: Sequence[Sequence[str]],
    start: int,
    end: int,
    column: int,
    least: int,
    widths: Sequence[list[int]],
) -> None:
    """Sets the widths of a column, and of those behind it, of the lines from `start` to `end`."""
    at = start
    while at < end:
        last = at
        while last < end and column < len(lines[last]) - 1:
            last += 1
        if last > at:
            width = max(width_of(lines[line][column]) + PADDING for line in range(at, last))
            for line in range(at, last):
                widths[line].append(max(least, width))
            _measure(lines, at, last, column + 1, least, widths)
        at = max(last, at + 1)
