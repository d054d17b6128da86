"""What weakens a target's isolation, most serious first, each with the flag that would close it.

A rule looks at the facts and names what it has found: nothing, one thing, or several. The flags are
those of `docker run`.
"""

from __future__ import annotations

import posixpath

from orlop.insight.mounts import READ_ONLY, WRITABLE
from orlop.kernel.capabilities import ALL, DOCKER_DEFAULT, mask, names
from orlop.kernel.cgroup.devices import BLOCK, READ, WRITE, Devices
from orlop.kernel.lsm import APPARMOR, SELINUX
from orlop.records import Record
from orlop.runtime.defaults import MASKED_PATHS, READONLY_PATHS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import NewType

    from orlop.insight.mounts import SeenMount
    from orlop.insight.proof.facts import DeviceControl, Facts

    Severity = NewType("Severity", int)
    Find = Callable[[Facts], Iterable[str]]
else:
    Severity = int

CRITICAL, HIGH, MEDIUM, LOW = map(Severity, range(4))
SEVERITY_NAMES = ("critical", "high", "medium", "low")


class Rule(Record):
    """One kind of weakness.

    Attributes:
        name: of the rule, for programs.
        severity: CRITICAL is a way to the host, HIGH one of two steps to it, MEDIUM harms others
            on the host or opens the kernel, LOW is a missing second lock.
        find: what the facts have of it.
        sentence: what it means; "{}" is what was found.
        closes: the flag that would close it, with the same.
    """

    name: str
    severity: Severity
    find: Find
    sentence: str
    closes: str


class Weakness(Record):
    """One weakness of one target; `subject` is what the rule has found, "" if there is only one."""

    rule: str
    severity: Severity
    subject: str
    sentence: str
    closes: str


def weaknesses(facts: Facts) -> tuple[Weakness, ...]:
    """All weaknesses, most serious first. What could not be read counts as none."""
    found = (
        Weakness(
            rule.name,
            rule.severity,
            subject,
            rule.sentence.format(subject),
            rule.closes.format(subject),
        )
        for rule in RULES
        for subject in rule.find(facts)
    )
    return tuple(sorted(found, key=lambda weakness: weakness.severity))


def _when(predicate: Callable[[Facts], bool]) -> Find:
    """A rule's `find` for what is there or not."""
    return lambda facts: ("",) if predicate(facts) else ()


# --- namespaces and users -------------------------------------------------------------------


def _shares(kind: str) -> Find:
    return _when(lambda facts: facts.isolated(kind) is False)


def _is_host_root(facts: Facts) -> bool:
    return (
        facts.isolated("user") is False and facts.status is not None and facts.status.uids[1] == 0
    )


# --- capabilities ---------------------------------------------------------------------------

_DOCKER = mask(DOCKER_DEFAULT)


def _reachable(facts: Facts) -> int:
    """The capabilities that its processes have, or can get by executing a privileged program."""
    if facts.status is None:
        return 0
    sets = facts.status.capabilities
    gained = 0 if facts.status.no_new_privileges else sets.bounding
    return sets.effective | sets.permitted | sets.ambient | gained


def _beyond_default(facts: Facts) -> int:
    return _reachable(facts) & ~_DOCKER & ALL


def _has(capability: str) -> Find:
    bit = mask((capability,))
    return _when(
        lambda facts: bool(_beyond_default(facts) & bit) and facts.isolated("user") is False
    )


def _over_own_user_namespace(facts: Facts) -> Iterator[str]:
    """Capabilities in a user namespace reach nothing of the host, but more of the kernel."""
    if facts.isolated("user") and _beyond_default(facts):
        yield ", ".join(names(_beyond_default(facts)))


def _is_privileged(facts: Facts) -> bool:
    everything = facts.available & ALL & ~_DOCKER
    return (
        bool(everything)
        and not everything & ~_reachable(facts)
        and facts.isolated("user") is False
        and _any_device(facts)
    )


_CAPABILITIES = (
    ("CAP_SYS_ADMIN", CRITICAL, "mounts, enters namespaces, configures devices: it leads out"),
    ("CAP_SYS_MODULE", CRITICAL, "loads code into the kernel"),
    ("CAP_SYS_RAWIO", CRITICAL, "reads and writes I/O ports and physical memory"),
    ("CAP_BPF", HIGH, "loads eBPF programs into the kernel"),
    ("CAP_DAC_READ_SEARCH", HIGH, "opens files of the host by handle, past all mounts"),
    ("CAP_MAC_ADMIN", HIGH, "changes the policy of the security module"),
    ("CAP_MAC_OVERRIDE", HIGH, "is above the policy of the security module"),
    ("CAP_PERFMON", HIGH, "traces the kernel and all processes"),
    ("CAP_SYS_PTRACE", HIGH, "reads and changes every process that it can see"),
    ("CAP_AUDIT_CONTROL", MEDIUM, "turns the host's auditing off"),
    ("CAP_CHECKPOINT_RESTORE", MEDIUM, "reads the memory maps of processes that it can see"),
    ("CAP_IPC_OWNER", MEDIUM, "reads all System V memory and queues that it can see"),
    (
        "CAP_NET_ADMIN",
        MEDIUM,
        "configures interfaces, routes and firewall of its network",
    ),
    (
        "CAP_SYS_BOOT",
        MEDIUM,
        "loads another kernel, and reboots where it has no PID namespace",
    ),
    ("CAP_SYS_RESOURCE", MEDIUM, "raises its own limits, and uses what is reserved for root"),
    ("CAP_SYS_TIME", MEDIUM, "sets the host's clock"),
    ("CAP_AUDIT_READ", LOW, "reads the host's audit log"),
    ("CAP_BLOCK_SUSPEND", LOW, "keeps the machine from sleeping"),
    ("CAP_IPC_LOCK", LOW, "locks memory beyond its limit"),
    ("CAP_LEASE", LOW, "delays others with leases on files"),
    ("CAP_LINUX_IMMUTABLE", LOW, "makes files that nobody else can change"),
    ("CAP_NET_BROADCAST", LOW, "has no use in the kernel"),
    ("CAP_SYSLOG", LOW, "reads the kernel's log, and with it addresses"),
    ("CAP_SYS_NICE", LOW, "takes the CPUs from others"),
    ("CAP_SYS_PACCT", LOW, "turns process accounting on and off"),
    ("CAP_SYS_TTY_CONFIG", LOW, "hangs up terminals"),
    ("CAP_WAKE_ALARM", LOW, "wakes the machine up"),
)
"""Those that Docker does not give by default, and what each lets a process do."""


# --- mounts ---------------------------------------------------------------------------------

_DEBUGGING_TYPES = ("bpf", "configfs", "debugfs", "efivarfs", "pstore", "securityfs", "tracefs")
_KERNEL_TYPES = frozenset(
    (
        *_DEBUGGING_TYPES,
        *("binfmt_misc", "cgroup", "cgroup2", "devpts", "devtmpfs", "fusectl", "hugetlbfs"),
        *("mqueue", "nsfs", "proc", "sysfs"),
    )
)
_CGROUPS = ("cgroup", "cgroup2")
# What an engine makes for each container and puts over the image's, on purpose.
_OF_ENGINES = ("/etc/hostname", "/etc/hosts", "/etc/resolv.conf", "/run/.containerenv")
_DIRECTORIES_OF_ENGINES = (
    *("/docker/volumes/", "/containers/storage/volumes/", "/orlop/volumes/"),
    *("/docker/containers/", "/overlay-containers/"),
)
_SYSTEM = ("/bin", "/boot", "/etc", "/lib", "/lib32", "/lib64", "/root", "/sbin", "/usr", "/var")
SOCKETS = (
    "/run/docker.sock",
    "/run/containerd/containerd.sock",
    "/run/podman/podman.sock",
    "/run/crio/crio.sock",
    "/run/orlop/orlop.sock",
    "/run/buildkit/buildkitd.sock",
)
"""Sockets over which an engine does what it is told, as root; host paths."""


def _visible(facts: Facts) -> Iterator[SeenMount]:
    """The mounts of a target that has mounts of its own, as far as they can be reached."""
    if facts.mounts is None or facts.isolated("mount") is not True:
        return
    for seen in facts.mounts.all:
        if not seen.covered:
            yield seen


def _of_host(facts: Facts) -> Iterator[SeenMount]:
    """Files and directories of the host's that are mounted into the target."""
    for seen in _visible(facts):
        if seen.host_path and seen.target != "/" and seen.mount.type not in _KERNEL_TYPES:
            yield seen


def _host_root(facts: Facts) -> Iterator[str]:
    for seen in _visible(facts):
        if seen.host_path == "/" and seen.mount.type not in _KERNEL_TYPES:
            yield seen.target


def _sockets(facts: Facts) -> Iterator[str]:
    for seen in _of_host(facts):
        above = seen.host_path.rstrip("/") + "/"
        for socket in SOCKETS:
            if socket == seen.host_path or (socket.startswith(above) and _exists(socket)):
                yield f"{posixpath.basename(socket)} at {_inside(seen, socket)}"


def _exists(socket: str) -> bool:
    """Whether the host has that socket; the path is the host's own."""
    import os

    return os.path.exists(socket)


def _inside(seen: SeenMount, path: str) -> str:
    """The path in the target of what has this path on the host."""
    return posixpath.normpath(seen.target + "/" + path[len(seen.host_path.rstrip("/")) :])


def _writable_system(facts: Facts) -> Iterator[str]:
    for seen in _writable_host(facts):
        if any(seen.host_path == s or seen.host_path.startswith(f"{s}/") for s in _SYSTEM):
            yield _from_to(seen)


def _writable_other(facts: Facts) -> Iterator[str]:
    system = set(_writable_system(facts))
    for seen in _writable_host(facts):
        if _from_to(seen) not in system:
            yield _from_to(seen)


def _writable_host(facts: Facts) -> Iterator[SeenMount]:
    for seen in _of_host(facts):
        ordinary = seen.host_path != "/" and seen.host_path not in SOCKETS
        of_engine = seen.target in _OF_ENGINES or any(
            part in f"{seen.host_path}/" for part in _DIRECTORIES_OF_ENGINES
        )
        if seen.writable and ordinary and not of_engine:
            yield seen


def _from_to(seen: SeenMount) -> str:
    same = seen.host_path == seen.target
    return seen.host_path if same else f"{seen.host_path} at {seen.target}"


def _of_type(*types: str, writable: bool = True) -> Find:
    """Mounts of these file systems, which show the kernel itself."""
    return lambda facts: tuple(
        seen.target
        for seen in _visible(facts)
        if seen.mount.type in types and (seen.writable or not writable)
    )


def _host_proc(facts: Facts) -> Iterator[str]:
    """A procfs of the host's PID namespace, where the target has another one."""
    for seen in _visible(facts):
        of_host = seen.mount.type == "proc" and seen.mount.root == "/" and seen.host_path
        if of_host and facts.isolated("pid"):
            yield seen.target


def _writable_cgroups(facts: Facts) -> Iterator[str]:
    found = [s.target for s in _visible(facts) if s.mount.type in _CGROUPS and s.writable]
    if found:
        yield posixpath.commonpath(found)


def _host_dev(facts: Facts) -> Iterator[str]:
    for seen in _visible(facts):
        if seen.mount.type == "devtmpfs" and seen.mount.root == "/":
            yield seen.target


def _linked(facts: Facts) -> Iterator[str]:
    for seen in _visible(facts):
        if seen.linked:
            yield seen.target


def _in_state(paths: Iterable[str], *states: int) -> Find:
    """Paths that are in one of these states, together."""
    wanted = tuple(paths)

    def find(facts: Facts) -> tuple[str, ...]:
        mounts = facts.mounts
        if mounts is None or facts.isolated("mount") is not True:
            return ()
        found = [path for path in wanted if mounts.state(path).state in states]
        return (", ".join(found),) if found else ()

    return find


def _writable_root(facts: Facts) -> bool:
    return any(seen.target == "/" and seen.writable for seen in _visible(facts))


# --- devices and limits ---------------------------------------------------------------------


def _any_device(facts: Facts) -> bool:
    devices = facts.devices
    if devices is None:
        return False
    return devices.filters == () or (devices.v1 is not None and devices.v1.allow)


_NO_DISKS = (1, 7)  # RAM disks and loop devices


def _disks(facts: Facts) -> Iterator[str]:
    if facts.mounts is None or facts.mounts.looked is None or facts.isolated("mount") is not True:
        return
    for node in facts.mounts.looked.devices:
        allowed = facts.devices is None or _allows(facts.devices, node.major, node.minor)
        if node.block and node.major not in _NO_DISKS and allowed:
            yield node.path


def _allows(control: DeviceControl, major: int, minor: int) -> bool:
    """Whether the control groups let a block device be read or written; yes if that is unknown."""
    if control.v1 is None:
        return True
    disk = Devices(BLOCK, major, minor)
    return control.v1.permits(disk, READ) or control.v1.permits(disk, WRITE)


def _no_limit(kind: str) -> Find:
    return _when(lambda facts: facts.cgroups is not None and facts.cgroups.limit(kind) is None)


# --- security -------------------------------------------------------------------------------


def _no_seccomp(facts: Facts) -> bool:
    return facts.status is not None and facts.status.seccomp_mode == 0


def _laxer_filter(facts: Facts) -> Iterator[str]:
    if facts.beyond_docker:
        yield ", ".join(facts.beyond_docker)


def _gains_privileges(facts: Facts) -> bool:
    return facts.status is not None and not facts.status.no_new_privileges


LABELLING = frozenset({APPARMOR, SELINUX})
"""The security modules that confine each process by a label."""

_FREE_TYPES = ("unconfined", "spc_t", "kernel_t")  # of SELinux, or how they begin


def _unlabelled(facts: Facts) -> bool:
    """The kernel could confine it by a label, and does not."""
    security = facts.security
    if security is None or not set(security.modules) & LABELLING:
        return False
    label = security.label
    if label.count(":") < 2:
        return label in ("", "unconfined", "kernel") or label.endswith(" (complain)")
    return label.split(":")[2].startswith(_FREE_TYPES)


def _no_module(facts: Facts) -> bool:
    security = facts.security
    return security is not None and not set(security.modules) & LABELLING


def _killed_last(facts: Facts) -> bool:
    return facts.security is not None and facts.security.oom_score_adj < 0


# --- the table ------------------------------------------------------------------------------

RULES = (
    Rule("privileged", CRITICAL, _when(_is_privileged),
         "it has every capability and every device: it is root on the host",
         "without --privileged"),
    Rule("host-mount-namespace", CRITICAL, _shares("mount"),
         "it sees and changes the host's mounts and files", "a root file system of its own"),
    Rule("host-root", CRITICAL, _host_root,
         "the host's whole file system is at {}", "a root file system of its own, without -v /"),
    Rule("engine-socket", CRITICAL, _sockets,
         "the engine's {}: who can write to it can start a container with any right",
         "without that -v"),
    Rule("host-proc", CRITICAL, _host_proc,
         "the host's /proc is at {}: it names programs that the kernel runs as root",
         "without -v /proc:{}"),
    Rule("disk", CRITICAL, _disks,
         "the disk {} can be opened, with all file systems on it", "without --device {}"),
    *(Rule(f"capability-{name}", severity, _has(name), f"{name}: {why}",
           f"--cap-drop {name.removeprefix('CAP_')}")
      for name, severity, why in _CAPABILITIES),
    Rule("host-pid", HIGH, _shares("pid"),
         "it sees the host's processes, and can signal those of its users", "without --pid host"),
    Rule("host-network", HIGH, _shares("network"),
         "it has the host's interfaces, ports and firewall, and its abstract unix sockets",
         "without --network host"),
    Rule("no-seccomp", HIGH, _when(_no_seccomp),
         "every system call of the kernel can be tried",
         "without --security-opt seccomp=unconfined"),
    Rule("weak-seccomp", MEDIUM, _laxer_filter,
         "its filter lets through what Docker's default would stop: {}",
         "without --security-opt seccomp=FILE"),
    Rule("writable-system-mount", HIGH, _writable_system,
         "it can change the host's {}", "-v ...:ro"),
    Rule("host-dev", HIGH, _host_dev,
         "all device nodes of the host are at {}", "--device for the ones that are needed"),
    Rule("writable-sysfs", HIGH, _of_type("sysfs"),
         "{} is writable: it configures the kernel and the devices of the host",
         "without --privileged"),
    Rule("writable-cgroups", HIGH, _writable_cgroups,
         "{} is writable: it can change its own limits", "without --privileged"),
    Rule("kernel-file-system", HIGH, _of_type(*_DEBUGGING_TYPES, writable=False),
         "{} shows the inside of the kernel", "without that -v"),
    Rule("writable-proc-paths", HIGH, _in_state(READONLY_PATHS, WRITABLE),
         "the kernel's settings can be written: {}",
         "without --security-opt systempaths=unconfined"),
    Rule("linked-mount", HIGH, _linked,
         "what it mounts below {} appears on the host", "without :shared"),
    Rule("root-is-root", MEDIUM, _when(_is_host_root),
         "root inside is root outside, without a user namespace in between",
         "--user, or a user namespace"),
    Rule("any-device", MEDIUM, _when(_any_device),
         "every device node that it has, or can make, can be used", "without --privileged"),
    Rule("host-ipc", MEDIUM, _shares("ipc"),
         "it reaches the host's shared memory and message queues", "without --ipc host"),
    Rule("unmasked-paths", MEDIUM, _in_state(MASKED_PATHS, READ_ONLY, WRITABLE),
         "paths that tell about the host can be read: {}",
         "without --security-opt systempaths=unconfined"),
    Rule("no-memory-limit", MEDIUM, _no_limit("memory"),
         "it can use all memory of the machine", "--memory"),
    Rule("no-pids-limit", MEDIUM, _no_limit("tasks"),
         "it can use up all process ids of the machine", "--pids-limit"),
    Rule("unconfined-label", MEDIUM, _when(_unlabelled),
         "the security module of this kernel does not confine it",
         "without --security-opt apparmor=unconfined or label=disable"),
    Rule("new-privileges", MEDIUM, _when(_gains_privileges),
         "a set-user-ID program in it can gain privileges",
         "--security-opt no-new-privileges"),
    Rule("writable-host-mount", MEDIUM, _writable_other,
         "it can change the host's {}", "-v ...:ro"),
    Rule("capabilities-in-user-namespace", LOW, _over_own_user_namespace,
         "over its own user namespace it has {}: more of the kernel can be reached", "--cap-drop"),
    Rule("no-cpu-limit", LOW, _no_limit("CPU time"),
         "it can take all CPU time that nobody else wants", "--cpus"),
    Rule("host-cgroup-namespace", LOW, _shares("cgroup"),
         "it sees where it is in the host's cgroup tree", "--cgroupns private"),
    Rule("host-uts", LOW, _shares("uts"), "it has the host's name", "without --uts host"),
    Rule("writable-root", LOW, _when(_writable_root),
         "its programs can be changed", "--read-only"),
    Rule("no-security-module", LOW, _when(_no_module),
         "this kernel has neither AppArmor nor SELinux", "another kernel"),
    Rule("killed-last", LOW, _when(_killed_last),
         "when memory runs out, others are killed before it", "--oom-score-adj 0"),
)  # fmt: skip
