"""What a command shows: aligned tables, colour on terminals only, or JSON for programs."""

from __future__ import annotations

import os
import sys

from orlop import jsontext

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import TextIO

PLAIN, BOLD, DIM, RED, GREEN, YELLOW, BLUE, MAGENTA, CYAN = (
    "",
    "1",
    "2",
    "31",
    "32",
    "33",
    "34",
    "35",
    "36",
)

_DEFAULT_WIDTH = 100


class Cell(str):
    """A piece of text with a colour; equal to its text, and as long."""

    __slots__ = ("tone",)

    tone: str

    def __new__(cls, text: object, tone: str = PLAIN) -> Cell:  # noqa: D102
        cell = super().__new__(cls, text)
        cell.tone = tone
        return cell


class Screen:
    """Standard output, for people or for programs.

    Attributes:
        is_terminal: whether somebody looks at it.
        colour: whether tones are shown: on a terminal, unless NO_COLOR is set (no-color.org).
        as_json: whether the command was asked for JSON (`--json`).
    """

    def __init__(self, stream: TextIO | None = None, *, as_json: bool = False) -> None:
        self._stream = stream or sys.stdout
        self.is_terminal = self._stream.isatty()
        colours = self.is_terminal and os.environ.get("TERM") != "dumb"
        self.colour = colours and not os.environ.get("NO_COLOR")
        self.as_json = as_json

    @property
    def width(self) -> int:
        """Columns that there is room for; a fixed number where there is no terminal."""
        try:
            return os.get_terminal_size(self._stream.fileno()).columns
        except (OSError, ValueError):
            return _DEFAULT_WIDTH

    def write(self, text: str) -> None:
        """Text as it is."""
        self._stream.write(text)

    def flush(self) -> None:
        """What was written is seen by whoever reads it."""
        self._stream.flush()

    def line(self, *parts: str) -> None:
        """One line of these parts, without anything between them."""
        self._stream.write("".join(map(self._toned, parts)) + "\n")

    def paragraph(self, first: str, text: str, *, indent: int) -> None:
        """A text behind `first`; on a terminal it is broken at spaces, and indented."""
        lines = [text]
        if self.is_terminal:
            import textwrap

            room = max(20, self.width - indent)
            lines = textwrap.wrap(text, room, break_long_words=False, break_on_hyphens=False)
        tone = text.tone if isinstance(text, Cell) else PLAIN
        for number, line in enumerate(lines):
            self.line(" " * indent if number else first, Cell(line, tone))

    def title(self, text: str) -> None:
        """A heading, with an empty line above."""
        self.line()
        self.line(Cell(text, BOLD))

    def table(
        self, rows: Iterable[Sequence[str]], *, head: Sequence[str] = (), indent: int = 0
    ) -> None:
        """Rows in aligned columns; the last column is as long as it likes."""
        lines = [tuple(row) for row in rows]
        if head:
            lines.insert(0, tuple(Cell(word, BOLD) for word in head))
        widths = [max(len(row[n]) for row in lines if n < len(row)) for n in range(_columns(lines))]
        for row in lines:
            padded = [
                self._toned(cell) + " " * (widths[n] - len(cell)) for n, cell in enumerate(row)
            ]
            self._stream.write((" " * indent + "  ".join(padded)).rstrip() + "\n")

    def json(self, document: object) -> None:
        """A JSON document, indented."""
        import json

        text = json.dumps(document, indent=2, ensure_ascii=False)
        # Bytes of names that are no UTF-8 have no other form in JSON than an escaped surrogate.
        self._stream.write(text.encode("utf-8", "backslashreplace").decode() + "\n")

    def can_show(self, text: str) -> bool:
        """Whether the stream's encoding has all these characters."""
        try:
            text.encode(self._stream.encoding or "utf-8")
        except UnicodeEncodeError:
            return False
        return True

    def json_line(self, document: object) -> None:
        """A JSON document on one line, for streams of them."""
        self._stream.write(jsontext.dumps(document) + "\n")

    def _toned(self, text: str) -> str:
        tone = text.tone if isinstance(text, Cell) else PLAIN
        text = printable(text)
        return f"\033[{tone}m{text}\033[0m" if tone and self.colour else text


def _columns(rows: Sequence[Sequence[str]]) -> int:
    return max(map(len, rows), default=0)


def printable(text: str) -> str:
    """The text without what moves a terminal's cursor: names and paths may hold anything."""
    if text.isprintable():
        return str(text)
    return "".join(
        c if c.isprintable() else c.encode("unicode_escape", "surrogateescape").decode()
        for c in text
    )
