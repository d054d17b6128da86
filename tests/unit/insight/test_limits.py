"""Limits from trees of control files as kernels show them."""

from __future__ import annotations

from pathlib import Path

import pytest

from orlop.insight.limits import Cgroups, cgroups_of
from orlop.kernel.cgroup.detect import Membership
from orlop.kernel.cgroup.limits import readings

MIB = 1 << 20
V1_NONE = "9223372036854771712\n"


def fill(directory: Path, **files: object) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (directory / name.replace("__", ".")).write_text(f"{content}\n")


def of_v2(mount: Path, path: str, name: str = "") -> Cgroups:
    return cgroups_of((Membership(path, v2=True, mount=str(mount)),), name)


def of_v1(mount: Path, path: str, *controllers: str) -> Cgroups:
    return cgroups_of((Membership(path, controllers, mount=str(mount)),))


class TestSmallest:
    def test_of_the_container_itself(self, tmp_path: Path) -> None:
        fill(tmp_path / "a", memory__max=512 * MIB, memory__current=1, memory__peak=2)
        fill(tmp_path / "a/b", memory__max=256 * MIB, memory__current=3, memory__peak=4)
        limit = of_v2(tmp_path, "/a/b").limit("memory")
        assert limit is not None
        assert (limit.tightest.limit, limit.directory) == (256 * MIB, f"{tmp_path}/a/b")
        assert (limit.tightest.usage, limit.tightest.peak, limit.above) == (3, 4, False)

    def test_above_wins_and_its_use_is_told(self, tmp_path: Path) -> None:
        fill(tmp_path / "a", memory__max=128 * MIB, memory__current=100, memory__events="max 7")
        fill(tmp_path / "a/b", memory__max=256 * MIB, memory__current=3, memory__events="max 0")
        found = of_v2(tmp_path, "/a/b")
        limit, own = found.limit("memory"), found.own("memory")
        assert limit is not None
        assert own is not None
        assert (limit.tightest.limit, limit.directory) == (128 * MIB, f"{tmp_path}/a")
        assert (limit.tightest.usage, limit.tightest.hits, limit.above) == (100, 7, True)
        assert own.limit == 256 * MIB

    def test_of_equal_ones_the_nearest(self, tmp_path: Path) -> None:
        fill(tmp_path / "a", pids__max=9)
        fill(tmp_path / "a/b", pids__max=9)
        limit = of_v2(tmp_path, "/a/b").limit("tasks")
        assert limit is not None
        assert (limit.directory, limit.above) == (f"{tmp_path}/a/b", False)

    def test_none_anywhere(self, tmp_path: Path) -> None:
        fill(tmp_path / "a", memory__max="max", pids__max="max", cpu__max="max 100000")
        assert of_v2(tmp_path, "/a").limits == ()

    def test_zero_is_a_limit(self, tmp_path: Path) -> None:
        fill(tmp_path / "a", memory__swap__max=0)
        limit = of_v2(tmp_path, "/a").limit("swap")
        assert limit is not None
        assert limit.tightest.limit == 0

    def test_quotas_of_different_periods(self, tmp_path: Path) -> None:
        fill(tmp_path / "a", cpu__max="30000 20000", cpu__stat="nr_throttled 0")
        fill(tmp_path / "a/b", cpu__max="100000 50000", cpu__stat="nr_throttled 5")
        limit = of_v2(tmp_path, "/a/b").limit("CPU time")
        assert limit is not None
        assert (limit.tightest.limit, limit.tightest.hits, limit.above) == (1.5, 0, True)

    def test_of_each_device_and_direction(self, tmp_path: Path) -> None:
        fill(tmp_path / "a", io__max="8:0 rbps=1000 wbps=max riops=max wiops=5\n8:16 rbps=7")
        fill(tmp_path / "a/b", io__max="8:0 rbps=2000 wbps=10 riops=max wiops=max")
        found = {
            limit.tightest.kind: (limit.tightest.limit, limit.tightest.unit, limit.above)
            for limit in of_v2(tmp_path, "/a/b").limits
        }
        assert found == {
            "bytes written to 8:0": (10, "bytes/s", False),
            "bytes read from 8:0": (1000, "bytes/s", True),
            "writes to 8:0": (5, "operations/s", True),
            "bytes read from 8:16": (7, "bytes/s", True),
        }


class TestV1:
    def test_memory(self, tmp_path: Path) -> None:
        fill(tmp_path, cgroup__sane_behavior=0, memory__limit_in_bytes=V1_NONE)
        fill(
            tmp_path / "box",
            memory__limit_in_bytes=64 * MIB,
            memory__usage_in_bytes=5,
            memory__max_usage_in_bytes=6,
            memory__failcnt=7,
            memory__memsw__limit_in_bytes=V1_NONE,
        )
        (limit,) = of_v1(tmp_path, "/box", "memory").limits
        reading = limit.tightest
        assert (reading.limit, reading.usage, reading.peak, reading.hits) == (64 * MIB, 5, 6, 7)

    def test_cpu(self, tmp_path: Path) -> None:
        fill(
            tmp_path / "box",
            cpu__cfs_quota_us=50_000,
            cpu__cfs_period_us=100_000,
            cpu__stat="nr_periods 9\nnr_throttled 4",
        )
        (limit,) = of_v1(tmp_path, "/box", "cpu").limits
        assert (limit.tightest.limit, limit.tightest.hits) == (0.5, 4)

    def test_cpu_without_quota(self, tmp_path: Path) -> None:
        fill(tmp_path / "box", cpu__cfs_quota_us=-1, cpu__cfs_period_us=100_000)
        assert of_v1(tmp_path, "/box", "cpu").limits == ()

    def test_blkio(self, tmp_path: Path) -> None:
        fill(tmp_path / "box", blkio__throttle__read_bps_device="8:0 1000\n8:16 2000")
        kinds = {
            limit.tightest.kind: limit.tightest.limit
            for limit in of_v1(tmp_path, "/box", "blkio").limits
        }
        assert kinds == {"bytes read from 8:0": 1000, "bytes read from 8:16": 2000}

    def test_limit_above_what_can_be_seen(self, tmp_path: Path) -> None:
        stat = f"cache 1\nhierarchical_memory_limit {16 * MIB}"
        fill(tmp_path / "box", memory__limit_in_bytes=64 * MIB, memory__stat=stat)
        (limit,) = of_v1(tmp_path, "/box", "memory").limits
        assert (limit.tightest.limit, limit.directory, limit.above) == (16 * MIB, "", True)

    def test_nothing_is_hidden_below_a_root(self, tmp_path: Path) -> None:
        stat = f"hierarchical_memory_limit {16 * MIB}"
        fill(tmp_path, cgroup__sane_behavior=0)
        fill(tmp_path / "box", memory__limit_in_bytes=64 * MIB, memory__stat=stat)
        (limit,) = of_v1(tmp_path, "/box", "memory").limits
        assert limit.tightest.limit == 64 * MIB


class TestSeat:
    def test_container_of_which_the_first_process_has_moved(self, tmp_path: Path) -> None:
        fill(tmp_path / "docker", pids__max="max")
        fill(tmp_path / "docker/box", pids__max=5)
        fill(tmp_path / "docker/box/init", pids__max=9)
        found = of_v2(tmp_path, "/docker/box/init", "box")
        assert found.places[0].directory == f"{tmp_path}/docker/box"
        limit = found.limit("tasks")
        assert limit is not None
        assert (limit.directory, limit.above) == (f"{tmp_path}/docker/box", False)

    def test_outside_what_is_mounted(self) -> None:
        found = cgroups_of((Membership("/../box", v2=True, mount="/sys/fs/cgroup"),))
        assert [seat.own for seat in found.seats] == [""]
        assert found.limits == ()

    def test_not_mounted_at_all(self) -> None:
        assert cgroups_of((Membership("/box", ("pids",)),)).places == ()

    @pytest.mark.parametrize(("name", "complete"), [("cgroup.type", False), ("other", True)])
    def test_top_of_v2(self, tmp_path: Path, name: str, complete: bool) -> None:
        fill(tmp_path, **{name: ""})
        assert of_v2(tmp_path, "/").seats[0].complete is complete

    @pytest.mark.parametrize(
        ("root", "path", "below"),
        [
            ("/", "/", ""),
            ("/", "/a", "/a"),
            ("/", "/../a", None),
            ("/..", "/../a", "/a"),
            ("/..", "/", None),
            ("/docker/ab", "/docker/ab", ""),
            ("/docker/ab", "/docker/ab/c", "/c"),
            ("/docker/ab", "/docker/abc", None),
            ("/", "/..a", "/..a"),
        ],
    )
    def test_directory(self, root: str, path: str, below: str | None) -> None:
        found = Membership(path, mount="/mnt", root=root).directory
        assert found == ("" if below is None else f"/mnt{below}")


class TestSubsets:
    def test_where_it_is_confined(self, tmp_path: Path) -> None:
        fill(tmp_path, cpuset__effective_cpus="0-7", cpuset__effective_mems="0")
        fill(tmp_path / "a", cpuset__effective_cpus="0-1", cpuset__effective_mems="0")
        fill(tmp_path / "a/b", cpuset__effective_cpus="0-1", cpuset__effective_mems="0")
        cpus, mems = of_v1(tmp_path, "/a/b", "cpuset").subsets
        assert (cpus.allowed, cpus.directory, cpus.above) == ("0-1", f"{tmp_path}/a", True)
        assert (mems.allowed, mems.directory, mems.above) == ("0", "", False)

    def test_of_its_own(self, tmp_path: Path) -> None:
        fill(tmp_path, cpuset__cpus__effective="0-7")
        fill(tmp_path / "a", cpuset__cpus__effective="3")
        (cpus,) = of_v2(tmp_path, "/a").subsets
        assert (cpus.allowed, cpus.directory, cpus.above) == ("3", f"{tmp_path}/a", False)


class TestReadings:
    def test_huge_pages(self, tmp_path: Path) -> None:
        fill(
            tmp_path,
            **{
                "hugetlb.2MB.max": 4 * MIB,
                "hugetlb.2MB.current": 2 * MIB,
                "hugetlb.2MB.events": "max 3",
                "hugetlb.2MB.rsvd.max": "max",
                "hugetlb.2MB.rsvd.current": 0,
            },
        )
        found = {reading.kind: reading for reading in readings(str(tmp_path))}
        used, reserved = found["huge pages of 2MB"], found["huge pages of 2MB, reserved"]
        assert (used.limit, used.usage, used.hits) == (4 * MIB, 2 * MIB, 3)
        assert (reserved.limit, reserved.usage) == (None, 0)

    def test_rdma(self, tmp_path: Path) -> None:
        fill(
            tmp_path,
            rdma__max="mlx4_0 hca_handle=2 hca_object=max",
            rdma__current="mlx4_0 hca_handle=1 hca_object=20",
        )
        found = {
            reading.kind: (reading.limit, reading.usage) for reading in readings(str(tmp_path))
        }
        assert found == {"RDMA handles of mlx4_0": (2, 1), "RDMA objects of mlx4_0": (None, 20)}

    def test_of_a_cgroup_that_is_gone(self, tmp_path: Path) -> None:
        assert readings(str(tmp_path / "gone")) == ()
