"""Processes: what /proc tells about one, and how to name one so that no other is meant.

A process id is given to another process as soon as its owner is gone. Whoever keeps one for later
keeps an `Identity`, and opens a pidfd from it before acting.

See: proc_pid_stat(5), proc_pid_status(5), pidfd_open(2).
"""

from __future__ import annotations

import os

from orlop.errors import NotFound, SyscallError
from orlop.kernel.capabilities import CapabilitySets
from orlop.kernel.namespaces import NAMESPACES
from orlop.records import Record


class Stat(Record):
    """From /proc/PID/stat; `start_ticks` counts from boot, in sysconf(_SC_CLK_TCK)."""

    pid: int
    comm: str
    state: str
    ppid: int
    start_ticks: int


class Status(Record):
    """From /proc/PID/status.

    Ids are real, effective, saved, file system. `namespace_pids` are the process's ids in its PID
    namespaces, from the reader's to its own.
    """

    name: str
    state: str
    pid: int
    ppid: int
    uids: tuple[int, ...]
    gids: tuple[int, ...]
    groups: tuple[int, ...]
    namespace_pids: tuple[int, ...]
    threads: int
    capabilities: CapabilitySets
    no_new_privileges: bool
    seccomp_mode: int
    seccomp_filters: int


class Identity(Record):
    """One process for all times (of one boot): its id and when it was started, in ticks."""

    pid: int
    start_ticks: int


def parse_stat(text: str) -> Stat:
    """The content of /proc/PID/stat; the name in it may hold anything, parentheses too."""
    opening, closing = text.index("("), text.rindex(")")
    fields = text[closing + 2 :].split(maxsplit=20)
    return Stat(
        pid=int(text[:opening]),
        comm=text[opening + 1 : closing],
        state=fields[0],
        ppid=int(fields[1]),
        start_ticks=int(fields[19]),
    )


def parse_status(text: str) -> Status:
    """The content of /proc/PID/status; what an older kernel does not tell is empty or 0."""
    fields: dict[str, str] = {}
    for line in text.split("\n"):  # not splitlines(): a process may have "\r" in its name
        key, _, value = line.partition(":\t")
        fields[key] = value
    return Status(
        name=fields.get("Name", ""),
        state=fields.get("State", "")[:1],
        pid=int(fields["Tgid"]),
        ppid=int(fields["PPid"]),
        uids=_numbers(fields["Uid"]),
        gids=_numbers(fields["Gid"]),
        groups=_numbers(fields.get("Groups", "")),
        namespace_pids=_numbers(fields.get("NSpid", "")),
        threads=int(fields.get("Threads", "0")),
        capabilities=CapabilitySets(
            effective=int(fields.get("CapEff", "0"), 16),
            permitted=int(fields.get("CapPrm", "0"), 16),
            inheritable=int(fields.get("CapInh", "0"), 16),
            bounding=int(fields.get("CapBnd", "0"), 16),
            ambient=int(fields.get("CapAmb", "0"), 16),
        ),
        no_new_privileges=fields.get("NoNewPrivs") == "1",
        seccomp_mode=int(fields.get("Seccomp", "0")),
        seccomp_filters=int(fields.get("Seccomp_filters", "0")),
    )


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(word) for word in text.split())


def read_stat(pid: int) -> Stat:
    """What /proc/PID/stat says now.

    Raises:
        NotFound: there is no such process.
    """
    return parse_stat(_read(pid, "stat"))


def read_status(pid: int | None = None) -> Status:
    """What /proc/PID/status says now, of the calling process if none is named.

    Raises:
        NotFound: there is no such process.
    """
    return parse_status(_read(pid, "status"))


def _read(pid: int | None, name: str) -> str:
    path = f"/proc/{'self' if pid is None else pid}/{name}"
    try:
        with open(path, errors="surrogateescape", newline="\n") as file:
            return file.read()
    except (FileNotFoundError, ProcessLookupError):  # gone before open(2), or before read(2)
        raise NotFound("process", str(pid)) from None
    except OSError as error:
        raise SyscallError("open", error.errno or 0, path) from None


def namespaces(pid: int) -> dict[str, int]:
    """The inode numbers of a process's namespaces, by their OCI names.

    Raises:
        NotFound: there is no such process.
        SyscallError: it may not be looked at.
    """
    inodes = {}
    for kind in NAMESPACES:
        path = f"/proc/{pid}/ns/{kind.file}"
        try:
            inodes[kind.name] = os.stat(path).st_ino
        except FileNotFoundError:
            continue
        except OSError as error:
            raise SyscallError("stat", error.errno or 0, path) from None
    if not inodes:
        raise NotFound("process", str(pid))
    return inodes


def children(pid: int) -> tuple[int, ...]:
    """The process ids of a process's children now; empty if it has ended."""
    found: list[int] = []
    try:
        for thread in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{thread}/children") as file:
                found += map(int, file.read().split())
    except (FileNotFoundError, ProcessLookupError):
        pass
    return tuple(sorted(found))


def identify(pid: int) -> Identity:
    """The identity of the process that has this id now.

    Raises:
        NotFound: there is no such process.
    """
    return Identity(pid, read_stat(pid).start_ticks)


def open_pidfd(process: Identity | int) -> int:
    """A pidfd (close-on-exec, the caller's to close) of that process and no other.

    Of an `Identity` it is safe to act on: the start time is compared after the pidfd was opened, so
    it was this process that had the id then.

    Raises:
        NotFound: the process is gone; its id may belong to another one.
    """
    pid = process.pid if isinstance(process, Identity) else process
    try:
        pidfd = os.pidfd_open(pid)
    except OSError as error:
        import errno

        # EINVAL: the id is a thread's, so not that of a process.
        if error.errno in (errno.ESRCH, errno.EINVAL):
            raise NotFound("process", str(pid)) from None
        raise SyscallError("pidfd_open", error.errno or 0, str(pid)) from None
    if isinstance(process, Identity):
        try:
            if identify(pid) != process:
                raise NotFound("process", str(pid))
        except BaseException:
            os.close(pidfd)
            raise
    return pidfd


def is_alive(process: Identity) -> bool:
    """Whether the process runs or could run; one that only waits to be reaped does not.

    State Z in /proc would not do as the criterion: it is also that of a process whose first thread
    has ended and whose others go on.
    """
    try:
        pidfd = open_pidfd(process)
    except NotFound:
        return False
    try:
        return not wait(pidfd, timeout_s=0)
    finally:
        os.close(pidfd)


def wait(pidfd: int, timeout_s: float | None = None) -> bool:
    """Whether the process has ended within that time (None: waits as long as it takes)."""
    import select

    poll = select.poll()
    poll.register(pidfd, select.POLLIN)
    return bool(poll.poll(None if timeout_s is None else timeout_s * 1000))


def send_signal(pidfd: int, signal: int) -> None:
    """The process has the signal pending.

    Raises:
        NotFound: the process has ended.
        SyscallError: it may not be signalled, or there is no such signal.
    """
    import _signal  # type: ignore[import-not-found]  # `signal` would load enum

    try:
        _signal.pidfd_send_signal(pidfd, signal)
    except ProcessLookupError:
        raise NotFound("process", f"pidfd {pidfd}") from None
    except OSError as error:
        raise SyscallError("pidfd_send_signal", error.errno or 0) from None
