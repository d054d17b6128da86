from __future__ import annotations

from pathlib import Path

import pytest

from orlop.kernel.cgroup.facts import HostFacts, huge_page_sizes
from orlop.kernel.cgroup.settings import Place


def cgroup(path: Path, **files: str) -> Path:
    path.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (path / name.replace("__", ".")).write_text(text)
    return path


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return cgroup(tmp_path / "root", cgroup__procs="1\n", cgroup__subtree_control="cpu memory\n")


def test_files_of_a_fresh_cgroup_are_those_of_the_nearest_above(root: Path) -> None:
    cgroup(root / "a", memory__low="0\n", cgroup__procs="")
    files = HostFacts().files(Place(str(root / "a/b/box"), str(root), ("memory",)))
    assert files.has("memory.low") is True
    assert files.has("memory.high") is False
    assert files.read("memory.low") == ""


def test_files_of_a_fresh_cgroup_may_be_seen_in_any_other_but_the_root(root: Path) -> None:
    (root / "memory.root").write_text("")
    cgroup(root / "other", memory__low="0\n")
    files = HostFacts().files(Place(str(root / "box"), str(root), ("memory",)))
    assert files.has("memory.low") is True
    assert files.has("memory.root") is False


def test_v1_hierarchy_without_cgroups_is_probed_and_left_as_it_was(root: Path) -> None:
    before = sorted(root.iterdir())
    files = HostFacts().files(Place(str(root / "box"), str(root), ("memory",)))
    assert files.has("memory.low") is False  # the probe's directory is an ordinary, empty one
    assert sorted(root.iterdir()) == before


def test_v2_shows_files_only_where_the_controller_is_enabled(root: Path) -> None:
    cgroup(root / "a", cgroup__controllers="cpu\n", cpu__max="max 100000\n")
    files = HostFacts().files(Place(str(root / "box"), str(root), ("cpu", "memory"), v2=True))
    assert files.has("cpu.max") is True
    assert files.has("cpu.new") is False
    assert files.has("memory.max") is None
    assert files.has("cgroup.new") is False


def test_files_of_an_existing_cgroup_are_its_own(root: Path) -> None:
    cgroup(root / "box", memory__max="4096\n", cgroup__controllers="memory\n")
    files = HostFacts().files(Place(str(root / "box"), str(root), ("memory",), v2=True))
    assert files.read("memory.max") == "4096\n"
    assert files.read("memory.swap.max") == ""
    assert files.has("memory.swap.max") is False


def test_huge_page_files_go_by_the_kernels_sizes(root: Path, tmp_path: Path) -> None:
    sizes = tmp_path / "hugepages"
    for kilobytes in (64, 2048, 1048576, 16777216):
        (sizes / f"hugepages-{kilobytes}kB").mkdir(parents=True)
    assert huge_page_sizes(str(sizes)) == {"64KB", "2MB", "1GB", "16GB"}
    files = HostFacts(str(sizes)).files(Place(str(root / "box"), str(root), ("hugetlb",), v2=True))
    assert files.has("hugetlb.2MB.max") is True
    assert files.has("hugetlb.1GB.rsvd.max") is True
    assert files.has("hugetlb.4MB.max") is False


def test_no_huge_pages(tmp_path: Path) -> None:
    assert huge_page_sizes(str(tmp_path / "none")) == frozenset()


def test_subtree(root: Path) -> None:
    facts = HostFacts()
    assert facts.subtree(str(root / "none")) is None
    true_root = facts.subtree(str(root))
    assert true_root is not None
    assert true_root.enabled == {"cpu", "memory"}
    assert not true_root.closed  # it has processes, but no cgroup.type
    busy = cgroup(
        root / "a", cgroup__procs="7\n", cgroup__type="domain\n", cgroup__subtree_control="\n"
    )
    found = facts.subtree(str(busy))
    assert found is not None
    assert found.closed
    assert found.enabled == frozenset()


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        ({"cgroup__procs": ""}, ""),
        ({"cgroup__procs": "7\n"}, "it has processes in it"),
        ({"cgroup__procs": "", "freezer__state": "FROZEN\n"}, "it is frozen"),
        ({"cgroup__procs": "", "freezer__state": "THAWED\n"}, ""),
        ({"cgroup__procs": "", "cgroup__freeze": "1\n"}, "it is frozen"),
        ({"cgroup__procs": "", "cgroup__freeze": "0\n"}, ""),
    ],
)
def test_occupied(root: Path, files: dict[str, str], reason: str) -> None:
    box = cgroup(root / "box", **files)
    assert HostFacts().occupied(Place(str(box), str(root))) == reason


def test_a_cgroup_that_does_not_exist_is_not_occupied(root: Path) -> None:
    assert HostFacts().occupied(Place(str(root / "box"), str(root))) == ""
