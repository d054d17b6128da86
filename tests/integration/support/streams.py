"""Reading what containers write, line by line, with a deadline."""

from __future__ import annotations

import os

from tests.integration.support.deadlines import PATIENCE_S, Deadline


class Reader:
    """What comes out of a descriptor; owns the descriptor."""

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self._pending = b""
        self._ended = False

    def line(self, seconds: float = PATIENCE_S) -> str:
        """The next line, without its end.

        Raises:
            AssertionError: the stream ended or the deadline passed before.
        """
        deadline = Deadline(seconds)
        while b"\n" not in self._pending:
            if not self._read_more(deadline, "a line"):
                raise AssertionError(f"the stream ended, with {self._pending!r} as its last")
        line, _, self._pending = self._pending.partition(b"\n")
        return line.decode(errors="replace").removesuffix("\r")

    def until(self, text: str, seconds: float = PATIENCE_S) -> str:
        """All that comes up to and including `text`.

        Raises:
            AssertionError: the stream ended or the deadline passed before.
        """
        wanted = text.encode()
        deadline = Deadline(seconds)
        while wanted not in self._pending:
            if not self._read_more(deadline, repr(text)):
                raise AssertionError(f"the stream ended before {text!r}: {self._pending!r}")
        before, _, self._pending = self._pending.partition(wanted)
        return (before + wanted).decode(errors="replace")

    def shows(self, text: str, seconds: float) -> bool:
        """Whether `text` is in what has come and comes within that time; nothing is taken out."""
        deadline = Deadline(seconds)
        while text.encode() not in self._pending:
            try:
                if not self._read_more(deadline, repr(text)):
                    return False
            except AssertionError:
                return False
        return True

    def rest(self, seconds: float = PATIENCE_S) -> str:
        """All that comes until the stream ends.

        Raises:
            AssertionError: it did not end before the deadline.
        """
        deadline = Deadline(seconds)
        while self._read_more(deadline, "the end of the stream"):
            pass
        rest, self._pending = self._pending, b""
        return rest.decode(errors="replace")

    def _read_more(self, deadline: Deadline, what: str) -> bool:
        if self._ended:
            return False
        try:
            deadline.readable(self.fd, what)
        except AssertionError as timeout:
            raise AssertionError(f"{timeout}; so far: {self._pending!r}") from None
        try:
            more = os.read(self.fd, 65536)
        except OSError:  # EIO: the other side of a pty is closed
            more = b""
        self._pending += more
        self._ended = not more
        return not self._ended

    def close(self) -> None:
        """Close the descriptor; harmless if it is closed already."""
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1
