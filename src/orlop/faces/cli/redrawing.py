"""A text on a terminal that is written again in its own place."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Self

    from orlop.faces.cli.screen import Screen

_HOME, _REST_OF_LINE, _REST_OF_SCREEN = "\033[H", "\033[K", "\033[J"
_CLEAR = f"{_HOME}\033[2J"
_HIDE, _SHOW = "\033[?25l", "\033[?25h"


class Redrawn:
    """Frames on the whole screen, one over the other; without a terminal one after the other."""

    def __init__(self, screen: Screen) -> None:
        self._screen = screen

    def __enter__(self) -> Self:
        if self._screen.is_terminal:
            self._write(_CLEAR + _HIDE)
        return self

    def __exit__(self, *_: object) -> None:
        if self._screen.is_terminal:
            self._write(_SHOW)

    def show(self, text: str) -> None:
        """Writes one frame. What the one before had is gone; nothing flickers."""
        if self._screen.is_terminal:
            text = _HOME + text.replace("\n", f"{_REST_OF_LINE}\n") + _REST_OF_SCREEN
        self._write(text)

    def _write(self, text: str) -> None:
        self._screen.write(text)
        self._screen.flush()
