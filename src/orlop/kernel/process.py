"""Processes: what /proc tells about one, and how to name one so that no other is meant.

A process id is given to another process as soon as its owner is gone. Whoever keeps one for later
keeps an `Identity`, and opens a pidfd from it before acting.

See: proc_pid_stat(5), proc_pid_status(5), pidfd_open(2).
"""

from __future__ import annotations

import os

from orlop.errors import NotFound, SyscallError
from orlop.kernel import idmap
from orlop.kernel.capabilities import CapabilitySets
from orlop.kernel.namespaces import NAMESPACES, parse_link
from orlop.records import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from orlop.kernel.idmap import IdMap
    from orlop.kernel.namespaces import NamespaceType

_PF_KTHREAD = 0x00200000  # linux/sched.h


class Stat(Record):
    """From /proc/PID/stat; `start_ticks` counts from boot, in sysconf(_SC_CLK_TCK)."""

    pid: int
    comm: str
    state: str
    ppid: int
    start_ticks: int
    flags: int = 0

    @property
    def is_kernel_thread(self) -> bool:
        """Whether it is the kernel's own, without a program."""
        return bool(self.flags & _PF_KTHREAD)


class Status(Record):
    """From /proc/PID/status.

    Ids are real, effective, saved, file system. `namespace_pids` are the process's ids in its PID
    namespaces, from the reader's to its own. `tracer` is the id of the thread that traces it, or 0.
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
    tracer: int = 0


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
        flags=int(fields[6]),
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
        tracer=int(fields.get("TracerPid", "0")),
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


def read_thread_status(pid: int, thread: int) -> Status:
    """What /proc/PID/task/TID/status says now: credentials and filters are each thread's own.

    Raises:
        NotFound: there is no such thread of that process.
    """
    return parse_status(_read(pid, f"task/{thread}/status"))


def read_rlimits(pid: int | None = None) -> dict[str, tuple[int, int]]:
    """By RLIMIT_ name the soft and hard limits of a process; 2^64 - 1 stands for none.

    Raises:
        NotFound: there is no such process.

    See: proc_pid_limits(5).
    """
    from orlop.kernel.scheduling import RLIMITS

    _, *lines = _read(pid, "limits").splitlines()  # one line for each, by number
    columns = ((line[26:47].strip(), line[47:67].strip()) for line in lines)
    numbers = ((_rlimit(soft), _rlimit(hard)) for soft, hard in columns)
    return dict(zip(RLIMITS, numbers, strict=True))


def _rlimit(word: str) -> int:
    return (1 << 64) - 1 if word == "unlimited" else int(word)


def _read(pid: int | None, name: str) -> str:
    path = f"/proc/{'self' if pid is None else pid}/{name}"
    try:
        with open(path, errors="surrogateescape", newline="\n") as file:
            return file.read()
    except (FileNotFoundError, ProcessLookupError):  # gone before open(2), or before read(2)
        raise NotFound("process", str(pid)) from None
    except OSError as error:
        raise SyscallError("open", error.errno or 0, path) from None


def everybody() -> tuple[int, ...]:
    """The ids of all processes that can be seen now, ascending."""
    return tuple(sorted(int(name) for name in os.listdir("/proc") if name.isdecimal()))


def command_line(pid: int) -> tuple[str, ...]:
    """The program's arguments, as it may have changed them; empty for a kernel thread.

    Raises:
        NotFound: there is no such process.
    """
    words = _read(pid, "cmdline").split("\0")
    return tuple(words[:-1] if words[-1] == "" else words)


def cgroup_paths(pid: int) -> dict[str, str]:
    """The process's cgroup in each hierarchy: by v1 controllers ("cpu,cpuacct"), "" for v2.

    Raises:
        NotFound: there is no such process.

    See: cgroups(7), /proc/PID/cgroup.
    """
    rows = (line.split(":", 2) for line in _read(pid, "cgroup").split("\n") if line)
    return {controllers: path for _, controllers, path in rows}


def oom_scores(pid: int) -> tuple[int, int]:
    """How early a process is killed when memory runs out, and how that was adjusted.

    Raises:
        NotFound: there is no such process.

    See: proc_pid_oom_score_adj(5).
    """
    return int(_read(pid, "oom_score")), int(_read(pid, "oom_score_adj"))


def id_maps(pid: int) -> tuple[tuple[IdMap, ...], tuple[IdMap, ...]]:
    """The user and group ids of a process's user namespace, with those of this process's.

    Raises:
        NotFound: there is no such process.
    """
    return idmap.parse(_read(pid, "uid_map")), idmap.parse(_read(pid, "gid_map"))


def namespaces(pid: int, thread: int | None = None) -> dict[str, int]:
    """The inode numbers of a process's or thread's namespaces, by their OCI names.

    Raises:
        NotFound: there is no such process.
        SyscallError: it may not be looked at.
    """
    directory = f"/proc/{pid}" if thread is None else f"/proc/{pid}/task/{thread}"
    inodes = {}
    for kind in NAMESPACES:
        path = f"{directory}/ns/{kind.file}"
        try:
            inodes[kind.name] = os.stat(path).st_ino
        except FileNotFoundError:
            continue
        except OSError as error:
            raise SyscallError("stat", error.errno or 0, path) from None
    if not inodes:
        raise NotFound("process", str(pid))
    return inodes


def threads(pid: int) -> tuple[int, ...]:
    """The ids of a process's threads now, the first one's is its PID; empty if it has ended."""
    return tuple(map(int, _names(f"/proc/{pid}/task")))


def open_namespaces(pid: int) -> dict[int, tuple[NamespaceType, int]]:
    """Kinds and inode numbers of the namespaces that a process holds open, by descriptor.

    Empty if it has ended, or may not be looked at.
    """
    found = {}
    for name in _names(f"/proc/{pid}/fd"):
        try:
            link = parse_link(os.readlink(f"/proc/{pid}/fd/{name}"))
        except OSError:
            continue
        if link is not None:
            found[int(name)] = link
    return found


def _names(directory: str) -> list[str]:
    try:
        return os.listdir(directory)
    except OSError:
        return []


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


def started_at(process: Identity) -> float:
    """When the process was started, in seconds since 1970, to about a hundredth.

    It is counted back from now, so it moves when the clock is set.
    """
    import time

    ago_s = time.clock_gettime(time.CLOCK_BOOTTIME) - process.start_ticks / os.sysconf("SC_CLK_TCK")
    return time.time() - ago_s


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

        # EINVAL, since Linux 6.9 ENOENT: the id is a thread's, so not that of a process.
        if error.errno in (errno.ESRCH, errno.EINVAL, errno.ENOENT):
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
