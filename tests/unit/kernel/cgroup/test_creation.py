from __future__ import annotations

import pytest

from orlop.errors import Conflict, SpecError, Unsupported
from orlop.kernel.cgroup import devices
from orlop.kernel.cgroup.creation import (
    CpusetDirectory,
    Creation,
    Directory,
    Entry,
    create,
    plan_path,
)
from orlop.kernel.cgroup.detect import CgroupLayout
from orlop.kernel.cgroup.facts import Subtree
from orlop.kernel.cgroup.resources import Cpu, DeviceRule, HugepageLimit, Memory, Resources
from orlop.kernel.cgroup.settings import Setting
from tests.unit.kernel.cgroup.fixtures import HYBRID, V1, V2, FakeFacts

ROOT = "/sys/fs/cgroup"
RULES = (DeviceRule(allow=False), DeviceRule(True, "c", 1, 3))
EVERY = frozenset(("cpuset", "cpu", "io", "memory", "hugetlb", "pids", "rdma", "misc"))
OPEN = {ROOT: Subtree(EVERY, closed=False)}


# --- paths ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("configured", "path"),
    [
        (None, "box"),
        ("", "box"),
        ("/docker/box", "/docker/box"),
        ("machine/box", "machine/box"),
        ("/a/../../b/", "/b"),
        ("../../b", "b"),
        ("a/./b//c", "a/b/c"),
        ("//b", "/b"),
        ("a:b", "a:b"),
        ("/a:b:c", "/a:b:c"),
    ],
)
def test_plan_path(configured: str | None, path: str) -> None:
    assert plan_path(configured, "box", V2) == path


@pytest.mark.parametrize("configured", ["/", "/..", ".", "..", "a/..", "/a\n", "a\0b"])
def test_plan_path_refuses_what_is_not_the_containers_own(configured: str) -> None:
    with pytest.raises(SpecError) as caught:
        plan_path(configured, "box", V2)
    assert caught.value.field == "linux.cgroupsPath"


@pytest.mark.parametrize("configured", ["system.slice:docker:box", ":runc:box"])
def test_plan_path_knows_systemds_form(configured: str) -> None:
    with pytest.raises(Unsupported) as caught:
        plan_path(configured, "box", V2)
    assert "systemd" in caught.value.needs


def test_plan_path_without_cgroups() -> None:
    with pytest.raises(Unsupported):
        plan_path(None, "box", CgroupLayout())


# --- v1 -------------------------------------------------------------------------------------


def directories(creation: Creation) -> list[tuple[str, bool]]:
    return [(step.path, step.leaf) for step in creation.steps if isinstance(step, Directory)]


def writes(creation: Creation) -> list[tuple[str, str]]:
    return [(step.path, step.value) for step in creation.steps if isinstance(step, Setting)]


def test_v1_directories_of_every_hierarchy_from_the_top() -> None:
    creation = create(V1, "/a/box", None, FakeFacts())
    assert ("/sys/fs/cgroup/systemd/a/box", True) in directories(creation)
    made = [row for row in directories(creation) if "/memory/" in row[0]]
    assert made == [("/sys/fs/cgroup/memory/a", False), ("/sys/fs/cgroup/memory/a/box", True)]
    assert len(directories(creation)) == 2 * len(V1.hierarchies)
    assert creation.paths["/sys/fs/cgroup/memory"] == "/sys/fs/cgroup/memory/a/box"
    assert writes(creation) == []


def test_v1_relative_path_is_below_the_own_cgroup_of_each_hierarchy() -> None:
    paths = create(V1, "box", None, FakeFacts()).paths
    assert paths["/sys/fs/cgroup/memory"] == "/sys/fs/cgroup/memory/services/shell/box"
    assert paths["/sys/fs/cgroup/pids"] == "/sys/fs/cgroup/pids/box"


def test_v1_entry() -> None:
    entry = create(V1, "/box", None, FakeFacts()).entry
    assert entry.directory == ""
    assert "/sys/fs/cgroup/cpu,cpuacct/box/tasks" in entry.tasks
    assert len(entry.tasks) == len(V1.hierarchies)


def test_v1_cpuset_inherits_above_before_and_in_the_leaf_after_the_settings() -> None:
    creation = create(V1, "/a/box", Resources(cpu=Cpu(cpus="0")), FakeFacts())
    order = [step for step in creation.steps if "/cpuset/" in step.path]
    leaf = "/sys/fs/cgroup/cpuset/a/box"
    assert order == [
        Directory("/sys/fs/cgroup/cpuset/a", leaf=False),
        Directory(leaf, leaf=True),
        CpusetDirectory("/sys/fs/cgroup/cpuset/a"),
        Setting(f"{leaf}/cpuset.cpus", "0", "OCI linux.resources.cpu.cpus"),
        CpusetDirectory(leaf),
    ]


def test_v1_devices_are_writes_and_come_last() -> None:
    creation = create(V1, "/box", Resources(devices=RULES), FakeFacts())
    assert writes(creation)[-2:] == [
        ("/sys/fs/cgroup/devices/box/devices.deny", "a"),
        ("/sys/fs/cgroup/devices/box/devices.allow", "c 1:3 rwm"),
    ]
    assert creation.device_program == b""


def test_devices_without_a_way_to_control_them() -> None:
    layout = CgroupLayout(tuple(h for h in V1.hierarchies if "devices" not in h.controllers))
    with pytest.raises(Unsupported, match="devices"):
        create(layout, "/box", Resources(devices=RULES), FakeFacts())


# --- v2 -------------------------------------------------------------------------------------


def test_v2_is_one_directory_and_an_ebpf_program() -> None:
    creation = create(V2, "/a/box", Resources(devices=RULES), FakeFacts(OPEN))
    assert directories(creation) == [(f"{ROOT}/a", False), (f"{ROOT}/a/box", True)]
    assert creation.entry == Entry((), f"{ROOT}/a/box")
    assert creation.device_program == devices.program(RULES)
    assert not [step for step in creation.steps if isinstance(step, CpusetDirectory)]


def test_v2_default_path_is_beside_the_own_cgroup() -> None:
    assert create(V2, "box", None, FakeFacts(OPEN)).paths == {ROOT: f"{ROOT}/user.slice/box"}


def test_v2_enables_what_is_needed_from_the_top_and_the_rest_if_it_goes() -> None:
    resources = Resources(memory=Memory(limit=1 << 30), cpu=Cpu(shares=512))
    facts = FakeFacts({ROOT: Subtree(frozenset(("cpu", "pids")), closed=False)})
    enabled = [
        step
        for step in create(V2, "/a/box", resources, facts).steps
        if isinstance(step, Setting) and step.path.endswith("subtree_control")
    ]
    top = [step for step in enabled if step.path == f"{ROOT}/cgroup.subtree_control"]
    below = [step for step in enabled if step.path == f"{ROOT}/a/cgroup.subtree_control"]
    assert enabled == top + below
    assert (top[0].value, top[0].optional) == ("+memory", False)
    assert (below[0].value, below[0].optional) == ("+cpu +memory", False)
    assert {step.value for step in top[1:]} == {"+cpuset", "+io", "+hugetlb", "+rdma", "+misc"}
    assert all(step.optional for step in top[1:] + below[1:])
    assert len(below) == 1 + len(EVERY) - 2


def test_v2_enabling_comes_after_the_directories_and_before_the_settings() -> None:
    creation = create(V2, "/a/box", Resources(cpu=Cpu(shares=512)), FakeFacts(OPEN))
    kinds = [
        "directory"
        if isinstance(step, Directory)
        else "enable"
        if step.path.endswith("subtree_control")
        else "setting"
        for step in creation.steps
    ]
    assert kinds == sorted(kinds, key=["directory", "enable", "setting"].index)
    assert set(kinds) == {"directory", "enable", "setting"}


def test_v2_writes_nothing_where_everything_is_enabled() -> None:
    facts = FakeFacts({ROOT: OPEN[ROOT], f"{ROOT}/a": OPEN[ROOT]})
    creation = create(V2, "/a/box", Resources(cpu=Cpu(shares=512)), facts)
    assert writes(creation) == [(f"{ROOT}/a/box/cpu.weight", "59")]


def test_v2_a_cgroup_with_processes_has_no_children_with_controllers() -> None:
    facts = FakeFacts({ROOT: OPEN[ROOT], f"{ROOT}/a": Subtree(frozenset(("pids",)), closed=True)})
    assert writes(create(V2, "/a/box", Resources(pids_limit=9), facts)) == [
        (f"{ROOT}/a/box/pids.max", "9")
    ]
    with pytest.raises(Conflict, match=rf"memory below {ROOT}/a: it has processes"):
        create(V2, "/a/box", Resources(memory=Memory(limit=1 << 30)), facts)


def test_v2_what_is_closed_above_is_not_tried_below() -> None:
    facts = FakeFacts({ROOT: Subtree(frozenset(("pids",)), closed=True)})
    assert writes(create(V2, "/a/box", None, facts)) == [
        (f"{ROOT}/a/cgroup.subtree_control", "+pids")
    ]


# --- hybrid ---------------------------------------------------------------------------------


def test_hybrid_has_all_directories_and_enables_only_what_is_asked() -> None:
    facts = FakeFacts({f"{ROOT}/unified": Subtree(frozenset(), closed=False)})
    plain = create(HYBRID, "/box", Resources(devices=RULES), facts)
    assert (f"{ROOT}/unified/box", True) in directories(plain)
    assert plain.entry.directory == f"{ROOT}/unified/box"
    assert plain.device_program == b""
    assert not [path for path, _ in writes(plain) if path.endswith("subtree_control")]
    huge = create(HYBRID, "/box", Resources(hugepage_limits=(HugepageLimit("2MB", 0),)), facts)
    assert writes(huge) == [
        (f"{ROOT}/unified/cgroup.subtree_control", "+hugetlb"),
        (f"{ROOT}/unified/box/hugetlb.2MB.max", "0"),
        (f"{ROOT}/unified/box/hugetlb.2MB.rsvd.max", "0"),
    ]


# --- fitness --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("layout", "directory"), [(V1, f"{ROOT}/freezer/box"), (V2, f"{ROOT}/box")]
)
def test_a_cgroup_in_use_is_refused(layout: CgroupLayout, directory: str) -> None:
    with pytest.raises(Conflict, match=f"{directory} .*processes in it"):
        create(layout, "/box", None, FakeFacts(occupied={directory: "it has processes in it"}))
