from __future__ import annotations

import pytest

from orlop.errors import InvalidArgument, SpecError
from orlop.kernel.cgroup import convert
from orlop.kernel.cgroup.resources import (
    BlockIo,
    Cpu,
    HugepageLimit,
    InterfacePriority,
    Memory,
    NetworkClass,
    RdmaLimit,
    Resources,
    ThrottleDevice,
    WeightDevice,
)


# The values of opencontainers/cgroups utils_test.go, and some in between.
@pytest.mark.parametrize(
    ("shares", "weight"),
    [(2, 1), (3, 2), (512, 59), (1024, 100), (2048, 174), (262143, 10000), (262144, 10000)],
)
def test_cpu_weight(shares: int, weight: int) -> None:
    assert convert.cpu_weight(shares) == weight


def test_cpu_weight_only_grows() -> None:
    weights = [convert.cpu_weight(shares) for shares in range(2, 262145, 997)]
    assert weights == sorted(weights)
    assert weights[0] >= 1
    assert weights[-1] <= 10000


# The table of opencontainers/cgroups utils_test.go; an answer of 0 there is None here.
@pytest.mark.parametrize(
    ("limit", "swap", "expected"),
    [
        (None, None, None),
        (0, 0, None),
        (0, -1, -1),
        (-1, 300, 300),
        (-1, -1, -1),
        (-1, 0, -1),
        (100, 300, 200),
        (100, 100, 0),
        (100, 0, None),
        (100, -1, -1),
    ],
)
def test_swap_max(limit: int | None, swap: int | None, expected: int | None) -> None:
    assert convert.swap_max(limit, swap) == expected


@pytest.mark.parametrize(("limit", "swap"), [(300, 100), (0, 300), (None, 300)])
def test_swap_max_refuses(limit: int | None, swap: int) -> None:
    with pytest.raises(SpecError) as caught:
        convert.swap_max(limit, swap)
    assert caught.value.field == "linux.resources.memory.swap"


@pytest.mark.parametrize(
    ("quota", "period", "now", "value"),
    [
        (None, None, "", ""),
        (0, 0, "", ""),
        (50000, None, "", "50000 100000"),
        (-1, None, "", "max 100000"),
        (None, 200000, "", "max 200000"),
        (50000, 200000, "max 100000\n", "50000 200000"),
        (None, 200000, "25000 100000\n", "25000 200000"),
        (30000, None, "25000 50000\n", "30000 50000"),
    ],
)
def test_cpu_max(quota: int | None, period: int | None, now: str, value: str) -> None:
    assert convert.cpu_max(quota, period, now) == value


@pytest.mark.parametrize(("weight", "expected"), [(10, 1), (500, 4950), (1000, 10000)])
def test_io_weight(weight: int, expected: int) -> None:
    assert convert.io_weight(weight) == expected


@pytest.mark.parametrize(("limit", "value"), [(-1, "max"), (0, "max"), (1, "1"), (4096, "4096")])
def test_pids_max(limit: int, value: str) -> None:
    assert convert.pids_max(limit) == value


def test_limits() -> None:
    assert [convert.limit_v1(n) for n in (-1, 0, 4096)] == ["-1", "", "4096"]
    assert [convert.limit_v2(n) for n in (-1, 0, 4096)] == ["max", "", "4096"]


def test_swappiness_of_minus_one_is_none() -> None:
    assert [convert.swappiness(n) for n in (-1, 2**64 - 1, 0, 60)] == ["", "", "0", "60"]


def test_rdma() -> None:
    assert convert.rdma_max("mlx5_1", RdmaLimit(3, 10000)) == (
        "mlx5_1 hca_handle=3 hca_object=10000"
    )
    assert convert.rdma_max("rxe3", RdmaLimit(hca_objects=7)) == "rxe3 hca_object=7"


def test_numbers_of_control_files() -> None:
    assert convert.number("4096\n", -1) == 4096
    assert convert.number("max\n", -1) == -1
    assert convert.number("", 7) == 7


@pytest.mark.parametrize("text", ["0", "0-3,7", "0,2,4-4", None, ""])
def test_cpu_list(text: str | None) -> None:
    assert convert.cpu_list("cpu.cpus", text) == (text or "")


@pytest.mark.parametrize("text", ["a", "0-", "-1", "0,,1", "3-0", "0;1", "1-2-3", "٣", "0-1\n/"])
def test_cpu_list_refuses(text: str) -> None:
    with pytest.raises(SpecError) as caught:
        convert.cpu_list("cpu.mems", text)
    assert caught.value.field == "linux.resources.cpu.mems"


GOOD = (
    Resources(),
    Resources(memory=Memory(limit=-1, swap=-1, swappiness=2**64 - 1, kernel=-1)),
    Resources(memory=Memory(limit=0, reservation=0, swap=0, kernel=0)),  # Docker's update
    Resources(cpu=Cpu(shares=0, quota=0, period=0, cpus="", mems="")),
    Resources(cpu=Cpu(shares=2, quota=-1, period=1000, burst=0, idle=1)),
    Resources(pids_limit=4194304),
    Resources(block_io=BlockIo(weight=0, weight_device=(WeightDevice(8, 0, 10),))),
)


@pytest.mark.parametrize("resources", GOOD)
def test_check_passes(resources: Resources) -> None:
    convert.check(resources)


BAD = (
    ("memory.limit", Resources(memory=Memory(limit=-2))),
    ("memory.reservation", Resources(memory=Memory(reservation=2**63))),
    ("memory.swap", Resources(memory=Memory(limit=100, swap=99))),
    ("memory.swappiness", Resources(memory=Memory(swappiness=101))),
    ("memory.kernelTCP", Resources(memory=Memory(kernel_tcp=-5))),
    ("cpu.shares", Resources(cpu=Cpu(shares=1))),
    ("cpu.shares", Resources(cpu=Cpu(shares=262145))),
    ("cpu.quota", Resources(cpu=Cpu(quota=999))),
    ("cpu.quota", Resources(cpu=Cpu(quota=-2))),
    ("cpu.period", Resources(cpu=Cpu(period=999))),
    ("cpu.period", Resources(cpu=Cpu(period=1_000_001))),
    ("cpu.burst", Resources(cpu=Cpu(quota=20000, burst=20001))),
    ("cpu.realtimeRuntime", Resources(cpu=Cpu(realtime_runtime=11, realtime_period=10))),
    ("cpu.idle", Resources(cpu=Cpu(idle=2))),
    ("cpu.cpus", Resources(cpu=Cpu(cpus="x"))),
    ("pids.limit", Resources(pids_limit=-2)),
    ("pids.limit", Resources(pids_limit=4194305)),
    ("blockIO.weight", Resources(block_io=BlockIo(weight=9))),
    ("blockIO.leafWeight", Resources(block_io=BlockIo(leaf_weight=1001))),
    (
        "blockIO.weightDevice[1].weight",
        Resources(
            block_io=BlockIo(weight_device=(WeightDevice(8, 0, 10), WeightDevice(8, 0, 1001)))
        ),
    ),
    ("blockIO.weightDevice[0]", Resources(block_io=BlockIo(weight_device=(WeightDevice(8, 0),)))),
    (
        "blockIO.throttleReadIOPSDevice[0].major",
        Resources(block_io=BlockIo(throttle_read_iops_device=(ThrottleDevice(-1, 0, 1),))),
    ),
    ("hugepageLimits[0].pageSize", Resources(hugepage_limits=(HugepageLimit("../x", 1),))),
    ("hugepageLimits[0].limit", Resources(hugepage_limits=(HugepageLimit("2MB", -1),))),
    ("network.classID", Resources(network=NetworkClass(class_id=2**32))),
    (
        "network.priorities[0].priority",
        Resources(network=NetworkClass(priorities=(InterfacePriority("eth0", -1),))),
    ),
    ("rdma.mlx5_1", Resources(rdma={"mlx5_1": RdmaLimit()})),
    ("rdma.mlx5_1.hcaHandles", Resources(rdma={"mlx5_1": RdmaLimit(hca_handles=2**32)})),
)


@pytest.mark.parametrize(("field", "resources"), BAD)
def test_check_names_the_field(field: str, resources: Resources) -> None:
    with pytest.raises(InvalidArgument) as caught:
        convert.check(resources)
    assert isinstance(caught.value, SpecError)
    assert caught.value.field == f"linux.resources.{field}"
    assert caught.value.spec_ref.startswith("config-linux.md#")
