"""config.json becomes records, completely and exactly, or an error that names the field."""

from __future__ import annotations

import contextlib
import copy
import json
import os
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orlop import jsontext
from orlop.errors import InvalidArgument, NotFound, SpecError, Unsupported
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
from orlop.kernel.seccomp import ArgRule, Profile, SyscallRule
from orlop.runtime.config_json import (
    MAX_CONFIG_BYTES,
    load_spec,
    parse_process,
    parse_resources,
    parse_spec,
)
from orlop.runtime.spec import (
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
from orlop.runtime.validate import Facts, validate

if TYPE_CHECKING:
    from pathlib import Path

U64 = (1 << 64) - 1
MAPS = [{"containerID": 0, "hostID": 1000, "size": 1}]
ID_MAPS = (IdMap(0, 1000, 1),)

EVERYTHING: dict[str, Any] = {
    "ociVersion": "1.3.0",
    "process": {
        "terminal": True,
        "consoleSize": {"height": 24, "width": 80},
        "cwd": "/srv",
        "env": ["A=b", "PATH=/bin"],
        "args": ["sh", "-c", "true"],
        "user": {"uid": 1, "gid": 2, "umask": 18, "additionalGids": [3, 4], "username": "u"},
        "rlimits": [{"type": "RLIMIT_NOFILE", "soft": 1, "hard": U64}],
        "capabilities": {
            "bounding": ["CAP_KILL", "CAP_CHOWN"],
            "effective": ["CAP_KILL"],
            "inheritable": ["CAP_CHOWN"],
            "permitted": ["CAP_MKNOD"],
            "ambient": ["CAP_FOWNER"],
        },
        "noNewPrivileges": True,
        "apparmorProfile": "profile",
        "selinuxLabel": "label",
        "oomScoreAdj": -500,
        "scheduler": {
            "policy": "SCHED_DEADLINE",
            "nice": -3,
            "priority": 4,
            "flags": ["SCHED_FLAG_RESET_ON_FORK"],
            "runtime": 5,
            "deadline": 6,
            "period": U64,
        },
        "ioPriority": {"class": "IOPRIO_CLASS_BE", "priority": 7},
        "execCPUAffinity": {"initial": "0-1", "final": "7,5"},
    },
    "root": {"path": "rootfs", "readonly": True},
    "hostname": "host",
    "domainname": "domain",
    "mounts": [
        {"destination": "/proc"},
        {
            "destination": "/data",
            "type": "none",
            "source": "/srv",
            "options": ["rbind", "ridmap"],
            "uidMappings": MAPS,
            "gidMappings": MAPS,
        },
    ],
    "hooks": {
        "prestart": [{"path": "/1"}],
        "createRuntime": [{"path": "/2", "args": ["a", ""], "env": ["X=y"], "timeout": 5}],
        "createContainer": [{"path": "/3"}],
        "startContainer": [{"path": "/4"}],
        "poststart": [{"path": "/5"}],
        "poststop": [{"path": "/6"}, {"path": "/7"}],
    },
    "annotations": {"org.example.key": "value", "empty": ""},
    "linux": {
        "namespaces": [{"type": "pid"}, {"type": "network", "path": "/run/netns/x"}],
        "uidMappings": MAPS,
        "gidMappings": MAPS,
        "timeOffsets": {"monotonic": {"secs": -5, "nanosecs": 999999999}, "boottime": {}},
        "devices": [
            {"type": "c", "path": "/dev/fuse", "major": 10, "minor": 229, "fileMode": 8630,
             "uid": 5, "gid": 6},
            {"type": "p", "path": "/dev/fifo"},
        ],
        "netDevices": {"eth7": {"name": "eth0"}, "eth8": {}},
        "cgroupsPath": "/a/b",
        "resources": {
            "devices": [
                {"allow": False},
                {"allow": True, "type": "c", "major": 1, "minor": -1, "access": "rw"},
            ],
            "memory": {
                "limit": 1, "reservation": 2, "swap": -1, "kernel": 4, "kernelTCP": 5,
                "swappiness": 6, "disableOOMKiller": True, "useHierarchy": True,
                "checkBeforeUpdate": True,
            },
            "cpu": {
                "shares": 1, "quota": 2, "burst": 3, "period": 4, "realtimeRuntime": 5,
                "realtimePeriod": 6, "cpus": "0", "mems": "1", "idle": 1,
            },
            "pids": {"limit": 0},
            "blockIO": {
                "weight": 10,
                "leafWeight": 11,
                "weightDevice": [{"major": 8, "minor": 0, "weight": 12, "leafWeight": 13}],
                "throttleReadBpsDevice": [{"major": 8, "minor": 1, "rate": 1}],
                "throttleWriteBpsDevice": [{"major": 8, "minor": 2, "rate": 2}],
                "throttleReadIOPSDevice": [{"major": 8, "minor": 3, "rate": 3}],
                "throttleWriteIOPSDevice": [{"major": 8, "minor": 4, "rate": U64}],
            },
            "hugepageLimits": [{"pageSize": "2MB", "limit": U64}],
            "network": {"classID": 3, "priorities": [{"name": "eth0", "priority": 5}]},
            "rdma": {"mlx5_1": {"hcaHandles": 3, "hcaObjects": 4}},
            "unified": {"memory.high": "5"},
        },
        "rootfsPropagation": "rslave",
        "seccomp": {
            "defaultAction": "SCMP_ACT_ERRNO",
            "defaultErrnoRet": 38,
            "architectures": ["SCMP_ARCH_X86_64"],
            "flags": ["SECCOMP_FILTER_FLAG_LOG"],
            "listenerPath": "/run/agent",
            "listenerMetadata": "m",
            "syscalls": [
                {"names": ["read", "write"], "action": "SCMP_ACT_ALLOW"},
                {
                    "names": ["socket"],
                    "action": "SCMP_ACT_ERRNO",
                    "errnoRet": 22,
                    "args": [
                        {"index": 0, "value": 40, "op": "SCMP_CMP_EQ"},
                        {"index": 5, "value": U64, "valueTwo": 1, "op": "SCMP_CMP_MASKED_EQ"},
                    ],
                },
            ],
        },
        "sysctl": {"net.ipv4.ip_forward": "1"},
        "maskedPaths": ["/proc/kcore"],
        "readonlyPaths": ["/proc/sys"],
        "mountLabel": "label",
        "personality": {"domain": "LINUX32", "flags": ["F"]},
        "intelRdt": {
            "closID": "c", "schemata": ["L3:0=f"], "l3CacheSchema": "L3:0=1",
            "memBwSchema": "MB:0=2", "enableMonitoring": True,
        },
        "memoryPolicy": {"mode": "MPOL_BIND", "nodes": "0-1", "flags": ["MPOL_F_STATIC_NODES"]},
    },
}  # fmt: skip

PARSED = Spec(
    oci_version="1.3.0",
    process=Process(
        cwd="/srv",
        args=("sh", "-c", "true"),
        env=("A=b", "PATH=/bin"),
        user=User(1, 2, 18, (3, 4), "u"),
        terminal=True,
        console_size=Box(24, 80),
        capabilities=Capabilities(
            bounding=("CAP_KILL", "CAP_CHOWN"),
            effective=("CAP_KILL",),
            inheritable=("CAP_CHOWN",),
            permitted=("CAP_MKNOD",),
            ambient=("CAP_FOWNER",),
        ),
        rlimits=(Rlimit("RLIMIT_NOFILE", 1, U64),),
        no_new_privileges=True,
        apparmor_profile="profile",
        selinux_label="label",
        oom_score_adj=-500,
        scheduler=Scheduler("SCHED_DEADLINE", -3, 4, ("SCHED_FLAG_RESET_ON_FORK",), 5, 6, U64),
        io_priority=IoPriority("IOPRIO_CLASS_BE", 7),
        exec_cpu_affinity=CpuAffinity((0, 1), (5, 7)),
    ),
    root=Root("rootfs", readonly=True),
    hostname="host",
    domainname="domain",
    mounts=(
        Mount("/proc"),
        Mount("/data", "none", "/srv", ("rbind", "ridmap"), ID_MAPS, ID_MAPS),
    ),
    hooks=Hooks(
        prestart=(Hook("/1"),),
        create_runtime=(Hook("/2", ("a", ""), ("X=y",), 5),),
        create_container=(Hook("/3"),),
        start_container=(Hook("/4"),),
        poststart=(Hook("/5"),),
        poststop=(Hook("/6"), Hook("/7")),
    ),
    annotations={"org.example.key": "value", "empty": ""},
    linux=Linux(
        namespaces=(Namespace("pid"), Namespace("network", "/run/netns/x")),
        uid_mappings=ID_MAPS,
        gid_mappings=ID_MAPS,
        time_offsets={"monotonic": TimeOffset(-5, 999999999), "boottime": TimeOffset()},
        devices=(Device("c", "/dev/fuse", 10, 229, 0o666, 5, 6), Device("p", "/dev/fifo")),
        net_devices={"eth7": NetDevice("eth0"), "eth8": NetDevice()},
        cgroups_path="/a/b",
        resources=Resources(
            devices=(DeviceRule(allow=False), DeviceRule(True, "c", 1, -1, "rw")),
            memory=Memory(1, 2, -1, 4, 5, 6, True, True, True),
            cpu=Cpu(1, 2, 3, 4, 5, 6, "0", "1", 1),
            pids_limit=0,
            block_io=BlockIo(
                weight=10,
                leaf_weight=11,
                weight_device=(WeightDevice(8, 0, 12, 13),),
                throttle_read_bps_device=(ThrottleDevice(8, 1, 1),),
                throttle_write_bps_device=(ThrottleDevice(8, 2, 2),),
                throttle_read_iops_device=(ThrottleDevice(8, 3, 3),),
                throttle_write_iops_device=(ThrottleDevice(8, 4, U64),),
            ),
            hugepage_limits=(HugepageLimit("2MB", U64),),
            network=NetworkClass(3, (InterfacePriority("eth0", 5),)),
            rdma={"mlx5_1": RdmaLimit(3, 4)},
            unified={"memory.high": "5"},
        ),
        rootfs_propagation="rslave",
        seccomp=Profile(
            default_action="SCMP_ACT_ERRNO",
            default_errno_ret=38,
            architectures=("SCMP_ARCH_X86_64",),
            flags=("SECCOMP_FILTER_FLAG_LOG",),
            listener_path="/run/agent",
            listener_metadata="m",
            syscalls=(
                SyscallRule(names=("read", "write"), action="SCMP_ACT_ALLOW"),
                SyscallRule(
                    names=("socket",),
                    action="SCMP_ACT_ERRNO",
                    errno_ret=22,
                    args=(
                        ArgRule(index=0, value=40, value_two=0, op="SCMP_CMP_EQ"),
                        ArgRule(index=5, value=U64, value_two=1, op="SCMP_CMP_MASKED_EQ"),
                    ),
                ),
            ),
        ),
        sysctl={"net.ipv4.ip_forward": "1"},
        masked_paths=("/proc/kcore",),
        readonly_paths=("/proc/sys",),
        mount_label="label",
        personality=Personality("LINUX32", ("F",)),
        intel_rdt=IntelRdt("c", ("L3:0=f",), "L3:0=1", "MB:0=2", enable_monitoring=True),
        memory_policy=MemoryPolicy("MPOL_BIND", (0, 1), ("MPOL_F_STATIC_NODES",)),
    ),
)


def test_everything() -> None:
    assert parse_spec(jsontext.loads(json.dumps(EVERYTHING))) == PARSED


def test_nothing() -> None:
    assert parse_spec({"ociVersion": "1.0.0"}) == Spec("1.0.0")
    assert parse_spec({"ociVersion": "1.0.0", "linux": None, "x": {}}) == Spec("1.0.0")


def test_a_process_alone() -> None:
    assert parse_process(EVERYTHING["process"]) == PARSED.process
    with pytest.raises(SpecError) as caught:
        parse_process({"args": ["sh"]})
    assert caught.value.field == "process.cwd"


def test_resources_alone() -> None:
    assert parse_resources(EVERYTHING["linux"]["resources"]) == PARSED.linux.resources
    with pytest.raises(SpecError) as caught:
        parse_resources({"cpu": {"shares": "many"}})
    assert caught.value.field == "linux.resources.cpu.shares"


def test_an_empty_string_stands_for_an_absent_one() -> None:
    spec = parse_spec(
        {
            "ociVersion": "1.0.0",
            "hostname": "",
            "domainname": "",
            "process": {"cwd": "/", "apparmorProfile": "", "selinuxLabel": ""},
            "mounts": [{"destination": "/a", "type": "", "source": ""}],
            "linux": {
                "cgroupsPath": "",
                "mountLabel": "",
                "rootfsPropagation": "",
                "namespaces": [{"type": "ipc", "path": ""}],
            },
        }
    )
    linux = Linux(namespaces=(Namespace("ipc"),))
    assert spec == Spec("1.0.0", Process("/"), mounts=(Mount("/a"),), linux=linux)


def test_a_zero_stands_for_nothing_asked() -> None:
    resources = parse_resources(
        {
            "memory": {"limit": 0, "swap": 0, "swappiness": U64},
            "cpu": {"shares": 0, "quota": 0, "period": 0, "realtimePeriod": 0, "cpus": ""},
            "blockIO": {"weight": 0},
            "network": {"classID": 0},
            "devices": [{"allow": True, "type": "", "access": ""}],
        }
    )
    assert resources == Resources(
        devices=(DeviceRule(allow=True, type="a", access="rwm"),),
        memory=Memory(),
        cpu=Cpu(),
        block_io=BlockIo(),
        network=NetworkClass(),
    )


# way to a value in EVERYTHING, value that does not fit, field that the error has to name
MISFITS = [
    ("ociVersion", 1, "ociVersion"),
    ("process", [], "process"),
    ("process.cwd", "srv", "process.cwd"),
    ("process.cwd", "", "process.cwd"),
    ("process.args", "sh", "process.args"),
    ("process.args.1", None, "process.args[1]"),
    ("process.args.1", "a\0b", "process.args[1]"),
    ("process.env.1", "A=\ud800", "process.env[1]"),
    ("process.user.uid", -1, "process.user.uid"),
    ("process.user.uid", 1 << 32, "process.user.uid"),  # CVE-2024-40635
    ("process.user.uid", "0", "process.user.uid"),
    ("process.user.gid", 1.0, "process.user.gid"),
    ("process.user.additionalGids.1", True, "process.user.additionalGids[1]"),
    ("process.rlimits.0.type", "RLIMIT_X", "process.rlimits[0].type"),
    ("process.rlimits.0.soft", -1, "process.rlimits[0].soft"),
    ("process.oomScoreAdj", 1001, "process.oomScoreAdj"),
    ("process.scheduler.policy", "SCHED_X", "process.scheduler.policy"),
    ("process.scheduler.flags.0", "X", "process.scheduler.flags[0]"),
    ("process.ioPriority.class", "X", "process.ioPriority.class"),
    ("process.ioPriority.priority", 8, "process.ioPriority.priority"),
    ("process.execCPUAffinity.final", "5-3", "process.execCPUAffinity.final"),
    ("process.consoleSize.width", None, "process.consoleSize.width"),
    ("process.terminal", 1, "process.terminal"),
    ("root.path", "", "root.path"),
    ("hostname", 5, "hostname"),
    ("mounts.1.destination", None, "mounts[1].destination"),
    ("mounts.1.options.0", 5, "mounts[1].options[0]"),
    ("mounts.1.uidMappings.0.hostID", None, "mounts[1].uidMappings[0].hostID"),
    ("hooks.createRuntime.0.path", "x", "hooks.createRuntime[0].path"),
    ("hooks.createRuntime.0.timeout", 0, "hooks.createRuntime[0].timeout"),
    ("annotations", {"": "x"}, "annotations['']"),
    ("annotations", {"k": 1}, "annotations['k']"),
    ("linux.namespaces.0.type", "net", "linux.namespaces[0].type"),
    ("linux.namespaces.1.path", "run/x", "linux.namespaces[1].path"),
    ("linux.timeOffsets", {"realtime": {}}, "linux.timeOffsets['realtime']"),
    ("linux.timeOffsets.monotonic.nanosecs", 10**9, "linux.timeOffsets['monotonic'].nanosecs"),
    ("linux.devices.0.type", "x", "linux.devices[0].type"),
    ("linux.devices.0.path", "dev/x", "linux.devices[0].path"),
    ("linux.netDevices", {"": {}}, "linux.netDevices['']"),
    ("linux.resources.devices.0.allow", None, "linux.resources.devices[0].allow"),
    ("linux.resources.devices.0.type", "p", "linux.resources.devices[0].type"),
    ("linux.resources.devices.0.access", "rx", "linux.resources.devices[0].access"),
    ("linux.resources.memory.limit", 1 << 63, "linux.resources.memory.limit"),
    ("linux.resources.memory.swappiness", 201, "linux.resources.memory.swappiness"),
    ("linux.resources.pids.limit", "5", "linux.resources.pids.limit"),
    ("linux.resources.blockIO.weight", 65536, "linux.resources.blockIO.weight"),
    ("linux.resources.unified", {"memory.high": 5}, "linux.resources.unified['memory.high']"),
    ("linux.rootfsPropagation", "x", "linux.rootfsPropagation"),
    ("linux.seccomp.defaultAction", "x", "linux.seccomp.defaultAction"),
    ("linux.seccomp.defaultAction", None, "linux.seccomp.defaultAction"),
    ("linux.seccomp.architectures.0", "x86", "linux.seccomp.architectures[0]"),
    ("linux.seccomp.flags.0", "x", "linux.seccomp.flags[0]"),
    ("linux.seccomp.listenerPath", 5, "linux.seccomp.listenerPath"),
    ("linux.seccomp.syscalls.0.names", [], "linux.seccomp.syscalls[0].names"),
    ("linux.seccomp.syscalls.0.action", "x", "linux.seccomp.syscalls[0].action"),
    ("linux.seccomp.syscalls.1.args.0.op", "==", "linux.seccomp.syscalls[1].args[0].op"),
    ("linux.seccomp.syscalls.1.args.0.index", 6, "linux.seccomp.syscalls[1].args[0].index"),
    ("linux.sysctl", {"kernel.sem": 1}, "linux.sysctl['kernel.sem']"),
    ("linux.maskedPaths.0", "x", "linux.maskedPaths[0]"),
    ("linux.readonlyPaths.0", "", "linux.readonlyPaths[0]"),
    ("linux.personality.domain", "LINUX64", "linux.personality.domain"),
    ("linux.memoryPolicy.mode", "bind", "linux.memoryPolicy.mode"),
    ("linux.memoryPolicy.nodes", "1024", "linux.memoryPolicy.nodes"),
    ("linux.memoryPolicy.flags.0", "x", "linux.memoryPolicy.flags[0]"),
]  # fmt: skip


@pytest.mark.parametrize(("way", "value", "field"), MISFITS)
def test_misfits_are_named(way: str, value: object, field: str) -> None:
    document = copy.deepcopy(EVERYTHING)
    *steps, last = way.split(".")
    place: Any = document
    for step in steps:
        place = place[int(step) if step.isdigit() else step]
    place[int(last) if last.isdigit() else last] = value
    with pytest.raises(SpecError) as caught:
        parse_spec(document)
    assert caught.value.field == field
    assert caught.value.spec_ref.startswith(("config.md#", "config-linux.md#"))


@pytest.mark.parametrize("size", ["", "2M", "MB", "2TB", "0x2MB", "²MB", "2 MB", "02MB"])
def test_sizes_of_huge_pages(size: str) -> None:
    with pytest.raises(SpecError) as caught:
        parse_resources({"hugepageLimits": [{"pageSize": size, "limit": 1}]})
    assert caught.value.field == "linux.resources.hugepageLimits[0].pageSize"


def test_a_bundle_is_read_by_path_and_by_descriptor(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps(EVERYTHING))
    assert load_spec(str(tmp_path)) == PARSED
    fd = os.open(tmp_path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        assert load_spec(fd) == PARSED
    finally:
        os.close(fd)


def test_a_bundle_without_configuration(tmp_path: Path) -> None:
    with pytest.raises(NotFound) as caught:
        load_spec(str(tmp_path))
    assert caught.value.ref == f"{tmp_path}/config.json"


def test_a_configuration_has_to_be_a_file_of_sane_size(tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    path.mkdir()
    with pytest.raises(InvalidArgument):
        load_spec(str(tmp_path))
    path.rmdir()
    os.mkfifo(path)
    with pytest.raises(InvalidArgument):
        load_spec(str(tmp_path))
    path.unlink()
    path.touch()
    os.truncate(path, MAX_CONFIG_BYTES + 1)
    with pytest.raises(InvalidArgument):
        load_spec(str(tmp_path))


def test_a_configuration_that_is_no_json(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"ociVersion": "1.0.0",}')
    with pytest.raises(InvalidArgument, match="line 1"):
        load_spec(str(tmp_path))


scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(1 << 65), 1 << 65)
    | st.floats()
    | st.text(max_size=5)
    | st.sampled_from(["/", "/a", "SCMP_ACT_ALLOW", "pid", "c", "0-3", "RLIMIT_CPU"])
)
anything = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)


def places(value: Any, way: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The ways to all values in a document."""
    found = [way]
    children: Any = ()
    if isinstance(value, dict):
        children = value.items()
    elif isinstance(value, list):
        children = enumerate(value)
    for key, child in children:
        found += places(child, (*way, key))
    return found


PLACES = places(EVERYTHING)


@st.composite
def damaged_documents(draw: st.DrawFn) -> Any:
    """EVERYTHING with other values in up to three places."""
    document: Any = copy.deepcopy(EVERYTHING)
    for way in draw(st.lists(st.sampled_from(PLACES), min_size=1, max_size=3)):
        value = draw(anything)
        if not way:
            return value
        place = document
        with contextlib.suppress(KeyError, IndexError, TypeError):  # replaced already
            for step in way[:-1]:
                place = place[step]
            place[way[-1]] = value
    return document


@settings(max_examples=400)
@given(damaged_documents())
def test_damaged_documents_parse_or_say_what_is_wrong(document: Any) -> None:
    with contextlib.suppress(SpecError, Unsupported):
        validate(parse_spec(document), Facts())


@given(anything)
def test_any_json_value_parses_or_says_what_is_wrong(value: Any) -> None:
    for parse in (parse_spec, parse_process, parse_resources):
        with contextlib.suppress(SpecError):
            parse(value)
