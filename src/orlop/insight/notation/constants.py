"""The kernel's constants by name, from the tables of the layers below where they have them."""

from __future__ import annotations

import os
import stat

from orlop.kernel import capabilities, mounts, namespaces, scheduling, seccomp

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import ModuleType

    Names = Mapping[int, str]


def _named(module: ModuleType, prefix: str, written: str = "") -> Names:
    """The constants of a module whose names begin so, by value; `written` goes before the names."""
    found = {value: name for name, value in vars(module).items() if name.startswith(prefix)}
    return {value: f"{written}{name}" for value, name in found.items() if value}


def _inverse(names: Mapping[str, int]) -> Names:
    return {value: name for name, value in names.items()}


CLONE = _named(namespaces, "CLONE_NEW")
MOUNT_ATTR = _named(mounts, "MOUNT_ATTR_")
MS = _named(mounts, "MS_")
SECCOMP_FLAGS = _named(seccomp, "FLAG_", "SECCOMP_FILTER_")
RLIMITS = _inverse(scheduling.RLIMITS)
POLICIES = _inverse(scheduling.POLICIES)
SCHEDULER_FLAGS = _inverse(scheduling.SCHEDULER_FLAGS)
IO_CLASSES = _inverse(scheduling.IO_CLASSES)
MEMORY_POLICIES = _inverse(scheduling.MEMORY_POLICIES)
MEMORY_POLICY_FLAGS = _inverse(scheduling.MEMORY_POLICY_FLAGS)
PERSONALITIES = {number: f"PER_{name}" for name, number in scheduling.PERSONALITIES.items()}

_OPEN = {
    getattr(os, name): name
    for name in ("O_NOCTTY", "O_NONBLOCK", "O_NOFOLLOW", "O_CLOEXEC", "O_PATH", "O_DIRECTORY")
}
_ACCESS = {os.O_RDONLY: "O_RDONLY", os.O_WRONLY: "O_WRONLY", os.O_RDWR: "O_RDWR"}
_FILE_TYPES = {
    stat.S_IFCHR: "S_IFCHR",
    stat.S_IFBLK: "S_IFBLK",
    stat.S_IFIFO: "S_IFIFO",
    stat.S_IFREG: "S_IFREG",
}
_UNLIMITED = (1 << 64) - 1
_IO_CLASS_SHIFT = 13


def flags(bits: int, names: Names) -> str:
    """`A|B`; bits without a name are hexadecimal, and none at all are 0."""
    words = []
    # Fields of several bits before the bits that are in them.
    for value in sorted(names, key=lambda value: (-value.bit_count(), value)):
        if bits & value == value:
            words.append((value, names[value]))
            bits &= ~value
    found = [word for _, word in sorted(words)]
    if bits or not found:
        found.append(hex(bits) if bits else "0")
    return "|".join(found)


def open_flags(bits: int) -> str:
    """Those of open(2): the access mode, then the rest."""
    mode = _ACCESS[bits & os.O_ACCMODE]
    rest = bits & ~os.O_ACCMODE
    # O_PATH ignores the access mode, but it is the only other word then.
    return f"{mode}|{flags(rest, _OPEN)}" if rest else mode


def mode(bits: int) -> str:
    """A file's mode: its type, if it is there, and octal permissions."""
    kind = _FILE_TYPES.get(stat.S_IFMT(bits), "")
    return f"{kind}|{octal(stat.S_IMODE(bits))}" if kind else octal(stat.S_IMODE(bits))


def octal(bits: int) -> str:
    """Permissions as C writes them: 0755, 022."""
    return f"0{bits:o}"


def limit(number: int) -> str:
    """A resource limit."""
    return "RLIM64_INFINITY" if number == _UNLIMITED else str(number)


def capability_set(bits: int) -> str:
    """The names of capabilities; where most are there, as those that are missing."""
    missing = capabilities.names(capabilities.ALL & ~bits)
    if len(missing) < len(capabilities.NAMES) // 2:
        return f"~[{' '.join(missing)}]"
    return "|".join(capabilities.names(bits)) or "0"


def io_priority(number: int) -> str:
    """As ioprio_set(2) takes it."""
    io_class, level = number >> _IO_CLASS_SHIFT, number & (1 << _IO_CLASS_SHIFT) - 1
    return f"IOPRIO_PRIO_VALUE({IO_CLASSES.get(io_class, str(io_class))}, {level})"


def memory_policy(number: int) -> str:
    """Mode and flags of set_mempolicy(2)."""
    bits = number & sum(MEMORY_POLICY_FLAGS)
    policy = MEMORY_POLICIES.get(number & ~bits, hex(number & ~bits))
    return f"{policy}|{flags(bits, MEMORY_POLICY_FLAGS)}" if bits else policy


def bit_numbers(mask: bytes) -> tuple[int, ...]:
    """The numbers of the bits in a little-endian mask."""
    bits = int.from_bytes(mask, "little")
    return tuple(number for number in range(bits.bit_length()) if bits >> number & 1)
