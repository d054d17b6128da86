"""Files of v2 cgroups that say when they change: cgroup.events, memory.events.

See: cgroup-v2.rst ("a file modified event"); poll(2) reports it as POLLPRI and POLLERR.
"""

from __future__ import annotations

import os
import time

from orlop.errors import SyscallError
from orlop.kernel.cgroup import control


class EventFile:
    """One such file, open. It is closed at the end of a `with` block."""

    def __init__(self, path: str) -> None:
        """Opens the file.

        Raises:
            SyscallError: it cannot be opened.
        """
        self._path = path
        try:
            self._fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError as error:
            raise SyscallError("open", error.errno or 0, path) from None

    def __enter__(self) -> EventFile:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Nothing is open any more."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def fileno(self) -> int:
        """The descriptor; after a change it polls as POLLPRI until `read` is called."""
        return self._fd

    def read(self) -> dict[str, int] | None:
        """The present values; None if the cgroup is gone."""
        try:
            os.lseek(self._fd, 0, os.SEEK_SET)
            return control.flat_keyed(control.read_all(self._fd))
        except OSError as error:
            if error.errno in control.GONE:
                return None
            raise SyscallError("read", error.errno or 0, self._path) from None

    def wait_until(self, key: str, value: int, timeout_s: float) -> bool:
        """Whether the key has the value within the time; a cgroup that is gone has all values."""
        import select

        poll = select.poll()
        poll.register(self._fd, select.POLLPRI)
        deadline = time.monotonic() + timeout_s
        while (found := self.read()) is not None and found.get(key) != value:
            left_s = deadline - time.monotonic()
            if left_s <= 0 or not poll.poll(left_s * 1000):
                return False
        return True
