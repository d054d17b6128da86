"""Asking a thread to give up."""

from __future__ import annotations

import threading

from orlop.errors import Unavailable


class Cancellation:
    """Whether nobody wants the result any more. Whoever works looks at it now and then."""

    def __init__(self) -> None:
        self._event = threading.Event()

    def cancel(self) -> None:
        """The work is to stop, soon."""
        self._event.set()

    @property
    def is_cancelled(self) -> bool:
        """Whether it is to stop."""
        return self._event.is_set()

    def check(self) -> None:
        """Goes on.

        Raises:
            Unavailable: the work is to stop.
        """
        if self._event.is_set():
            raise Unavailable("it was given up, since nobody waits for it")

    def sleep(self, seconds: float) -> None:
        """So much time has passed.

        Raises:
            Unavailable: the work is to stop.
        """
        self._event.wait(seconds)
        self.check()
