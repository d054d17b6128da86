"""What people write about namespaces and limits."""

from __future__ import annotations

import pytest

from orlop.errors import InvalidArgument
from orlop.insight.byhand.asking import new_namespaces
from orlop.insight.byhand.limits import LIMITS, resources
from orlop.insight.byhand.places import check_name, kept, kinds_of
from orlop.insight.byhand.sources import Source, parse_source
from orlop.kernel.cgroup.resources import BlockIo, Cpu, Memory, Resources
from orlop.kernel.idmap import IdMap
from orlop.kernel.namespaces import MOUNT, NETWORK, PID, UTS
from orlop.runtime.spec import TimeOffset


@pytest.mark.parametrize("name", ["web", "a", "web-1.2_x+", "0", "a" * 255])
def test_names(name: str) -> None:
    assert check_name(name) == name


@pytest.mark.parametrize(
    "name", ["", ".", "..", ".x", "-x", "a/b", "/a", "a:b", "a b", "ä", "a\n", "a" * 256]
)
def test_what_cannot_be_a_name(name: str) -> None:
    with pytest.raises(InvalidArgument, match="name"):
        check_name(name)
    assert kept(name) == {}


def test_kinds_have_both_the_kernel_s_and_the_oci_s_words() -> None:
    assert kinds_of("uts,net,network,mnt,mount") == (NETWORK, MOUNT, UTS)
    with pytest.raises(InvalidArgument, match="'nett' is no kind"):
        kinds_of("net,nett")


@pytest.mark.parametrize(
    ("text", "source"),
    [
        ("web", Source("web")),
        ("web:net,uts", Source("web", (NETWORK, UTS))),
        ("pid:7", Source("pid:7")),
        ("pid:7:mnt", Source("pid:7", (MOUNT,))),
        ("docker:db", Source("docker:db")),
        ("docker:net", Source("docker:net")),
        ("docker:net:net", Source("docker:net", (NETWORK,))),
        ("pid:pid", Source("pid:pid")),
        ("net", Source("net")),
    ],
)
def test_sources(text: str, source: Source) -> None:
    assert parse_source(text) == source


def test_a_source_says_whose_they_are() -> None:
    with pytest.raises(InvalidArgument, match="whose"):
        parse_source(":net")


def test_new_namespaces_are_in_the_kernel_layer_s_order_and_each_once() -> None:
    assert new_namespaces(["uts,net", "pid", "net"]).kinds == (PID, NETWORK, UTS)


def test_without_a_map_the_caller_is_root_inside() -> None:
    new = new_namespaces(["user"])
    assert [entry.container_id for entry in new.uid_map + new.gid_map] == [0, 0]
    mapped = new_namespaces(["user"], uid_maps=["0:100000:10", "10:5:1"], gid_maps=["0:7:1"])
    assert mapped.uid_map == (IdMap(0, 100000, 10), IdMap(10, 5, 1))
    assert mapped.gid_map == (IdMap(0, 7, 1),)


def test_a_procfs_wants_a_mount_namespace() -> None:
    assert new_namespaces(["pid"], mount_proc=True).kinds == (PID, MOUNT)


def test_clocks() -> None:
    assert new_namespaces(["time"], offsets={"boottime": -5}).offsets == {
        "boottime": TimeOffset(-5)
    }


@pytest.mark.parametrize(
    "options",
    [
        {"kinds": ["what"]},
        {"kinds": ["net"], "uid_maps": ["0:0:1"]},
        {"kinds": ["net"], "offsets": {"boottime": 1}},
        {"kinds": ["user"], "uid_maps": ["0:0"]},
        {"kinds": ["user"], "uid_maps": ["0:a:1"]},
        {"kinds": ["user"], "gid_maps": ["0:0:0"]},
        {"kinds": ["user"], "uid_maps": ["1:0:1"]},
        {"kinds": ["user"], "uid_maps": ["0:0:2", "1:7:1"]},
    ],
)
def test_what_cannot_be_made(options: dict[str, object]) -> None:
    with pytest.raises(InvalidArgument):
        new_namespaces(**options)  # type: ignore[arg-type]


def test_limits() -> None:
    assert resources({}) == Resources()
    asked = {"memory": "256m", "cpus": "0.5", "pids": "64", "io-weight": "10", "cpuset-cpus": "0"}
    assert resources(asked) == Resources(
        memory=Memory(limit=256 << 20),
        cpu=Cpu(quota=50_000, period=100_000, cpus="0"),
        pids_limit=64,
        block_io=BlockIo(weight=10),
    )


def test_a_limit_can_be_taken_away() -> None:
    asked = {"memory": "-1", "memory-swap": "-1", "cpus": "-1", "pids": "-1"}
    assert resources(asked) == Resources(
        memory=Memory(limit=-1, swap=-1), cpu=Cpu(quota=-1), pids_limit=-1
    )


@pytest.mark.parametrize(
    ("name", "text"),
    [("memory", "much"), ("cpus", "-2"), ("cpus", "all"), ("pids", "-2"), ("cpu-shares", "1")],
)
def test_a_limit_that_is_none_is_named(name: str, text: str) -> None:
    with pytest.raises(InvalidArgument, match=f"--{name}: '{text}'"):
        resources({name: text})


def test_every_limit_has_a_field() -> None:
    for limit in LIMITS:
        fields = (limit.section or Resources).__record_fields__
        assert limit.field in fields
