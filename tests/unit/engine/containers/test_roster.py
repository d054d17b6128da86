"""Who is there, and that it lasts."""

from __future__ import annotations

from pathlib import Path

import pytest

from orlop.engine.container import RUNNING
from orlop.engine.containers.roster import Roster
from orlop.engine.database import Database
from orlop.errors import AlreadyExists, InvalidArgument, NotFound
from tests.unit.engine.containers.values import container

A, B = container(key="a", name="web"), container(key="b", name="data")


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "db")


def roster(path: str) -> Roster:
    return Roster(Database(path))


def test_found_by_id_name_and_beginning(path: str) -> None:
    known = roster(path)
    known.add(A)
    known.add(B)
    for ref in ("a" * 64, "aaa", "web", "/web"):
        assert known.get(ref) == A


@pytest.mark.parametrize("ref", ["", "/", "c", "we", "a" * 65])
def test_what_is_not_there(path: str, ref: str) -> None:
    known = roster(path)
    known.add(A)
    with pytest.raises(NotFound):
        known.get(ref)


def test_a_beginning_of_several(path: str) -> None:
    known = roster(path)
    known.add(A.replace(id="ab" * 32))
    known.add(B.replace(id="ac" * 32))
    with pytest.raises(InvalidArgument, match="2 containers"):
        known.get("a")


def test_a_name_counts_more_than_the_beginning_of_an_id(path: str) -> None:
    known = roster(path)
    known.add(A)
    known.add(B.replace(name="aa"))
    assert known.get("aa").id == B.id


def test_a_name_is_for_one(path: str) -> None:
    known = roster(path)
    known.add(A)
    with pytest.raises(AlreadyExists, match="web"):
        known.add(B.replace(name="web"))


def test_the_newest_first(path: str) -> None:
    known = roster(path)
    known.add(A)
    known.add(B)
    assert known.all() == (B, A)


def test_changes_last(path: str) -> None:
    known = roster(path)
    known.add(A)
    known.add(B)
    known.change(A.id, name="new")
    known.change_state(A.id, status=RUNNING, pid=7)
    known.drop(B.id)
    again = roster(path)
    assert again.all() == known.all()
    assert again.get("new").state.pid == 7
    with pytest.raises(NotFound):
        again.get("web")


def test_the_name_of_one_that_is_gone_is_free(path: str) -> None:
    known = roster(path)
    known.add(A)
    known.drop(A.id)
    known.add(B.replace(name="web"))


def test_nothing_is_written_about_one_that_is_gone(path: str) -> None:
    known = roster(path)
    with pytest.raises(NotFound):
        known.change_state(A.id, status=RUNNING)
    assert roster(path).all() == ()
