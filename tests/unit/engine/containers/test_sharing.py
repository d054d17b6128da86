"""Files that go with the namespaces of other containers."""

from __future__ import annotations

from typing import cast

import pytest

from orlop.engine.container import Container
from orlop.engine.containers.joining import checked_namespaces
from orlop.engine.containers.roster import Roster
from orlop.engine.containers.sharing import shm_directory, with_shared_files
from orlop.engine.settings import Settings
from orlop.errors import InvalidArgument
from orlop.intent.request import AtPath, Bind
from tests.unit.engine.containers.values import container

SETTINGS = Settings(data_root="/d", exec_root="/r")
KNOWN = {
    "db": container("--ipc shareable", key="a", name="db").replace(directory="/d/a"),
    "user": container("--ipc container:db --network container:db", key="b", name="user"),
    "host": container("--ipc host", key="c", name="host"),
    "private": container("", key="d", name="private"),
}


class Known:
    def get(self, ref: str) -> Container:
        return KNOWN[ref]


ROSTER = cast("Roster", Known())


def shared(flags: str) -> tuple[dict[str, str], bool]:
    """What is bound where, and whether /etc/hosts is the container's own."""
    made = container(flags, key="f")
    request = with_shared_files(made.request, made, ROSTER, SETTINGS)
    binds = {m.target: m.source for m in request.mounts if isinstance(m, Bind)}
    return binds, request.own_etc


def test_usually_nothing() -> None:
    assert shared("") == ({}, True)


def test_memory_that_can_be_shared() -> None:
    assert shared("--ipc shareable")[0] == {"/dev/shm": "/r/shm/" + "f" * 64}


@pytest.mark.parametrize("name", ["db", "user"])
def test_memory_of_another(name: str) -> None:
    expected = {"/dev/shm": shm_directory(SETTINGS, "a" * 64)}
    assert shared(f"--ipc container:{name}")[0] == expected


def test_memory_of_one_with_the_hosts() -> None:
    assert shared("--ipc container:host")[0] == {"/dev/shm": "/dev/shm"}


def test_the_names_of_anothers_network() -> None:
    for name in ("db", "user"):
        binds, own = shared(f"--network container:{name}")
        assert binds["/etc/hosts"] == "/d/a/hosts"
        assert not own


def test_not_over_what_was_asked() -> None:
    assert shared("--ipc shareable -v /mine:/dev/shm")[0] == {"/dev/shm": "/mine"}


class TestNamespaces:
    def test_of_others_are_checked(self) -> None:
        asked = container("--pid container:private --ipc container:db").request.namespaces
        found = checked_namespaces(asked, ROSTER)
        assert isinstance(found.pid, AtPath)
        assert isinstance(found.ipc, AtPath)

    def test_one_that_is_not_shared(self) -> None:
        asked = container("--ipc container:private").request.namespaces
        with pytest.raises(InvalidArgument, match="shareable|share"):
            checked_namespaces(asked, ROSTER)
