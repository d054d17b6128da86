"""Statistics from files as kernels show them."""

from __future__ import annotations

from pathlib import Path

import pytest

from orlop.kernel.cgroup.settings import Place
from orlop.kernel.cgroup.stats import (
    UNLIMITED,
    BlockIoEntry,
    MemoryEntry,
    Pressure,
    PressureLine,
    RdmaEntry,
    Stats,
    read_stats,
)


def fill(directory: Path, files: dict[str, str]) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (directory / name).write_text(text)


V1_FILES = {
    "cpu": {
        "cpu.stat": (
            "nr_periods 10\nnr_throttled 4\nthrottled_time 5000\nnr_bursts 1\nburst_time 7\n"
        )
    },
    "cpuacct": {
        "cpuacct.stat": "user 12\nsystem 34\n",
        "cpuacct.usage": "470000000\n",
        "cpuacct.usage_percpu": "400000000 70000000 \n",
        "cpuacct.usage_all": "cpu user system\n0 100 300\n1 20 50\n",
    },
    "cpuset": {
        "cpuset.cpus": "0-1,3\n",
        "cpuset.mems": "0\n",
        "cpuset.sched_relax_domain_level": "-1\n",
        "cpuset.mem_hardwall": "1\n",
    },
    "memory": {
        "memory.stat": "cache 4096\nrss 8192\nhierarchical_memory_limit 1048576\n",
        "memory.usage_in_bytes": "20480\n",
        "memory.limit_in_bytes": "1048576\n",
        "memory.max_usage_in_bytes": "40960\n",
        "memory.failcnt": "3\n",
        "memory.memsw.usage_in_bytes": "20481\n",
        "memory.memsw.limit_in_bytes": "2097152\n",
        "memory.memsw.max_usage_in_bytes": "40961\n",
        "memory.memsw.failcnt": "1\n",
        "memory.kmem.usage_in_bytes": "12\n",
        "memory.oom_control": "oom_kill_disable 0\nunder_oom 0\noom_kill 2\n",
    },
    "pids": {"pids.current": "5\n", "pids.max": "max\n"},
    "blkio": {
        "blkio.bfq.io_service_bytes_recursive": "",
        "blkio.bfq.io_serviced_recursive": "Total 0\n",
        "blkio.throttle.io_service_bytes_recursive": "8:0 Read 4096\n8:0 Total 4096\nTotal 4096\n",
        "blkio.throttle.io_serviced_recursive": "8:0 Read 1\n8:0 Total 1\nTotal 1\n",
    },
}


def test_v1(tmp_path: Path) -> None:
    where = []
    for controller, files in V1_FILES.items():
        fill(tmp_path / controller, files)
        where.append(Place(str(tmp_path / controller), str(tmp_path), (controller,)))
    stats = read_stats(tuple(where))
    cpu = stats.cpu
    assert (cpu.total, cpu.user, cpu.kernel) == (470000000, 120000000, 340000000)
    assert (cpu.percpu, cpu.percpu_user, cpu.percpu_kernel) == (
        (400000000, 70000000),
        (100, 20),
        (300, 50),
    )
    assert (cpu.periods, cpu.throttled_periods, cpu.throttled_time) == (10, 4, 5000)
    assert (cpu.burst_periods, cpu.burst_time) == (1, 7)
    assert stats.cpuset.cpus == (0, 1, 3)
    assert stats.cpuset.flags["sched_relax_domain_level"] == -1
    assert stats.cpuset.flags["mem_hardwall"] == 1
    memory = stats.memory
    assert memory.cache == 4096
    assert memory.raw["rss"] == 8192
    assert memory.usage == MemoryEntry(20480, 1048576, 40960, 3)
    assert memory.swap == MemoryEntry(20481, 2097152, 40961, 1)
    assert memory.kernel.usage == 12
    assert memory.oom_kills == 2
    assert (stats.pids.current, stats.pids.limit) == (5, 0)
    assert stats.block_io.service_bytes == (
        BlockIoEntry(8, 0, "Read", 4096),
        BlockIoEntry(8, 0, "Total", 4096),
    )
    assert stats.block_io.serviced[0].value == 1


V2_FILES = {
    "cpu.stat": (
        "usage_usec 470\nuser_usec 120\nsystem_usec 350\nnr_periods 10\nnr_throttled 4\n"
        "throttled_usec 5\nnr_bursts 1\nburst_usec 7\n"
    ),
    "cpu.pressure": (
        "some avg10=1.50 avg60=0.50 avg300=0.10 total=1234\n"
        "full avg10=0.00 avg60=0.00 avg300=0.00 total=12\n"
    ),
    "cpuset.cpus.effective": "0-1\n",
    "cpuset.mems.effective": "0\n",
    "memory.stat": "anon 8192\nfile 4096\nkernel 512\nsock 64\n",
    "memory.events": "low 0\nhigh 0\nmax 3\noom 1\noom_kill 2\n",
    "memory.current": "20480\n",
    "memory.max": "1048576\n",
    "memory.peak": "40960\n",
    "memory.swap.current": "100\n",
    "memory.swap.max": "1048576\n",
    "pids.current": "5\n",
    "pids.max": "100\n",
    "io.stat": "8:0 rbytes=4096 wbytes=8192 rios=1 wios=2 dbytes=0 dios=0\n7:0 \n",
    "rdma.current": "mlx4_0 hca_handle=2 hca_object=2000\n",
    "rdma.max": "mlx4_0 hca_handle=3 hca_object=max\n",
}


@pytest.fixture
def v2(tmp_path: Path) -> Place:
    fill(tmp_path / "box", V2_FILES)
    controllers = ("cpu", "cpuset", "memory", "pids", "io", "rdma")
    return Place(str(tmp_path / "box"), str(tmp_path), controllers, v2=True)


def test_v2(v2: Place) -> None:
    stats = read_stats((v2,))
    cpu = stats.cpu
    assert (cpu.total, cpu.user, cpu.kernel) == (470000, 120000, 350000)
    assert (cpu.throttled_time, cpu.burst_time) == (5000, 7000)
    assert cpu.pressure == Pressure(
        PressureLine(1.5, 0.5, 0.1, 1234), PressureLine(0.0, 0.0, 0.0, 12)
    )
    assert stats.cpuset.cpus == (0, 1)
    memory = stats.memory
    assert memory.usage == MemoryEntry(20480, 1048576, 40960, 3)
    assert memory.swap == MemoryEntry(20580, 2097152, 0, 0)
    assert (memory.cache, memory.kernel.usage, memory.oom_kills) == (4096, 512, 2)
    assert memory.pressure is None
    assert (stats.pids.current, stats.pids.limit) == (5, 100)
    assert [(entry.operation, entry.value) for entry in stats.block_io.service_bytes] == [
        ("Read", 4096),
        ("Write", 8192),
        ("Discard", 0),
    ]
    assert stats.rdma.current == (RdmaEntry("mlx4_0", 2, 2000),)
    assert stats.rdma.limit == (RdmaEntry("mlx4_0", 3, 2**32 - 1),)


def test_v2_without_limits(v2: Place) -> None:
    fill(Path(v2.directory), {"memory.max": "max\n", "pids.max": "max\n"})
    stats = read_stats((v2,))
    assert stats.memory.usage.limit == UNLIMITED
    assert stats.memory.swap.limit == UNLIMITED
    assert stats.pids.limit == 0


def test_a_cgroup_that_is_gone_has_used_nothing(tmp_path: Path) -> None:
    gone = Place(str(tmp_path / "gone"), str(tmp_path), ("memory", "pids"), v2=True)
    stats = read_stats((gone,))
    assert stats.memory.usage.usage == 0
    assert read_stats(()) == Stats()
