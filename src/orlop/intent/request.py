"""What somebody asks of a container, as values: the same for flags, API bodies and Python calls.

Everything is parsed: modes are unions, sizes are bytes. Where the absence of a wish differs from
every wish, the field is None. Paths are the host's (`source`, `host_path`) or the container's
(`target`, `path`).

See: docker-run(1), the Docker Engine API's ContainerCreate.
"""

from __future__ import annotations

from orlop.records import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

Pairs = tuple[tuple[str, str], ...]
"""Names with values, in the order in which they were given."""

NO_TEXTS: Mapping[str, str] = {}

# --- what the root file system is made of -----------------------------------------------------


class HostImage(Record):
    """The machine's own /usr, /etc and /opt, copy-on-write."""


class Directory(Record):
    """A root file system in a host directory, which is never changed; the path is absolute."""

    path: str


class Named(Record):
    """An image by its reference, as `debian:12`."""

    ref: str


class Unpacked(Record):
    """An image whose layers are there: absolute host directories, the uppermost first."""

    lowers: tuple[str, ...]


class Copied(Record):
    """A root file system in an absolute host directory that is the container's own to change."""

    path: str


Image = HostImage | Directory | Named | Unpacked | Copied


class OnDisk(Record):
    """What the container writes goes to its directory on the host."""


class InMemory(Record):
    """What it writes goes into memory, at most so much, and is gone when it ends."""

    size_bytes: int


Writable = OnDisk | InMemory

# --- namespaces -------------------------------------------------------------------------------


class Private(Record):
    """A namespace of the container's own."""


class Host(Record):
    """The host's namespace: none of the container's own."""


class OfContainer(Record):
    """The namespace of another container, by its name or id."""

    ref: str


class AtPath(Record):
    """The namespace that a host path is, as /proc/PID/ns/net."""

    path: str


class Shareable(Record):
    """An IPC namespace of the container's own that others may join."""


class NoSharedMemory(Record):
    """An IPC namespace of the container's own, without /dev/shm."""


class NoNetwork(Record):
    """A network namespace of the container's own, with its loopback only."""


class Network(Record):
    """A network that an engine has made, by name; `default` is what nobody chose.

    Attributes:
        name: of the network.
        aliases: further names of the container in it.
        ipv4: a fixed address, "" for any.
        ipv6: the same.
        link_local: further addresses.
        mac: of the device, "" for any.
        driver_options: for the network's driver.
        gateway_priority: the network with the highest gives the default route.
    """

    name: str = "default"
    aliases: tuple[str, ...] = ()
    ipv4: str = ""
    ipv6: str = ""
    link_local: tuple[str, ...] = ()
    mac: str = ""
    driver_options: Pairs = ()
    gateway_priority: int = 0


PidMode = Private | Host | OfContainer | AtPath
IpcMode = Private | Host | OfContainer | AtPath | Shareable | NoSharedMemory
UtsMode = Private | Host | AtPath
CgroupMode = Private | Host | AtPath
UserMode = Host | AtPath
NetworkMode = NoNetwork | Host | OfContainer | AtPath | Network


class Namespaces(Record):
    """Which namespaces the container gets; a `cgroup` of None leaves it to the host's mode.

    Attributes:
        networks: one, unless all are networks by name.
    """

    pid: PidMode = Private()
    ipc: IpcMode = Private()
    uts: UtsMode = Private()
    cgroup: CgroupMode | None = None
    user: UserMode = Host()
    networks: tuple[NetworkMode, ...] = (Network(),)


# --- files ------------------------------------------------------------------------------------


class Bind(Record):
    """A file or directory of the host in the container.

    Attributes:
        source: absolute host path.
        target: absolute container path.
        read_only: the mount cannot be written to.
        recursive: what is mounted below the source comes along.
        recursive_read_only: what is mounted below is read-only too, if the mount is.
        propagation: as "rslave".
        make_source: a missing source becomes a directory (as with -v), and is no error.
        relabel: "z" (shared) or "Z" (private): gets an SELinux label that the container may use.
    """

    source: str
    target: str
    read_only: bool = False
    recursive: bool = True
    recursive_read_only: bool = True
    propagation: str = "rprivate"
    make_source: bool = False
    relabel: str = ""


class Volume(Record):
    """Files that outlive the container; a `name` of "" makes one that has none.

    Attributes:
        copy: an empty volume is filled with what the image has at the target.
        subpath: what of the volume is mounted, "" for all.
    """

    name: str
    target: str
    read_only: bool = False
    copy: bool = True
    driver: str = ""
    driver_options: Pairs = ()
    labels: Pairs = ()
    subpath: str = ""


class Tmpfs(Record):
    """Files in memory, which nobody else sees.

    Attributes:
        size_bytes: None leaves it to the kernel, which means half of the memory.
        mode: permissions of its top directory.
        options: further mount options, as "noexec".
    """

    target: str
    size_bytes: int | None = None
    mode: int | None = None
    options: tuple[str, ...] = ()


class Filesystem(Record):
    """A file system that is mounted for this container, as NFS.

    Attributes:
        type: as the kernel names it.
        source: a device, or what else the type takes for one.
        target: absolute container path.
        options: as of mount(8), one by one.
    """

    type: str
    source: str
    target: str
    options: tuple[str, ...] = ()


Mount = Bind | Volume | Tmpfs | Filesystem


class VolumesFrom(Record):
    """All volumes of another container, in the same places."""

    ref: str
    read_only: bool = False


# --- devices ----------------------------------------------------------------------------------


class Device(Record):
    """A device of the host, or all in a directory, and what may be done: letters of "rwm"."""

    host_path: str
    path: str
    access: str = "rwm"


class DeviceRule(Record):
    """What may be done with devices that the container makes itself; None means all numbers."""

    type: str
    major: int | None
    minor: int | None
    access: str


class CdiDevice(Record):
    """A device of the Container Device Interface, as `vendor.com/class=name`."""

    name: str


class Gpus(Record):
    """GPUs by a request; a `count` of -1 means all."""

    count: int = -1
    ids: tuple[str, ...] = ()
    driver: str = ""
    capabilities: tuple[str, ...] = ()
    options: Pairs = ()


# --- limits -----------------------------------------------------------------------------------


class DeviceWeight(Record):
    """A share of a block device (host path), from 10 to 1000; 0 means none was asked."""

    host_path: str
    weight: int


class DeviceRate(Record):
    """The most bytes or operations per second of a block device (host path)."""

    host_path: str
    per_second: int


class Ulimit(Record):
    """A resource limit, as RLIMIT_NOFILE; -1 means no limit."""

    name: str
    soft: int
    hard: int


class Limits(Record):
    """What the container may use. None: nothing was asked.

    Attributes:
        memory_bytes: memory of all its processes.
        memory_reservation_bytes: what it keeps when memory is short.
        memory_swap_bytes: memory and swap together, -1 for no limit.
        swappiness: 0 to 100.
        kernel_memory_bytes: of cgroup v1, gone since Linux 6.x.
        oom_kill_disable: wait instead of being killed at the memory limit (cgroup v1).
        nano_cpus: CPU time, in billionths of a CPU.
        cpu_shares: weight against others, 2 to 262144; 1024 is the middle.
        cpu_period_us: length of a period of the CPU quota.
        cpu_quota_us: CPU time in each period, -1 for no limit.
        realtime_period_us: the same for real-time processes.
        realtime_runtime_us: the same.
        cpus: CPUs to run on, as "0-3,7".
        memory_nodes: NUMA nodes to allocate on, the same way.
        pids: processes and threads; -1 for no limit, None for the default.
        io_weight: share of block devices, 10 to 1000.
        net_in_bits: the most bits per second that it receives, -1 for no limit.
        net_out_bits: the most bits per second that it sends, -1 for no limit.
        net_burst_bytes: how much of that may come at once.
        net_delay_ns: by which all that it receives is late.
        net_loss_ppm: parts of a million that get lost of what it receives.
    """

    memory_bytes: int | None = None
    memory_reservation_bytes: int | None = None
    memory_swap_bytes: int | None = None
    swappiness: int | None = None
    kernel_memory_bytes: int | None = None
    oom_kill_disable: bool = False
    nano_cpus: int | None = None
    cpu_shares: int | None = None
    cpu_period_us: int | None = None
    cpu_quota_us: int | None = None
    realtime_period_us: int | None = None
    realtime_runtime_us: int | None = None
    cpus: str = ""
    memory_nodes: str = ""
    pids: int | None = None
    io_weight: int | None = None
    net_in_bits: int | None = None
    net_out_bits: int | None = None
    net_burst_bytes: int | None = None
    net_delay_ns: int | None = None
    net_loss_ppm: int | None = None
    io_weight_devices: tuple[DeviceWeight, ...] = ()
    read_bytes: tuple[DeviceRate, ...] = ()
    write_bytes: tuple[DeviceRate, ...] = ()
    read_operations: tuple[DeviceRate, ...] = ()
    write_operations: tuple[DeviceRate, ...] = ()


# --- privileges -------------------------------------------------------------------------------


class Default(Record):
    """What a container gets when nobody chose."""


class Unconfined(Record):
    """Nothing is restricted."""


class ProfileText(Record):
    """A seccomp profile in Docker's or the OCI's JSON, and where it came from."""

    source: str
    text: str


class ProfileName(Record):
    """A profile that the host's AppArmor has loaded."""

    name: str


SeccompChoice = Default | Unconfined | ProfileText
AppArmorChoice = Default | Unconfined | ProfileName


class Label(Record):
    """Parts of the SELinux label; "" leaves one to the default. `disable`: no label at all."""

    disable: bool = False
    user: str = ""
    role: str = ""
    type: str = ""
    level: str = ""
    filetype: str = ""


class Privileges(Record):
    """What the container's processes may do.

    Attributes:
        privileged: nearly everything; see --privileged.
        add: capabilities, as CAP_CHOWN or ALL.
        drop: the same.
        no_new_privileges: programs with set-id bits or file capabilities gain nothing.
        system_paths: whether paths in /proc and /sys that tell too much are hidden or read-only.
        writable_cgroups: /sys/fs/cgroup can be written to.
    """

    privileged: bool = False
    add: tuple[str, ...] = ()
    drop: tuple[str, ...] = ()
    no_new_privileges: bool = False
    seccomp: SeccompChoice = Default()
    apparmor: AppArmorChoice = Default()
    label: Label = Label()
    system_paths: bool = True
    writable_cgroups: bool = False


# --- the process ------------------------------------------------------------------------------


class User(Record):
    """Whom the program runs as: ids, or names that the container's /etc/passwd knows.

    A group of None is the user's own.
    """

    user: int | str = 0
    group: int | str | None = None


class Size(Record):
    """The size of a terminal in characters."""

    rows: int
    columns: int


# --- what an engine does with a container -----------------------------------------------------


class Port(Record):
    """A port of the container; `host_port` is None if any will do, and the range has one length.

    Attributes:
        published: false for one that is only declared (--expose).
    """

    port: int
    protocol: str = "tcp"
    host_ip: str = ""
    host_port: int | None = None
    last_host_port: int | None = None
    published: bool = True


class NoRestart(Record):
    """The container is not started again."""


class OnFailure(Record):
    """It is started again after a failure, at most so many times (0: always)."""

    most: int = 0


class Always(Record):
    """It is started again, also with the engine."""


class UnlessStopped(Record):
    """It is started again unless somebody has stopped it."""


RestartPolicy = NoRestart | OnFailure | Always | UnlessStopped


class Health(Record):
    """How to find out whether the container works; None leaves a value to the image.

    Attributes:
        off: what the image says is not done.
        test: ("CMD", word, ...), or ("CMD-SHELL", command) for the container's shell.
    """

    off: bool = False
    test: tuple[str, ...] | None = None
    interval_ns: int | None = None
    timeout_ns: int | None = None
    start_period_ns: int | None = None
    start_interval_ns: int | None = None
    retries: int | None = None


class Log(Record):
    """Where the output goes; "" is the engine's default driver."""

    driver: str = ""
    options: Pairs = ()


class Handling(Record):
    """What the one who starts a container does, and the container itself does not see.

    Attributes:
        name: "" for one that is made up.
        detach: do not wait for it.
        interactive: stdin is open.
        stdin_once: stdin is closed when the first client that was attached to it leaves.
        attach: the streams to show, of "stdin", "stdout" and "stderr"; empty for the usual ones.
        sig_proxy: signals to the client go on to the container.
        detach_keys: as "ctrl-p,ctrl-q".
        remove: it is removed when it has ended.
        id_file: host file for its id.
        pull: "always", "missing" or "never".
        platform: as "linux/arm64".
        quiet: show no progress.
        runtime: an OCI runtime's name.
        stop_signal: a number, 0 for the image's.
        stop_timeout_s: -1 for no limit.
        storage_options: for what holds the writable layer.
    """

    name: str = ""
    detach: bool = False
    interactive: bool = False
    stdin_once: bool = False
    attach: tuple[str, ...] = ()
    sig_proxy: bool = True
    detach_keys: str = ""
    remove: bool = False
    id_file: str = ""
    pull: str = "missing"
    platform: str = ""
    quiet: bool = False
    runtime: str = ""
    restart: RestartPolicy = NoRestart()
    stop_signal: int = 0
    stop_timeout_s: int | None = None
    health: Health = Health()
    log: Log = Log()
    storage_options: Pairs = ()


# --- all of it --------------------------------------------------------------------------------


class Request(Record):
    """A container as somebody wants it.

    Attributes:
        image: what its root file system is made of.
        writable: where changes to it go.
        command: program and arguments; empty for the image's.
        entrypoint: what comes before the command; None for the image's, () for nothing.
        environment: variables in order; a value of None takes away one of the image's.
        user: None for the image's.
        groups: further groups, ids or names that the container's /etc/group knows.
        directory: where the program starts, a container path; "" for the image's.
        terminal: the program gets a terminal.
        terminal_size: of that terminal, if known.
        init: a small first process passes signals on and reaps what nobody waits for.
        read_only: the root file system cannot be written to.
        hostname: "" for the first characters of the id.
        own_etc: /etc/hosts, /etc/hostname and /etc/resolv.conf are the container's own.
        extra_hosts: name and address for /etc/hosts, in order.
        sysctls: in order.
        shm_bytes: size of /dev/shm.
        cgroup_parent: "" for the engine's.
        written: how people wrote what is asked, by field, as "limits.memory_bytes": "--memory 1g".
    """

    image: Image = HostImage()
    writable: Writable = OnDisk()
    command: tuple[str, ...] = ()
    entrypoint: tuple[str, ...] | None = None
    environment: tuple[tuple[str, str | None], ...] = ()
    user: User | None = None
    groups: tuple[int | str, ...] = ()
    directory: str = ""
    terminal: bool = False
    terminal_size: Size | None = None
    init: bool = False
    read_only: bool = False
    hostname: str = ""
    domainname: str = ""
    labels: Pairs = ()
    annotations: Pairs = ()
    own_etc: bool = True
    extra_hosts: Pairs = ()
    dns: tuple[str, ...] = ()
    dns_search: tuple[str, ...] = ()
    dns_options: tuple[str, ...] = ()
    links: Pairs = ()
    ports: tuple[Port, ...] = ()
    publish_all: bool = False
    namespaces: Namespaces = Namespaces()
    mounts: tuple[Mount, ...] = ()
    volumes_from: tuple[VolumesFrom, ...] = ()
    volume_driver: str = ""
    devices: tuple[Device | CdiDevice, ...] = ()
    device_rules: tuple[DeviceRule, ...] = ()
    gpus: Gpus | None = None
    privileges: Privileges = Privileges()
    limits: Limits = Limits()
    ulimits: tuple[Ulimit, ...] = ()
    oom_score_adj: int | None = None
    sysctls: Pairs = ()
    shm_bytes: int | None = None
    cgroup_parent: str = ""
    handling: Handling = Handling()
    written: Mapping[str, str] = NO_TEXTS
