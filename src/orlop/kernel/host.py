"""What the kernel lets the whole host have, and where this process stands in it."""

from __future__ import annotations


def max_processes() -> int:
    """How many processes and threads there can be at once on this host.

    See: proc_sys_kernel(5), pid_max and threads-max.
    """
    return min(_number("/proc/sys/kernel/pid_max"), _number("/proc/sys/kernel/threads-max"))


def oom_score_adj() -> int:
    """How much this process's score for the OOM killer is raised or lowered."""
    return _number("/proc/self/oom_score_adj")


def _number(path: str) -> int:
    with open(path) as file:
        return int(file.read())
