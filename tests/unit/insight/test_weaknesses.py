"""The table of rules: each fires on its own fact, and on nothing else."""

from __future__ import annotations

import pytest

from orlop.insight import weaknesses as table
from orlop.insight.inside import Opened
from orlop.insight.mounts import SeenMount
from orlop.insight.proof.facts import DeviceControl, Facts, Security
from orlop.insight.weaknesses import CRITICAL, RULES, Weakness, weaknesses
from orlop.kernel.capabilities import ALL, DOCKER_DEFAULT, CapabilitySets, mask
from orlop.kernel.cgroup.devices import BLOCK, READ, Devices, Exceptions
from tests.unit.insight.facts import (
    HOST,
    ROOT,
    STRONG,
    bound,
    isolation,
    limits,
    mount,
    mounts,
    status,
)


def fired(facts: Facts) -> set[str]:
    return {weakness.rule for weakness in weaknesses(facts)}


def only(facts: Facts, rule: str) -> tuple[Weakness, ...]:
    """All weaknesses, which are of one rule."""
    assert fired(facts) == {rule}
    return weaknesses(facts)


def with_capabilities(*names: str) -> Facts:
    bits = mask(names)
    sets = CapabilitySets(effective=bits, permitted=bits, bounding=bits)
    return STRONG.replace(isolation=isolation("time", "user"), status=status(capabilities=sets))


def with_mounts(*more: SeenMount) -> Facts:
    return STRONG.replace(mounts=mounts(*more))


def kernel_mount(kind: str, target: str, host_path: str = "", *options: str) -> SeenMount:
    made = mount(target, kind, parent=10, options=options or ("rw",))
    return SeenMount(made, host_path)


def visible(path: str, *, read_only: bool = False) -> Facts:
    """A path of /proc that is neither masked nor absent."""
    opened = Opened(path, mode=0o100444, mount=11, resolved=path, read_only=read_only)
    return STRONG.replace(mounts=mounts(paths=(opened,)))


def with_security(**changes: object) -> Facts:
    assert STRONG.security is not None
    return STRONG.replace(security=STRONG.security.replace(**changes))


ANY = DeviceControl(Exceptions(allow=True, accesses={}))
SDA = {Devices(BLOCK, 8, None): READ}

ONE_EACH = {
    "host-mount-namespace": STRONG.replace(isolation=isolation("time", "mount")),
    "host-root": with_mounts(bound("/", "/mnt", options=("ro",))),
    "engine-socket": with_mounts(bound("/run/docker.sock", "/run/docker.sock")),
    "host-proc": with_mounts(kernel_mount("proc", "/host/proc", "/proc")),
    "disk": STRONG.replace(
        mounts=mounts(devices="sda b 8 0"),
        devices=DeviceControl(Exceptions(allow=False, accesses=SDA)),
    ),
    "host-pid": STRONG.replace(isolation=isolation("time", "pid")),
    "host-network": STRONG.replace(isolation=isolation("time", "network")),
    "host-ipc": STRONG.replace(isolation=isolation("time", "ipc")),
    "host-uts": STRONG.replace(isolation=isolation("time", "uts")),
    "host-cgroup-namespace": STRONG.replace(isolation=isolation("time", "cgroup")),
    "no-seccomp": STRONG.replace(status=status(seccomp_mode=0)),
    "weak-seccomp": STRONG.replace(beyond_docker=("bpf", "mount")),
    "writable-system-mount": with_mounts(bound("/etc", "/config")),
    "writable-host-mount": with_mounts(bound("/srv/data", "/data")),
    "host-dev": with_mounts(kernel_mount("devtmpfs", "/dev", "/dev")),
    "writable-sysfs": with_mounts(kernel_mount("sysfs", "/sys")),
    "writable-cgroups": with_mounts(kernel_mount("cgroup2", "/sys/fs/cgroup")),
    "kernel-file-system": with_mounts(kernel_mount("debugfs", "/sys/kernel/debug", "", "ro")),
    "writable-proc-paths": visible("/proc/sys"),
    "unmasked-paths": visible("/proc/kcore", read_only=True),
    "linked-mount": with_mounts(SeenMount(mount("/data", parent=10, shared=3), linked=True)),
    "root-is-root": STRONG.replace(
        isolation=isolation("time", "user"), status=status(uids=(0,) * 4)
    ),
    "any-device": STRONG.replace(devices=ANY),
    "no-memory-limit": STRONG.replace(cgroups=limits("tasks", "CPU time")),
    "no-pids-limit": STRONG.replace(cgroups=limits("memory", "CPU time")),
    "no-cpu-limit": STRONG.replace(cgroups=limits("memory", "tasks")),
    "unconfined-label": with_security(label="unconfined"),
    "no-security-module": with_security(modules=("capability",), label=""),
    "new-privileges": STRONG.replace(status=status(no_new_privileges=False)),
    "capabilities-in-user-namespace": STRONG.replace(
        status=status(capabilities=CapabilitySets(effective=mask(("CAP_SYS_ADMIN",))))
    ),
    "writable-root": STRONG.replace(
        mounts=mounts().replace(all=(SeenMount(ROOT.mount.replace(options=("rw",))),))
    ),
    "killed-last": with_security(oom_score_adj=-500),
    **{
        f"capability-{name}": with_capabilities(name, *DOCKER_DEFAULT)
        for name, _, _ in table._CAPABILITIES
    },
}


def test_nothing_weakens_the_strong_one() -> None:
    assert fired(STRONG) == set()


@pytest.mark.parametrize("rule", ONE_EACH)
def test_each_rule_fires_on_its_own_fact_only(rule: str) -> None:
    assert fired(ONE_EACH[rule]) == {rule}


def test_every_rule_is_tested() -> None:
    assert set(ONE_EACH) | {"privileged"} == {rule.name for rule in RULES}
    assert len({rule.name for rule in RULES}) == len(RULES)


def test_all_that_docker_leaves_out_by_default_is_in_the_table() -> None:
    dangerous = {name for name, _, _ in table._CAPABILITIES}
    assert mask(dangerous) == ALL & ~mask(DOCKER_DEFAULT)


def test_nothing_that_could_not_be_read_is_a_weakness() -> None:
    assert fired(Facts(isolation=isolation("time"), here=HOST)) == set()


def test_most_serious_first() -> None:
    weak = STRONG.replace(
        isolation=isolation("uts", "ipc", "pid", "mount"), status=status(seccomp_mode=0)
    )
    severities = [weakness.severity for weakness in weaknesses(weak)]
    assert severities == sorted(severities)
    assert severities[0] == CRITICAL


class TestPrivileged:
    def test_everything(self) -> None:
        assert "privileged" in fired(with_capabilities(*names_of(ALL)).replace(devices=ANY))

    def test_not_without_devices(self) -> None:
        assert "privileged" not in fired(with_capabilities(*names_of(ALL)))

    def test_not_without_one_capability(self) -> None:
        some = with_capabilities(*names_of(ALL & ~mask(("CAP_BPF",)))).replace(devices=ANY)
        assert "privileged" not in fired(some)

    def test_what_nobody_here_has_is_not_missed(self) -> None:
        lacking = ALL & ~mask(("CAP_SYS_RESOURCE",))
        facts = with_capabilities(*names_of(lacking)).replace(devices=ANY, available=lacking)
        assert "privileged" in fired(facts)


def names_of(bits: int) -> tuple[str, ...]:
    from orlop.kernel.capabilities import names

    return names(bits)


class TestCapabilities:
    def test_of_docker_are_none(self) -> None:
        assert fired(with_capabilities(*DOCKER_DEFAULT)) == set()

    def test_bounding_counts_if_privileges_can_be_gained(self) -> None:
        bounding = CapabilitySets(bounding=mask(("CAP_SYS_ADMIN",)))
        facts = STRONG.replace(isolation=isolation("user"), status=status(capabilities=bounding))
        assert fired(facts) == set()
        gains = facts.replace(status=status(capabilities=bounding, no_new_privileges=False))
        assert fired(gains) == {"capability-CAP_SYS_ADMIN", "new-privileges"}


class TestMounts:
    def test_what_is_covered_is_out_of_reach(self) -> None:
        etc = bound("/etc", "/config")
        assert fired(with_mounts(etc.replace(covered=True))) == set()

    def test_read_only(self) -> None:
        assert fired(with_mounts(bound("/etc", "/config", options=("ro",)))) == set()

    @pytest.mark.parametrize(
        ("host_path", "target"),
        [
            ("/var/lib/docker/containers/ab/hosts", "/etc/hosts"),
            ("/var/lib/docker/volumes/ab/_data", "/data"),
            ("/var/lib/containers/storage/volumes/ab/_data", "/data"),
        ],
    )
    def test_of_engines(self, host_path: str, target: str) -> None:
        assert fired(with_mounts(bound(host_path, target))) == set()

    def test_of_a_host_mount_namespace_are_the_hosts(self) -> None:
        facts = with_mounts(bound("/etc", "/etc"), kernel_mount("sysfs", "/sys", "/sys"))
        shared = facts.replace(isolation=isolation("time", "mount"))
        assert fired(shared) == {"host-mount-namespace"}

    def test_directory_with_a_socket(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(table, "_exists", lambda path: path == "/run/docker.sock")
        found = weaknesses(with_mounts(bound("/run", "/host/run", options=("ro",))))
        assert [(weakness.rule, weakness.subject) for weakness in found] == [
            ("engine-socket", "docker.sock at /host/run/docker.sock")
        ]

    def test_cgroup_v1_is_one_weakness(self) -> None:
        names = ("cpu", "memory", "pids")
        found = only(
            with_mounts(*(kernel_mount("cgroup", f"/sys/fs/cgroup/{name}") for name in names)),
            "writable-cgroups",
        )
        assert [weakness.subject for weakness in found] == ["/sys/fs/cgroup"]

    def test_each_path_is_told(self) -> None:
        (found,) = only(with_mounts(bound("/etc", "/config")), "writable-system-mount")
        assert found.sentence == "it can change the host's /etc at /config"


class TestDisks:
    def test_that_no_rule_lets_it_open(self) -> None:
        assert fired(STRONG.replace(mounts=mounts(devices="sda b 8 0"))) == set()

    def test_loop_devices_and_character_devices(self) -> None:
        facts = STRONG.replace(mounts=mounts(devices="loop0 b 7 0,fuse c 10 229"), devices=ANY)
        assert fired(facts) == {"any-device"}

    def test_another_disk(self) -> None:
        control = DeviceControl(Exceptions(allow=False, accesses=SDA))
        facts = STRONG.replace(mounts=mounts(devices="vda b 254 0"), devices=control)
        assert fired(facts) == set()


class TestLabels:
    @pytest.mark.parametrize(
        ("modules", "label", "rules"),
        [
            (("apparmor",), "docker-default (enforce)", set()),
            (("apparmor",), "unconfined", {"unconfined-label"}),
            (("selinux",), "system_u:system_r:container_t:s0:c1,c2", set()),
            (("apparmor",), "docker-default (complain)", {"unconfined-label"}),
            (("selinux",), "system_u:system_r:unconfined_service_t:s0", {"unconfined-label"}),
            (("selinux",), "system_u:system_r:spc_t:s0:c1,c2", {"unconfined-label"}),
            (("selinux",), "kernel", {"unconfined-label"}),
            ((), "", {"no-security-module"}),
        ],
    )
    def test_label(self, modules: tuple[str, ...], label: str, rules: set[str]) -> None:
        assert fired(STRONG.replace(security=Security(modules=modules, label=label))) == rules
