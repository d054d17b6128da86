"""The configuration of a container (config.json of the OCI runtime-spec, 1.0 to 1.3), as records.

Records and fields have the specification's names, fields in snake_case. An absent scalar or
object is None, an absent array (), an absent map empty.

`orlop.runtime.config_json` reads these records, `orlop.runtime.validate` says what is wrong with
one.
"""

from __future__ import annotations

from orlop.records import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from orlop.kernel.cgroup.resources import Resources
    from orlop.kernel.idmap import IdMap
    from orlop.kernel.seccomp import Profile

OCI_VERSION_MIN = "1.0.0"
OCI_VERSION = "1.3.0"  # all of it is known

NO_STRINGS: Mapping[str, str] = {}

ROOTFS_PROPAGATIONS = (
    "shared",
    "slave",
    "private",
    "unbindable",
    "rshared",
    "rslave",
    "rprivate",
    "runbindable",
)
CLOCKS = ("monotonic", "boottime")
HOOK_KINDS = (
    "prestart",
    "createRuntime",
    "createContainer",
    "startContainer",
    "poststart",
    "poststop",
)


# --- process --------------------------------------------------------------------------------


class Box(Record):
    """The size of a terminal in characters."""

    height: int
    width: int


class User(Record):
    """Ids in the container's user namespace; a `umask` of None leaves the runtime's own."""

    uid: int = 0
    gid: int = 0
    umask: int | None = None
    additional_gids: tuple[int, ...] = ()
    username: str | None = None


class Capabilities(Record):
    """Names as CAP_CHOWN. A set that is absent is empty."""

    bounding: tuple[str, ...] = ()
    effective: tuple[str, ...] = ()
    inheritable: tuple[str, ...] = ()
    permitted: tuple[str, ...] = ()
    ambient: tuple[str, ...] = ()


class Rlimit(Record):
    """A limit as RLIMIT_NOFILE; 2^64 - 1 is "no limit"."""

    type: str
    soft: int
    hard: int


class Scheduler(Record):
    """sched_setattr(2); times in nanoseconds."""

    policy: str
    nice: int = 0
    priority: int = 0
    flags: tuple[str, ...] = ()
    runtime: int = 0
    deadline: int = 0
    period: int = 0


class IoPriority(Record):
    """ioprio_set(2); the field is `class_` because `class` is a word of Python's."""

    class_: str
    priority: int = 0


class CpuAffinity(Record):
    """CPU numbers before (`initial`) and after (`final`) an exec enters the container's cgroup."""

    initial: tuple[int, ...] = ()
    final: tuple[int, ...] = ()


class Process(Record):
    """What runs in the container; `cwd` is a path in the container."""

    cwd: str
    args: tuple[str, ...] = ()
    env: tuple[str, ...] = ()
    user: User = User()
    terminal: bool = False
    console_size: Box | None = None
    capabilities: Capabilities | None = None
    rlimits: tuple[Rlimit, ...] = ()
    no_new_privileges: bool = False
    apparmor_profile: str | None = None
    selinux_label: str | None = None
    oom_score_adj: int | None = None
    scheduler: Scheduler | None = None
    io_priority: IoPriority | None = None
    exec_cpu_affinity: CpuAffinity | None = None


# --- files and hooks ------------------------------------------------------------------------


class Root(Record):
    """The root file system: a path on the host, relative to the bundle if it is not absolute."""

    path: str
    readonly: bool = False


class Mount(Record):
    """One mount: `destination` in the container, `source` on the host (or a mere name)."""

    destination: str
    type: str | None = None
    source: str | None = None
    options: tuple[str, ...] = ()
    uid_mappings: tuple[IdMap, ...] = ()
    gid_mappings: tuple[IdMap, ...] = ()


class Hook(Record):
    """A program that runs at one point of a container's life; `timeout` in seconds."""

    path: str
    args: tuple[str, ...] = ()
    env: tuple[str, ...] = ()
    timeout: int | None = None


class Hooks(Record):
    """The hooks of all kinds."""

    prestart: tuple[Hook, ...] = ()
    create_runtime: tuple[Hook, ...] = ()
    create_container: tuple[Hook, ...] = ()
    start_container: tuple[Hook, ...] = ()
    poststart: tuple[Hook, ...] = ()
    poststop: tuple[Hook, ...] = ()


# --- linux ----------------------------------------------------------------------------------


class Namespace(Record):
    """A namespace to make, or to join if it has a path (on the host)."""

    type: str
    path: str | None = None


class Device(Record):
    """A device node; `file_mode` has permission bits only, never those of the file's type."""

    type: str
    path: str
    major: int | None = None
    minor: int | None = None
    file_mode: int | None = None
    uid: int | None = None
    gid: int | None = None


class NetDevice(Record):
    """A network device of the host that moves in; None keeps its name."""

    name: str | None = None


class TimeOffset(Record):
    """How far a clock of the container is ahead."""

    secs: int = 0
    nanosecs: int = 0


class IntelRdt(Record):
    """A place in the resctrl file system."""

    clos_id: str | None = None
    schemata: tuple[str, ...] = ()
    l3_cache_schema: str | None = None
    mem_bw_schema: str | None = None
    enable_monitoring: bool = False


class MemoryPolicy(Record):
    """set_mempolicy(2), with the numbers of NUMA nodes."""

    mode: str
    nodes: tuple[int, ...] = ()
    flags: tuple[str, ...] = ()


class Personality(Record):
    """personality(2)."""

    domain: str
    flags: tuple[str, ...] = ()


_NO_NET_DEVICES: Mapping[str, NetDevice] = {}
_NO_OFFSETS: Mapping[str, TimeOffset] = {}


class Linux(Record):
    """What only Linux has. `masked_paths` and `readonly_paths` are paths in the container."""

    namespaces: tuple[Namespace, ...] = ()
    uid_mappings: tuple[IdMap, ...] = ()
    gid_mappings: tuple[IdMap, ...] = ()
    time_offsets: Mapping[str, TimeOffset] = _NO_OFFSETS
    devices: tuple[Device, ...] = ()
    net_devices: Mapping[str, NetDevice] = _NO_NET_DEVICES
    cgroups_path: str | None = None
    resources: Resources | None = None
    rootfs_propagation: str | None = None
    seccomp: Profile | None = None
    sysctl: Mapping[str, str] = NO_STRINGS
    masked_paths: tuple[str, ...] = ()
    readonly_paths: tuple[str, ...] = ()
    mount_label: str | None = None
    personality: Personality | None = None
    intel_rdt: IntelRdt | None = None
    memory_policy: MemoryPolicy | None = None

    def namespace(self, kind: str) -> Namespace | None:
        """The entry for this type of namespace; None if the container has the runtime's own."""
        for namespace in self.namespaces:
            if namespace.type == kind:
                return namespace
        return None


class Spec(Record):
    """A whole configuration."""

    oci_version: str
    process: Process | None = None
    root: Root | None = None
    hostname: str | None = None
    domainname: str | None = None
    mounts: tuple[Mount, ...] = ()
    hooks: Hooks = Hooks()
    annotations: Mapping[str, str] = NO_STRINGS
    linux: Linux = Linux()
