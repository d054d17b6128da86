"""Numbers of resource limits, scheduling, I/O priority, memory policy and personality.

See: setrlimit(2), sched(7), ioprio_set(2), set_mempolicy(2), personality(2).
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

RLIMITS = {
    "RLIMIT_CPU": 0,
    "RLIMIT_FSIZE": 1,
    "RLIMIT_DATA": 2,
    "RLIMIT_STACK": 3,
    "RLIMIT_CORE": 4,
    "RLIMIT_RSS": 5,
    "RLIMIT_NPROC": 6,
    "RLIMIT_NOFILE": 7,
    "RLIMIT_MEMLOCK": 8,
    "RLIMIT_AS": 9,
    "RLIMIT_LOCKS": 10,
    "RLIMIT_SIGPENDING": 11,
    "RLIMIT_MSGQUEUE": 12,
    "RLIMIT_NICE": 13,
    "RLIMIT_RTPRIO": 14,
    "RLIMIT_RTTIME": 15,
}

POLICIES = {
    "SCHED_OTHER": 0,
    "SCHED_FIFO": 1,
    "SCHED_RR": 2,
    "SCHED_BATCH": 3,
    "SCHED_ISO": 4,
    "SCHED_IDLE": 5,
    "SCHED_DEADLINE": 6,
}

SCHEDULER_FLAGS = {
    "SCHED_FLAG_RESET_ON_FORK": 0x01,
    "SCHED_FLAG_RECLAIM": 0x02,
    "SCHED_FLAG_DL_OVERRUN": 0x04,
    "SCHED_FLAG_KEEP_POLICY": 0x08,
    "SCHED_FLAG_KEEP_PARAMS": 0x10,
    "SCHED_FLAG_UTIL_CLAMP_MIN": 0x20,
    "SCHED_FLAG_UTIL_CLAMP_MAX": 0x40,
}

IO_CLASSES = {"IOPRIO_CLASS_RT": 1, "IOPRIO_CLASS_BE": 2, "IOPRIO_CLASS_IDLE": 3}
_IO_CLASS_SHIFT = 13

MEMORY_POLICIES = {
    "MPOL_DEFAULT": 0,
    "MPOL_PREFERRED": 1,
    "MPOL_BIND": 2,
    "MPOL_INTERLEAVE": 3,
    "MPOL_LOCAL": 4,
    "MPOL_PREFERRED_MANY": 5,
    "MPOL_WEIGHTED_INTERLEAVE": 6,
}

MEMORY_POLICY_FLAGS = {
    "MPOL_F_STATIC_NODES": 1 << 15,
    "MPOL_F_RELATIVE_NODES": 1 << 14,
    "MPOL_F_NUMA_BALANCING": 1 << 13,
}

PERSONALITIES = {"LINUX": 0, "LINUX32": 8}


def scheduler_flags(names: Iterable[str]) -> int:
    """The flags of sched_setattr(2) as one number."""
    return _combine(SCHEDULER_FLAGS, names)


def io_priority(io_class: str, level: int) -> int:
    """Class and level (0 to 7) as ioprio_set(2) takes them."""
    return IO_CLASSES[io_class] << _IO_CLASS_SHIFT | level


def memory_policy(mode: str, flags: Iterable[str]) -> int:
    """Mode and flags as set_mempolicy(2) takes them."""
    return MEMORY_POLICIES[mode] | _combine(MEMORY_POLICY_FLAGS, flags)


def _combine(table: dict[str, int], names: Iterable[str]) -> int:
    result = 0
    for name in names:
        result |= table[name]
    return result


def bit_mask(numbers: Iterable[int]) -> bytes:
    """CPU or node numbers as a little-endian bit mask, a multiple of eight bytes long."""
    bits = 0
    for number in numbers:
        bits |= 1 << number
    return bits.to_bytes((bits.bit_length() + 63) // 64 * 8, "little")
