"""config.json: from its text to the records of `orlop.runtime.spec`.

What can be said of a single value (its type, its range, the words that it can be) is decided
here; what depends on other values or on the host is decided by `orlop.runtime.validate`.

Two conventions of those who write and read configurations are resolved here as well: an empty
string stands for an absent one, and in resources a 0 stands for "nothing was asked" in
the fields in which the kernel knows no 0.
"""

from __future__ import annotations

import os
import stat

from orlop import jsontext
from orlop.decode import (
    Mismatch,
    absolute_path,
    blank_or,
    boolean,
    decode,
    filled,
    i32,
    i64,
    integer,
    list_of,
    mapping_of,
    member,
    number_list,
    one_of,
    optional,
    record,
    required,
    string,
    u16,
    u32,
    u64,
    zero_or,
)
from orlop.errors import InvalidArgument, NotFound, PermissionDenied
from orlop.kernel.cgroup.resources import (
    BlockIo,
    Cpu,
    DeviceRule,
    HugepageLimit,
    InterfacePriority,
    Memory,
    NetworkClass,
    RdmaLimit,
    Resources,
    ThrottleDevice,
    WeightDevice,
)
from orlop.kernel.idmap import IdMap
from orlop.kernel.namespaces import BY_NAME
from orlop.kernel.scheduling import (
    IO_CLASSES,
    MEMORY_POLICIES,
    MEMORY_POLICY_FLAGS,
    PERSONALITIES,
    POLICIES,
    RLIMITS,
    SCHEDULER_FLAGS,
)
from orlop.kernel.seccomp import (
    KNOWN_ACTIONS,
    KNOWN_ARCHITECTURES,
    KNOWN_FLAGS,
    KNOWN_OPERATORS,
    ArgRule,
    Profile,
    SyscallRule,
)
from orlop.runtime.spec import (
    CLOCKS,
    ROOTFS_PROPAGATIONS,
    Box,
    Capabilities,
    CpuAffinity,
    Device,
    Hook,
    Hooks,
    IntelRdt,
    IoPriority,
    Linux,
    MemoryPolicy,
    Mount,
    Namespace,
    NetDevice,
    Personality,
    Process,
    Rlimit,
    Root,
    Scheduler,
    Spec,
    TimeOffset,
    User,
)

# More than any kernel is built for (NR_CPUS, MAX_NUMNODES), so that a list cannot fill the memory.
_CPUS = 8192
_NODES = 1024

_strings = list_of(string)
_texts = mapping_of(string)
_text = blank_or(string)
_flag = boolean
_amount = zero_or(i64)
_count = zero_or(u64)
_device_number = integer(-1, (1 << 32) - 1)


def _file_mode(value: object) -> int:
    """Permission bits. Docker adds those of the file's type, as stat(2) gives them."""
    return u32(value) & 0o7777


def _swappiness(value: object) -> int | None:
    """Docker and runc know 2^64 - 1 (-1 in another type) as "leave it alone"."""
    return None if value == (1 << 64) - 1 else integer(0, 200)(value)


_device_class = blank_or(one_of("a", "b", "c"))


def _rule_type(value: object) -> str:
    return _device_class(value) or "a"


def _access(value: object) -> str:
    text = string(value)
    if not set(text) <= set("rwm"):
        raise Mismatch(f"must be made of the letters r, w and m, not {text!r:.80}")
    return text or "rwm"


_UNITS = ("KB", "MB", "GB")


def _page_size(value: object) -> str:
    text = string(value)
    number, unit = text[:-2], text[-2:]
    if not number.isascii() or not number.isdigit() or number[0] == "0" or unit not in _UNITS:
        raise Mismatch(f"must be a size as 64KB, 2MB or 1GB, not {text!r:.80}")
    return text


# The highest number is -1 to setresuid(2): "leave it as it is", and that would be root.
_id = integer(0, (1 << 32) - 2)
_user = record(
    User,
    "config.md#posix-platform-user",
    uid=optional(_id),
    gid=optional(_id),
    umask=optional(u32),
    additional_gids=optional(list_of(_id)),
    username=optional(_text),
)
_capabilities = record(
    Capabilities,
    "config.md#linux-process",
    bounding=optional(_strings),
    effective=optional(_strings),
    inheritable=optional(_strings),
    permitted=optional(_strings),
    ambient=optional(_strings),
)
_rlimit = record(
    Rlimit,
    "config.md#posix-process",
    type=required(one_of(*RLIMITS)),
    soft=required(u64),
    hard=required(u64),
)
_scheduler = record(
    Scheduler,
    "config.md#linux-process",
    policy=required(one_of(*POLICIES)),
    nice=optional(i32),
    priority=optional(i32),
    flags=optional(list_of(one_of(*SCHEDULER_FLAGS))),
    runtime=optional(u64),
    deadline=optional(u64),
    period=optional(u64),
)
_io_priority = record(
    IoPriority,
    "config.md#linux-process",
    class_=required(one_of(*IO_CLASSES), "class"),
    priority=optional(integer(0, 7)),
)
_affinity = record(
    CpuAffinity,
    "config.md#linux-process",
    initial=optional(number_list(_CPUS)),
    final=optional(number_list(_CPUS)),
)
_process = record(
    Process,
    "config.md#process",
    cwd=required(absolute_path),
    args=optional(_strings),
    env=optional(_strings),
    user=optional(_user),
    terminal=optional(_flag),
    console_size=optional(
        record(Box, "config.md#process", height=required(u64), width=required(u64))
    ),
    capabilities=optional(_capabilities),
    rlimits=optional(list_of(_rlimit)),
    no_new_privileges=optional(_flag, spec_ref="config.md#linux-process"),
    apparmor_profile=optional(_text, spec_ref="config.md#linux-process"),
    selinux_label=optional(_text, spec_ref="config.md#linux-process"),
    oom_score_adj=optional(integer(-1000, 1000), spec_ref="config.md#linux-process"),
    scheduler=optional(_scheduler),
    io_priority=optional(_io_priority),
    exec_cpu_affinity=optional(_affinity, "execCPUAffinity"),
)

_id_maps = list_of(
    record(
        IdMap,
        "config-linux.md#user-namespace-mappings",
        container_id=required(u32, "containerID"),
        host_id=required(u32, "hostID"),
        size=required(u32),
    )
)
_mount = record(
    Mount,
    "config.md#mounts",
    destination=required(filled),
    type=optional(_text),
    source=optional(_text),
    options=optional(_strings),
    uid_mappings=optional(_id_maps),
    gid_mappings=optional(_id_maps),
)
_hook = record(
    Hook,
    "config.md#posix-platform-hooks",
    path=required(absolute_path),
    args=optional(_strings),
    env=optional(_strings),
    timeout=optional(integer(1, (1 << 31) - 1)),
)
_hooks = record(
    Hooks,
    "config.md#posix-platform-hooks",
    prestart=optional(list_of(_hook)),
    create_runtime=optional(list_of(_hook)),
    create_container=optional(list_of(_hook)),
    start_container=optional(list_of(_hook)),
    poststart=optional(list_of(_hook)),
    poststop=optional(list_of(_hook)),
)

_throttles = list_of(
    record(
        ThrottleDevice,
        "config-linux.md#block-io",
        major=required(_device_number),
        minor=required(_device_number),
        rate=required(u64),
    )
)
_weight_device = record(
    WeightDevice,
    "config-linux.md#block-io",
    major=required(_device_number),
    minor=required(_device_number),
    weight=optional(zero_or(u16)),
    leaf_weight=optional(zero_or(u16)),
)
_resources = record(
    Resources,
    "config-linux.md#control-groups",
    devices=optional(
        list_of(
            record(
                DeviceRule,
                "config-linux.md#allowed-device-list",
                allow=required(_flag),
                type=optional(_rule_type),
                major=optional(_device_number),
                minor=optional(_device_number),
                access=optional(_access),
            )
        )
    ),
    memory=optional(
        record(
            Memory,
            "config-linux.md#memory",
            limit=optional(_amount),
            reservation=optional(_amount),
            swap=optional(_amount),
            kernel=optional(_amount),
            kernel_tcp=optional(_amount, "kernelTCP"),
            swappiness=optional(_swappiness),
            disable_oom_killer=optional(_flag, "disableOOMKiller"),
            use_hierarchy=optional(_flag),
            check_before_update=optional(_flag),
        )
    ),
    cpu=optional(
        record(
            Cpu,
            "config-linux.md#cpu",
            shares=optional(_count),
            quota=optional(_amount),
            burst=optional(u64),
            period=optional(_count),
            realtime_runtime=optional(_amount),
            realtime_period=optional(_count),
            cpus=optional(_text),
            mems=optional(_text),
            idle=optional(i64),
        )
    ),
    pids_limit=optional(member("limit", i64), "pids", spec_ref="config-linux.md#pids"),
    block_io=optional(
        record(
            BlockIo,
            "config-linux.md#block-io",
            weight=optional(zero_or(u16)),
            leaf_weight=optional(zero_or(u16)),
            weight_device=optional(list_of(_weight_device)),
            throttle_read_bps_device=optional(_throttles),
            throttle_write_bps_device=optional(_throttles),
            throttle_read_iops_device=optional(_throttles, "throttleReadIOPSDevice"),
            throttle_write_iops_device=optional(_throttles, "throttleWriteIOPSDevice"),
        ),
        "blockIO",
    ),
    hugepage_limits=optional(
        list_of(
            record(
                HugepageLimit,
                "config-linux.md#huge-page-limits",
                page_size=required(_page_size),
                limit=required(u64),
            )
        )
    ),
    network=optional(
        record(
            NetworkClass,
            "config-linux.md#network",
            class_id=optional(zero_or(u32), "classID"),
            priorities=optional(
                list_of(
                    record(
                        InterfacePriority,
                        "config-linux.md#network",
                        name=required(filled),
                        priority=required(u32),
                    )
                )
            ),
        )
    ),
    rdma=optional(
        mapping_of(
            record(
                RdmaLimit,
                "config-linux.md#rdma",
                hca_handles=optional(u32),
                hca_objects=optional(u32),
            )
        )
    ),
    unified=optional(_texts, spec_ref="config-linux.md#unified"),
)

_action = one_of(*KNOWN_ACTIONS)
_errno = u16  # what fits into the data part of a filter's result (SECCOMP_RET_DATA)
_names = list_of(filled)


def _syscall_names(value: object) -> tuple[str, ...]:
    names = _names(value)
    if not names:
        raise Mismatch("must have at least one entry")
    return names


_seccomp_rule = record(
    SyscallRule,
    "config-linux.md#seccomp",
    names=required(_syscall_names),
    action=required(_action),
    errno_ret=optional(_errno),
    args=optional(
        list_of(
            record(
                ArgRule,
                "config-linux.md#seccomp",
                index=required(integer(0, 5)),
                value=required(u64),
                value_two=optional(u64, default=0),
                op=required(one_of(*KNOWN_OPERATORS)),
            )
        )
    ),
)
_seccomp = record(
    Profile,
    "config-linux.md#seccomp",
    default_action=required(_action),
    default_errno_ret=optional(_errno),
    architectures=optional(list_of(one_of(*KNOWN_ARCHITECTURES))),
    flags=optional(list_of(one_of(*KNOWN_FLAGS))),
    listener_path=optional(_text),
    listener_metadata=optional(_text),
    syscalls=optional(list_of(_seccomp_rule)),
)

_linux = record(
    Linux,
    "config-linux.md#linux-container-configuration",
    namespaces=optional(
        list_of(
            record(
                Namespace,
                "config-linux.md#namespaces",
                type=required(one_of(*BY_NAME)),
                path=optional(blank_or(absolute_path)),
            )
        ),
        spec_ref="config-linux.md#namespaces",
    ),
    uid_mappings=optional(_id_maps, spec_ref="config-linux.md#user-namespace-mappings"),
    gid_mappings=optional(_id_maps, spec_ref="config-linux.md#user-namespace-mappings"),
    time_offsets=optional(
        mapping_of(
            record(
                TimeOffset,
                "config-linux.md#offset-for-time-namespace",
                secs=optional(i64),
                nanosecs=optional(integer(0, 999_999_999)),
            ),
            one_of(*CLOCKS),
        ),
        spec_ref="config-linux.md#offset-for-time-namespace",
    ),
    devices=optional(
        list_of(
            record(
                Device,
                "config-linux.md#devices",
                type=required(one_of("c", "b", "u", "p")),
                path=required(absolute_path),
                major=optional(_device_number),
                minor=optional(_device_number),
                file_mode=optional(_file_mode),
                uid=optional(u32),
                gid=optional(u32),
            )
        ),
        spec_ref="config-linux.md#devices",
    ),
    net_devices=optional(
        mapping_of(record(NetDevice, "config-linux.md#network-devices", name=optional(_text))),
        spec_ref="config-linux.md#network-devices",
    ),
    cgroups_path=optional(_text, spec_ref="config-linux.md#cgroups-path"),
    resources=optional(_resources),
    rootfs_propagation=optional(
        blank_or(one_of(*ROOTFS_PROPAGATIONS)),
        spec_ref="config-linux.md#rootfs-mount-propagation",
    ),
    seccomp=optional(_seccomp),
    sysctl=optional(_texts, spec_ref="config-linux.md#sysctl"),
    masked_paths=optional(list_of(absolute_path), spec_ref="config-linux.md#masked-paths"),
    readonly_paths=optional(list_of(absolute_path), spec_ref="config-linux.md#readonly-paths"),
    mount_label=optional(_text, spec_ref="config-linux.md#mount-label"),
    personality=optional(
        record(
            Personality,
            "config-linux.md#personality",
            domain=required(one_of(*PERSONALITIES)),
            flags=optional(_strings),
        )
    ),
    intel_rdt=optional(
        record(
            IntelRdt,
            "config-linux.md#intelrdt",
            clos_id=optional(_text, "closID"),
            schemata=optional(_strings),
            l3_cache_schema=optional(_text),
            mem_bw_schema=optional(_text),
            enable_monitoring=optional(_flag),
        )
    ),
    memory_policy=optional(
        record(
            MemoryPolicy,
            "config-linux.md#memory-policy",
            mode=required(one_of(*MEMORY_POLICIES)),
            nodes=optional(number_list(_NODES)),
            flags=optional(list_of(one_of(*MEMORY_POLICY_FLAGS))),
        )
    ),
)
_spec = record(
    Spec,
    "config.md#configuration",
    oci_version=required(string, spec_ref="config.md#specification-version"),
    process=optional(_process),
    root=optional(record(Root, "config.md#root", path=required(filled), readonly=optional(_flag))),
    hostname=optional(_text, spec_ref="config.md#hostname"),
    domainname=optional(_text, spec_ref="config.md#domainname"),
    mounts=optional(list_of(_mount), spec_ref="config.md#mounts"),
    hooks=optional(_hooks),
    annotations=optional(_texts, spec_ref="config.md#annotations"),
    linux=optional(_linux),
)


# --- reading --------------------------------------------------------------------------------

CONFIG_NAME = "config.json"
MAX_CONFIG_BYTES = 16 << 20


def parse_spec(value: object) -> Spec:
    """A configuration from its JSON value.

    Raises:
        SpecError: a value does not fit its field.
    """
    return decode(_spec, value)


def parse_process(value: object) -> Process:
    """A process from its JSON value (the file of `exec --process`).

    Raises:
        SpecError: a value does not fit its field.
    """
    return decode(_process, value, "process")


def parse_seccomp(value: object) -> Profile:
    """A seccomp profile from its JSON value.

    Raises:
        SpecError: a value does not fit its field.
    """
    return decode(_seccomp, value, "linux.seccomp")


def parse_resources(value: object) -> Resources:
    """Resources from their JSON value (the file of `update --resources`).

    Raises:
        SpecError: a value does not fit its field.
    """
    return decode(_resources, value, "linux.resources")


def read_config(bundle: str | int) -> bytes:
    """The text of config.json of a bundle, which is a path or a directory descriptor.

    Raises:
        NotFound: there is no such file.
        PermissionDenied: it may not be read.
        InvalidArgument: it is no regular file, or larger than MAX_CONFIG_BYTES.
    """
    fd = _open_config(bundle)
    try:
        status = os.fstat(fd)
        if not stat.S_ISREG(status.st_mode):
            raise InvalidArgument(f"cannot read {CONFIG_NAME}: it is not a regular file")
        if status.st_size > MAX_CONFIG_BYTES:
            raise InvalidArgument(f"cannot read {CONFIG_NAME}: it is larger than 16 MiB")
        return os.read(fd, status.st_size)
    finally:
        os.close(fd)


def _open_config(bundle: str | int) -> int:
    # O_NONBLOCK: a FIFO in its place must not make the caller wait.
    flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NOCTTY | os.O_NONBLOCK
    path = CONFIG_NAME if isinstance(bundle, int) else f"{bundle}/{CONFIG_NAME}"
    try:
        return os.open(path, flags, dir_fd=bundle if isinstance(bundle, int) else None)
    except PermissionError:
        raise PermissionDenied(f"cannot read {path}: permission denied") from None
    except OSError:
        hint = f"a bundle is a directory with {CONFIG_NAME} in it"
        raise NotFound("configuration", path, hint=hint) from None


def load_spec(bundle: str | int) -> Spec:
    """The configuration of a bundle, which is a path or a directory descriptor.

    Raises:
        NotFound: the bundle has no config.json.
        InvalidArgument: that is no JSON.
        SpecError: a value does not fit its field.
    """
    return parse_spec(jsontext.loads(read_config(bundle)))
