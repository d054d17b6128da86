"""What became of a run."""

from __future__ import annotations

from enum import StrEnum

from orlop.records import Record


class Verdict(StrEnum):
    """How a run ended, in one word. Of several that fit it is the first one in this order."""

    OUTPUT_LIMIT = "output-limit"
    """It wrote more than it might, and was killed."""
    MEMORY_LIMIT = "memory-limit"
    """The kernel killed one of its processes, as the memory was used up."""
    REFUSED_SYSCALL = "refused-syscall"
    """It was ended by SIGSYS: it made a forbidden system call (`on_refused="kill"`)."""
    PIDS_LIMIT = "pids-limit"
    """It wanted more processes than it might have, and did not end well."""
    CPU_LIMIT = "cpu-limit"
    """It used more CPU time than it might, and was killed."""
    TIMEOUT = "timeout"
    """It ran longer than it might, and was killed."""
    DISK_LIMIT = "disk-limit"
    """It did not end well, and there was no room left in the writable layer when it ended."""
    SIGNAL = "signal"
    """Another signal ended it."""
    NONZERO = "nonzero"
    """It ended by itself, with an exit status other than 0."""
    OK = "ok"
    """It ended by itself with exit status 0."""


class Usage(Record):
    """What all processes of a run used together.

    Attributes:
        cpu_ns: CPU time, as the control group counted it.
        user_ns, system_ns: how it was spent, as wait4(2) tells for every process, in microseconds.
        wall_ns: from the request to the end of its last process.
        memory_peak_bytes: the most memory that was in use at once; files in the writable layer
            count, from earlier runs too. With cgroup v2 before Linux 6.12 the box's peak so far.
        disk_bytes: what was in the writable layer at the end.
        read_bytes, written_bytes: from and to block devices; what was cached costs nothing.
        processes: how many there were, as far as they were not waited for by their own parents.
        oom_kills: processes that were killed for memory.
        refused_forks: how often a process was refused because there were too many.
    """

    cpu_ns: int = 0
    user_ns: int = 0
    system_ns: int = 0
    wall_ns: int = 0
    memory_peak_bytes: int = 0
    disk_bytes: int = 0
    read_bytes: int = 0
    written_bytes: int = 0
    processes: int = 0
    oom_kills: int = 0
    refused_forks: int = 0


class Result(Record):
    """One run.

    Attributes:
        verdict: how it ended, in one word.
        exit_code: its exit status; None if a signal ended it.
        signal: the signal that ended it, or None.
        stdout, stderr: what it wrote, as far as it was captured.
        usage: what it used.
    """

    verdict: Verdict
    exit_code: int | None
    signal: int | None
    stdout: bytes
    stderr: bytes
    usage: Usage

    @property
    def ok(self) -> bool:
        """Whether it ended by itself with exit status 0, and met no limit."""
        return self.verdict is Verdict.OK

    @property
    def status(self) -> int:
        """The exit status as shells and Docker have it: 128 + n after signal n."""
        return 128 + (self.signal or 0) if self.exit_code is None else self.exit_code


class End(Record):
    """The facts that decide on a verdict.

    Attributes:
        status: as waitpid(2) has it.
        stopped: why the run was killed, None if it was not.
        oom_kills, refused_forks: during the run.
        disk_full: whether there was no room left at its end.
    """

    status: int
    stopped: Verdict | None
    oom_kills: int
    refused_forks: int
    disk_full: bool


_SIGXCPU, _SIGSYS = 24, 31


def verdict_of(end: End) -> Verdict:
    """The verdict on a run."""
    signal = end.status & 0x7F
    well = end.status == 0 and end.stopped is None
    rules = (
        (end.stopped is Verdict.OUTPUT_LIMIT, Verdict.OUTPUT_LIMIT),
        (end.oom_kills > 0, Verdict.MEMORY_LIMIT),
        (signal == _SIGSYS, Verdict.REFUSED_SYSCALL),
        (end.refused_forks > 0 and not well, Verdict.PIDS_LIMIT),
        (end.stopped is Verdict.CPU_LIMIT or signal == _SIGXCPU, Verdict.CPU_LIMIT),
        (end.stopped is not None, Verdict.TIMEOUT),
        (end.disk_full and not well, Verdict.DISK_LIMIT),
        (signal != 0, Verdict.SIGNAL),
        (end.status != 0, Verdict.NONZERO),
    )
    return next((verdict for holds, verdict in rules if holds), Verdict.OK)
