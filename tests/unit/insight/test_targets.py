"""What belongs together, and what it is called; names that are none."""

from __future__ import annotations

from pathlib import Path

import pytest

from orlop.errors import InvalidArgument, NotFound
from orlop.insight.targets import resolve, targets_in
from tests.unit.insight.snapshots import ID, seen, snapshot


def test_the_host_is_no_target() -> None:
    assert targets_in(snapshot(seen(5), seen(6, parent=5)), {}) == ()


def test_who_has_all_namespaces_in_common_is_one_target() -> None:
    first, second, other = seen(7, pid=71), seen(8, parent=7, pid=71), seen(9, pid=71, mount=72)
    found = targets_in(snapshot(first, second, other), {})
    assert [(target.name, target.members) for target in found] == [
        ("pid:7", (7, 8)),
        ("pid:9", (9,)),
    ]
    assert found[0].process == first.identity


def test_the_first_process_is_the_oldest_and_not_the_one_with_the_lowest_pid() -> None:
    first, later = seen(900, ticks=10, pid=71), seen(20, ticks=11, parent=900, pid=71)
    (target,) = targets_in(snapshot(first, later), {})
    assert target.process == first.identity


def test_a_container_is_one_target_whatever_is_made_inside() -> None:
    path = (f"/docker/{ID}",)
    first = seen(7, cgroups=path, pid=71, mount=72)
    nested = seen(8, parent=7, cgroups=(f"/docker/{ID}/sub",), pid=81, mount=82)
    (target,) = targets_in(snapshot(first, nested), {})
    assert (target.name, target.engine, target.id) == (f"docker:{ID[:12]}", "docker", ID)
    assert target.members == (7, 8)


def test_who_waits_for_a_child_in_new_pid_and_time_namespaces_belongs_to_it() -> None:
    """As `unshare --pid --mount --fork`: its own PID namespace is still the old one."""
    waiting = seen(7, name="unshare", command=("unshare", "-pmf"), mount=72)
    inside = seen(8, parent=7, mount=72, pid=71)
    (target,) = targets_in(snapshot(waiting, inside), {})
    assert (target.name, target.engine, target.members) == ("pid:8", "unshare", (7, 8))


def test_a_parent_in_other_mounts_is_a_target_of_its_own() -> None:
    parent, inside = seen(7, mount=72), seen(8, parent=7, mount=73, pid=71)
    assert [target.name for target in targets_in(snapshot(parent, inside), {})] == [
        "pid:7",
        "pid:8",
    ]


def test_a_container_of_the_runtime_has_its_id_as_name() -> None:
    first, second = seen(7, pid=71), seen(8, parent=7, pid=71)
    containers = {first.identity: "web", seen(8, ticks=3).identity: "gone"}
    (target,) = targets_in(snapshot(first, second), containers)
    assert (target.name, target.engine, target.process) == ("web", "orlop", first.identity)


def test_who_may_not_be_read_is_left_out() -> None:
    hidden = seen(7).replace(namespaces={})
    assert targets_in(snapshot(hidden), {}) == ()
    assert snapshot(hidden).unreadable() == (hidden,)


@pytest.mark.parametrize("text", ["pid:", "docker:", "pid:x", "pid:-1", "pid:1x", "pid:²", ":x"])
def test_what_is_no_name_is_refused(text: str) -> None:
    with pytest.raises((InvalidArgument, NotFound)):
        resolve(text, ("/nowhere",))


@pytest.mark.parametrize("text", ["pid:0", "pid:2000000000", "pid:99999999999999999999"])
def test_a_process_that_cannot_be_there(text: str) -> None:
    with pytest.raises((InvalidArgument, NotFound)):
        resolve(text)


def test_a_container_that_is_not_there(tmp_path: Path) -> None:
    for name in ("web", "../web", "", "a b"):
        with pytest.raises(NotFound, match="container"):
            resolve(name, (str(tmp_path),))
