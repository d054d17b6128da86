"""What decides, in a target's context, about the attempts: facts, as the kernel tells them."""

from __future__ import annotations

from orlop.insight.mounts import UNKNOWN
from orlop.kernel.capabilities import BITS
from orlop.records import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from orlop.insight.filters import Action
    from orlop.kernel.capabilities import CapabilitySets

OWN, HOST = "own", "host"
"""Over what a capability has to count, besides the kinds of namespaces by name."""

SYSCTL = "/proc/sys/kernel/printk_ratelimit_burst"
MEMORY, KERNEL_MEMORY, TERMINALS = "/dev/mem", "/proc/kcore", "/dev/ptmx"
PATHS = (SYSCTL, MEMORY, KERNEL_MEMORY, TERMINALS)
"""What is looked for in the target."""

NOT_MOUNTED, READ_ONLY_CGROUPS, WRITABLE_CGROUPS = range(3)

_NO_ANSWERS: Mapping[str, Action] = {}
_NO_NUMBERS: Mapping[str, int] = {}


class Devices(Record):
    """What the control group lets it do with the devices of the attempts; None where unknown.

    Attributes:
        make: make a node of the null device (1:3).
        use: make and write one of the kernel's log (1:11).
        memory: read the machine's memory (1:1).
        terminals: make a terminal (5:2).
    """

    make: bool | None = True
    use: bool | None = True
    memory: bool | None = True
    terminals: bool | None = True


class Machine(Record):
    """What the kernel has and is set to, for everybody on the machine.

    Attributes:
        sysctls: by their names ("kernel.dmesg_restrict"); those that do not exist are not in it.
        modules: it can load modules.
        kexec: it can load another kernel.
        time_namespaces: it has them.
        locked_down: it may refuse even to root what changes or shows the kernel; see
            kernel_lockdown(7).
        capabilities: permitted ones of this process, and so of the launcher.
    """

    sysctls: Mapping[str, int] = _NO_NUMBERS
    modules: bool = True
    kexec: bool = True
    time_namespaces: bool = True
    locked_down: bool = False
    capabilities: int = 0

    def sysctl(self, name: str, otherwise: int) -> int:
        """Its value, or what a kernel does that does not have it."""
        return self.sysctls.get(name, otherwise)


class Facts(Record):
    """A target's context.

    Attributes:
        capabilities: effective ones of a program that it executes.
        uid: its effective user in its user namespace.
        host_uid: the same user on the host.
        host_users: its user namespace is the host's own, so that its capabilities are the host's.
        shared: the kinds of namespaces that it shares with this process.
        governed: the kinds whose namespaces belong to its user namespace or one below.
        groups_fixed: its user namespace lets nobody change groups.
        answers: of its seccomp filters, by attempt; what is not in it is permitted.
        paths: the state of each of PATHS, as in `orlop.insight.mounts`.
        cgroups: NOT_MOUNTED, READ_ONLY_CGROUPS or WRITABLE_CGROUPS.
        host_file_visible: the canary can be seen in it.
        host_proc: what is mounted on its /proc is the host's own.
        devices: what the control group permits.
        confined: a security module has a label on it that may refuse anything else.
        machine: the host.
    """

    capabilities: int
    uid: int
    host_uid: int
    host_users: bool
    shared: frozenset[str]
    governed: frozenset[str]
    groups_fixed: bool = False
    answers: Mapping[str, Action] = _NO_ANSWERS
    paths: Mapping[str, int] = _NO_NUMBERS
    cgroups: int = NOT_MOUNTED
    host_file_visible: bool = False
    host_proc: bool = False
    devices: Devices = Devices()
    confined: bool = False
    machine: Machine = Machine()

    def has(self, capability: str, over: str) -> bool:
        """Whether it has this capability, and it counts over OWN, HOST, or a kind of namespace."""
        if not self.capabilities >> BITS[capability] & 1:
            return False
        if over == OWN:
            return True
        return self.host_users if over == HOST else over in self.governed

    def path(self, path: str) -> int:
        """The state of one of PATHS."""
        return self.paths.get(path, UNKNOWN)


def after_execve(sets: CapabilitySets, *, root: bool, no_new_privileges: bool) -> int:
    """The effective capabilities of a program without any of its own, once it is executed.

    See: capabilities(7), "Transformation of capabilities during execve()". That somebody has set
    secure bits, the kernel does not tell.
    """
    if not root:
        return sets.ambient
    gained = sets.inheritable | sets.bounding
    return gained & sets.permitted if no_new_privileges else gained
