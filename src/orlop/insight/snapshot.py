"""All processes of the machine at one moment, with their namespaces; and which are the host's."""

from __future__ import annotations

import os

from orlop.errors import NotFound, OrlopError
from orlop.kernel import process as processes
from orlop.records import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

_KTHREADD = 2


class Seen(Record):
    """One process as it was seen.

    Attributes:
        identity: its PID and when it was started.
        parent: the PID of its parent, 0 if that is not in sight.
        name: its name in /proc/PID/comm, which it can change: text from a container.
        command: its arguments, which it can change too.
        cgroups: its cgroup paths, in all hierarchies.
        namespaces: inode numbers by the OCI's names; empty if they may not be read.
    """

    identity: processes.Identity
    parent: int
    name: str
    command: tuple[str, ...] = ()
    cgroups: tuple[str, ...] = ()
    namespaces: Mapping[str, int] = {}

    @property
    def pid(self) -> int:
        """Its PID as this process sees it."""
        return self.identity.pid


class Snapshot(Record):
    """The processes of the machine, without kernel threads and those that have ended.

    Attributes:
        host: the namespaces that count as the host's.
        processes: by PID, ascending.
        host_pid: whose namespaces these are.
    """

    host: Mapping[str, int]
    processes: tuple[Seen, ...] = ()
    host_pid: int = 1

    def find(self, pid: int) -> Seen | None:
        """The process of this PID."""
        return next((seen for seen in self.processes if seen.pid == pid), None)

    def unreadable(self) -> tuple[Seen, ...]:
        """Processes whose namespaces may not be read: that needs CAP_SYS_PTRACE over them."""
        return tuple(seen for seen in self.processes if not seen.namespaces)


def read_snapshot() -> Snapshot:
    """All processes that can be seen now; what ends while it is being read is left out."""
    seen = []
    for pid in processes.everybody():
        try:
            found = _look(pid)
        except NotFound:
            continue
        if found is not None:
            seen.append(found)
    pid = host_process()
    return Snapshot(processes.namespaces(pid), tuple(seen), pid)


def _look(pid: int) -> Seen | None:
    stat = processes.read_stat(pid)
    if stat.is_kernel_thread or stat.state in "ZX":
        return None
    return Seen(
        identity=processes.Identity(pid, stat.start_ticks),
        parent=stat.ppid,
        name=stat.comm,
        command=processes.command_line(pid),
        cgroups=tuple(processes.cgroup_paths(pid).values()),
        namespaces=_namespaces(pid) or {},
    )


def host_process() -> int:
    """The PID of a process that is in the host's namespaces: the machine's first one.

    Where that may not be looked at, because it has more rights than this process, the parent of the
    kernel's threads, which is in the initial namespaces, or else this process.
    """
    if _namespaces(1) is not None:
        return 1
    try:
        if processes.read_stat(_KTHREADD).is_kernel_thread and _namespaces(_KTHREADD):
            return _KTHREADD
    except NotFound:
        pass
    return os.getpid()


def _namespaces(pid: int) -> Mapping[str, int] | None:
    try:
        return processes.namespaces(pid)
    except NotFound:
        raise
    except OrlopError:
        return None
