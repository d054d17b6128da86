"""The terminal that somebody sits at: its size, its raw mode, and the way back from it."""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]  # `signal` would load enum
import os

from orlop.errors import InvalidArgument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Self


class NoTerminal(InvalidArgument):
    """A container that has a terminal needs one for its input."""


def check_input(*, attached: bool, terminal: bool) -> None:
    """Input for a container's terminal can only come from a terminal.

    Raises:
        NoTerminal: standard input is none.
    """
    if attached and terminal and not os.isatty(0):
        raise NoTerminal("standard input is not a terminal", hint="leave out -t, or -i")


def size_of_terminal() -> tuple[int, int] | None:
    """Rows and columns of the terminal that output goes to; None if it does not go to one."""
    try:
        columns, rows = os.get_terminal_size(1)
    except OSError:
        return None
    return (rows, columns) if rows and columns else None


class Raw:
    """While it is entered, what is typed goes to the container as it is; then all is as before.

    Where standard input is no terminal, nothing happens.
    """

    def __init__(self) -> None:
        self._modes: list[Any] | None = None

    def __enter__(self) -> Self:
        if os.isatty(0):
            import termios
            import tty

            self._modes = termios.tcgetattr(0)
            tty.setraw(0, termios.TCSADRAIN)  # what was typed already is kept
        return self

    def __exit__(self, *_: object) -> None:
        self.restore()

    def restore(self) -> None:
        """The terminal is as it was."""
        if self._modes is None:
            return
        import termios

        modes, self._modes = self._modes, None
        try:
            termios.tcsetattr(0, termios.TCSADRAIN, modes)
        except termios.error:  # it has been hung up
            return


def end_by(number: int) -> None:
    """This process ends by a signal, as if it had never been caught."""
    _signal.signal(number, _signal.SIG_DFL)
    os.kill(os.getpid(), number)
