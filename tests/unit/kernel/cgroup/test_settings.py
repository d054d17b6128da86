"""Resources to writes, on v1, v2 and both."""

from __future__ import annotations

import pytest

from orlop.errors import SpecError, Unsupported
from orlop.kernel.cgroup.detect import CgroupLayout
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
from orlop.kernel.cgroup.settings import places, settings
from tests.unit.kernel.cgroup.fixtures import HYBRID, V1, V2, FakeFiles

GB = 1 << 30


def written(
    layout: CgroupLayout, resources: Resources, files: FakeFiles | None = None
) -> list[tuple[str, str]]:
    """The writes, without the directories."""
    known = files or FakeFiles()
    found = settings(places(layout, "/box"), resources, lambda _: known)
    return [(setting.path.rpartition("/")[2], setting.value) for setting in found]


def test_nothing_asked_nothing_written() -> None:
    for layout in (V1, HYBRID, V2):
        assert written(layout, Resources()) == []
        zeros = Resources(
            memory=Memory(limit=0, reservation=0, swap=0, kernel=0),
            cpu=Cpu(shares=0, quota=0, period=0, cpus="", mems=""),
            block_io=BlockIo(weight=0),
        )
        assert written(layout, zeros) == []


def test_directories_and_reasons() -> None:
    resources = Resources(memory=Memory(limit=GB), cpu=Cpu(shares=512))
    found = settings(places(V1, "/a/box"), resources, lambda _: FakeFiles())
    assert [(setting.path, setting.reason) for setting in found] == [
        ("/sys/fs/cgroup/cpu,cpuacct/a/box/cpu.shares", "OCI linux.resources.cpu.shares"),
        ("/sys/fs/cgroup/memory/a/box/memory.limit_in_bytes", "OCI linux.resources.memory.limit"),
    ]
    found = settings(places(V2, "/a/box"), resources, lambda _: FakeFiles())
    assert [setting.path for setting in found] == [
        "/sys/fs/cgroup/a/box/cpu.weight",
        "/sys/fs/cgroup/a/box/memory.max",
    ]


# --- memory ---------------------------------------------------------------------------------


def test_v1_memory_of_a_fresh_cgroup_is_written_before_swap() -> None:
    memory = Memory(
        limit=GB,
        swap=2 * GB,
        reservation=GB // 2,
        kernel_tcp=4096,
        swappiness=10,
        disable_oom_killer=True,
        use_hierarchy=True,
    )
    assert written(V1, Resources(memory=memory)) == [
        ("memory.limit_in_bytes", str(GB)),
        ("memory.memsw.limit_in_bytes", str(2 * GB)),
        ("memory.soft_limit_in_bytes", str(GB // 2)),
        ("memory.kmem.tcp.limit_in_bytes", "4096"),
        ("memory.swappiness", "10"),
        ("memory.oom_control", "1"),
    ]


@pytest.mark.parametrize(
    ("limit", "swap", "first"),
    [
        (2 * GB, 4 * GB, "memory.memsw.limit_in_bytes"),  # upwards
        (GB // 4, GB // 2, "memory.limit_in_bytes"),  # downwards
        (GB // 2, GB, "memory.memsw.limit_in_bytes"),  # the new sum is the old limit
        (GB, -1, "memory.memsw.limit_in_bytes"),
        (-1, -1, "memory.memsw.limit_in_bytes"),
        (-1, None, "memory.memsw.limit_in_bytes"),
    ],
)
def test_v1_update_never_has_memory_above_the_sum(limit: int, swap: int | None, first: str) -> None:
    now = {"memory.limit_in_bytes": f"{GB}\n", "memory.memsw.limit_in_bytes": f"{2 * GB}\n"}
    in_force = {file: int(text) for file, text in now.items()}
    order = written(V1, Resources(memory=Memory(limit=limit, swap=swap)), FakeFiles(now))
    assert len(order) == 2
    assert order[0][0] == first
    for file, value in order:
        in_force[file] = int(value) if value != "-1" else 1 << 62
        assert in_force["memory.limit_in_bytes"] <= in_force["memory.memsw.limit_in_bytes"]


def test_v1_limit_above_the_sum_in_force_is_refused() -> None:
    now = {"memory.limit_in_bytes": f"{GB}\n", "memory.memsw.limit_in_bytes": f"{2 * GB}\n"}
    with pytest.raises(SpecError, match=r"memory\.swap"):
        written(V1, Resources(memory=Memory(limit=3 * GB)), FakeFiles(now))
    assert written(V1, Resources(memory=Memory(limit=2 * GB)), FakeFiles(now)) == [
        ("memory.limit_in_bytes", str(2 * GB))
    ]


def test_v1_without_swap_accounting() -> None:
    files = FakeFiles(lacks=("memory.memsw.limit_in_bytes",))
    with pytest.raises(Unsupported) as caught:
        written(V1, Resources(memory=Memory(limit=GB, swap=GB)), files)
    assert "swap accounting" in caught.value.needs
    for swap in (None, 0, -1):
        assert written(V1, Resources(memory=Memory(limit=-1, swap=swap)), files) == [
            ("memory.limit_in_bytes", "-1")
        ]


@pytest.mark.parametrize("layout", [V1, V2])
def test_kernel_memory_is_refused_unless_it_is_unlimited(layout: CgroupLayout) -> None:
    assert written(layout, Resources(memory=Memory(kernel=-1))) == []
    with pytest.raises(Unsupported, match=r"memory\.kernel "):
        written(layout, Resources(memory=Memory(kernel=GB)))


@pytest.mark.parametrize("layout", [V1, V2])
def test_memory_is_always_hierarchical(layout: CgroupLayout) -> None:
    assert written(layout, Resources(memory=Memory(use_hierarchy=True))) == []
    with pytest.raises(Unsupported, match="useHierarchy"):
        written(layout, Resources(memory=Memory(use_hierarchy=False)))


def test_v2_memory() -> None:
    memory = Memory(limit=GB, swap=3 * GB, reservation=GB // 2, disable_oom_killer=False)
    assert written(V2, Resources(memory=memory)) == [
        ("memory.swap.max", str(2 * GB)),
        ("memory.max", str(GB)),
        ("memory.low", str(GB // 2)),
    ]
    assert written(V2, Resources(memory=Memory(limit=-1))) == [
        ("memory.swap.max", "max"),
        ("memory.max", "max"),
    ]
    assert written(V2, Resources(memory=Memory(limit=GB, swap=GB))) == [
        ("memory.swap.max", "0"),
        ("memory.max", str(GB)),
    ]


@pytest.mark.parametrize(
    "memory",
    [
        Memory(swappiness=60),
        Memory(swappiness=0),
        Memory(kernel_tcp=4096),
        Memory(disable_oom_killer=True),
    ],
)
def test_v2_refuses_what_only_v1_has(memory: Memory) -> None:
    with pytest.raises(Unsupported) as caught:
        written(V2, Resources(memory=memory))
    assert "cgroup v1" in caught.value.needs


def test_v2_update_keeps_the_sum() -> None:
    now = FakeFiles({"memory.max": f"{GB}\n", "memory.swap.max": f"{GB}\n"})
    assert written(V2, Resources(memory=Memory(limit=GB + GB // 2)), now) == [
        ("memory.swap.max", str(GB // 2)),
        ("memory.max", str(GB + GB // 2)),
    ]
    assert written(V2, Resources(memory=Memory(swap=3 * GB)), now) == [
        ("memory.swap.max", str(2 * GB))
    ]
    with pytest.raises(SpecError):
        written(V2, Resources(memory=Memory(limit=3 * GB)), now)
    unlimited = FakeFiles({"memory.max": f"{GB}\n", "memory.swap.max": "max\n"})
    assert written(V2, Resources(memory=Memory(limit=2 * GB)), unlimited) == [
        ("memory.max", str(2 * GB))
    ]


@pytest.mark.parametrize("layout", [V1, V2])
def test_a_sum_alone_needs_a_limit(layout: CgroupLayout) -> None:
    with pytest.raises(SpecError, match=r"memory\.limit"):
        written(layout, Resources(memory=Memory(swap=GB)))


# --- cpu ------------------------------------------------------------------------------------


def test_v1_cpu() -> None:
    cpu = Cpu(shares=512, quota=50000, period=200000, burst=1000, cpus="0-1", mems="0")
    assert written(V1, Resources(cpu=cpu)) == [
        ("cpuset.cpus", "0-1"),
        ("cpuset.mems", "0"),
        ("cpu.shares", "512"),
        ("cpu.cfs_period_us", "200000"),
        ("cpu.cfs_burst_us", "1000"),
        ("cpu.cfs_quota_us", "50000"),
    ]


def test_v2_cpu() -> None:
    cpu = Cpu(shares=512, quota=50000, period=200000, burst=1000, cpus="0-1", mems="0")
    assert written(V2, Resources(cpu=cpu)) == [
        ("cpuset.cpus", "0-1"),
        ("cpuset.mems", "0"),
        ("cpu.weight", "59"),
        ("cpu.max.burst", "1000"),
        ("cpu.max", "50000 200000"),
    ]


@pytest.mark.parametrize(
    ("now", "asked"),
    [
        ((50000, 100000), (50000, 200000)),
        ((50000, 100000), (10000, 20000)),
        ((50000, 100000), (25000, 50000)),
        ((-1, 100000), (1000, 1000)),
        ((50000, 100000), (-1, 50000)),
    ],
)
def test_v1_update_never_has_a_larger_ratio_than_before_and_after(
    now: tuple[int, int], asked: tuple[int, int]
) -> None:
    files = FakeFiles({"cpu.cfs_quota_us": f"{now[0]}\n", "cpu.cfs_period_us": f"{now[1]}\n"})
    quota, period = now
    most = max(_ratio(*now), _ratio(*asked))
    for file, value in written(V1, Resources(cpu=Cpu(quota=asked[0], period=asked[1])), files):
        if file == "cpu.cfs_quota_us":
            quota = int(value)
        else:
            period = int(value)
        assert _ratio(quota, period) <= most
    assert (quota, period) == asked


def _ratio(quota: int, period: int) -> float:
    return quota / period if quota > 0 else float("inf")


@pytest.mark.parametrize(
    ("layout", "burst_file", "now"),
    [
        (V1, "cpu.cfs_burst_us", {"cpu.cfs_quota_us": "10000\n", "cpu.cfs_burst_us": "5000\n"}),
        (V2, "cpu.max.burst", {"cpu.max": "10000 100000\n", "cpu.max.burst": "5000\n"}),
    ],
)
def test_burst_never_exceeds_the_quota(
    layout: CgroupLayout, burst_file: str, now: dict[str, str]
) -> None:
    files = FakeFiles(now)
    order = [
        file for file, _ in written(layout, Resources(cpu=Cpu(quota=40000, burst=20000)), files)
    ]
    assert order[-1] == burst_file
    order = [file for file, _ in written(layout, Resources(cpu=Cpu(quota=4000, burst=2000)), files)]
    assert order[0] == burst_file
    with pytest.raises(SpecError, match=r"cpu\.quota.*5000"):
        written(layout, Resources(cpu=Cpu(quota=4000)), files)
    with pytest.raises(SpecError, match=r"cpu\.burst.*10000"):
        written(layout, Resources(cpu=Cpu(burst=20000)), files)


@pytest.mark.parametrize(("layout", "weight"), [(V1, "cpu.shares"), (V2, "cpu.weight")])
def test_no_weight_is_written_to_an_idle_cgroup(layout: CgroupLayout, weight: str) -> None:
    idle = [file for file, _ in written(layout, Resources(cpu=Cpu(shares=512, idle=1)))]
    assert idle == [weight, "cpu.idle"]
    busy = [file for file, _ in written(layout, Resources(cpu=Cpu(shares=512, idle=0)))]
    assert busy == ["cpu.idle", weight]


def test_v1_realtime() -> None:
    cpu = Cpu(realtime_runtime=9000, realtime_period=10000)
    assert written(V1, Resources(cpu=cpu)) == [
        ("cpu.rt_runtime_us", "9000"),
        ("cpu.rt_period_us", "10000"),
    ]
    longer = FakeFiles({"cpu.rt_period_us": "5000\n"})
    assert [file for file, _ in written(V1, Resources(cpu=cpu), longer)] == [
        "cpu.rt_period_us",
        "cpu.rt_runtime_us",
    ]
    with pytest.raises(Unsupported) as caught:
        written(V1, Resources(cpu=cpu), FakeFiles(lacks=("cpu.rt_runtime_us",)))
    assert "CONFIG_RT_GROUP_SCHED" in caught.value.needs
    with pytest.raises(Unsupported, match="realtimeRuntime"):
        written(V2, Resources(cpu=cpu))


# --- the others -----------------------------------------------------------------------------


@pytest.mark.parametrize("layout", [V1, V2])
def test_pids(layout: CgroupLayout) -> None:
    assert written(layout, Resources(pids_limit=100)) == [("pids.max", "100")]
    assert written(layout, Resources(pids_limit=-1)) == [("pids.max", "max")]


BLOCK_IO = BlockIo(
    weight=500,
    weight_device=(WeightDevice(8, 0, 300),),
    throttle_read_bps_device=(ThrottleDevice(8, 0, 1048576), ThrottleDevice(8, 16, 0)),
    throttle_write_bps_device=(ThrottleDevice(8, 0, 2097152),),
    throttle_read_iops_device=(ThrottleDevice(8, 0, 100),),
    throttle_write_iops_device=(ThrottleDevice(8, 16, 200),),
)


def test_v1_block_io() -> None:
    assert written(V1, Resources(block_io=BLOCK_IO)) == [
        ("blkio.weight", "500"),
        ("blkio.weight_device", "8:0 300"),
        ("blkio.throttle.read_bps_device", "8:0 1048576"),
        ("blkio.throttle.read_bps_device", "8:16 0"),
        ("blkio.throttle.write_bps_device", "8:0 2097152"),
        ("blkio.throttle.read_iops_device", "8:0 100"),
        ("blkio.throttle.write_iops_device", "8:16 200"),
    ]


def test_v1_block_io_weights_of_bfq_or_none() -> None:
    weights = Resources(block_io=BlockIo(weight=500, weight_device=(WeightDevice(8, 0, 300),)))
    assert written(V1, weights, FakeFiles(lacks=("blkio.weight",))) == [
        ("blkio.bfq.weight", "500"),
        ("blkio.bfq.weight_device", "8:0 300"),
    ]
    with pytest.raises(Unsupported) as caught:
        written(V1, weights, FakeFiles(lacks=("blkio.weight", "blkio.bfq.weight")))
    assert "BFQ" in caught.value.needs
    leaf = Resources(block_io=BlockIo(leaf_weight=500))
    with pytest.raises(Unsupported, match="leafWeight"):
        written(V1, leaf, FakeFiles(lacks=("blkio.leaf_weight",)))


def test_v2_block_io_is_one_line_for_each_device() -> None:
    assert written(V2, Resources(block_io=BLOCK_IO), FakeFiles(lacks=("io.bfq.weight",))) == [
        ("io.weight", "4950"),
        ("io.weight", "8:0 2930"),
        ("io.max", "8:0 rbps=1048576 wbps=2097152 riops=100"),
        ("io.max", "8:16 rbps=max wiops=200"),
    ]


def test_v2_block_io_weights() -> None:
    weights = Resources(block_io=BlockIo(weight=500, weight_device=(WeightDevice(8, 0, 300),)))
    assert written(V2, weights) == [("io.bfq.weight", "500"), ("io.bfq.weight", "8:0 300")]
    unknown = FakeFiles(unknown=("io.bfq.weight", "io.weight"))
    assert written(V2, weights, unknown)[0] == ("io.weight", "4950")
    with pytest.raises(Unsupported) as caught:
        written(V2, weights, FakeFiles(lacks=("io.bfq.weight", "io.weight")))
    assert caught.value.what == "linux.resources.blockIO.weight"
    with pytest.raises(Unsupported, match="leafWeight"):
        written(V2, Resources(block_io=BlockIo(leaf_weight=500)))


def test_huge_pages_are_found_where_their_controller_is() -> None:
    resources = Resources(hugepage_limits=(HugepageLimit("2MB", 4 << 20),))
    expected = [("hugetlb.2MB.max", "4194304"), ("hugetlb.2MB.rsvd.max", "4194304")]
    assert written(V2, resources) == expected
    found = settings(places(HYBRID, "/box"), resources, lambda _: FakeFiles())
    assert found[0].path == "/sys/fs/cgroup/unified/box/hugetlb.2MB.max"
    with pytest.raises(Unsupported) as caught:
        written(V2, resources, FakeFiles(lacks=("hugetlb.2MB.max",)))
    assert "2MB" in caught.value.needs
    with pytest.raises(Unsupported) as caught:
        written(V1, resources)
    assert caught.value.needs == "the cgroup controller hugetlb"


def test_rdma() -> None:
    resources = Resources(rdma={"mlx5_1": RdmaLimit(3, 10000)})
    assert written(V2, resources) == [("rdma.max", "mlx5_1 hca_handle=3 hca_object=10000")]
    with pytest.raises(Unsupported):
        written(V1, resources)


def test_network_needs_v1_controllers() -> None:
    with pytest.raises(Unsupported) as caught:
        written(V2, Resources(network=NetworkClass(class_id=0x100001)))
    assert caught.value.needs == "the cgroup controller v1 net_cls"
    priorities = Resources(network=NetworkClass(priorities=(InterfacePriority("eth0", 5),)))
    with pytest.raises(Unsupported) as caught:
        written(HYBRID, priorities)
    assert caught.value.needs == "the cgroup controller v1 net_prio"


def test_network_on_v1() -> None:
    memory = V1.hierarchies[0]
    layout = CgroupLayout((memory.replace(controllers=("net_cls", "net_prio")),))
    network = NetworkClass(class_id=0x100001, priorities=(InterfacePriority("eth0", 5),))
    assert written(layout, Resources(network=network)) == [
        ("net_cls.classid", "1048577"),
        ("net_prio.ifpriomap", "eth0 5"),
    ]


def test_without_a_controller_limits_can_only_be_lifted() -> None:
    nothing = CgroupLayout((V1.hierarchies[0].replace(controllers=()),))
    lifted = Resources(
        memory=Memory(limit=-1, swap=-1, disable_oom_killer=False),
        cpu=Cpu(quota=-1, idle=0),
        pids_limit=-1,
    )
    assert written(nothing, lifted) == []
    for limited in (
        Resources(memory=Memory(limit=GB)),
        Resources(cpu=Cpu(cpus="0")),
        Resources(cpu=Cpu(shares=100)),
        Resources(pids_limit=10),
        Resources(block_io=BlockIo(weight=500)),
    ):
        with pytest.raises(Unsupported, match="cgroup controller"):
            written(nothing, limited)


# --- unified --------------------------------------------------------------------------------


def test_unified_is_written_line_by_line_and_last() -> None:
    resources = Resources(
        memory=Memory(limit=GB),
        unified={
            "io.max": "259:0 rbps=2097152 wiops=120\n253:0 rbps=2097152 wiops=120",
            "memory.high": "1000000",
            "cgroup.max.depth": "3",
        },
    )
    assert written(V2, resources) == [
        ("memory.max", str(GB)),
        ("io.max", "259:0 rbps=2097152 wiops=120"),
        ("io.max", "253:0 rbps=2097152 wiops=120"),
        ("memory.high", "1000000"),
        ("cgroup.max.depth", "3"),
    ]


@pytest.mark.parametrize(
    "key", ["memory", "", ".max", "../memory.max", "cgroup.procs", "cgroup.threads", "cgroup.kill"]
)
def test_unified_refuses_what_is_no_parameter(key: str) -> None:
    with pytest.raises(SpecError) as caught:
        written(V2, Resources(unified={key: "1"}))
    assert caught.value.field == f"linux.resources.unified.{key}"


def test_unified_needs_the_controller_and_the_file() -> None:
    with pytest.raises(Unsupported) as caught:
        written(V2, Resources(unified={"dmem.max": "1"}))
    assert caught.value.needs == "the cgroup v2 controller dmem"
    with pytest.raises(Unsupported) as caught:
        written(V2, Resources(unified={"memory.new": "1"}), FakeFiles(lacks=("memory.new",)))
    assert "memory.new" in caught.value.needs
    with pytest.raises(Unsupported) as caught:
        written(V1, Resources(unified={"memory.max": "1"}))
    assert caught.value.needs == "cgroup v2"
    with pytest.raises(Unsupported) as caught:
        written(HYBRID, Resources(unified={"memory.max": "1"}))
    assert caught.value.needs == "the cgroup v2 controller memory"
    assert written(HYBRID, Resources(unified={"hugetlb.2MB.max": "0"})) == [
        ("hugetlb.2MB.max", "0")
    ]
