"""What the kernel lets the whole host have, and where this process stands in it."""

from __future__ import annotations

from orlop.decode import Mismatch, number_list

_MOST_NUMBERS = 1 << 16


def max_processes() -> int:
    """How many processes and threads there can be at once on this host.

    See: proc_sys_kernel(5), pid_max and threads-max.
    """
    return min(_number("/proc/sys/kernel/pid_max"), _number("/proc/sys/kernel/threads-max"))


def oom_score_adj() -> int:
    """How much this process's score for the OOM killer is raised or lowered."""
    return _number("/proc/self/oom_score_adj")


def online_cpus() -> tuple[int, ...]:
    """The CPUs that can be used; empty where sysfs does not say.

    See: Documentation/ABI/testing/sysfs-devices-system-cpu.
    """
    return _numbers("/sys/devices/system/cpu/online")


def memory_nodes() -> tuple[int, ...]:
    """The NUMA nodes; empty where sysfs does not say, as of kernels without NUMA.

    See: Documentation/ABI/stable/sysfs-devices-node.
    """
    return _numbers("/sys/devices/system/node/online")


def _numbers(path: str) -> tuple[int, ...]:
    try:
        with open(path) as file:
            return number_list(_MOST_NUMBERS)(file.read().strip())
    except (OSError, Mismatch):
        return ()


def _number(path: str) -> int:
    with open(path) as file:
        return int(file.read())
