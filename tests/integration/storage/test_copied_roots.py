"""Containers on a host that cannot have overlays: each has a copy of its image."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from orlop.engine.archives import ADDED, DELETED, MODIFIED, Change
from orlop.engine.containers.copies import Copies
from orlop.errors import InvalidArgument, Unsupported
from orlop.faces.api.rendering.containers import graph_driver, storage_driver
from orlop.intent.flags import parse_run
from tests.integration.storage.copies import content, export, get, members, packed, put
from tests.integration.storage.test_commit import commit, finished
from tests.integration.support.engines import Live, living, settings_in

pytestmark = [pytest.mark.requires_root, pytest.mark.requires_busybox]


@pytest.fixture
def live(workspace: Path, root: Path) -> Iterator[Live]:
    with living(workspace, root, storage_driver="copy") as found:
        yield found


def test_a_container(live: Live) -> None:
    key = live.run("id -un; echo x > /tmp/file; rm /etc/group; mkdir /new", "--user tester")
    assert live.end(key) != 0  # it may not remove what is root's
    assert "tester" in live.log(key)
    assert not list(Path(live.get(key).directory).glob("layers/*"))


def test_it_is_called_what_it_is(live: Live) -> None:
    key = live.create("true")
    assert live.engine.system.facts().copies
    assert storage_driver(live.get(key)) == "vfs"
    assert graph_driver(live.get(key)) == {"Name": "vfs", "Data": None}


def test_its_files(live: Live) -> None:
    key = live.run("rm /etc/group; mkdir /new; echo 1 > /new/a; chmod 700 /home")
    assert live.end(key) == 0, live.log(key)
    put(live, key, "/new", packed(("b", b"2")))
    assert content(get(live, key, "/new/b"), "b") == b"2"
    found = members(export(live, key))
    assert {"new/a", "new/b", "etc/passwd"} <= set(found)
    assert "etc/group" not in found
    assert live(live.engine.archives.changes(key)) == (
        Change("/etc", MODIFIED),
        Change("/etc/group", DELETED),
        Change("/home", MODIFIED),
        Change("/new", ADDED),
        Change("/new/a", ADDED),
        Change("/new/b", ADDED),
    )


def test_the_image_stays_as_it_is(live: Live, root: Path) -> None:
    before = sorted(os.listdir(root / "etc"))
    assert live.end(live.run("rm -r /home; rm /etc/passwd; rm /bin/cat; echo > /bin/cat")) == 0
    assert sorted(os.listdir(root / "etc")) == before
    assert os.readlink(root / "bin/cat") == "busybox"


def test_an_image_of_it(live: Live, base: str) -> None:
    key = finished(live, base, "rm /etc/group; echo new > /etc/new")
    commit(live, key, ref="derived")
    log = live.log(finished(live, "derived", "ls /etc"))
    assert '"new\\n"' in log
    assert '"group\\n"' not in log
    assert '"passwd\\n"' in log


def test_read_only(live: Live) -> None:
    assert live.end(live.run("echo x > /etc/x", "--read-only")) != 0


def test_nothing_is_left(live: Live) -> None:
    key = live.create()
    directory = live.get(key).directory
    assert os.path.isdir(directory)
    live(live.containers.remove(key))
    assert not os.path.exists(directory)


def test_what_needs_overlays(live: Live) -> None:
    for words in (["host", "true"], ["--read-only", "--tmpfs", "/tmp", "host", "true"]):
        with pytest.raises(Unsupported, match="overlays"):
            live(live.containers.create(parse_run(words)))
    assert live.containers.all() == ()


def test_a_driver_that_is_none(workspace: Path) -> None:
    with pytest.raises(InvalidArgument, match="no storage driver"):
        Copies(settings_in(workspace).replace(storage_driver="zfs"))
