"""What each flag changes in the configuration: the difference of two of them."""

from __future__ import annotations

from typing import Any

import pytest

from orlop.errors import InvalidArgument, NotFound, OrlopError, Unsupported
from orlop.intent.compose import compose
from orlop.intent.docker_defaults import CAPABILITIES
from orlop.intent.flags import parse_run
from orlop.intent.host_facts import HostFacts
from orlop.intent.preparation import (
    CopyHosts,
    CopyResolvConf,
    MakeDirectory,
    MakeHostImage,
    WriteFile,
)
from orlop.intent.request import InMemory, Limits, Request, Unpacked
from orlop.kernel.capabilities import ALL, NAMES
from orlop.runtime.config_document import document
from orlop.runtime.config_json import parse_spec
from orlop.runtime.layers import Layers, Overlay
from orlop.runtime.validate import Facts, validate
from tests.unit.intent.hosts import HOST, V1, composed

MB = 1 << 20
PLAIN = "--network none"
OWN = "/var/lib/orlop/containers/0123456789abcdef"


def flat(value: Any, path: str = "") -> dict[str, Any]:
    """Each value by its path; entries of lists that have a name are known by it."""
    found: dict[str, Any] = {}
    if isinstance(value, dict):
        for key, item in value.items():
            found |= flat(item, f"{path}.{key}" if path else key)
    elif isinstance(value, list) and value and isinstance(value[0], dict):
        for index, item in enumerate(value):
            names = {"mounts": "destination", "linux.devices": "path"}
            name = item.get(names.get(path, "type"), index) if path != DEVICES else index
            found |= flat({"": True, **item}, f"{path}[{name}]")
    else:
        found[path] = value
    return found


DEVICES = "linux.resources.devices"
SECCOMP = "linux.seccomp"


def difference(flags: str, host: HostFacts = HOST, base: str = PLAIN) -> dict[str, Any]:
    """What these flags change: path and new value, None for what is gone."""
    before = flat(document(composed(base, host).spec))
    after = flat(document(composed(f"{base} {flags}", host).spec))
    paths = before.keys() | after.keys()
    changed = {path for path in paths if before.get(path) != after.get(path)}
    return {path: after.get(path) for path in changed if not path.startswith(SECCOMP)}


def caps(names: tuple[str, ...]) -> dict[str, list[str]]:
    sets = ("bounding", "effective", "permitted")
    return {f"process.capabilities.{name}": list(names) for name in sets}


def without(*names: str) -> tuple[str, ...]:
    return tuple(name for name in CAPABILITIES if name not in names)


def mount(target: str, kind: str, source: str, *options: str) -> dict[str, Any]:
    at = f"mounts[{target}]"
    return {
        f"{at}.": True,
        f"{at}.destination": target,
        f"{at}.type": kind,
        f"{at}.source": source,
        f"{at}.options": list(options),
    }


def rule(index: int, kind: str, major: int, minor: int | None, access: str) -> dict[str, Any]:
    at = f"{DEVICES}[{index}]"
    found = {".": True, ".allow": True, ".type": kind, ".major": major, ".access": access}
    if minor is not None:
        found[".minor"] = minor
    return {f"{at}{key}": value for key, value in found.items()}


def node(path: str, kind: str, major: int, minor: int, mode: int, gid: int = 0) -> dict[str, Any]:
    at = f"linux.devices[{path}]"
    found = {".": True, ".type": kind, ".path": path, ".major": major, ".minor": minor}
    found |= {".fileMode": mode, ".uid": 0, ".gid": gid}
    return {f"{at}{key}": value for key, value in found.items()}


def rlimit(name: str, soft: int, hard: int) -> dict[str, Any]:
    at = f"process.rlimits[{name}]"
    return {f"{at}.": True, f"{at}.type": name, f"{at}.soft": soft, f"{at}.hard": hard}


def namespace(kind: str, value: Any = None, path: str | None = None) -> dict[str, Any]:
    at = f"linux.namespaces[{kind}]"
    if path is not None:
        return {f"{at}.path": path}
    return {f"{at}.": value, f"{at}.type": value}


ENV = ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOSTNAME=0123456789ab"]
RES = "linux.resources"

CHANGES: tuple[tuple[str, dict[str, Any]], ...] = (
    ("", {}),
    # what the engine does, and the container does not see
    ("-i -d --name web -l a=b --restart always --stop-signal 9 --log-driver none -q", {}),
    # the process
    ("-t", {"process.terminal": True, "process.env": [*ENV, "TERM=xterm"]}),
    ("-e A=b -e A=c -e PATH=/x", {"process.env": ["PATH=/x", ENV[1], "A=c"]}),
    ("--entrypoint /x", {"process.args": ["/x", "prog", "a b"]}),
    ("-w /a", {"process.cwd": "/a"}),
    ("-u 5:6", {"process.user.uid": 5, "process.user.gid": 6, "process.user.additionalGids": [6],
                "process.capabilities.effective": None, "process.capabilities.permitted": None}),
    ("-u 0:6", {"process.user.gid": 6, "process.user.additionalGids": [6]}),
    ("-u me", {"process.user.uid": 1000, "process.user.gid": 100,
               "process.user.additionalGids": [100, 5, 6],
               "process.capabilities.effective": None, "process.capabilities.permitted": None}),
    ("--group-add 7 --group-add audio --group-add 7",
     {"process.user.additionalGids": [0, 7, 29]}),
    ("--ulimit core=0 --ulimit nofile=-1",
     {**rlimit("RLIMIT_CORE", 0, 0), "process.rlimits[RLIMIT_NOFILE].soft": (1 << 64) - 1,
      "process.rlimits[RLIMIT_NOFILE].hard": (1 << 64) - 1}),
    ("--oom-score-adj 0", {"process.oomScoreAdj": 0}),
    # privileges
    ("--cap-add net_admin", caps((*CAPABILITIES, "CAP_NET_ADMIN"))),
    ("--cap-add chown", {}),
    ("--cap-drop chown --cap-drop MKNOD", caps(without("CAP_CHOWN", "CAP_MKNOD"))),
    ("--cap-drop all", caps(()) | dict.fromkeys(caps(()), None)),
    ("--cap-drop all --cap-add chown", caps(("CAP_CHOWN",))),
    ("--cap-add all --cap-drop chown", caps(tuple(n for n in NAMES if n != "CAP_CHOWN"))),
    ("--cap-add all --cap-drop all", caps(NAMES)),
    ("--security-opt no-new-privileges", {"process.noNewPrivileges": True}),
    ("--security-opt seccomp=unconfined", {}),  # looked at below
    ("--security-opt apparmor=unconfined --security-opt label=disable", {}),
    ("--security-opt systempaths=unconfined",
     {"linux.maskedPaths": None, "linux.readonlyPaths": None}),
    ("--security-opt writable-cgroups",
     {"mounts[/sys/fs/cgroup].options": ["nosuid", "noexec", "nodev", "relatime"]}),
    # files
    ("--read-only", {"root.readonly": True, **{
        f"mounts[/etc/{name}].options": ["rbind", "rprivate", "ro"]
        for name in ("hosts", "hostname", "resolv.conf")}}),
    ("-v /a:/b", mount("/b", "bind", "/a", "rbind", "rprivate")),
    ("-v /a:/b:ro,z", mount("/b", "bind", "/a", "rbind", "rprivate", "ro", "rro")),
    ("-v /a:/b:rslave", mount("/b", "bind", "/a", "rbind", "rslave")
     | {"linux.rootfsPropagation": "rslave"}),
    ("-v /a:/b:slave -v /c:/d:shared", mount("/b", "bind", "/a", "rbind", "slave")
     | mount("/d", "bind", "/c", "rbind", "shared") | {"linux.rootfsPropagation": "rshared"}),
    ("--mount type=bind,src=/a,dst=/b,ro,bind-nonrecursive",
     mount("/b", "bind", "/a", "bind", "rprivate", "ro")),
    ("--mount type=bind,src=/a,dst=/b,ro,bind-recursive=writable",
     mount("/b", "bind", "/a", "rbind", "rprivate", "ro")),
    ("-v /a:/etc/hosts", {"mounts[/etc/hosts].source": "/a"}),
    ("-v /a:/dev/shm", {"mounts[/dev/shm].source": "/a", "mounts[/dev/shm].type": "bind",
                        "mounts[/dev/shm].options": ["rbind", "rprivate"]}),
    ("--tmpfs /t", mount("/t", "tmpfs", "tmpfs", "noexec", "nosuid", "nodev")),
    ("--tmpfs /t:exec,size=1m,mode=700", mount(
        "/t", "tmpfs", "tmpfs", "nosuid", "nodev", "exec", f"size={MB}", "mode=700")),
    ("--shm-size 1m", {"mounts[/dev/shm].options": [
        "nosuid", "noexec", "nodev", "mode=1777", f"size={MB}"]}),
    # namespaces
    ("--pid host", namespace("pid")),
    ("--pid path:/proc/7/ns/pid", namespace("pid", path="/proc/7/ns/pid")),
    ("--ipc host", namespace("ipc") | {
        "mounts[/dev/shm].type": "bind", "mounts[/dev/shm].source": "/dev/shm",
        "mounts[/dev/shm].options": ["rbind", "rprivate"]}),
    ("--ipc shareable", {}),
    ("--ipc none", dict.fromkeys(mount("/dev/shm", "", "", ""))),
    ("--uts host", namespace("uts") | {
        "hostname": None, "process.env": [ENV[0], "HOSTNAME=machine"]}),
    ("--cgroupns host", namespace("cgroup")),
    ("--userns host", {}),
    ("-h box --domainname d", {"hostname": "box", "domainname": "d",
                               "process.env": [ENV[0], "HOSTNAME=box"]}),
    ("--sysctl kernel.msgmax=1 --sysctl net.ipv4.ip_unprivileged_port_start=1024",
     {"linux.sysctl.kernel.msgmax": "1",
      "linux.sysctl.net.ipv4.ip_unprivileged_port_start": "1024"}),
    # limits
    ("-m 64m", {f"{RES}.memory.limit": 64 * MB, f"{RES}.memory.swap": 128 * MB}),
    ("-m 64m --memory-swap 64m", {f"{RES}.memory.limit": 64 * MB, f"{RES}.memory.swap": 64 * MB}),
    ("-m 64m --memory-swap -1", {f"{RES}.memory.limit": 64 * MB, f"{RES}.memory.swap": -1}),
    ("--memory-reservation 64m --memory-swappiness 0",
     {f"{RES}.memory.reservation": 64 * MB, f"{RES}.memory.swappiness": 0}),
    ("--cpus 1.5", {f"{RES}.cpu.quota": 150_000, f"{RES}.cpu.period": 100_000}),
    ("--cpu-quota 5000 --cpu-period 10000 -c 512 --cpuset-cpus 0-1 --cpuset-mems 0",
     {f"{RES}.cpu.quota": 5000, f"{RES}.cpu.period": 10000, f"{RES}.cpu.shares": 512,
      f"{RES}.cpu.cpus": "0-1", f"{RES}.cpu.mems": "0"}),
    ("--pids-limit 9", {f"{RES}.pids.limit": 9}),
    ("--pids-limit -1", {f"{RES}.pids.limit": -1}),
    ("--blkio-weight 300 --device-read-bps /dev/sda:1m --device-write-iops /dev/sda:5",
     {f"{RES}.blockIO.weight": 300}
     | {f"{RES}.blockIO.throttleReadBpsDevice[0]{k}": v
        for k, v in {".": True, ".major": 8, ".minor": 0, ".rate": MB}.items()}
     | {f"{RES}.blockIO.throttleWriteIOPSDevice[0]{k}": v
        for k, v in {".": True, ".major": 8, ".minor": 0, ".rate": 5}.items()}),
    ("--cgroup-parent /a/b", {"linux.cgroupsPath": "/a/b/0123456789abcdef"}),
    ("--cgroup-parent a", {"linux.cgroupsPath": "/a/0123456789abcdef"}),
    # devices
    ("--device /dev/fuse", node("/dev/fuse", "c", 10, 229, 0o666) | rule(1, "c", 10, 229, "rwm")),
    ("--device /dev/sda:/dev/x:r", node("/dev/x", "b", 8, 0, 0o660, 6) | rule(1, "b", 8, 0, "r")),
    ("--device /dev/snd:/dev/s", node("/dev/s/pcm", "c", 116, 2, 0o660, 29)
     | node("/dev/s/seq", "c", 116, 1, 0o660, 29)
     | rule(1, "c", 116, 2, "rwm") | rule(2, "c", 116, 1, "rwm")),
    ("--device-cgroup-rule=c\x007:*\x00rw", rule(1, "c", 7, None, "rw")),
    ("--annotation a=b", {"annotations.a": "b"}),
)  # fmt: skip


@pytest.mark.parametrize(("flags", "changes"), CHANGES)
def test_what_a_flag_changes(flags: str, changes: dict[str, Any]) -> None:
    assert difference(flags) == changes


def test_privileged() -> None:
    changes = difference("--privileged")
    assert {path.split("[")[0] for path in changes} == {
        "process.capabilities.bounding",
        "process.capabilities.effective",
        "process.capabilities.permitted",
        "linux.maskedPaths",
        "linux.readonlyPaths",
        "linux.devices",
        "linux.resources.devices",
        "mounts",
    }
    spec = composed("--network none --privileged").spec
    assert spec.process is not None
    assert spec.process.capabilities is not None
    assert spec.process.capabilities.bounding == NAMES
    assert [device.path for device in spec.linux.devices] == [
        "/dev/fuse", "/dev/sda", "/dev/snd/pcm", "/dev/snd/seq",
    ]  # fmt: skip
    writable = [m.destination for m in spec.mounts if m.destination.startswith("/sys")]
    assert writable == ["/sys", "/sys/fs/cgroup"]
    assert not any("ro" in m.options for m in spec.mounts)
    assert spec.linux.seccomp is None


def test_privileges_are_those_that_the_caller_has() -> None:
    host = HOST.replace(capabilities=ALL & ~1)
    spec = composed("--privileged", host).spec
    assert spec.process is not None
    assert spec.process.capabilities is not None
    assert spec.process.capabilities.bounding == NAMES[1:]


class TestSeccomp:
    def test_the_default(self) -> None:
        profile = composed("").spec.linux.seccomp
        assert profile is not None
        assert profile.default_action == "SCMP_ACT_ERRNO"

    def test_capabilities_open_calls(self) -> None:
        def allows_mount(flags: str) -> bool:
            profile = composed(flags).spec.linux.seccomp
            assert profile is not None
            return any("mount" in rule.names for rule in profile.syscalls)

        assert not allows_mount("")
        assert allows_mount("--cap-add SYS_ADMIN")

    @pytest.mark.parametrize("flags", ["--security-opt seccomp=unconfined", "--privileged"])
    def test_none(self, flags: str) -> None:
        assert composed(flags).spec.linux.seccomp is None

    def test_a_kernel_without(self) -> None:
        made = composed("", HOST.replace(seccomp=False))
        assert made.spec.linux.seccomp is None
        assert any("seccomp" in warning for warning in made.warnings)


class TestNetwork:
    def test_host(self) -> None:
        spec = composed("--network host").spec
        assert spec.linux.namespace("network") is None
        assert spec.linux.sysctl == {}
        assert spec.hostname == "machine"  # as Docker, which shows the host's name then

    def test_none_has_dockers_sysctls(self) -> None:
        assert set(composed(PLAIN).spec.linux.sysctl) == {
            "net.ipv4.ip_unprivileged_port_start",
            "net.ipv4.ping_group_range",
        }

    def test_what_nobody_chose_is_none_and_says_so(self) -> None:
        chosen, default = composed(PLAIN), composed("")
        assert chosen.spec == default.spec
        assert chosen.warnings == ()
        (warning,) = default.warnings
        assert "loopback" in warning

    def test_the_default_network_by_its_name(self) -> None:
        assert composed("--network bridge").spec == composed("").spec
        assert composed("--network mine").spec == composed("").spec

    @pytest.mark.parametrize("flags", ["-p 80:80", "-P", "--link db"])
    def test_what_is_the_engines_part(self, flags: str) -> None:
        made = composed(f"{flags} --network bridge")
        assert made.spec == composed("").spec
        assert any(flags in warning for warning in made.warnings)

    def test_ports_have_no_effect_on_the_hosts_network(self) -> None:
        (warning,) = composed("--network host -p 80:80 --expose 5").warnings
        assert "-p 80:80" in warning


V2_ONLY = "--oom-kill-disable"
REFUSED = (
    ("-m 5m", InvalidArgument),
    ("--cpuset-cpus 0,2-3", InvalidArgument),
    ("--cpuset-mems 1", InvalidArgument),
    ("--memory-reservation 5m", InvalidArgument),
    ("-m 6m --memory-reservation 7m", InvalidArgument),
    ("--memory-swap 1g", InvalidArgument),
    ("-m 1g --memory-swap 6m", InvalidArgument),
    ("--cpus 4.1", InvalidArgument),
    ("--cpus 0.001", InvalidArgument),
    ("--cpuset-cpus 0,4-5", InvalidArgument),
    ("--cpu-period 10", InvalidArgument),
    ("--cpu-quota 10", InvalidArgument),
    ("--blkio-weight 5", InvalidArgument),
    ("--sysctl vm.swappiness=1", InvalidArgument),
    ("--network host --sysctl net.ipv4.ip_forward=1", InvalidArgument),
    ("--ipc host --sysctl kernel.msgmax=1", InvalidArgument),
    ("--uts host --sysctl kernel.domainname=x", InvalidArgument),
    ("--uts host -h box", InvalidArgument),
    ("-v /a:/b -v /c:/b", InvalidArgument),
    ("--cgroup-parent ../x", InvalidArgument),
    ("--add-host a:host-gateway", Unsupported),
    ("--tmpfs /b -v /c:/b", InvalidArgument),
    ("--mount type=bind,src=/missing,dst=/b", NotFound),
    ("--device /dev/missing", NotFound),
    ("--device-read-bps /dev/fuse:1m", Unsupported),
    ("-u nobody-here", NotFound),
    ("--group-add nobody-here", NotFound),
    ("--device vendor.com/class=name", NotFound),
    ("-v data:/b", Unsupported),
    ("-v /b", Unsupported),
    ("--volumes-from web", Unsupported),
    ("--pid container:web", Unsupported),
    ("--network container:web", Unsupported),
    ("--storage-opt size=1g", Unsupported),
    ("--security-opt apparmor=mine", Unsupported),
    (V2_ONLY, Unsupported),
)


@pytest.mark.parametrize(("flags", "kind"), REFUSED)
def test_what_cannot_be(flags: str, kind: type[OrlopError]) -> None:
    with pytest.raises(kind) as told:
        composed(flags if "--network" in flags else f"{PLAIN} {flags}")
    if kind is Unsupported:
        assert (
            told.value.hint
            or flags in (V2_ONLY, "--security-opt apparmor=mine")
            or "block device" in told.value.message
        )


def test_an_image_by_name() -> None:
    with pytest.raises(Unsupported, match="host") as told:
        composed("", image="debian")
    assert "debian" in told.value.message


class TestUsersOfAnImage:
    """They are those of its own files, never the host's."""

    @staticmethod
    def user(flags: str, image: str = "/srv/root") -> tuple[int, int, tuple[int, ...]]:
        process = composed(flags, image=image).spec.process
        assert process is not None
        return process.user.uid, process.user.gid, process.user.additional_gids

    def test_by_name(self) -> None:
        assert self.user("-u web") == (300, 301, (301, 77))

    def test_a_number_that_has_a_name(self) -> None:
        assert self.user("-u 300") == (300, 301, (301, 77))

    def test_a_number_that_has_none(self) -> None:
        assert self.user("-u 5") == (5, 0, (0,))
        assert self.user("-u 5:6") == (5, 6, (6,))

    def test_groups_by_name(self) -> None:
        assert self.user("-u web:staff --group-add web") == (300, 77, (77, 301))

    @pytest.mark.parametrize("flags", ["-u www-data", "-u 0:www-data", "--group-add www-data"])
    def test_a_name_that_only_the_host_has(self, flags: str) -> None:
        with pytest.raises(NotFound, match="www-data"):
            self.user(flags)

    def test_of_unpacked_layers(self) -> None:
        request = parse_run(["-u", "web", "x"]).replace(image=Unpacked(("/top", "/srv/root")))
        layers = compose(request, HOST).layers
        assert layers is not None
        assert layers.overlays[0].lowers == ("/top", "/srv/root")


class TestHosts:
    def test_v1_has_what_v2_has_not(self) -> None:
        assert difference(V2_ONLY, V1) == {f"{RES}.memory.disableOOMKiller": True}

    def test_a_cgroup_namespace_everywhere(self) -> None:
        assert composed("", V1).spec.linux.namespace("cgroup") is not None

    def test_no_swap_is_limited_where_it_cannot_be(self) -> None:
        host = HOST.replace(swap_limit=False)
        assert difference("-m 64m", host) == {f"{RES}.memory.limit": 64 * MB}
        asked = difference("-m 64m --memory-swap 64m", host)
        assert asked[f"{RES}.memory.swap"] == 64 * MB

    def test_processes_are_limited_by_what_the_host_can_bear(self) -> None:
        def limit(most: int) -> int | None:
            resources = composed("", HOST.replace(max_processes=most)).spec.linux.resources
            return resources.pids_limit if resources else None

        assert limit(1 << 22) == 4096
        assert limit(8000) == 1000

    def test_what_is_said_of_limits_of_memory(self) -> None:
        host = HOST.replace(cgroup_v2=False, kernel=(6, 1))
        (warning,) = composed(f"{PLAIN} --oom-kill-disable", host).warnings
        assert "run out" in warning
        made = composed(f"{PLAIN} --kernel-memory 50m", host)
        assert made.spec.linux.resources is not None
        assert made.spec.linux.resources.memory is None
        assert "--kernel-memory 50m has no effect" in made.warnings[0]

    def test_and_not_where_nothing_can(self) -> None:
        made = composed(PLAIN, HOST.replace(controllers=frozenset(("memory",))))
        assert made.spec.linux.resources is not None
        assert made.spec.linux.resources.pids_limit is None
        assert any("pids" in warning for warning in made.warnings)

    def test_open_files_within_what_can_be_granted(self) -> None:
        host = HOST.replace(hard_limits={"RLIMIT_NOFILE": 500})
        process = composed("", host).spec.process
        assert process is not None
        assert [(r.soft, r.hard) for r in process.rlimits] == [(500, 500)]
        with pytest.raises(InvalidArgument, match="500"):
            composed("--ulimit nofile=501", host)

    @pytest.mark.parametrize(("own", "expected"), [(0, None), (300, None), (-500, 0)])
    def test_nobody_inherits_protection_from_the_oom_killer(
        self, own: int, expected: int | None
    ) -> None:
        process = composed("", HOST.replace(oom_score_adj=own)).spec.process
        assert process is not None
        assert process.oom_score_adj == expected

    def test_selinux(self) -> None:
        flags = f"{PLAIN} --security-opt label=level:s0:c1 --security-opt label=type:my_t"
        process = composed(flags, HOST.replace(selinux=True)).spec.process
        assert process is not None
        assert process.selinux_label == "system_u:system_r:my_t:s0:c1"
        ignored = composed(flags)
        assert ignored.spec.process is not None
        assert ignored.spec.process.selinux_label is None
        assert any("SELinux" in warning for warning in ignored.warnings)

    def test_apparmor(self) -> None:
        host = HOST.replace(apparmor=True)
        process = composed(f"{PLAIN} --security-opt apparmor=mine", host).spec.process
        assert process is not None
        assert process.apparmor_profile == "mine"
        assert composed(f"{PLAIN} --security-opt apparmor=unconfined", host).warnings == ()
        (warning,) = composed(PLAIN, host).warnings
        assert "AppArmor" in warning


class TestRoot:
    def test_host(self) -> None:
        made = composed(PLAIN)
        image = HOST.lookup.host_image()
        own = f"/var/lib/orlop/host/{image.name}"
        assert made.layers == Layers(
            (
                Overlay("/", (f"{own}/root",), "root"),
                Overlay("/usr", ("/usr",), "usr"),
                Overlay("/etc", (f"{own}/etc", "/etc"), "etc"),
            ),
            f"{OWN}/layers",
        )
        assert MakeHostImage(image, own) in made.preparations
        assert MakeDirectory(f"{OWN}/layers", 0o700) in made.preparations

    def test_a_directory(self) -> None:
        made = composed(PLAIN, image="/srv/root")
        assert made.layers == Layers((Overlay("/", ("/srv/root",), "root"),), f"{OWN}/layers")
        assert not any(isinstance(step, MakeHostImage) for step in made.preparations)

    def test_in_memory(self) -> None:
        request = parse_run(["host", "true"]).replace(writable=InMemory(MB))
        made = compose(request, HOST, "box", data_root="/d", directory="/run/box")
        assert made.layers is not None
        assert made.layers.memory_bytes == MB
        assert made.layers.scratch == "/run/box/layers"
        assert made.layers.overlays[0].lowers[0].startswith("/d/host/")

    def test_sources_that_are_made(self) -> None:
        made = composed(f"{PLAIN} -v /a:/b --mount type=bind,src=/c,dst=/d")
        assert MakeDirectory("/a") in made.preparations
        assert MakeDirectory("/c") not in made.preparations

    def test_etc(self) -> None:
        made = composed("--network none --add-host db:10.0.0.7 --dns 10.0.0.1 -h box")
        files = [step for step in made.preparations if not isinstance(step, MakeDirectory)]
        hosts, name, resolv = (step for step in files if not isinstance(step, MakeHostImage))
        assert isinstance(hosts, WriteFile)
        assert hosts.text.startswith("127.0.0.1\tlocalhost\n")
        assert hosts.text.endswith("10.0.0.7\tdb\n")
        assert name == WriteFile(f"{OWN}/hostname", "box\n")
        assert resolv == CopyResolvConf(f"{OWN}/resolv.conf", ("10.0.0.1",))

    def test_etc_on_the_hosts_network(self) -> None:
        made = composed("--network host --add-host db:10.0.0.7")
        assert CopyHosts(f"{OWN}/hosts", (("db", "10.0.0.7"),)) in made.preparations

    def test_the_host_is_here_with_its_network(self) -> None:
        made = composed("--network host --add-host box:host-gateway")
        assert CopyHosts(f"{OWN}/hosts", (("box", "127.0.0.1"),)) in made.preparations

    def test_etc_of_the_image(self) -> None:
        request = parse_run(["host", "true"]).replace(own_etc=False)
        made = compose(request, HOST, "box")
        assert not any(mount.destination.startswith("/etc") for mount in made.spec.mounts)


def test_what_is_above_is_mounted_first() -> None:
    spec = composed("-v /a:/x/y/z -v /b:/x --tmpfs /x/y").spec
    order = [mount.destination for mount in spec.mounts if mount.destination.startswith("/x")]
    assert order == ["/x", "/x/y", "/x/y/z"]


@pytest.mark.parametrize("flags", [flags for flags, _ in CHANGES] + ["--privileged", "-it"])
def test_the_configuration_is_sound(flags: str) -> None:
    spec = composed(f"{PLAIN} {flags}").spec
    joined = Facts(unified_cgroups=True)
    validate(spec, joined)
    assert parse_spec(document(spec)) == spec


def test_a_request_of_a_program_needs_no_flags() -> None:
    made = compose(Request(command=("true",), limits=Limits(memory_bytes=64 * MB)), HOST, "box")
    assert made.origins["linux.resources.memory.limit"] == "--memory"
    assert made.spec.process is not None
    assert made.spec.process.args == ("true",)


def test_without_a_command_a_shell() -> None:
    process = compose(Request(), HOST, "box").spec.process
    assert process is not None
    assert process.args == ("/bin/sh",)
