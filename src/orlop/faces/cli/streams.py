"""A container's streams on this process's own ones, until they end or somebody leaves."""

from __future__ import annotations

import _socket
import os
import select

from orlop.client.hijacked import STDERR, Frames
from orlop.faces.cli.detaching import DetachKeys
from orlop.records import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from orlop.client.hijacked import Hijacked

_CHUNK = 65536
_READABLE = select.POLLIN | select.POLLHUP | select.POLLERR


class Wishes(Record):
    """How streams are to be copied.

    Attributes:
        stdin: what comes at standard input goes to the container.
        output: what the container writes is awaited; else the end of the input is the end.
        terminal: the container has a terminal, so its output is one stream, and nothing is framed.
        detach_keys: the bytes by which one leaves; none without a terminal.
    """

    stdin: bool
    output: bool
    terminal: bool
    detach_keys: bytes = b""


class Loop:
    """Waits for several descriptors at once, and calls what belongs to them."""

    def __init__(self) -> None:
        self._poll = select.poll()
        self._calls: dict[int, Callable[[int], None]] = {}

    def watch(self, fd: int, call: Callable[[int], None], events: int = select.POLLIN) -> None:
        """`call` gets the events of a descriptor from now on."""
        self._calls[fd] = call
        self._poll.register(fd, events)

    def forget(self, fd: int) -> None:
        """Nothing is called for this descriptor any more."""
        if self._calls.pop(fd, None):
            self._poll.unregister(fd)

    def turn(self, timeout_ms: int | None = None) -> None:
        """Waits once, and calls."""
        for fd, events in self._poll.poll(timeout_ms):
            call = self._calls.get(fd)  # an earlier call may have forgotten it
            if call:
                call(events)


class Streams:
    """The copying itself, driven by a `Loop`.

    Attributes:
        ended: there is nothing to copy any more.
        left: somebody has left by the detach keys.
    """

    def __init__(self, loop: Loop, connection: Hijacked, wishes: Wishes) -> None:
        self.ended = False
        self.left = False
        self._loop = loop
        self._connection = connection
        self._wishes = wishes
        self._frames = None if wishes.terminal else Frames()
        self._keys = DetachKeys(wishes.detach_keys if wishes.terminal else b"")
        self._unsent = b""
        self._input_ended = not wishes.stdin
        if wishes.stdin:
            self._watch_input()
        self._watch_connection()

    def begin(self) -> None:
        """What was read together with the head of the answer is copied."""
        if self._connection.has_more:
            self._copy_output()

    # --- from the container -----------------------------------------------------------------------

    def _watch_connection(self) -> None:
        events = select.POLLIN | (select.POLLOUT if self._unsent else 0)
        self._loop.watch(self._connection.fileno(), self._on_connection, events)

    def _on_connection(self, events: int) -> None:
        if events & select.POLLOUT:
            self._send()
        if events & _READABLE and not self.ended:
            self._copy_output()

    def _copy_output(self) -> None:
        data = self._connection.read()
        if not data:
            self._end()
        elif self._frames is None:
            write_all(1, data)
        else:
            for stream, piece in self._frames.feed(data):
                write_all(2 if stream == STDERR else 1, piece)

    def _end(self) -> None:
        self.ended = True
        self._loop.forget(self._connection.fileno())
        self._loop.forget(0)

    # --- to the container -------------------------------------------------------------------------

    def _watch_input(self) -> None:
        try:
            self._loop.watch(0, self._on_input)
        except OSError:  # it is closed
            self._end_of_input()

    def _on_input(self, _: int) -> None:
        """Reads only when all before has been sent: what the container does not take waits."""
        try:
            data = os.read(0, _CHUNK)
        except BlockingIOError:
            return
        except OSError:  # EIO: the terminal has been hung up, or belongs to others now
            data = b""
        self._loop.forget(0)
        if not data:
            self._end_of_input()
            return
        passed, self.left = self._keys.pass_on(data)
        self._unsent += passed
        self._send()

    def _end_of_input(self) -> None:
        self._input_ended = True
        if not self._unsent:
            self._close_input()

    def _close_input(self) -> None:
        self._connection.end_input()
        if not self._wishes.output:
            self._end()

    def _send(self) -> None:
        try:
            # Blocking here would mean not to read: two sides that wait for each other.
            sent = self._connection.socket.send(self._unsent, _socket.MSG_DONTWAIT)
        except BlockingIOError:
            sent = 0
        except (BrokenPipeError, ConnectionResetError):  # nobody takes it
            self._unsent, self._input_ended = b"", True
            self._watch_connection()
            return
        self._unsent = self._unsent[sent:]
        self._watch_connection()
        if self._unsent:
            return
        if self._input_ended:
            self._close_input()
        elif self._wishes.stdin:
            self._watch_input()


def write_all(fd: int, data: bytes) -> None:
    """All of it is written, also to a descriptor that somebody has made non-blocking."""
    view = memoryview(data)
    while view:
        try:
            view = view[os.write(fd, view) :]
        except BlockingIOError:
            poll = select.poll()
            poll.register(fd, select.POLLOUT)
            poll.poll()
