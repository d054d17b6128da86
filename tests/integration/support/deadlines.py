"""Waiting for events, with a limit on how long."""

from __future__ import annotations

import errno
import os
import select
import time
from collections.abc import Callable
from typing import TypeVar

PATIENCE_S = 20.0
"""How long a test waits for what must come. Long, as the machine may be busy with others."""

T = TypeVar("T")


class Deadline:
    """A point in time, and what is left until then."""

    def __init__(self, seconds: float = PATIENCE_S) -> None:
        self._end = time.monotonic() + seconds

    @property
    def left_s(self) -> float:
        """Seconds that are left, not below 0."""
        return max(0.0, self._end - time.monotonic())

    @property
    def passed(self) -> bool:
        """Whether nothing is left."""
        return self.left_s == 0.0

    def readable(self, fd: int, what: str) -> None:
        """Return when `fd` can be read.

        Raises:
            AssertionError: it could not before the deadline; the message names `what`.
        """
        poll = select.poll()
        poll.register(fd, select.POLLIN)
        if not poll.poll(self.left_s * 1000):
            raise AssertionError(f"gave up waiting for {what}")


def eventually(probe: Callable[[], T | None], what: str, seconds: float = PATIENCE_S) -> T:
    """The first true value of `probe`: for kernel state that has no event to wait for.

    Raises:
        AssertionError: there was none before the deadline; the message names `what`.
    """
    deadline = Deadline(seconds)
    while not (value := probe()):
        if deadline.passed:
            raise AssertionError(f"gave up waiting for {what}")
        time.sleep(0.01)
    return value


def wait_exit(pid: int, seconds: float = PATIENCE_S) -> None:
    """Return when the process `pid` has ended (it may still be unreaped).

    Raises:
        AssertionError: it was still there at the deadline.
    """
    try:
        pidfd = os.pidfd_open(pid)
    except OSError as error:
        # EINVAL: reaped, but its id is still that of a session or process group.
        if error.errno not in (errno.ESRCH, errno.EINVAL):
            raise
        return
    try:
        Deadline(seconds).readable(pidfd, f"the end of process {pid}")
    finally:
        os.close(pidfd)
