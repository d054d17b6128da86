"""Few numbers of one cgroup, read again and again: what a run has used, and which limits it met.

The files are opened once and read by pread(2), some microseconds each; `stats` reads everything.

See: cgroup-v1/cpuacct.rst, memory.rst and pids.rst; cgroup-v2.rst.
"""

from __future__ import annotations

import os

from orlop.errors import SyscallError
from orlop.kernel.cgroup import control
from orlop.kernel.cgroup.settings import place_in, place_of
from orlop.records import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from orlop.kernel.cgroup.detect import CgroupLayout
    from orlop.kernel.cgroup.settings import Place

_ENOUGH = 1 << 14
_NS_PER_US = 1000


class Reading(Record):
    """Counters since the cgroup was made, but for the peak, which is since `reset_peak`.

    Attributes:
        cpu_ns: CPU time of all processes.
        memory_peak_bytes: the most memory that was in use; 0 where the kernel does not tell.
        oom_kills: processes that were killed because the memory limit was reached.
        refused_forks: how often a process could not be made because of the limit of processes.
    """

    cpu_ns: int = 0
    memory_peak_bytes: int = 0
    oom_kills: int = 0
    refused_forks: int = 0


class Meter:
    """Reads one cgroup's numbers, also while the cgroup is in use. To be closed.

    A controller that the host does not have, or a cgroup that is gone, reads as zeros.
    """

    def __init__(self, layout: CgroupLayout, paths: Mapping[str, str]) -> None:
        """Opens the files.

        Args:
            layout: the host's hierarchies.
            paths: the cgroup's directories by mount point, as in `Creation.paths`.
        """
        where = tuple(
            place_in(found, paths[found.mount])
            for found in layout.hierarchies
            if found.mount in paths
        )
        self._fds: list[int] = []
        self._cpu = self._open(place_of(where, "cpuacct"), "cpuacct.usage", "cpu.stat")
        if self._cpu < 0:
            self._cpu = self._open(place_of(where, "cpu"), "", "cpu.stat")
        memory = place_of(where, "memory")
        self._peak = self._open(memory, "memory.max_usage_in_bytes", "memory.peak", write=True)
        self._oom = self._open(memory, "memory.oom_control", "memory.events")
        self._pids = self._open(place_of(where, "pids"), "pids.events", "pids.events")

    def close(self) -> None:
        """Nothing is open any more."""
        while self._fds:
            os.close(self._fds.pop())

    def read(self) -> Reading:
        """The present numbers."""
        return Reading(
            cpu_ns=self.cpu_ns(),
            memory_peak_bytes=int(self._text(self._peak) or 0),
            oom_kills=control.flat_keyed(self._text(self._oom)).get("oom_kill", 0),
            refused_forks=control.flat_keyed(self._text(self._pids)).get("max", 0),
        )

    def cpu_ns(self) -> int:
        """CPU time alone."""
        text = self._text(self._cpu).strip()
        if text.isdecimal():
            return int(text)
        return control.flat_keyed(text).get("usage_usec", 0) * _NS_PER_US

    def reset_peak(self) -> None:
        """The peak of memory is from now on; on v2 before Linux 6.12 it stays the cgroup's own."""
        try:
            os.write(self._peak, b"0")
        except OSError:  # not there, or not to be written
            return

    def _open(self, place: Place | None, v1: str, v2: str, *, write: bool = False) -> int:
        name = "" if place is None else v2 if place.v2 else v1
        if place is None or not name:
            return -1
        path = f"{place.directory}/{name}"
        for mode in (os.O_RDWR, os.O_RDONLY) if write else (os.O_RDONLY,):
            try:
                fd = os.open(path, mode | os.O_CLOEXEC)
            except OSError:  # a kernel without this file, or that does not let it be written
                continue
            self._fds.append(fd)
            return fd
        return -1

    def _text(self, fd: int) -> str:
        if fd < 0:
            return ""
        try:
            return os.pread(fd, _ENOUGH, 0).decode()
        except OSError as error:
            if error.errno in control.GONE:
                return ""
            raise SyscallError("pread", error.errno or 0) from None
