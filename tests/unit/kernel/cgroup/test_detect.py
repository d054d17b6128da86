from __future__ import annotations

from pathlib import Path

import pytest

from orlop.errors import SyscallError
from orlop.kernel.cgroup import detect
from orlop.kernel.cgroup.detect import HYBRID, NONE, V1, V2, Hierarchy, parse, read_layout
from tests.unit.kernel.cgroup import fixtures


@pytest.mark.parametrize(
    ("layout", "mode"),
    [(fixtures.V1, V1), (fixtures.HYBRID, HYBRID), (fixtures.V2, V2), (parse("", ""), NONE)],
)
def test_mode(layout: detect.CgroupLayout, mode: int) -> None:
    assert layout.mode == mode
    assert detect.MODE_NAMES[mode] in ("none", "v1", "hybrid", "v2")


def test_v1_controllers_and_names() -> None:
    cpu = fixtures.V1.of("cpu")
    assert cpu is not None
    assert cpu is fixtures.V1.of("cpuacct")
    assert (cpu.mount, cpu.controllers) == ("/sys/fs/cgroup/cpu,cpuacct", ("cpu", "cpuacct"))
    systemd = fixtures.V1.named("systemd")
    assert systemd is not None
    assert (systemd.controllers, systemd.own) == ((), "/user.slice")
    assert fixtures.V1.named("") is None
    assert fixtures.V1.unified is None


def test_a_controller_that_is_mounted_nowhere_is_nowhere() -> None:
    assert fixtures.V1.of("perf_event") is None


def test_v2_controllers_come_from_its_root() -> None:
    unified = fixtures.V2.unified
    assert unified is not None
    assert unified is fixtures.V2.of("memory")
    assert fixtures.V2.of("blkio") is None
    assert fixtures.V2.of("") is None
    assert unified.own == "/user.slice/session-1.scope"


def test_hybrid_has_some_controllers_here_and_others_there() -> None:
    memory, hugetlb = fixtures.HYBRID.of("memory"), fixtures.HYBRID.of("hugetlb")
    assert memory is not None
    assert not memory.v2
    assert hugetlb is fixtures.HYBRID.unified


def test_absolute_paths_start_at_the_mount() -> None:
    memory = Hierarchy("/sys/fs/cgroup/memory", ("memory",), own="/services/shell")
    assert memory.directory("/a/b") == "/sys/fs/cgroup/memory/a/b"
    assert memory.directory("/a/../../../b") == "/sys/fs/cgroup/memory/b"
    assert memory.directory("/") == "/sys/fs/cgroup/memory"


def test_relative_paths_start_at_the_own_cgroup_and_on_v2_beside_it() -> None:
    v1 = Hierarchy("/m", ("memory",), own="/services/shell")
    assert v1.directory("box") == "/m/services/shell/box"
    assert v1.replace(v2=True).directory("box") == "/m/services/box"
    assert v1.replace(v2=True, own="/").directory("box") == "/m/box"


def test_in_a_container_without_cgroup_namespace_the_root_is_taken_off() -> None:
    mountinfo = "5 1 0:9 /docker/ab /sys/fs/cgroup/pids ro - cgroup cgroup rw,pids\n"
    inside = parse(mountinfo, "8:pids:/docker/ab/sub\n").hierarchies[0]
    assert (inside.root, inside.own) == ("/docker/ab", "/sub")
    assert parse(mountinfo, "8:pids:/docker/ab\n").hierarchies[0].own == "/"
    assert parse(mountinfo, "8:pids:/docker/abc\n").hierarchies[0].own == "/"


def test_of_several_mounts_the_usual_one_is_taken() -> None:
    mountinfo = (
        "5 1 0:9 / /chroot/sys/fs/cgroup/pids rw - cgroup cgroup rw,pids\n"
        "6 1 0:9 / /sys/fs/cgroup/pids rw - cgroup cgroup rw,pids\n"
        "7 1 0:9 / /mnt rw - cgroup cgroup rw,pids\n"
    )
    assert parse(mountinfo, "8:pids:/\n").hierarchies[0].mount == "/sys/fs/cgroup/pids"


def test_a_mount_that_another_one_hides_is_not_there() -> None:
    mountinfo = (
        "6 1 0:9 / /sys/fs/cgroup/pids rw - cgroup cgroup rw,pids\n"
        "7 6 0:10 / /sys/fs/cgroup/pids rw - tmpfs tmpfs rw\n"
    )
    assert parse(mountinfo, "8:pids:/\n").hierarchies == ()


def test_escapes_and_deleted_cgroups() -> None:
    mountinfo = "6 1 0:9 / /my\\040cgroups\\134x rw - cgroup2 none rw\n"
    hierarchy = parse(mountinfo, "0::/gone (deleted)\n").hierarchies[0]
    assert hierarchy.mount == "/my cgroups\\x"
    assert hierarchy.own == "/gone"


def test_optional_fields_of_mountinfo_are_skipped() -> None:
    mountinfo = "6 1 0:9 / /c rw shared:1 master:2 propagate_from:3 - cgroup2 none rw\n"
    assert parse(mountinfo, "0::/\n").hierarchies[0].mount == "/c"


def test_read_layout_reads_the_files(tmp_path: Path) -> None:
    mount = tmp_path / "unified"
    mount.mkdir()
    (mount / "cgroup.controllers").write_text("cpu memory\n")
    (tmp_path / "mountinfo").write_text(f"6 1 0:9 / {mount} rw - cgroup2 none rw\n")
    (tmp_path / "cgroup").write_text("0::/\n")
    layout = read_layout(str(tmp_path))
    assert layout.unified is not None
    assert layout.unified.controllers == ("cpu", "memory")


def test_unreadable_proc_is_an_error_that_names_it(tmp_path: Path) -> None:
    with pytest.raises(SyscallError, match="mountinfo"):
        read_layout(str(tmp_path))


def test_detect_reads_once() -> None:
    assert detect.detect() is detect.detect()
