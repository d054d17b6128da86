"""Capabilities by name and by bit, and those that a process has.

See: capabilities(7), runtime-spec config.md#linux-process.
"""

from __future__ import annotations

from orlop.errors import InvalidArgument, Unsupported
from orlop.records import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

NAMES = (
    "CAP_CHOWN",
    "CAP_DAC_OVERRIDE",
    "CAP_DAC_READ_SEARCH",
    "CAP_FOWNER",
    "CAP_FSETID",
    "CAP_KILL",
    "CAP_SETGID",
    "CAP_SETUID",
    "CAP_SETPCAP",
    "CAP_LINUX_IMMUTABLE",
    "CAP_NET_BIND_SERVICE",
    "CAP_NET_BROADCAST",
    "CAP_NET_ADMIN",
    "CAP_NET_RAW",
    "CAP_IPC_LOCK",
    "CAP_IPC_OWNER",
    "CAP_SYS_MODULE",
    "CAP_SYS_RAWIO",
    "CAP_SYS_CHROOT",
    "CAP_SYS_PTRACE",
    "CAP_SYS_PACCT",
    "CAP_SYS_ADMIN",
    "CAP_SYS_BOOT",
    "CAP_SYS_NICE",
    "CAP_SYS_RESOURCE",
    "CAP_SYS_TIME",
    "CAP_SYS_TTY_CONFIG",
    "CAP_MKNOD",
    "CAP_LEASE",
    "CAP_AUDIT_WRITE",
    "CAP_AUDIT_CONTROL",
    "CAP_SETFCAP",
    "CAP_MAC_OVERRIDE",
    "CAP_MAC_ADMIN",
    "CAP_SYSLOG",
    "CAP_WAKE_ALARM",
    "CAP_BLOCK_SUSPEND",
    "CAP_AUDIT_READ",
    "CAP_PERFMON",
    "CAP_BPF",
    "CAP_CHECKPOINT_RESTORE",
)
"""All capabilities that this code knows; the position of a name is its bit."""

BITS = {name: bit for bit, name in enumerate(NAMES)}
ALL = (1 << len(NAMES)) - 1

DOCKER_DEFAULT = (
    "CAP_CHOWN",
    "CAP_DAC_OVERRIDE",
    "CAP_FSETID",
    "CAP_FOWNER",
    "CAP_MKNOD",
    "CAP_NET_RAW",
    "CAP_SETGID",
    "CAP_SETUID",
    "CAP_SETFCAP",
    "CAP_SETPCAP",
    "CAP_NET_BIND_SERVICE",
    "CAP_SYS_CHROOT",
    "CAP_KILL",
    "CAP_AUDIT_WRITE",
)
"""What a container gets from Docker when nobody says anything."""


class CapabilitySets(Record):
    """The five sets of a thread, as bit masks."""

    effective: int = 0
    permitted: int = 0
    inheritable: int = 0
    bounding: int = 0
    ambient: int = 0


def mask(names: Iterable[str], *, available: int = ALL) -> int:
    """The bits of all these capabilities.

    Args:
        names: as in capabilities(7), "CAP_CHOWN".
        available: the bits that exist or can be had; see `kernel_mask`.

    Raises:
        InvalidArgument: there is no capability of such a name.
        Unsupported: a capability is not in `available`.
    """
    bits = 0
    for name in names:
        if name not in BITS:
            raise InvalidArgument(f"cannot use capability {name!r}: there is none of that name")
        bit = 1 << BITS[name]
        if not bit & available:
            raise Unsupported(f"capability {name}", needs=f"a kernel and a caller with {name}")
        bits |= bit
    return bits


def grantable(names: Iterable[str], available: int) -> tuple[int, tuple[str, ...]]:
    """The bits of those capabilities that can be had, and the names of the others.

    A runtime warns of capabilities that it does not know or cannot grant, and goes on without them.
    See: runtime-spec config.md#linux-process.
    """
    bits = 0
    left_out: list[str] = []
    for name in names:
        bit = 1 << BITS[name] if name in BITS else 0
        if bit & available:
            bits |= bit
        elif name not in left_out:
            left_out.append(name)
    return bits, tuple(left_out)


def names(bits: int) -> tuple[str, ...]:
    """The names of the capabilities in a mask, by bit; bits that have no name here are left out."""
    return tuple(name for bit, name in enumerate(NAMES) if bits >> bit & 1)


def kernel_mask() -> int:
    """The capabilities that the running kernel has and this code knows."""
    with open("/proc/sys/kernel/cap_last_cap") as file:
        return (1 << int(file.read()) + 1) - 1 & ALL
