"""`orlop compare` and `orlop ps` beside namespaces that are known."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.support.bundles import REMOVE, BundleFactory
from tests.integration.support.orlop import orlop, process_in
from tests.integration.support.runtimes import Container, Flavour, Runtime, program_under_test
from tests.isolation import remove_tree

pytestmark = [pytest.mark.requires_root, pytest.mark.requires_launcher]

KINDS = {"user", "pid", "network", "mount", "ipc", "uts", "cgroup", "time"}
DEFAULT_ROOT = Path("/run/orlop-runtime")


@pytest.fixture
def runtime_at_home(flavour: Flavour) -> Iterator[Runtime]:
    """The runtime with its default state directory, which is where `orlop` looks."""
    before = DEFAULT_ROOT.exists()
    runtime = Runtime(program_under_test(), DEFAULT_ROOT, flavour)
    yield runtime
    runtime.remove_all()
    if not before:
        remove_tree(DEFAULT_ROOT)


def compared(*names: str) -> dict[str, list[Any]]:
    """The groups of each row of `orlop compare --json`, without the host's."""
    table = orlop("compare", "--json", *names).ok().json()
    assert [column["name"] for column in table["columns"]] == ["host", *names]
    return {row["aspect"]: [cell["group"] for cell in row["cells"]][1:] for row in table["rows"]}


def inodes(name: str) -> dict[str, int]:
    """The namespaces of a target as `orlop compare --json` has them."""
    rows = orlop("compare", "--json", name).ok().json()["rows"]
    return {row["aspect"]: row["cells"][1]["value"] for row in rows if row["namespace"]}


class TestCompare:
    def test_inodes_are_the_kernel_s(self) -> None:
        files = {"network": "net", "mount": "mnt"}
        with process_in("unshare", "--net", "--uts") as pid:
            for kind, inode in inodes(f"pid:{pid}").items():
                link = os.readlink(f"/proc/{pid}/ns/{files.get(kind, kind)}")
                assert link.endswith(f":[{inode}]")

    def test_two_containers_and_one_that_joins(
        self, runtime_at_home: Runtime, bundle: BundleFactory
    ) -> None:
        first = runtime_at_home.start(bundle())
        second = runtime_at_home.start(
            bundle(
                namespaces={"network": f"/proc/{first.pid}/ns/net", "uts": REMOVE}, hostname=REMOVE
            )
        )
        groups = compared(first.id, second.id)
        assert groups.keys() >= KINDS
        assert groups["network"] == ["A", "A"]
        assert groups["pid"] == [None, None]
        assert groups["mount"] == [None, None]
        # the tests' own, which is not the host's
        assert groups["uts"] == [None, None]
        with process_in("env") as outside:
            assert compared(second.id, f"pid:{outside}")["uts"] == ["A", "A"]
        assert groups["capabilities"] == ["A", "A"]
        assert groups["root file system"] != ["host", "host"]

    def test_what_is_not_isolated_is_the_host_s(self) -> None:
        with process_in("env") as pid:
            groups = compared(f"pid:{pid}")
            assert (groups["pid"], groups["user"]) == (["host"], ["host"])
            assert groups["network"] == [None]
        with process_in("unshare", "--user", "--map-root-user") as pid:
            assert compared(f"pid:{pid}")["user"] == [None]

    def test_for_people(self) -> None:
        with process_in("unshare", "--net") as one:
            with process_in("nsenter", "--net", "--target", str(one)) as two:
                text = orlop("compare", f"pid:{one}", f"pid:{two}").ok().out
        rows = {line.split()[0]: line for line in text.splitlines() if line.strip()}
        assert rows["network"].count("=A") == 2
        assert rows["pid"].count("=host") == 3

    def test_who_is_not_there(self) -> None:
        orlop("compare", "pid:2000000000").refused("process", "does not exist")
        orlop("compare", "nobody").refused("container 'nobody' does not exist")
        orlop("compare").refused("usage: orlop compare")


class TestPs:
    def test_all_that_is_isolated(self, runtime_at_home: Runtime, bundle: BundleFactory) -> None:
        container: Container = runtime_at_home.start(bundle())
        with process_in("unshare", "--net") as pid:
            targets = orlop("ps", "--machine", "--json").ok().json()["targets"]
            found = {entry["name"]: entry for entry in targets}
            names = orlop("ps", "--machine", "-q").ok().lines()
            table = orlop("ps", "--machine").ok().out
        assert found[container.id]["engine"] == "orlop"
        assert found[container.id]["pid"] == container.pid
        assert {"pid", "network", "mount", "ipc", "uts"} <= set(found[container.id]["own"])
        assert found[f"pid:{pid}"]["uptimeSeconds"] < 60
        assert found[f"pid:{pid}"]["command"][0] == "sh"
        assert {container.id, f"pid:{pid}"} <= set(names)
        assert container.id in table

    def test_namespaces_by_what_is_shared(self) -> None:
        with process_in("unshare", "--net") as one, process_in("unshare", "--net") as other:
            with process_in("nsenter", "--net", "--target", str(one)) as two:
                lines = orlop("ps", "--ns").ok().lines()
        head = lines[0].split()
        rows = {line.split()[0]: line for line in lines}
        column = lines[0].index("NETWORK")
        networks = {name: line[column:].split()[0] for name, line in rows.items()}
        assert head[0] == "NAME"
        # they differ in nothing, so they are one target
        assert f"pid:{two}" not in rows
        assert networks[f"pid:{one}"] != networks[f"pid:{other}"]
        assert "host" in rows[f"pid:{one}"]
