"""What the kernel says about a target, before anything is compared."""

from __future__ import annotations

from orlop.kernel.capabilities import ALL
from orlop.records import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from orlop.insight.filters import FilterReading
    from orlop.insight.limits import Cgroups
    from orlop.insight.mounts import Mounts
    from orlop.insight.namespaces import Isolation
    from orlop.insight.network import Network
    from orlop.kernel.cgroup.devices import Exceptions
    from orlop.kernel.idmap import IdMap
    from orlop.kernel.process import Status
    from orlop.kernel.settings import Settings
    from orlop.network.rates import Rates


class Member(Record):
    """One process of a target.

    Attributes:
        status: as this process sees it: PIDs from here inwards, users of this user namespace.
        user, group, groups: the same inside the target; None where they are nobody there.
        command: its arguments, which it can change: text from a container.
        depth: how many of its ancestors are among the target's processes.
    """

    status: Status
    user: int | None
    group: int | None
    command: tuple[str, ...]
    depth: int = 0
    groups: tuple[int | None, ...] = ()


class DeviceControl(Record):
    """What decides about device nodes.

    Attributes:
        v1: the v1 controller's default and exceptions; None if it does not decide here.
        filters: tags of the eBPF filters of the v2 cgroup, by which programs are told apart; None
            if v2 does not decide here.
    """

    v1: Exceptions | None = None
    filters: tuple[bytes, ...] | None = None


class Security(Record):
    """What confines the first process besides capabilities and seccomp.

    Attributes:
        modules: the security modules of the kernel ("apparmor").
        label: what AppArmor or SELinux calls this process, "" without either.
        users, groups: the id maps of its user namespace, to the host's ids.
        rlimits: soft and hard limit by name ("RLIMIT_NOFILE"); 2^64 - 1 is none.
        oom_score, oom_score_adj: how early it is killed when memory runs out.
    """

    modules: tuple[str, ...] = ()
    label: str = ""
    users: tuple[IdMap, ...] = ()
    groups: tuple[IdMap, ...] = ()
    rlimits: Mapping[str, tuple[int, int]] = {}
    oom_score: int = 0
    oom_score_adj: int = 0


class Missing(Record):
    """Something that could not be read.

    Attributes:
        section: the name of the section of a proof in which it would be told.
        what: it is.
        needs: what reading it needs, or why it failed.
    """

    section: str
    what: str
    needs: str


class Facts(Record):
    """All that was read; None and empty where that was not possible.

    Attributes:
        isolation: its namespaces, beside the host's.
        here: the namespaces of this process, which count as the host's too.
        status: of the first process.
        members: all processes, parents before their children.
        seccomp: the mode and the filters of the first process.
        beyond_docker: system calls that these let through, and Docker's default would not.
        network: of its network namespace.
        rates: what the host holds its devices to, by their names in the target.
        settings: of its UTS, IPC and network namespaces.
        available: the capabilities that this process could have given to it.
        control_files: by host path, the texts of those about which something was asked.
        missing: what could not be read.
    """

    isolation: tuple[Isolation, ...] = ()
    here: Mapping[str, int] = {}
    status: Status | None = None
    members: tuple[Member, ...] = ()
    cgroups: Cgroups | None = None
    control_files: Mapping[str, str] = {}
    devices: DeviceControl | None = None
    mounts: Mounts | None = None
    security: Security | None = None
    seccomp: FilterReading | None = None
    beyond_docker: tuple[str, ...] = ()
    network: Network | None = None
    rates: Mapping[str, Rates] = {}
    settings: Settings | None = None
    available: int = ALL
    missing: tuple[Missing, ...] = ()

    def isolated(self, kind: str) -> bool | None:
        """Whether it has a namespace of this kind of its own; None if that is not known."""
        for found in self.isolation:
            if found.kind == kind and found.inode is not None:
                return found.inode not in (found.host, self.here.get(kind))
        return None
