"""pause, resume and update: what can be changed while a container runs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.integration.support import cgroups
from tests.integration.support.bundles import BundleFactory
from tests.integration.support.cgroups import Limits
from tests.integration.support.deadlines import eventually
from tests.integration.support.processes import state_letter
from tests.integration.support.runtimes import Container, Runtime

pytestmark = [
    pytest.mark.requires_root,
    pytest.mark.requires_cgroup_cpuset,
    pytest.mark.vm,
]

MIB = 1 << 20
UNLIMITED_V1 = 0x7FFFFFFFFFFFF000


@pytest.fixture
def container(runtime: Runtime, bundle: BundleFactory) -> Container:
    """A running container with limits of every kind."""
    resources = {
        "memory": {"limit": 64 * MIB, "reservation": 32 * MIB},
        "cpu": {"shares": 512, "quota": 50_000, "period": 100_000, "cpus": "0", "mems": "0"},
        "pids": {"limit": 20},
    }
    container = runtime.start(bundle(linux={"resources": resources}))
    assert container.out.line() == "ready"
    return container


class TestPause:
    def test_stops_every_process(self, runtime: Runtime, bundle: BundleFactory) -> None:
        script = "while :; do :; done & echo $!; exec probe wait"
        made = bundle(script)
        made.config["linux"]["namespaces"].remove({"type": "pid"})
        made.save()
        container = runtime.start(made)
        child = int(container.out.line())
        assert container.out.line() == "ready"
        assert state_letter(child) == "R"
        container("pause").ok()
        assert container.status == "paused"
        assert Limits(container.cgroups_path).frozen
        ticks = cpu_ticks(child)
        assert state_letter(child) in "DS"
        assert cpu_ticks(child) == ticks
        container("resume").ok()
        assert container.status == "running"
        eventually(lambda: cpu_ticks(child) > ticks, "the process to go on")
        container("kill", "--all", "KILL").ok()

    def test_twice(self, container: Container) -> None:
        container("pause").ok()
        # runc says that it is paused already; going on silently is as good.
        container("pause")
        assert container.status == "paused"

    def test_resume_of_what_is_not_paused(self, container: Container) -> None:
        container("resume").refused()
        assert container.status == "running"

    def test_of_a_created_container(self, runtime: Runtime, bundle: BundleFactory) -> None:
        container = runtime.create(bundle())
        if container("pause").status == 0:
            assert container.status == "paused"
            container("resume").ok()
        container.start()
        assert container.out.line() == "ready"

    def test_kill_works_on_a_paused_container(self, container: Container) -> None:
        container("pause").ok()
        pid = container.pid
        container("kill", "KILL").ok()
        container("resume")
        container.wait()
        assert container.status == "stopped"
        assert pid > 0

    def test_delete_of_a_paused_container_is_refused(self, container: Container) -> None:
        container("pause").ok()
        container("delete").refused()
        assert container.status == "paused"


class TestUpdateFlags:
    def test_memory(self, container: Container) -> None:
        container("update", f"--memory={128 * MIB}").ok()
        assert Limits(container.cgroups_path).memory_bytes == 128 * MIB
        container("update", f"--memory={48 * MIB}").ok()
        assert Limits(container.cgroups_path).memory_bytes == 48 * MIB

    def test_memory_without_limit(self, container: Container) -> None:
        container("update", "--memory=-1").ok()
        assert Limits(container.cgroups_path).memory_bytes in (-1, UNLIMITED_V1)

    def test_memory_reservation(self, container: Container) -> None:
        container("update", f"--memory-reservation={16 * MIB}").ok()
        assert Limits(container.cgroups_path).memory_reservation_bytes == 16 * MIB

    @pytest.mark.requires_cgroup_v1
    def test_memory_and_swap(self, container: Container) -> None:
        swap = cgroups.directory(container.cgroups_path, "memory")
        if not (swap / "memory.memsw.limit_in_bytes").exists():
            pytest.skip("the kernel does not account swap")
        container("update", f"--memory={96 * MIB}", f"--memory-swap={192 * MIB}").ok()
        assert int((swap / "memory.memsw.limit_in_bytes").read_text()) == 192 * MIB
        assert Limits(container.cgroups_path).memory_bytes == 96 * MIB
        container("update", f"--memory={32 * MIB}", f"--memory-swap={32 * MIB}").ok()
        assert int((swap / "memory.memsw.limit_in_bytes").read_text()) == 32 * MIB

    def test_cpu_shares(self, container: Container) -> None:
        before = Limits(container.cgroups_path).cpu_weight
        container("update", "--cpu-share=2048").ok()
        after = Limits(container.cgroups_path).cpu_weight
        assert after > before
        assert cgroups.unified_only() or after == 2048

    def test_cpu_quota(self, container: Container) -> None:
        container("update", "--cpu-quota=30000").ok()
        limits = Limits(container.cgroups_path)
        assert (limits.cpu_quota_us, limits.cpu_period_us) == (30_000, 100_000)

    def test_cpu_quota_and_period(self, container: Container) -> None:
        container("update", "--cpu-quota=400000", "--cpu-period=200000").ok()
        limits = Limits(container.cgroups_path)
        assert (limits.cpu_quota_us, limits.cpu_period_us) == (400_000, 200_000)

    def test_cpu_quota_without_limit(self, container: Container) -> None:
        container("update", "--cpu-quota=-1").ok()
        assert Limits(container.cgroups_path).cpu_quota_us == -1

    def test_cpuset(self, container: Container) -> None:
        container("update", "--cpuset-cpus=0-1", "--cpuset-mems=0").ok()
        assert Limits(container.cgroups_path).cpuset_cpus == "0-1"

    def test_pids(self, container: Container) -> None:
        container("update", "--pids-limit=77").ok()
        assert Limits(container.cgroups_path).pids == 77

    def test_pids_without_limit(self, container: Container) -> None:
        container("update", "--pids-limit=-1").ok()
        assert Limits(container.cgroups_path).pids == -1 or self.is_max(container)

    def test_leaves_the_rest_alone(self, container: Container) -> None:
        container("update", "--pids-limit=30").ok()
        limits = Limits(container.cgroups_path)
        assert limits.pids == 30
        assert limits.memory_bytes == 64 * MIB
        assert limits.cpu_quota_us == 50_000
        assert limits.cpuset_cpus == "0"

    def test_of_a_created_container(self, runtime: Runtime, bundle: BundleFactory) -> None:
        container = runtime.create(bundle())
        container("update", "--pids-limit=30").ok()
        assert Limits(container.cgroups_path).pids == 30

    def test_of_a_stopped_container_is_refused(self, container: Container) -> None:
        container.stop()
        container("update", "--pids-limit=30").refused()

    def test_of_a_paused_container_leaves_it_paused(self, container: Container) -> None:
        container("pause").ok()
        container("update", "--pids-limit=30").ok()
        assert container.status == "paused"
        assert Limits(container.cgroups_path).pids == 30

    def test_keeps_devices_as_they_are(self, container: Container) -> None:
        container("update", "--pids-limit=30").ok()
        container.exec("echo x > /dev/null; head -c 1 /dev/zero > /dev/null").ok()

    @pytest.mark.parametrize(
        "flag",
        [
            "--memory=lots",
            "--pids-limit=x",
            "--cpu-quota=1.5",
            "--cpuset-cpus=999",
            "--cpu-share=x",
        ],
    )
    def test_wrong_values(self, container: Container, flag: str) -> None:
        assert container("update", flag).status != 0
        limits = Limits(container.cgroups_path)
        assert (limits.memory_bytes, limits.pids, limits.cpuset_cpus) == (64 * MIB, 20, "0")

    @staticmethod
    def is_max(container: Container) -> bool:
        return Limits(container.cgroups_path).read("pids", "pids.max") == "max"


CHANGES = json.dumps(
    {
        "memory": {"limit": 128 * MIB},
        "cpu": {"quota": 20_000, "period": 50_000, "cpus": "1"},
        "pids": {"limit": 44},
    }
)


class TestUpdateFile:
    @pytest.mark.parametrize("flag", ["-r", "--resources"])
    def test_path(self, container: Container, workspace: Path, flag: str) -> None:
        path = workspace / "resources.json"
        path.write_text(CHANGES)
        container.runtime("update", flag, path, container.id).ok()
        self.verify(container)

    def test_standard_input(self, container: Container) -> None:
        container.runtime("update", "-r", "-", container.id, stdin=CHANGES).ok()
        self.verify(container)

    def test_wins_over_flags(self, container: Container) -> None:
        container.runtime(
            "update",
            "--pids-limit",
            "99",
            "-r",
            "-",
            container.id,
            stdin=CHANGES,
        ).ok()
        self.verify(container)

    def test_that_does_not_exist(self, container: Container) -> None:
        container.runtime("update", "-r", "/no/such/file", container.id).refused("/no/such/file")

    @pytest.mark.parametrize("text", ["{nonsense", "[]", '{"pids": {"limit": "many"}}'])
    def test_that_is_wrong(self, container: Container, text: str) -> None:
        container.runtime("update", "-r", "-", container.id, stdin=text).refused()
        assert Limits(container.cgroups_path).pids == 20

    @staticmethod
    def verify(container: Container) -> None:
        limits = Limits(container.cgroups_path)
        assert limits.memory_bytes == 128 * MIB
        assert (limits.cpu_quota_us, limits.cpu_period_us) == (20_000, 50_000)
        assert limits.cpuset_cpus == "1"
        assert limits.pids == 44


def cpu_ticks(pid: int) -> int:
    """User and system time of a process, in clock ticks: proc_pid_stat(5)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])
