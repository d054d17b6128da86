"""The machine: its processors, its memory, how long it has worked."""

from __future__ import annotations

import os

_SUMMED = 8
"""Fields of /proc/stat that add up to all time: guest time is in user time already."""


def boot_id() -> str:
    """Another one since each start of the machine. See: proc_sys_kernel(5), random/boot_id."""
    with open("/proc/sys/kernel/random/boot_id") as file:
        return file.read().strip()


def cpu_time_ns() -> int:
    """Time that all CPUs together have spent since boot, idle time too, to a hundredth of a second.

    See: proc_stat(5).
    """
    with open("/proc/stat", "rb", buffering=0) as file:
        first = file.read(512).split(b"\n", 1)[0]
    ticks = sum(map(int, first.split()[1 : 1 + _SUMMED]))
    return ticks * (10**9 // os.sysconf("SC_CLK_TCK"))


def online_cpus() -> int:
    """How many CPUs work."""
    return os.sysconf("SC_NPROCESSORS_ONLN")


def memory_bytes() -> int:
    """All memory that the kernel manages."""
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def memory_info() -> dict[str, int]:
    """What /proc/meminfo says, in bytes (counts of huge pages as they are).

    See: proc_meminfo(5).
    """
    found = {}
    with open("/proc/meminfo") as file:
        for line in file:
            name, _, rest = line.partition(":")
            number, *unit = rest.split()
            found[name] = int(number) * (1024 if unit else 1)
    return found


def boot_ns() -> int:
    """When the machine was booted, in ns since 1970; moves when the clock is set."""
    import time

    return time.time_ns() - time.clock_gettime_ns(time.CLOCK_BOOTTIME)
