"""What can be told of a `Cgroup` on ordinary directories; the rest is in the integration tests."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from orlop.errors import InvalidArgument, NotFound, Unsupported
from orlop.kernel.cgroup.detect import CgroupLayout, Hierarchy
from orlop.kernel.cgroup.live import Cgroup
from orlop.kernel.cgroup.resources import Cpu, Memory, Resources


@pytest.fixture
def layout(tmp_path: Path) -> CgroupLayout:
    return CgroupLayout(
        (
            Hierarchy(str(tmp_path / "memory"), ("memory",)),
            Hierarchy(str(tmp_path / "unified"), ("cpu",), v2=True),
        )
    )


def stored(layout: CgroupLayout, *, exist: bool = True) -> Cgroup:
    paths = {hierarchy.mount: f"{hierarchy.mount}/box" for hierarchy in layout.hierarchies}
    for path in paths.values() if exist else ():
        Path(path).mkdir(parents=True)
    return Cgroup.stored(paths, layout)


def test_stored_and_paths(layout: CgroupLayout) -> None:
    cgroup = stored(layout)
    assert Cgroup.stored(cgroup.paths(), layout).paths() == cgroup.paths()
    assert len(cgroup.paths()) == 2


def test_hierarchies_that_are_not_mounted_any_more_are_left_out(layout: CgroupLayout) -> None:
    assert Cgroup.stored({"/nowhere": "/nowhere/box"}, layout).paths() == {}


@pytest.mark.parametrize("path", ["", "/", "/..", "/box/..", "/../memory2/box", "2/box", "/box/"])
def test_only_directories_below_the_mount_are_cgroups(layout: CgroupLayout, path: str) -> None:
    mount = layout.hierarchies[0].mount
    with pytest.raises(InvalidArgument):
        Cgroup.stored({mount: mount + path}, layout)


def test_a_cgroup_that_is_gone(layout: CgroupLayout) -> None:
    cgroup = stored(layout, exist=False)
    assert not cgroup.exists()
    assert cgroup.processes() == ()
    assert not cgroup.frozen()
    cgroup.freeze()
    cgroup.thaw()
    cgroup.kill_all(9)
    cgroup.kill_all(15)
    cgroup.destroy()
    with pytest.raises(NotFound):
        cgroup.update(Resources(memory=Memory(limit=1 << 30)))


def test_destroy_removes_sub_cgroups_and_nothing_else(layout: CgroupLayout) -> None:
    cgroup = stored(layout)
    for directory in cgroup.paths().values():
        (Path(directory) / "a" / "b").mkdir(parents=True)
        (Path(directory).parent / "sibling").mkdir()
    cgroup.destroy()
    for directory in cgroup.paths().values():
        assert [path.name for path in Path(directory).parent.iterdir()] == ["sibling"]


def test_destroy_does_not_follow_links(layout: CgroupLayout, tmp_path: Path) -> None:
    cgroup = stored(layout)
    (tmp_path / "precious").mkdir()
    directory = Path(cgroup.paths()[layout.hierarchies[0].mount])
    (directory / "link").symlink_to(tmp_path / "precious")
    with pytest.raises(OSError, match="rmdir"):
        cgroup.destroy()
    assert (tmp_path / "precious").is_dir()


def test_processes_are_those_of_all_sub_cgroups(layout: CgroupLayout) -> None:
    cgroup = stored(layout)
    top = Path(cgroup.paths()[layout.hierarchies[1].mount])
    (top / "cgroup.procs").write_text("12\n3\n0\n")
    (top / "a" / "b").mkdir(parents=True)
    (top / "a" / "b" / "cgroup.procs").write_text("7\n12\n")
    assert cgroup.processes() == (3, 7, 12)


def test_entry(layout: CgroupLayout) -> None:
    cgroup = stored(layout)
    memory, unified = (hierarchy.mount for hierarchy in layout.hierarchies)
    assert cgroup.entry().tasks == (f"{memory}/box/tasks",)
    assert cgroup.entry().directory == f"{unified}/box"
    assert cgroup.entry({"": "a/b"}).tasks == (f"{memory}/box/a/b/tasks",)
    assert cgroup.entry({"": "a/b"}).directory == f"{unified}/box/a/b"
    assert cgroup.entry({"": "."}).directory == f"{unified}/box"
    by_controller = cgroup.entry({"memory": "a", "systemd": "b", "": "c"})
    assert by_controller.tasks == (f"{memory}/box/a/tasks",)
    assert by_controller.directory == f"{unified}/box/c"
    for path in ("/a", "..", "../other", "a/../../other"):
        with pytest.raises(InvalidArgument):
            cgroup.entry({"": path})


def test_entry_of_a_named_hierarchy(tmp_path: Path) -> None:
    layout = CgroupLayout((Hierarchy(str(tmp_path), name="systemd"),))
    cgroup = Cgroup.stored({str(tmp_path): f"{tmp_path}/box"}, layout)
    assert cgroup.entry({"systemd": "a"}).tasks == (f"{tmp_path}/box/a/tasks",)


def test_update_restores_what_it_had_changed_when_the_kernel_refuses(layout: CgroupLayout) -> None:
    cgroup = stored(layout)
    unified = Path(cgroup.paths()[layout.hierarchies[1].mount])
    (unified / "cpu.weight").write_text("100\n")
    # cpu.max is missing here, which is the refusal.
    (unified.parent / "cgroup.subtree_control").write_text("cpu\n")
    with pytest.raises(OSError, match=r"cpu\.max"):
        cgroup.update(Resources(cpu=Cpu(shares=2048, quota=50000)))
    assert (unified / "cpu.weight").read_text().startswith("100")


def test_update_restores_an_empty_value_too(layout: CgroupLayout) -> None:
    v2 = layout.hierarchies[1].replace(controllers=("cpu", "cpuset"))
    cgroup = stored(CgroupLayout((v2,)))
    directory = Path(cgroup.paths()[v2.mount])
    (directory.parent / "cgroup.subtree_control").write_text("cpu cpuset\n")
    (directory / "cpuset.cpus").write_text("\n")
    with pytest.raises(OSError, match=r"cpu\.weight"):
        cgroup.update(Resources(cpu=Cpu(cpus="0", shares=2048)))
    assert (directory / "cpuset.cpus").read_text() == "\n"


def test_update_refuses_before_it_writes(layout: CgroupLayout) -> None:
    cgroup = stored(layout)
    unified = Path(cgroup.paths()[layout.hierarchies[1].mount])
    (unified / "cpu.weight").write_text("100\n")
    with pytest.raises(Unsupported):
        cgroup.update(Resources(cpu=Cpu(shares=2048), pids_limit=10))
    assert (unified / "cpu.weight").read_text() == "100\n"


def test_entry_of_a_divided_cgroup_is_beside_the_first_process(layout: CgroupLayout) -> None:
    cgroup = stored(layout)
    top = Path(cgroup.paths()[layout.hierarchies[1].mount])
    init = top / "init.scope"
    init.mkdir()
    (top / "cgroup.procs").write_text("")
    (init / "cgroup.procs").write_text("12\n")
    (top / "cgroup.subtree_control").write_text("\n")
    assert cgroup.entry(first_process=12).directory == str(top)
    (top / "cgroup.subtree_control").write_text("pids\n")
    assert cgroup.entry(first_process=12).directory == str(init)
    assert cgroup.entry(first_process=13).directory == str(top)
    assert cgroup.entry().directory == str(top)


def test_no_freezer() -> None:
    with pytest.raises(Unsupported):
        Cgroup(()).freeze()
    assert not Cgroup(()).frozen()
    Cgroup(()).thaw()
    assert Cgroup(()).processes() == ()


def test_start_imports_nothing_expensive() -> None:
    """The start-up budget: what create and delete import of this package."""
    code = (
        "import sys\n"
        "from orlop.kernel.cgroup import creation, live, detect, freezer, stats, oom, facts\n"
        "slow = 'typing enum re json dataclasses ctypes subprocess socket inspect signal select'\n"
        "print([name for name in slow.split() if name in sys.modules])\n"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", f"import sys; sys.path = {sys.path!r}\n{code}"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "[]\n"
