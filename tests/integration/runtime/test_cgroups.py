"""linux.resources and linux.cgroupsPath: limits, read back from the kernel and felt inside.

See: runtime-spec config-linux.md#control-groups.
"""

from __future__ import annotations

import errno
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from tests.integration.support import cgroups
from tests.integration.support.bundles import REMOVE, BundleFactory, Json
from tests.integration.support.cgroups import Limits
from tests.integration.support.deadlines import eventually
from tests.integration.support.processes import parse_status
from tests.integration.support.runtimes import Runtime

pytestmark = pytest.mark.requires_root

MIB = 1 << 20
KILLED = 128 + signal.SIGKILL


def resources(**kinds: Any) -> Json:
    """The linux object of a configuration with these resources."""
    return {"resources": kinds}


class TestPath:
    def test_absolute(self, runtime: Runtime, bundle: BundleFactory) -> None:
        made = bundle()
        container = runtime.start(made)
        for controller in ("pids", "memory", "cpu"):
            expected = cgroups.directory(made.config["linux"]["cgroupsPath"], controller)
            assert cgroups.of_process(container.pid, controller) == expected

    def test_every_hierarchy_has_it(self, runtime: Runtime, bundle: BundleFactory) -> None:
        container = runtime.start(bundle())
        for hierarchy in cgroups.hierarchies():
            if not hierarchy.v2:
                path = hierarchy.root / container.cgroups_path.lstrip("/") / "cgroup.procs"
                assert path.read_text().split() == [str(container.pid)], hierarchy

    def test_deep(self, runtime: Runtime, bundle: BundleFactory) -> None:
        name = runtime.new_id()
        made = bundle(linux={"cgroupsPath": f"/{name}/a/b", **resources(cpu={"cpus": "0"})})
        container = runtime.start(made)
        assert Limits(f"/{name}/a/b").cpuset_cpus == "0"
        container.stop()
        container.delete()
        remove_parents(name)

    def test_relative(self, runtime: Runtime, bundle: BundleFactory) -> None:
        name = runtime.new_id()
        container = runtime.start(bundle(linux={"cgroupsPath": f"{name}/own"}))
        path = cgroups.of_process(container.pid, "pids")
        assert str(path).endswith(f"{name}/own")
        container.stop()
        container.delete()
        assert not path.exists()
        remove_parents(name)

    def test_none(self, runtime: Runtime, bundle: BundleFactory) -> None:
        made = bundle(linux={"cgroupsPath": REMOVE})
        container = runtime.start(made)
        path = cgroups.of_process(container.pid, "pids")
        assert container.id in str(path)
        container.stop()
        container.delete()
        assert not path.exists()

    def test_dots_do_not_lead_out(self, runtime: Runtime, bundle: BundleFactory) -> None:
        name = runtime.new_id()
        made = bundle(["true"], linux={"cgroupsPath": f"/../../../{name}"})
        runtime.run(made)
        assert not list(Path("/sys/fs/cgroup").glob(f"{name}"))
        assert not list(Path("/sys/fs").glob(f"{name}"))


class TestMemory:
    def test_limit(self, runtime: Runtime, bundle: BundleFactory) -> None:
        container = runtime.start(bundle(linux=resources(memory={"limit": 40 * MIB})))
        assert Limits(container.cgroups_path).memory_bytes == 40 * MIB

    def test_limit_holds(self, runtime: Runtime, bundle: BundleFactory) -> None:
        made = bundle(
            f"probe take-memory {64 * MIB}; echo status $?; probe take-memory {2 * MIB}",
            linux=resources(memory={"limit": 16 * MIB, "swap": 16 * MIB}),
        )
        assert runtime.run(made).ok().lines() == [f"status {KILLED}", "ok 0"]

    def test_first_process_killed(self, runtime: Runtime, bundle: BundleFactory) -> None:
        made = bundle(
            ["probe", "take-memory", str(64 * MIB)],
            linux=resources(memory={"limit": 16 * MIB, "swap": 16 * MIB}),
        )
        assert runtime.run(made).status == KILLED

    def test_reservation(self, runtime: Runtime, bundle: BundleFactory) -> None:
        made = bundle(linux=resources(memory={"limit": 40 * MIB, "reservation": 20 * MIB}))
        container = runtime.start(made)
        assert Limits(container.cgroups_path).memory_reservation_bytes == 20 * MIB

    @pytest.mark.requires_cgroup_v1
    @pytest.mark.parametrize(
        ("field", "file", "expected"),
        [
            ({"swappiness": 30}, "memory.swappiness", "30"),
            ({"disableOOMKiller": True}, "memory.oom_control", "oom_kill_disable 1"),
            ({"swap": 80 * MIB}, "memory.memsw.limit_in_bytes", str(80 * MIB)),
        ],
        ids=["swappiness", "oom-killer", "swap"],
    )
    def test_of_version_1(
        self,
        runtime: Runtime,
        bundle: BundleFactory,
        field: Json,
        file: str,
        expected: str,
    ) -> None:
        container = runtime.start(bundle(linux=resources(memory={"limit": 40 * MIB, **field})))
        path = cgroups.directory(container.cgroups_path, "memory") / file
        if not path.exists():
            pytest.skip(f"the kernel has no {file}")
        assert path.read_text().splitlines()[0] == expected

    def test_without_limit(self, runtime: Runtime, bundle: BundleFactory) -> None:
        runtime.run(bundle(["true"], linux=resources(memory={"limit": -1}))).ok()

    def test_that_is_too_small_to_start(self, runtime: Runtime, bundle: BundleFactory) -> None:
        made = bundle(["true"], linux=resources(memory={"limit": 4096}))
        assert runtime.run(made).status != 0
        assert runtime.ids() == []


class TestCpu:
    def test_quota(self, runtime: Runtime, bundle: BundleFactory) -> None:
        made = bundle(linux=resources(cpu={"quota": 30_000, "period": 60_000}))
        limits = Limits(runtime.start(made).cgroups_path)
        assert (limits.cpu_quota_us, limits.cpu_period_us) == (30_000, 60_000)

    def test_period_alone(self, runtime: Runtime, bundle: BundleFactory) -> None:
        limits = Limits(runtime.start(bundle(linux=resources(cpu={"period": 60_000}))).cgroups_path)
        assert (limits.cpu_quota_us, limits.cpu_period_us) == (-1, 60_000)

    def test_shares(self, runtime: Runtime, bundle: BundleFactory) -> None:
        few = Limits(runtime.start(bundle(linux=resources(cpu={"shares": 100}))).cgroups_path)
        many = Limits(runtime.start(bundle(linux=resources(cpu={"shares": 4000}))).cgroups_path)
        assert few.cpu_weight < many.cpu_weight
        assert cgroups.unified_only() or (few.cpu_weight, many.cpu_weight) == (100, 4000)

    def test_set(self, runtime: Runtime, bundle: BundleFactory) -> None:
        made = bundle(["cat", "/proc/self/status"], linux=resources(cpu={"cpus": "1", "mems": "0"}))
        found = parse_status(runtime.run(made).ok().out)
        assert found["Cpus_allowed_list"] == "1"

    def test_set_that_does_not_exist(self, runtime: Runtime, bundle: BundleFactory) -> None:
        made = bundle(["echo", "hello"], linux=resources(cpu={"cpus": "4000"}))
        assert "hello" not in runtime.run(made).refused("cpus").out
        assert runtime.ids() == []

    @pytest.mark.requires_cgroup_v1
    @pytest.mark.runc_lacks("1.2", "cpu.idle and burst with cgroup v1")
    def test_burst(self, runtime: Runtime, bundle: BundleFactory) -> None:
        made = bundle(linux=resources(cpu={"quota": 50_000, "period": 100_000, "burst": 10_000}))
        container = runtime.start(made)
        assert Limits(container.cgroups_path).read("cpu", "cpu.cfs_burst_us") == "10000"

    def test_quota_holds(self, runtime: Runtime, bundle: BundleFactory) -> None:
        made = bundle(
            "while :; do :; done", linux=resources(cpu={"quota": 10_000, "period": 100_000})
        )
        container = runtime.start(made)
        path = cgroups.directory(container.cgroups_path, "cpu") / "cpu.stat"
        eventually(lambda: throttled(path), "the container to be throttled")


class TestPids:
    def test_limit(self, runtime: Runtime, bundle: BundleFactory) -> None:
        container = runtime.start(bundle(linux=resources(pids={"limit": 25})))
        assert Limits(container.cgroups_path).pids == 25

    def test_limit_holds(self, runtime: Runtime, bundle: BundleFactory) -> None:
        made = bundle(["probe", "fork", "50"], linux=resources(pids={"limit": 10}))
        assert runtime.run(made).ok().out == "made 9\n"

    def test_without_limit(self, runtime: Runtime, bundle: BundleFactory) -> None:
        container = runtime.start(bundle(linux=resources(pids={"limit": -1})))
        assert Limits(container.cgroups_path).read("pids", "pids.max") == "max"


class TestBlockIo:
    @pytest.fixture
    def disk(self) -> tuple[int, int]:
        """Major and minor number of a block device of this machine."""
        for path in sorted(Path("/sys/block").iterdir()):
            if not path.name.startswith(("loop", "ram", "zram")):
                major, minor = (path / "dev").read_text().strip().split(":")
                return int(major), int(minor)
        pytest.skip("there is no disk")

    @pytest.mark.parametrize(
        ("field", "v1", "v2"),
        [
            ("throttleReadBpsDevice", "blkio.throttle.read_bps_device", "rbps"),
            ("throttleWriteBpsDevice", "blkio.throttle.write_bps_device", "wbps"),
            ("throttleReadIOPSDevice", "blkio.throttle.read_iops_device", "riops"),
            ("throttleWriteIOPSDevice", "blkio.throttle.write_iops_device", "wiops"),
        ],
    )
    def test_throttle(
        self,
        runtime: Runtime,
        bundle: BundleFactory,
        disk: tuple[int, int],
        field: str,
        v1: str,
        v2: str,
    ) -> None:
        major, minor = disk
        made = bundle(
            linux=resources(blockIO={field: [{"major": major, "minor": minor, "rate": 12_345}]})
        )
        container = runtime.start(made)
        if cgroups.unified_only():
            found = Limits(container.cgroups_path).read("io", "io.max")
            assert f"{v2}=12345" in found
        else:
            found = Limits(container.cgroups_path).read("blkio", v1)
            assert found == f"{major}:{minor} 12345"

    def test_device_that_does_not_exist(self, runtime: Runtime, bundle: BundleFactory) -> None:
        rate = {"major": 4000, "minor": 7, "rate": 12_345}
        made = bundle(["echo", "hello"], linux=resources(blockIO={"throttleReadBpsDevice": [rate]}))
        result = runtime.run(made).refused()
        assert "hello" not in result.out
        assert "4000:7" in result.err or "throttleReadBpsDevice[0]" in result.err


class TestUnified:
    @pytest.mark.requires_cgroup_v1
    def test_needs_version_2(self, runtime: Runtime, bundle: BundleFactory) -> None:
        made = bundle(["echo", "hello"], linux=resources(unified={"memory.max": "100000000"}))
        assert "hello" not in runtime.run(made).refused("unified").out

    @pytest.mark.requires_cgroup_v2
    def test_is_written(self, runtime: Runtime, bundle: BundleFactory) -> None:
        made = bundle(linux=resources(unified={"memory.max": "104857600", "pids.max": "17"}))
        container = runtime.start(made)
        assert Limits(container.cgroups_path).memory_bytes == 100 * MIB
        assert Limits(container.cgroups_path).pids == 17


class TestDevices:
    """The allow list; mknod needs CAP_MKNOD, which these containers have.

    10:229 is fuse, 10:237 loop-control: every root may open them where no cgroup says no.
    """

    def test_usual_devices_are_allowed(self, runtime: Runtime, bundle: BundleFactory) -> None:
        for number in ("1 3", "1 5", "1 7", "1 8", "1 9", "5 0"):
            found = self.probe(runtime, bundle, f"c {number} rw", [])
            # Without a terminal there is nothing behind 5:0.
            assert found in ("ok 0", f"errno {errno.ENXIO}"), number

    @pytest.mark.parametrize("device", ["c 10 229", "c 10 237"])
    def test_others_are_not(self, runtime: Runtime, bundle: BundleFactory, device: str) -> None:
        assert self.probe(runtime, bundle, f"{device} rw", []) == f"errno {errno.EPERM}"

    def test_disk_is_not(self, runtime: Runtime, bundle: BundleFactory) -> None:
        device = os.stat("/").st_dev
        if os.major(device) == 0:
            pytest.skip("the root file system is on no disk")
        found = self.probe(runtime, bundle, f"b {os.major(device)} {os.minor(device)} r", [])
        assert found == f"errno {errno.EPERM}"

    def test_rule_for_one(self, runtime: Runtime, bundle: BundleFactory) -> None:
        rule = {"allow": True, "type": "c", "major": 10, "minor": 229, "access": "rwm"}
        assert self.probe(runtime, bundle, "c 10 229 rw", [rule]) == "ok 0"
        assert self.probe(runtime, bundle, "c 10 237 rw", [rule]) == f"errno {errno.EPERM}"

    def test_rule_for_reading_only(self, runtime: Runtime, bundle: BundleFactory) -> None:
        rule = {"allow": True, "type": "c", "major": 10, "minor": 229, "access": "rm"}
        assert self.probe(runtime, bundle, "c 10 229 r", [rule]) == "ok 0"
        assert self.probe(runtime, bundle, "c 10 229 rw", [rule]) == f"errno {errno.EPERM}"

    def test_rule_for_a_whole_major(self, runtime: Runtime, bundle: BundleFactory) -> None:
        rule = {"allow": True, "type": "c", "major": 10, "access": "rwm"}
        assert self.probe(runtime, bundle, "c 10 229 rw", [rule]) == "ok 0"

    def test_rule_for_everything(self, runtime: Runtime, bundle: BundleFactory) -> None:
        rule = {"allow": True, "access": "rwm"}
        assert self.probe(runtime, bundle, "c 10 229 rw", [rule]) == "ok 0"

    def test_rules_work_in_their_order(self, runtime: Runtime, bundle: BundleFactory) -> None:
        rules = [
            {"allow": True, "type": "c", "major": 10, "minor": 229, "access": "rwm"},
            {"allow": False, "type": "c", "major": 10, "minor": 229, "access": "rwm"},
        ]
        assert self.probe(runtime, bundle, "c 10 229 rw", rules) != "ok 0"

    def test_own_device_nodes_need_a_rule(self, runtime: Runtime, bundle: BundleFactory) -> None:
        device = {"path": "/dev/own", "type": "c", "major": 10, "minor": 229}
        made = bundle("exec 3<> /dev/own && echo opened", linux={"devices": [device]})
        made.config["linux"]["resources"] = {"devices": [{"allow": False, "access": "rwm"}]}
        made.save()
        assert runtime.run(made).out == ""
        rule = {"allow": True, "type": "c", "major": 10, "minor": 229, "access": "rw"}
        made.config["linux"]["resources"]["devices"].append(rule)
        made.save()
        assert runtime.run(made).ok().out == "opened\n"

    @staticmethod
    def probe(runtime: Runtime, bundle: BundleFactory, device: str, rules: list[Json]) -> str:
        """What came of making and opening a device in a container with these rules."""
        kind, major, minor, access = device.split()
        sets = ("bounding", "effective", "permitted")
        made = bundle(
            ["probe", "device", kind, major, minor, access],
            process={"capabilities": {name: ["CAP_MKNOD"] for name in sets}},
            linux=resources(devices=[{"allow": False, "access": "rwm"}, *rules]),
        )
        return runtime.run(made).ok().out.strip()


class TestTogether:
    def test_all_limits_at_once(self, runtime: Runtime, bundle: BundleFactory) -> None:
        made = bundle(
            linux=resources(
                memory={"limit": 64 * MIB, "reservation": 32 * MIB},
                cpu={"shares": 512, "quota": 20_000, "period": 50_000, "cpus": "0-1"},
                pids={"limit": 12},
            )
        )
        limits = Limits(runtime.start(made).cgroups_path)
        assert limits.memory_bytes == 64 * MIB
        assert (limits.cpu_quota_us, limits.cpu_period_us) == (20_000, 50_000)
        assert limits.cpuset_cpus == "0-1"
        assert limits.pids == 12

    def test_failure_leaves_no_cgroup(self, runtime: Runtime, bundle: BundleFactory) -> None:
        made = bundle(
            linux=resources(pids={"limit": 10}, cpu={"quota": 5, "period": 100_000})  # < 1 ms
        )
        runtime.attempt("create", made).refused("cpu")
        for hierarchy in cgroups.hierarchies():
            path = hierarchy.root / made.config["linux"]["cgroupsPath"].lstrip("/")
            assert not path.exists()

    def test_limits_of_one_container_are_not_the_others(
        self, runtime: Runtime, bundle: BundleFactory
    ) -> None:
        limited = runtime.start(bundle(linux=resources(pids={"limit": 10})))
        free = runtime.start(bundle())
        assert Limits(limited.cgroups_path).pids == 10
        assert Limits(free.cgroups_path).read("pids", "pids.max") == "max"


def throttled(stat_file: Path) -> bool:
    """Whether a cpu cgroup has been throttled yet."""
    fields = dict(line.split() for line in stat_file.read_text().splitlines())
    return int(fields["nr_throttled"]) > 0


def remove_parents(name: str) -> None:
    """Remove the cgroups above a container's own, which no runtime removes."""
    for hierarchy in cgroups.hierarchies():
        for path, _, _ in os.walk(hierarchy.root, topdown=False):
            if name in path:
                os.rmdir(path)
