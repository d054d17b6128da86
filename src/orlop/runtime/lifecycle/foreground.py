"""A container's or exec's process in the foreground: its terminal, its signals, its exit status."""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]  # `signal` would load enum
import _socket
import fcntl
import os
import struct

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType
    from typing import Any, Self

    from orlop.launch.executor import Launch

_NOT_FORWARDED = [
    "SIGCHLD",
    "SIGKILL",
    "SIGSTOP",
    "SIGPIPE",
    "SIGURG",
    "SIGWINCH",
    "SIGSEGV",
    "SIGBUS",
    "SIGFPE",
    "SIGILL",
    "SIGSYS",
    "SIGTRAP",
]
_CHUNK = 32768


def in_foreground(start: Callable[[int | None], Launch], *, terminal: bool) -> int:
    """Has `start` start a process, and stands for it until it ends; returns its exit status.

    This process's signals are the other's from now on, and what comes when that has ended is
    ignored: nothing interrupts the removal of a container. With `terminal`, so is this process's
    terminal; `start` gets the descriptor that the terminal's master is to be sent to, else None.
    """
    signals = Signals()
    if not terminal:
        with start(None) as launch:
            signals.to(launch)
            return launch.wait_exit()
    with Console() as console, start(console.socket) as launch:
        signals.to(launch)
        console.receive()
        console.copy(launch.has_ended)
        return launch.wait_exit()


class Signals:
    """Signals to this process go to a container's process, for good.

    Signals that come before there is one wait for `to`.
    """

    def __init__(self) -> None:
        self._early: list[int] = []
        self._launch: Launch | None = None
        skipped = {getattr(_signal, name) for name in _NOT_FORWARDED}
        for number in _signal.valid_signals():
            if number not in skipped:
                _signal.signal(number, self._forward)

    def to(self, launch: Launch) -> None:
        """The process is there."""
        self._launch = launch
        for number in self._early:
            self._forward(number, None)

    def _forward(self, number: int, _: FrameType | None) -> None:
        if self._launch is None:
            self._early.append(number)
            return
        try:  # noqa: SIM105 - contextlib would take longer to import than all of this
            self._launch.send_signal(number)
        except OSError:  # it has just ended
            pass


class Console:
    """The near side of a container's terminal: this process's own terminal in raw mode.

    Attributes:
        socket: the descriptor to hand to the launcher, for the terminal's master.
    """

    def __init__(self) -> None:
        kind = _socket.SOCK_STREAM | _socket.SOCK_CLOEXEC
        self._ours, self._theirs = _socket.socketpair(_socket.AF_UNIX, kind)
        self.socket = self._theirs.fileno()
        self._master = -1
        self._modes: list[Any] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._modes is not None:
            import termios

            termios.tcsetattr(0, termios.TCSADRAIN, self._modes)
        self._ours.close()
        self._theirs.close()
        if self._master >= 0:
            os.close(self._master)

    def receive(self) -> None:
        """Takes the master, once the launcher has sent it, and the size of this terminal to it."""
        _, ancillary, _, _ = self._ours.recvmsg(256, _socket.CMSG_SPACE(4))
        (self._master,) = struct.unpack("i", ancillary[0][2][:4])
        if os.isatty(0):
            import termios

            self._modes = termios.tcgetattr(0)
            _set_raw(0)
            self._resize()
            _signal.signal(_signal.SIGWINCH, lambda *_: self._resize())

    def copy(self, has_ended: Callable[[], bool]) -> None:
        """Copies both ways until the container's side is closed.

        `has_ended` is asked when there is nothing to copy: background processes can keep a terminal
        open for ever, and nobody waits for them.
        """
        import select

        poll = select.poll()
        poll.register(self._master, select.POLLIN)
        poll.register(0, select.POLLIN)
        while True:
            ready = dict(poll.poll(100))
            if self._master in ready:
                data = _read(self._master)
                if not data:
                    return
                _write_all(1, data)
            elif has_ended():
                return
            if ready.get(0, 0) & (select.POLLIN | select.POLLHUP):
                data = _read(0)
                if data:
                    _write_all(self._master, data)
                else:
                    poll.unregister(0)
                    _write_all(self._master, b"\x04")

    def _resize(self) -> None:
        import termios

        try:
            size = fcntl.ioctl(0, termios.TIOCGWINSZ, b"\0" * 8)
            fcntl.ioctl(self._master, termios.TIOCSWINSZ, size)
        except OSError:  # one of the two is gone
            pass


def _set_raw(fd: int) -> None:
    """As cfmakeraw(3); what was typed already is kept for the container."""
    import termios
    import tty

    tty.setraw(fd, termios.TCSADRAIN)


def _read(fd: int) -> bytes:
    try:
        return os.read(fd, _CHUNK)
    except OSError:  # EIO: the last process has closed the other end of the pty
        return b""


def _write_all(fd: int, data: bytes) -> None:
    while data:
        data = data[os.write(fd, data) :]
