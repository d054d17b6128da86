"""How far transfers have come: bars on terminals, lines elsewhere."""

from __future__ import annotations

import os
from time import monotonic

from orlop.faces.cli.screen import printable
from orlop.faces.sizes import decimal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any, Self, TextIO

_BAR = 30
_BETWEEN_S = 0.05


class Progress:
    """Shows what an engine reports of a transfer.

    Each layer has a line of its own. On a terminal the lines are drawn again as they change, as
    many as there is room for; elsewhere only a change of what is being done makes a line.

    Args:
        stream: where to.
        quiet: shows nothing.
    """

    def __init__(self, stream: TextIO, *, quiet: bool = False) -> None:
        self._stream = stream
        self._quiet = quiet
        self._live = stream.isatty() and os.environ.get("TERM") != "dumb"
        self._lines: dict[str, str] = {}
        self._said: dict[str, str] = {}
        self._drawn = 0
        self._drawn_at = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._draw(everything=True)

    def show(self, message: Mapping[str, Any]) -> None:
        """A message of the engine: id, status, progressDetail, or stream."""
        if self._quiet:
            return
        status = str(message.get("status") or message.get("stream") or "").rstrip("\n")
        what = str(message.get("id") or "")
        if not status:
            return
        if not what or what == status:
            self._say(printable(status))
        elif self._live:
            detail = message.get("progressDetail")
            self._lines[what] = _line(what, status, detail if isinstance(detail, dict) else {})
            if monotonic() - self._drawn_at >= _BETWEEN_S:
                self._draw()
        elif self._said.get(what) != status:
            self._said[what] = status
            self._stream.write(printable(f"{what}: {status}") + "\n")
            self._stream.flush()

    def _say(self, text: str) -> None:
        """A line that stays, below those which are finished."""
        self._draw(everything=True)
        self._lines, self._drawn = {}, 0
        self._stream.write(f"{text}\n")
        self._stream.flush()

    def _draw(self, *, everything: bool = False) -> None:
        """All lines again, over those that were drawn before; the last ones if there are many."""
        if not self._live or not self._lines:
            return
        size = _size(self._stream)
        lines = list(self._lines.values())
        if not everything or self._drawn:
            lines = lines[-max(1, size.lines - 1) :]
        up = f"\033[{self._drawn}A" if self._drawn else ""
        text = "".join(f"\r\033[2K{line[: size.columns - 1]}\n" for line in lines)
        self._stream.write(up + text)
        self._stream.flush()
        self._drawn = len(lines)
        self._drawn_at = monotonic()


def _line(what: str, status: str, detail: Mapping[str, Any]) -> str:
    """As `9f2b…: Downloading [=====>    ]  12.3MB/45MB`."""
    text = printable(f"{what}: {status}")
    current, total = detail.get("current"), detail.get("total")
    if not isinstance(current, int) or current < 0:
        return text
    if not isinstance(total, int) or total <= 0 or current > total:
        return f"{text} {decimal(current)}"
    done = current * _BAR // total
    bar = "=" * done + (">" if done < _BAR else "")
    return f"{text} [{bar:<{_BAR}}] {decimal(current)}/{decimal(total)}"


def _size(stream: TextIO) -> os.terminal_size:
    try:
        found = os.get_terminal_size(stream.fileno())
    except (OSError, ValueError):
        return os.terminal_size((80, 24))
    return found if found.columns and found.lines else os.terminal_size((80, 24))
