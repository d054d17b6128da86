"""Signals that somebody sends to a command, and that are meant for its container."""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]  # `signal` would load enum
import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Self

_KEPT = (
    "SIGCHLD",
    "SIGKILL",
    "SIGSTOP",
    "SIGPIPE",
    "SIGURG",
    "SIGSEGV",
    "SIGBUS",
    "SIGFPE",
    "SIGILL",
    "SIGSYS",
    "SIGTRAP",
)
WINDOW_CHANGED: int = _signal.SIGWINCH
INSISTING: tuple[int, ...] = (_signal.SIGINT, _signal.SIGTERM)
ENDING: tuple[int, ...] = (_signal.SIGINT, _signal.SIGTERM, _signal.SIGHUP, _signal.SIGQUIT)


def forwardable() -> tuple[int, ...]:
    """Signals that make sense for another process: not faults, and none that cannot be caught."""
    kept = {getattr(_signal, name) for name in _KEPT}
    return tuple(sorted(set(_signal.valid_signals()) - kept))


class Caught:
    """While it is entered, these signals can be read instead of doing what they do."""

    def __init__(self, numbers: tuple[int, ...]) -> None:
        self._numbers = numbers
        self._before: list[tuple[int, object]] = []
        self._read, self._write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)

    def __enter__(self) -> Self:
        _signal.set_wakeup_fd(self._write)
        for number in self._numbers:
            self._before.append((number, _signal.signal(number, _nothing)))
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before:
            _signal.signal(number, _signal.SIG_DFL if handler is None else handler)
        _signal.set_wakeup_fd(-1)
        os.close(self._read)
        os.close(self._write)

    def fileno(self) -> int:
        """Readable when a signal has come."""
        return self._read

    def read(self) -> tuple[int, ...]:
        """The signals that have come, each once."""
        try:
            return tuple(sorted(set(os.read(self._read, 256))))
        except BlockingIOError:
            return ()


def _nothing(*_: object) -> None:
    """The number is in the pipe already."""
