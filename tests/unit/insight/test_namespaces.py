"""Who is in which namespace, what keeps it, and what one target shares with whom."""

from __future__ import annotations

from orlop.insight.namespaces import (
    EXPOSES,
    Holder,
    Machine,
    Pin,
    isolation_of,
    isolation_of_inodes,
    namespaces_of,
)
from orlop.kernel.namespaces import BY_NAME, NAMESPACES, PID, USER, Lineage
from tests.unit.insight.snapshots import HOST, seen, snapshot, target


def test_every_kind_says_what_sharing_it_exposes() -> None:
    assert set(EXPOSES) == set(BY_NAME)


def test_isolated_is_another_inode_than_the_host_s() -> None:
    one = seen(7, pid=71, network=72)
    rows = isolation_of(snapshot(one), target(one), ())
    assert [row.kind for row in rows] == [kind.name for kind in NAMESPACES]
    isolated = {row.kind for row in rows if row.isolated}
    assert isolated == {"pid", "network"}
    assert all(row.shared_with == ("host",) for row in rows if not row.isolated)


def test_shared_with_others_but_never_with_itself() -> None:
    one, inner = seen(7, pid=71, network=72), seen(8, parent=7, pid=71, network=72)
    other = seen(9, network=72)
    itself = target(one, "again").replace(members=(7, 8))
    others = (itself, target(other, "db"))
    rows = {row.kind: row for row in isolation_of(snapshot(one, inner, other), target(one), others)}
    assert rows["network"].shared_with == ("db",)
    assert rows["pid"].shared_with == ()
    assert rows["uts"].shared_with == ("host", "db")


def test_of_a_process_that_may_not_be_read_nothing_is_claimed() -> None:
    one = seen(7, pid=71).replace(namespaces={})
    rows = isolation_of(snapshot(one), target(one), ())
    assert {row.isolated for row in rows} == {None}
    assert {row.shared_with for row in rows} == {()}


def test_a_reused_pid_is_another_process() -> None:
    one, successor = seen(7, ticks=5, pid=71), seen(7, ticks=6)
    rows = isolation_of(snapshot(successor), target(one), ())
    assert {row.inode for row in rows} == {None}


def test_namespaces_by_inode() -> None:
    one = seen(9, network=72)
    (row,) = isolation_of_inodes(snapshot(one), {"network": 72}, (target(one, "db"),))
    assert (row.isolated, row.shared_with, row.host) == (True, ("db",), HOST["network"])


def test_all_namespaces_with_what_keeps_them() -> None:
    one = seen(7, pid=71)
    machine = Machine(
        snapshot(one),
        pins=(
            Pin("network", 72, "/run/netns/blue"),
            Pin("network", 72, "/run/orlop/ns/blue/net"),
            Pin("network", 72, "/run/netns/inner", seen_by=7),
        ),
        descriptors=(Holder("uts", 73, 7, 4),),
        threads=(Holder("ipc", 74, 7, 12),),
        lineages={
            71: Lineage(PID, 71, owner=75, parent=HOST["pid"]),
            75: Lineage(USER, 75, owner=HOST["user"], owner_uid=1000),
        },
    )
    found = {(entry.kind, entry.inode): entry for entry in namespaces_of(machine)}
    assert len(found) == 8 + 5

    assert found["pid", 71].processes == (one,)
    assert (found["pid", 71].owner, found["pid", 71].parent) == (75, HOST["pid"])
    assert found["pid", HOST["pid"]].is_host
    # a user namespace that only the ones below it keep
    assert found["user", 75].processes == ()
    assert found["user", 75].owner_uid == 1000
    # names are those in our own mounts
    assert found["network", 72].names == (("blue", "ip netns"), ("blue", "orlop"))
    assert len(found["network", 72].pins) == 3
    assert found["uts", 73].descriptors[0].number == 4
    assert found["ipc", 74].threads[0].number == 12


def test_they_come_by_kind_and_inode() -> None:
    machine = Machine(snapshot(seen(7, uts=3), seen(8, uts=2, user=5)))
    keys = [(entry.kind, entry.inode) for entry in namespaces_of(machine)]
    assert keys[:2] == [("user", 5), ("user", HOST["user"])]
    assert [inode for kind, inode in keys if kind == "uts"] == [2, 3, HOST["uts"]]
