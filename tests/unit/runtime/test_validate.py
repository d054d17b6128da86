"""Every rule of validation: a configuration that breaks it, and the field and section it names."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from orlop.errors import OrlopError, SpecError, Unsupported
from orlop.kernel.idmap import IdMap
from orlop.runtime.config_json import parse_process, parse_resources, parse_spec
from orlop.runtime.validate import Facts, validate, validate_process, validate_resources
from orlop.runtime.validate.sysctls import namespace_of, path_of
from orlop.runtime.validate.version import is_semantic

ROOT_MAP = [{"containerID": 0, "hostID": 100000, "size": 65536}]
BIND = {"destination": "/data", "source": "/srv", "type": "none", "options": ["rbind"]}

BASE: dict[str, Any] = {
    "ociVersion": "1.2.0",
    "root": {"path": "rootfs"},
    "process": {"cwd": "/", "args": ["sh"], "env": ["PATH=/bin"], "user": {"uid": 0, "gid": 0}},
    "hostname": "box",
    "mounts": [{"destination": "/proc", "type": "proc", "source": "proc"}],
    "linux": {
        "namespaces": [
            {"type": kind} for kind in ("pid", "network", "mount", "ipc", "uts", "cgroup")
        ],
    },
}


def config(**changes: Any) -> dict[str, Any]:
    """The base configuration with values set by path: linux__sysctl={...}; None removes one."""
    value = copy.deepcopy(BASE)
    for path, new in changes.items():
        *way, last = path.split("__")
        place = value
        for step in way:
            place = place.setdefault(step, {})
        if new is None:
            place.pop(last, None)
        else:
            place[last] = new
    return value


def namespaces(*kinds: str, **paths: str) -> list[dict[str, str]]:
    return [{"type": kind} for kind in kinds] + [
        {"type": kind, "path": path} for kind, path in paths.items()
    ]


def seccomp(**changes: Any) -> dict[str, Any]:
    return {"defaultAction": "SCMP_ACT_ALLOW", **changes}


def rule(action: str = "SCMP_ACT_NOTIFY", name: str = "mkdir", **changes: Any) -> dict[str, Any]:
    return {"names": [name], "action": action, **changes}


def user_namespace(**changes: Any) -> dict[str, Any]:
    return config(
        linux__namespaces=namespaces("mount", "pid", "uts", "user"),
        linux__uidMappings=ROOT_MAP,
        linux__gidMappings=ROOT_MAP,
        **changes,
    )


def mounts(*entries: dict[str, Any]) -> dict[str, Any]:
    return config(mounts=list(entries))


def mount(destination: str, kind: str = "tmpfs", *options: str, **more: Any) -> dict[str, Any]:
    return {"destination": destination, "type": kind, "options": list(options), **more}


def device(**changes: Any) -> dict[str, Any]:
    return {"type": "c", "path": "/dev/fuse", "major": 10, "minor": 229, **changes}


def resources(**changes: Any) -> dict[str, Any]:
    return config(linux__resources=changes)


def scheduler(policy: str, **changes: Any) -> dict[str, Any]:
    return config(process__scheduler={"policy": policy, **changes})


def test_the_base_is_good() -> None:
    assert validate(parse_spec(BASE), Facts()) == ()


def test_a_configuration_without_process_can_be_created() -> None:
    assert validate(parse_spec(config(process=None)), Facts()) == ()


GOOD = {
    "minimal": {"ociVersion": "1.0.0", "root": {"path": "r"}},
    "later minor version": config(ociVersion="1.99.0"),
    "development version": config(ociVersion="1.3.0-rc.1+dev"),
    "host name in a joined namespace": config(
        linux__namespaces=namespaces("mount", uts="/run/ns/uts")
    ),
    "time offsets": config(
        linux__namespaces=namespaces("mount", "uts", "time"),
        linux__timeOffsets={"boottime": {"secs": 5}},
    ),
    "user namespace": user_namespace(),
    "relative cgroups path": config(linux__cgroupsPath="a/b..c"),
    "sysctls": config(
        linux__sysctl={
            "net.ipv4.ip_forward": "1",
            "net/ipv4/conf/eth0.100/rp_filter": "0",
            "kernel.shm_rmid_forced": "1",
            "fs.mqueue.msg_max": "100",
            "kernel.domainname": "x",
            "net.ipv4.ip_local_port_range": "1024 65000",
        }
    ),
    "user sysctl": user_namespace(linux__sysctl={"user.max_net_namespaces": "5"}),
    "lxcfs": mounts(mount("/proc/meminfo", "none", "bind", source="/var/lib/lxcfs/proc/meminfo")),
    "the host's proc": mounts(mount("/proc", "bind", "rbind", source="/proc")),
    "idmap with maps": mounts({**BIND, "uidMappings": ROOT_MAP, "gidMappings": ROOT_MAP}),
    "idmap as in the user namespace": user_namespace(
        mounts=[mount("/d", "none", "rbind", "ridmap", source="/s")]
    ),
    "remount": mounts({"destination": "/tmp", "options": ["remount", "ro"]}),
    "tmpcopyup": mounts(mount("/etc", "tmpfs", "tmpcopyup", "size=5m")),
    "device twice": config(linux__devices=[device(), device()]),
    "fifo": config(linux__devices=[{"type": "p", "path": "/run/fifo"}]),
    "net devices": config(linux__netDevices={"eth7": {"name": "eth%d"}, "eth8": {}}),
    "notification": config(
        linux__seccomp=seccomp(syscalls=[rule()], listenerPath="/run/agent", listenerMetadata="x")
    ),
    "a listener without notification is ignored": config(
        linux__seccomp=seccomp(listenerPath="agent.sock")
    ),
    "seccomp errno": config(
        linux__seccomp={
            "defaultAction": "SCMP_ACT_ERRNO",
            "defaultErrnoRet": 38,
            "syscalls": [rule("SCMP_ACT_TRACE", errnoRet=65535)],
        }
    ),
    "real time": scheduler("SCHED_FIFO", priority=1),
    "deadline": scheduler("SCHED_DEADLINE", runtime=2000, deadline=3000, period=3000),
    "console size without terminal": config(
        process__consoleSize={"height": 1 << 40, "width": 1 << 40}
    ),
    "memory policy": config(linux__memoryPolicy={"mode": "MPOL_PREFERRED"}),
    "memory policy with nodes": config(
        linux__memoryPolicy={
            "mode": "MPOL_BIND",
            "nodes": "0",
            "flags": ["MPOL_F_STATIC_NODES", "MPOL_F_NUMA_BALANCING"],
        }
    ),
    "docker's zeros": resources(
        cpu={"shares": 0, "quota": 0, "period": 0, "cpus": "", "mems": ""},
        memory={"limit": 0, "swap": 0, "swappiness": (1 << 64) - 1},
        blockIO={"weight": 0},
        pids={"limit": 0},
    ),
    "no limits": resources(cpu={"quota": -1}, memory={"limit": -1, "swap": -1}, pids={"limit": -1}),
    "resources": resources(
        cpu={"shares": 2, "quota": 50000, "period": 100000, "burst": 50000, "cpus": "0-3,7"},
        memory={"limit": 1 << 20, "swap": 2 << 20, "reservation": 1},
        blockIO={"weight": 10, "weightDevice": [{"major": 8, "minor": 0, "weight": 1000}]},
        hugepageLimits=[{"pageSize": "2MB", "limit": 0}],
        network={"classID": 1, "priorities": [{"name": "eth0", "priority": 3}]},
        rdma={"mlx5_1": {"hcaHandles": 3}},
        devices=[{"allow": False, "access": "rwm"}],
    ),
}


@pytest.mark.parametrize("value", GOOD.values(), ids=GOOD)
def test_good_configurations(value: dict[str, Any]) -> None:
    assert validate(parse_spec(value), Facts()) == ()


BAD: list[tuple[dict[str, Any], str, str]] = [
    # version, root
    (config(ociVersion="1.2"), "ociVersion", "config.md#specification-version"),
    (config(ociVersion=""), "ociVersion", "config.md#specification-version"),
    (config(ociVersion="2.0.0"), "ociVersion", "config.md#specification-version"),
    (config(ociVersion="0.5.0-dev"), "ociVersion", "config.md#specification-version"),
    (config(root=None), "root", "config.md#root"),
    # namespaces
    (
        config(linux__namespaces=namespaces("mount", "pid", "pid")),
        "linux.namespaces[2].type",
        "config-linux.md#namespaces",
    ),
    (
        config(linux__uidMappings=ROOT_MAP),
        "linux.uidMappings",
        "config-linux.md#user-namespace-mappings",
    ),
    (
        config(linux__gidMappings=ROOT_MAP),
        "linux.gidMappings",
        "config-linux.md#user-namespace-mappings",
    ),
    (
        user_namespace() | {"linux": {"namespaces": namespaces("user", "mount")}, "hostname": None},
        "linux.uidMappings",
        "config-linux.md#user-namespace-mappings",
    ),
    *(
        (
            user_namespace() | {"linux": user_namespace()["linux"] | {"gidMappings": maps}},
            "linux.gidMappings",
            "config-linux.md#user-namespace-mappings",
        )
        for maps in (
            [],
            [{"containerID": 0, "hostID": 0, "size": 0}],
            [{"containerID": 0, "hostID": (1 << 32) - 1, "size": 1}],
            [*ROOT_MAP, {"containerID": 9, "hostID": 5, "size": 1}],
            [*ROOT_MAP, {"containerID": 70000, "hostID": 100005, "size": 1}],
            [{"containerID": 2 * i, "hostID": 2 * i, "size": 1} for i in range(341)],
        )
    ),
    (
        config(linux__timeOffsets={"monotonic": {"secs": 1}}),
        "linux.timeOffsets",
        "config-linux.md#offset-for-time-namespace",
    ),
    (
        config(
            linux__namespaces=namespaces("mount", "uts", time="/run/ns/time"),
            linux__timeOffsets={"monotonic": {"secs": 1}},
        ),
        "linux.timeOffsets",
        "config-linux.md#offset-for-time-namespace",
    ),
    (config(linux__namespaces=namespaces("mount")), "hostname", "config.md#hostname"),
    (
        config(linux__namespaces=namespaces("mount"), hostname=None, domainname="d"),
        "domainname",
        "config.md#domainname",
    ),
    (config(hostname="é" * 33), "hostname", "config.md#hostname"),
    (config(domainname="d" * 65), "domainname", "config.md#domainname"),
    # what would be the host's without a mount namespace
    (config(linux__namespaces=namespaces("uts")), "mounts", "config.md#mounts"),
    (
        config(linux__namespaces=[], hostname=None, mounts=None, root__readonly=True),
        "root.readonly",
        "config.md#root",
    ),
    (
        config(linux__namespaces=[], hostname=None, mounts=None, linux__maskedPaths=["/x"]),
        "linux.maskedPaths",
        "config-linux.md#masked-paths",
    ),
    (
        config(linux__namespaces=[], hostname=None, mounts=None, linux__readonlyPaths=["/x"]),
        "linux.readonlyPaths",
        "config-linux.md#readonly-paths",
    ),
    # mounts
    *(
        (mounts(entry), f"mounts[0].{field}", "config.md#mounts")
        for entry, field in (
            (mount("/"), "destination"),
            (mount("/a/.."), "destination"),
            (mount("/proc", "tmpfs"), "destination"),
            (mount("/proc", "none", "bind", source="/srv/proc"), "destination"),
            (mount("//proc/./", "tmpfs"), "destination"),
            (mount("/a/../proc/self", "none", "bind", source="/s"), "destination"),
            (mount("proc/sys/kernel", "none", "bind", source="/s"), "destination"),
            (mount("/proc/sys", "proc"), "destination"),
            (mount("/proc/uptime/x", "proc"), "destination"),
            (mount("/data", "none", "bind"), "source"),
            (mount("/data", "bind", source="/s"), "options"),
        )
    ),
    (
        mounts({"destination": "/tmp"}),
        "mounts[0].type",
        "config.md#posix-platform-mounts",
    ),
    *(
        (mounts(BIND, entry), "mounts[1].options", "config.md#linux-mount-options")
        for entry in (
            mount("/d", "none", "bind", "size=5m", source="/s"),
            mount("/d", "none", "bind", "tmpcopyup", source="/s"),
            mount("/d", "proc", "tmpcopyup"),
            mount("/d", "tmpfs", "idmap"),
            mount("/d", "tmpfs", uidMappings=ROOT_MAP, gidMappings=ROOT_MAP),
            mount("/d", "none", "rbind", "ridmap", source="/s"),
        )
    ),
    (
        mounts({**BIND, "uidMappings": ROOT_MAP}),
        "mounts[0].gidMappings",
        "config.md#posix-platform-mounts",
    ),
    (
        mounts({**BIND, "gidMappings": ROOT_MAP}),
        "mounts[0].uidMappings",
        "config.md#posix-platform-mounts",
    ),
    (
        mounts({**BIND, "uidMappings": ROOT_MAP * 2, "gidMappings": ROOT_MAP}),
        "mounts[0].uidMappings",
        "config-linux.md#user-namespace-mappings",
    ),
    *(
        (
            user_namespace(mounts=[mount("/d", "tmpfs", option)]),
            "mounts[0].options",
            "config.md#linux-mount-options",
        )
        for option in ("uid=65536", "gid=70000", "mode=755,gid=70000")
    ),
    # devices
    *(
        (
            config(linux__devices=[device(), entry]),
            f"linux.devices[1].{field}",
            "config-linux.md#devices",
        )
        for entry, field in (
            ({"type": "c", "path": "/dev/x", "minor": 1}, "major"),
            ({"type": "b", "path": "/dev/x", "major": 1}, "minor"),
            (device(path="/dev/x", major=4096), "major"),
            (device(path="/dev/x", minor=1 << 20), "minor"),
            (device(path="/dev/x", minor=-1), "minor"),
            (device(minor=230), "path"),
            (device(path="/dev/../dev/./fuse", type="b"), "path"),
            (device(path="/.."), "path"),
        )
    ),
    # network devices
    *(
        (config(linux__netDevices=devices), field, "config-linux.md#network-devices")
        for devices, field in (
            ({"a" * 16: {}}, f"linux.netDevices['{'a' * 16}']"),
            ({"a/b": {}}, "linux.netDevices['a/b']"),
            ({"a b": {}}, "linux.netDevices['a b']"),
            ({"a:b": {}}, "linux.netDevices['a:b']"),
            ({"..": {}}, "linux.netDevices['..']"),
            ({"eth%d": {}}, "linux.netDevices['eth%d']"),
            ({"eth7": {"name": "x" * 16}}, "linux.netDevices['eth7'].name"),
            ({"eth7": {"name": "a%sb"}}, "linux.netDevices['eth7'].name"),
            ({"eth7": {"name": "%d%d"}}, "linux.netDevices['eth7'].name"),
            ({"eth7": {"name": "eth8"}, "eth8": {}}, "linux.netDevices['eth8'].name"),
        )
    ),
    (
        config(linux__namespaces=namespaces("mount", "uts"), linux__netDevices={"eth7": {}}),
        "linux.netDevices",
        "config-linux.md#network-devices",
    ),
    # sysctl
    *(
        (config(linux__sysctl={key: value}), f"linux.sysctl[{key!r}]", "config-linux.md#sysctl")
        for key, value in (
            ("kernel.core_pattern", "|/tmp/x"),  # CVE-2022-0811
            ("kernel/core_pattern", "|/tmp/x"),
            ("vm.swappiness", "1"),
            ("kernel.shm_rmid_forced+kernel.core_pattern", "1"),
            ("net/../kernel/core_pattern", "|/tmp/x"),
            ("net.//.kernel.core_pattern", "|/tmp/x"),
            ("net..ipv4", "1"),
            ("/net/ipv4/ip_forward", "1"),
            ("net.", "1"),
            ("net", "1"),
            ("net.ipv4 .x", "1"),
            ("net.ipv4.é", "1"),
            ("user.max_user_namespaces", "1"),
            ("kernel.hostname", "x"),
            ("net.ipv4.ip_forward", "1\nkernel.core_pattern=x"),
        )
    ),
    (
        config(linux__sysctl={"net.core.somaxconn": "1", "net/core/somaxconn": "2"}),
        "linux.sysctl['net/core/somaxconn']",
        "config-linux.md#sysctl",
    ),
    *(
        (
            config(
                linux__namespaces=namespaces("mount", *kinds),
                linux__sysctl={key: "1"},
                hostname=None,
            ),
            f"linux.sysctl[{key!r}]",
            "config-linux.md#sysctl",
        )
        for kinds, key in (
            (("ipc", "uts"), "net.ipv4.ip_forward"),
            (("network", "uts"), "kernel.shmmax"),
            (("network", "uts"), "fs.mqueue.msg_max"),
            (("network", "ipc"), "kernel.domainname"),
        )
    ),
    # process
    *(
        (config(process__args=args), "process.args", "config.md#process")
        for args in ([], [""], None)
    ),
    *(
        (config(process__env=["A=b", entry]), "process.env[1]", "config.md#process")
        for entry in ("", "PATH", "=x")
    ),
    (
        config(process__terminal=True, process__consoleSize={"height": 24, "width": 65536}),
        "process.consoleSize.width",
        "config.md#process",
    ),
    *(
        (
            user_namespace(process__user=user),
            f"process.user.{field}",
            "config.md#posix-platform-user",
        )
        for user, field in (
            ({"uid": 65536, "gid": 0}, "uid"),
            ({"uid": 0, "gid": 70000}, "gid"),
            ({"uid": 0, "gid": 0, "additionalGids": [1, 65536]}, "additionalGids[1]"),
        )
    ),
    *(
        (config(process__rlimits=limits), f"process.rlimits{field}", "config.md#posix-process")
        for limits, field in (
            ([{"type": "RLIMIT_CORE", "soft": 1, "hard": 1}] * 2, "[1].type"),
            ([{"type": "RLIMIT_CORE", "soft": 2, "hard": 1}], "[0].soft"),
        )
    ),
    *(
        (value, f"process.scheduler.{field}", "config.md#linux-process")
        for value, field in (
            (scheduler("SCHED_OTHER", nice=20), "nice"),
            (scheduler("SCHED_BATCH", nice=-21), "nice"),
            (scheduler("SCHED_OTHER", priority=1), "priority"),
            (scheduler("SCHED_FIFO"), "priority"),
            (scheduler("SCHED_RR", priority=100), "priority"),
            (scheduler("SCHED_IDLE", runtime=1), "runtime"),
            (scheduler("SCHED_RR", priority=1, period=1), "period"),
            (scheduler("SCHED_DEADLINE"), "runtime"),
            (scheduler("SCHED_DEADLINE", runtime=5000, deadline=4000), "deadline"),
            (scheduler("SCHED_DEADLINE", runtime=5000, deadline=6000, period=5500), "period"),
        )
    ),
    (config(process__apparmorProfile="a\nb"), "process.apparmorProfile", "config.md#linux-process"),
    (config(process__selinuxLabel="a\nb"), "process.selinuxLabel", "config.md#linux-process"),
    # control groups
    (config(linux__cgroupsPath="/a/../../b"), "linux.cgroupsPath", "config-linux.md#cgroups-path"),
    *(
        (resources(**{group: values}), f"linux.resources.{field}", f"config-linux.md#{section}")
        for group, values, field, section in (
            ("memory", {"limit": -2}, "memory.limit", "memory"),
            ("memory", {"kernelTCP": -2}, "memory.kernelTCP", "memory"),
            ("memory", {"limit": 2000, "swap": 1000}, "memory.swap", "memory"),
            ("memory", {"limit": -1, "swap": 1000}, "memory.swap", "memory"),
            ("cpu", {"period": 999}, "cpu.period", "cpu"),
            ("cpu", {"period": 1000001}, "cpu.period", "cpu"),
            ("cpu", {"quota": 999}, "cpu.quota", "cpu"),
            ("cpu", {"quota": -2}, "cpu.quota", "cpu"),
            ("cpu", {"quota": 1000, "burst": 1001}, "cpu.burst", "cpu"),
            ("cpu", {"realtimeRuntime": -2}, "cpu.realtimeRuntime", "cpu"),
            ("cpu", {"idle": 2}, "cpu.idle", "cpu"),
            ("blockIO", {"weight": 9}, "blockIO.weight", "block-io"),
            ("blockIO", {"leafWeight": 1001}, "blockIO.leafWeight", "block-io"),
            (
                "blockIO",
                {"weightDevice": [{"major": 8, "minor": 0, "weight": 5}]},
                "blockIO.weightDevice[0].weight",
                "block-io",
            ),
            ("pids", {"limit": -2}, "pids.limit", "pids"),
            (
                "hugepageLimits",
                [{"pageSize": "2MB", "limit": 1}, {"pageSize": "2MB", "limit": 2}],
                "hugepageLimits[1].pageSize",
                "huge-page-limits",
            ),
            (
                "network",
                {"priorities": [{"name": "eth0 5\neth1", "priority": 1}]},
                "network.priorities[0].name",
                "network",
            ),
            ("rdma", {"mlx5_1": {}}, "rdma['mlx5_1']", "rdma"),
            ("rdma", {"a b": {"hcaHandles": 1}}, "rdma['a b']", "rdma"),
            ("unified", {"../x.y": "1"}, "unified['../x.y']", "unified"),
            ("unified", {"memory": "1"}, "unified['memory']", "unified"),
            ("unified", {"..": "1"}, "unified['..']", "unified"),
        )
    ),
    *(
        (resources(cpu={name: "0-x"}), f"linux.resources.cpu.{name}", "")
        for name in ("cpus", "mems")
    ),
    # seccomp
    *(
        (config(linux__seccomp=profile), f"linux.seccomp.{field}", "config-linux.md#seccomp")
        for profile, field in (
            (seccomp(defaultErrnoRet=1), "defaultErrnoRet"),
            (seccomp(syscalls=[rule("SCMP_ACT_KILL", errnoRet=1)]), "syscalls[0].errnoRet"),
            (seccomp(syscalls=[rule("SCMP_ACT_ERRNO", errnoRet=4096)]), "syscalls[0].errnoRet"),
            ({"defaultAction": "SCMP_ACT_NOTIFY", "listenerPath": "/run/x"}, "defaultAction"),
            (seccomp(syscalls=[rule()]), "listenerPath"),
            (seccomp(syscalls=[rule()], listenerPath="agent.sock"), "listenerPath"),
            (
                seccomp(syscalls=[rule(), rule(name="write")], listenerPath="/run/x"),
                "syscalls[1].names",
            ),
            (seccomp(listenerMetadata="x"), "listenerMetadata"),
            (seccomp(flags=["SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV"]), "flags"),
        )
    ),
    # the rest of linux
    (config(linux__mountLabel='x",b'), "linux.mountLabel", "config-linux.md#mount-label"),
    (
        config(linux__personality={"domain": "LINUX", "flags": ["X"]}),
        "linux.personality.flags",
        "config-linux.md#personality",
    ),
    *(
        (
            config(linux__memoryPolicy={"mode": mode, "nodes": nodes, "flags": list(flags)}),
            f"linux.memoryPolicy.{field}",
            "config-linux.md#memory-policy",
        )
        for mode, nodes, flags, field in (
            ("MPOL_DEFAULT", "0", (), "nodes"),
            ("MPOL_LOCAL", "0-1", (), "nodes"),
            ("MPOL_LOCAL", "", ("MPOL_F_STATIC_NODES",), "flags"),
            ("MPOL_BIND", "", (), "nodes"),
            ("MPOL_INTERLEAVE", "", (), "nodes"),
            ("MPOL_PREFERRED_MANY", "", (), "nodes"),
            ("MPOL_PREFERRED", "", ("MPOL_F_RELATIVE_NODES",), "nodes"),
            ("MPOL_BIND", "0", ("MPOL_F_STATIC_NODES", "MPOL_F_RELATIVE_NODES"), "flags"),
            ("MPOL_INTERLEAVE", "0", ("MPOL_F_NUMA_BALANCING",), "flags"),
        )
    ),
]


def _name(case: object) -> str | None:
    return case if isinstance(case, str) else None


@pytest.mark.parametrize(("value", "field", "spec_ref"), BAD, ids=_name)
def test_bad_configurations(value: dict[str, Any], field: str, spec_ref: str) -> None:
    spec = parse_spec(value)
    with pytest.raises(SpecError) as caught:
        validate(spec, Facts())
    assert (caught.value.field, caught.value.spec_ref) == (field, spec_ref)


WITH_FACTS: list[tuple[dict[str, Any], Facts, type[OrlopError], str]] = [
    (config(), Facts(rootless=True), SpecError, "linux.namespaces"),
    (
        user_namespace(process__user={"additionalGids": [5]}),
        Facts(rootless=True),
        SpecError,
        "process.user.additionalGids",
    ),
    (
        user_namespace(mounts=[mount("/d", "none", "bind", "idmap", source="/s")]),
        Facts(rootless=True),
        SpecError,
        "mounts[0].options",
    ),
    (
        config(
            linux__namespaces=namespaces("mount", "uts", "user", "network"),
            linux__uidMappings=ROOT_MAP,
            linux__gidMappings=ROOT_MAP,
            linux__netDevices={"eth7": {}},
        ),
        Facts(rootless=True),
        SpecError,
        "linux.netDevices",
    ),
    (
        config(linux__namespaces=namespaces("mount", "uts", "time")),
        Facts(namespaces=frozenset(("mount", "uts"))),
        Unsupported,
        "a kernel with time namespaces",
    ),
    (
        config(
            linux__namespaces=namespaces("mount", "uts", network="/proc/1/ns/net"),
            linux__sysctl={"net.ipv4.ip_forward": "1"},
        ),
        Facts(own_namespaces=frozenset(("network",))),
        SpecError,
        "linux.sysctl['net.ipv4.ip_forward']",
    ),
    (
        config(
            linux__namespaces=namespaces("mount", "uts", network="/proc/1/ns/net"),
            linux__netDevices={"eth7": {}},
        ),
        Facts(own_namespaces=frozenset(("network",))),
        SpecError,
        "linux.netDevices",
    ),
    (
        config(
            linux__namespaces=namespaces("mount", "uts", user="/run/ns/user"),
            linux__uidMappings=ROOT_MAP,
        ),
        Facts(joined_maps=((IdMap(0, 5, 5),), (IdMap(0, 5, 5),))),
        SpecError,
        "linux.uidMappings",
    ),
    (
        config(
            linux__namespaces=namespaces("mount", "uts", user="/run/ns/user"),
            process__user={"uid": 5, "gid": 0},
        ),
        Facts(joined_maps=((IdMap(0, 5, 5),), (IdMap(0, 5, 5),))),
        SpecError,
        "process.user.uid",
    ),
    (
        config(linux__rootfsPropagation="rprivate"),
        Facts(no_pivot=True),
        SpecError,
        "linux.rootfsPropagation",
    ),
    (
        config(process__rlimits=[{"type": "RLIMIT_NOFILE", "soft": 1, "hard": 2000}]),
        Facts(hard_limits={"RLIMIT_NOFILE": 1024}),
        Unsupported,
        "CAP_SYS_RESOURCE",
    ),
    (config(process__apparmorProfile="x"), Facts(), Unsupported, "AppArmor"),
    (config(process__selinuxLabel="x"), Facts(), Unsupported, "SELinux"),
    (config(linux__mountLabel="x"), Facts(), Unsupported, "SELinux"),
    (config(linux__intelRdt={}), Facts(), Unsupported, "a mounted resctrl file system"),
    *(
        (config(linux__intelRdt=rdt), Facts(resctrl=True), SpecError, f"linux.intelRdt.{field}")
        for rdt, field in (
            ({"closID": ".."}, "closID"),
            ({"closID": "a/b"}, "closID"),
            ({"schemata": ["L3:0=f", "MB:0=5\nL3:1=f"]}, "schemata[1]"),
            ({"l3CacheSchema": "MB:0=5"}, "l3CacheSchema"),
            ({"memBwSchema": "MB:0=5\nx"}, "memBwSchema"),
        )
    ),
    (scheduler("SCHED_ISO"), Facts(), Unsupported, "a kernel with that policy"),
    (
        config(linux__memoryPolicy={"mode": "MPOL_WEIGHTED_INTERLEAVE", "nodes": "0"}),
        Facts(kernel=(6, 8)),
        Unsupported,
        "Linux 6.9",
    ),
    (
        config(
            linux__seccomp=seccomp(
                syscalls=[rule()],
                listenerPath="/run/x",
                flags=["SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV"],
            )
        ),
        Facts(kernel=(5, 18)),
        Unsupported,
        "Linux 5.19",
    ),
    (resources(unified={"memory.high": "1"}), Facts(), Unsupported, "cgroup v2"),
    (
        resources(memory={"swap": 1000}),
        Facts(unified_cgroups=True),
        SpecError,
        "linux.resources.memory.swap",
    ),
]


@pytest.mark.parametrize(("value", "facts", "error", "about"), WITH_FACTS, ids=_name)
def test_what_depends_on_the_host(
    value: dict[str, Any], facts: Facts, error: type[OrlopError], about: str
) -> None:
    with pytest.raises(error) as caught:
        validate(parse_spec(value), facts)
    if isinstance(caught.value, SpecError):
        assert caught.value.field == about
    elif isinstance(caught.value, Unsupported):
        assert about in caught.value.needs


def test_the_host_has_it() -> None:
    everything = config(
        process__apparmorProfile="docker-default",
        process__selinuxLabel="system_u:system_r:svirt_lxc_net_t:s0:c124,c675",
        process__rlimits=[{"type": "RLIMIT_NOFILE", "soft": 1, "hard": 2000}],
        linux__mountLabel="system_u:object_r:svirt_sandbox_file_t:s0:c715,c811",
        linux__intelRdt={"closID": "/", "l3CacheSchema": "L3:0=f", "memBwSchema": "MB:0=5"},
        linux__resources={"unified": {"memory.high": "1", "io.max": "8:0 rbps=1\n8:1 rbps=1"}},
        linux__memoryPolicy={"mode": "MPOL_WEIGHTED_INTERLEAVE", "nodes": "0"},
        linux__rootfsPropagation="slave",
    )
    facts = Facts(
        kernel=(6, 12),
        apparmor=True,
        selinux=True,
        resctrl=True,
        unified_cgroups=True,
        hard_limits={"RLIMIT_NOFILE": 2000},
        no_pivot=True,
    )
    assert validate(parse_spec(everything), facts) == ()


def test_a_rootless_container() -> None:
    assert validate(parse_spec(user_namespace()), Facts(rootless=True)) == ()


def test_maps_of_a_joined_namespace_may_be_repeated() -> None:
    maps = tuple(IdMap(m["containerID"], m["hostID"], m["size"]) for m in ROOT_MAP)
    value = config(
        linux__namespaces=namespaces("mount", "uts", user="/run/ns/user"),
        linux__uidMappings=ROOT_MAP,
        linux__gidMappings=ROOT_MAP,
    )
    warnings = validate(parse_spec(value), Facts(joined_maps=(maps, maps)))
    assert len(warnings) == 1
    assert "ignored" in warnings[0]


def test_warnings() -> None:
    value = config(
        mounts=[mount("tmp")],
        process__capabilities={
            "bounding": ["CAP_CHOWN", "CAP_SYS_ADMIN", "CAP_NO_SUCH"],
            "ambient": ["CAP_SYS_ADMIN"],
        },
    )
    warnings = validate(parse_spec(value), Facts(capabilities=1))
    assert [warning.partition(":")[0] for warning in warnings] == [
        "mounts[0].destination",
        "process.capabilities.bounding",
        "process.capabilities.bounding",
        "process.capabilities.ambient",
    ]


def test_a_further_process_is_checked_against_its_container() -> None:
    spec = parse_spec(user_namespace())
    assert validate_process(parse_process({"cwd": "/", "args": ["ls"]}), spec, Facts()) == ()
    with pytest.raises(SpecError) as caught:
        validate_process(
            parse_process({"cwd": "/", "args": ["ls"], "user": {"uid": 70000}}), spec, Facts()
        )
    assert caught.value.field == "process.user.uid"


def test_resources_of_an_update() -> None:
    assert validate_resources(parse_resources({"pids": {"limit": 5}}), Facts()) == ()
    with pytest.raises(SpecError):
        validate_resources(parse_resources({"cpu": {"period": 1}}), Facts())
    ignored = validate_resources(parse_resources({"devices": [{"allow": True}]}), Facts())
    assert "devices" in ignored[0]


@pytest.mark.parametrize(
    "version", ["1.0.0", "1.2.3-rc.1", "0.0.0", "10.20.30+a.b", "1.0.0--", "1.0.0-0a.b-c+001"]
)
def test_semantic_versions(version: str) -> None:
    assert is_semantic(version)


@pytest.mark.parametrize(
    "version",
    ["", "1", "1.2", "1.2.3.4", "01.2.3", "1.2.x", "v1.2.3", "1.2.3-", "1.2.3-01", "1.2.3+",
     "1.2.3-a..b", "1.2.3 ", "1.2.²", "1.2.3+é"],
)  # fmt: skip
def test_not_semantic_versions(version: str) -> None:
    assert not is_semantic(version)


@pytest.mark.parametrize(
    ("key", "path", "kind"),
    [
        ("net.ipv4.ip_forward", "net/ipv4/ip_forward", "network"),
        ("net/ipv4/conf/eth0.1/forwarding", "net/ipv4/conf/eth0.1/forwarding", "network"),
        ("net.ipv4.conf.eth0/1.forwarding", "net/ipv4/conf/eth0.1/forwarding", "network"),
        ("kernel.sem", "kernel/sem", "ipc"),
        ("kernel.sem.x", "kernel/sem/x", None),
        ("user.max_ipc_namespaces", "user/max_ipc_namespaces", "user"),
        ("network", "network", None),
    ],
)
def test_sysctl_names(key: str, path: str, kind: str | None) -> None:
    assert path_of(key) == path
    assert namespace_of(path) == kind
