"""Tells when the kernel kills a process of a cgroup because its memory is used up.

See: cgroup-v1/memory.rst section 10 (memory.oom_control and eventfd(2)); cgroup-v2.rst,
memory.events.
"""

from __future__ import annotations

import os
import time

from orlop.errors import SyscallError
from orlop.kernel.cgroup import control
from orlop.kernel.cgroup.events import EventFile

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_KILL_TAKES_S = 0.1


class OomWatch:
    """Watches one cgroup from now on. To be closed, or used in a `with` block.

    Its descriptor polls as readable when something may have happened, and `check` tells what.
    `wait` does both, and so does iteration: it yields the number of processes killed so far, each
    time that one was, until the cgroup is `over`. That is on v2 when its last process has ended, on
    v1, which does not tell that, when it is removed.
    """

    over = False

    def __enter__(self) -> OomWatch:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __iter__(self) -> Iterator[int]:
        while not self.over:
            if self.wait():
                yield self.kills()

    def wait(self, timeout_s: float | None = None) -> bool:
        """Whether memory was used up within that time. Returns early when the cgroup is over."""
        import select

        poll = select.poll()
        poll.register(self.fileno(), select.POLLIN)
        deadline = None if timeout_s is None else time.monotonic() + timeout_s
        while not self.over:
            left_s = None if deadline is None else max(0.0, deadline - time.monotonic())
            if not poll.poll(None if left_s is None else left_s * 1000):
                return False
            if self.check():
                return True
        return False

    def fileno(self) -> int:
        """A descriptor for poll(2), with POLLIN."""
        raise NotImplementedError

    def check(self) -> bool:
        """Whether memory was used up since the last look. Does not wait, and sets `over`."""
        raise NotImplementedError

    def kills(self) -> int:
        """How many processes were killed since the cgroup was made."""
        raise NotImplementedError

    def close(self) -> None:
        """Nothing is watched any more."""
        raise NotImplementedError


class OomWatchV1(OomWatch):
    """Through an eventfd, signalled when memory is used up and when the cgroup is removed."""

    def __init__(self, directory: str) -> None:
        """Begins to watch.

        Raises:
            SyscallError: there is no such cgroup, or the kernel cannot tell.
        """
        self._directory = directory
        self._eventfd = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        path = f"{directory}/memory.oom_control"
        try:
            fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            try:
                control.write(f"{directory}/cgroup.event_control", f"{self._eventfd} {fd}")
            finally:
                os.close(fd)
        except OSError as error:
            os.close(self._eventfd)
            raise SyscallError("open", error.errno or 0, path) from None
        self._kills = 0
        self._seen = self.kills()

    def fileno(self) -> int:
        """As `OomWatch`."""
        return self._eventfd

    def check(self) -> bool:
        """As `OomWatch`.

        The kernel tells before it kills, so the count is waited for. It does not come if the OOM
        killer is disabled: then the processes wait, and that is reported all the same.
        """
        try:
            signals = os.eventfd_read(self._eventfd)
        except BlockingIOError:
            return False
        self.over = not os.path.exists(self._directory)
        deadline = time.monotonic() + _KILL_TAKES_S
        while not self.over and self.kills() == self._seen and time.monotonic() < deadline:
            time.sleep(0.001)
        self._seen = self.kills()
        return signals > self.over

    def kills(self) -> int:
        """As `OomWatch`; the last count that was seen once the cgroup is gone."""
        text = control.read_or(f"{self._directory}/memory.oom_control", "")
        self._kills = control.flat_keyed(text).get("oom_kill", self._kills)
        return self._kills

    def close(self) -> None:
        """As `OomWatch`."""
        os.close(self._eventfd)


class OomWatchV2(OomWatch):
    """Through memory.events, and cgroup.events for the end."""

    def __init__(self, directory: str) -> None:
        """Begins to watch.

        Raises:
            SyscallError: there is no such cgroup, or it has no memory controller.
        """
        import select

        self._memory = EventFile(f"{directory}/memory.events")
        try:
            self._cgroup = EventFile(f"{directory}/cgroup.events")
        except SyscallError:
            self._memory.close()
            raise
        self._epoll = select.epoll()
        for file in (self._memory, self._cgroup):
            self._epoll.register(file.fileno(), select.EPOLLPRI)
        self._kills = 0
        self._seen = self.kills()
        self._look_for_end()

    def fileno(self) -> int:
        """As `OomWatch`."""
        return self._epoll.fileno()

    def check(self) -> bool:
        """As `OomWatch`."""
        self._look_for_end()
        before, self._seen = self._seen, self.kills()
        return self._seen > before

    def kills(self) -> int:
        """As `OomWatch`; the last count that was seen once the cgroup is gone."""
        self._kills = (self._memory.read() or {}).get("oom_kill", self._kills)
        return self._kills

    def close(self) -> None:
        """As `OomWatch`."""
        self._epoll.close()
        self._memory.close()
        self._cgroup.close()

    def _look_for_end(self) -> None:
        events = self._cgroup.read()
        self.over = events is None or events.get("populated") == 0
