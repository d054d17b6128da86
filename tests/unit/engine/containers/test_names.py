"""Names of containers."""

from __future__ import annotations

import pytest

from orlop.engine.containers.names import MOODS, SAILORS, check_name, random_name
from orlop.errors import InvalidArgument


@pytest.mark.parametrize("name", ["ab", "web", "/web", "a.b_c-d", "0x", "A" * 300])
def test_good_names(name: str) -> None:
    assert check_name(name) == name.removeprefix("/")


@pytest.mark.parametrize("name", ["", "/", "a", "-ab", ".ab", "a/b", "a b", "ä1", "//ab", "ab\n"])
def test_bad_names(name: str) -> None:
    with pytest.raises(InvalidArgument):
        check_name(name)


def test_made_up_names_are_names() -> None:
    assert all(check_name(f"{mood}_{sailor}") for mood in MOODS for sailor in SAILORS)
    assert len(set(MOODS)) == len(MOODS)
    assert len(set(SAILORS)) == len(SAILORS)


def test_a_name_that_is_taken_is_not_made_up() -> None:
    taken = {f"{mood}_{sailor}" for mood in MOODS for sailor in SAILORS}
    name = random_name(taken)
    assert name not in taken
    assert check_name(name) == name


def test_no_name_is_left() -> None:
    class Everything(set[str]):
        def __contains__(self, _: object) -> bool:
            return True

    with pytest.raises(InvalidArgument):
        random_name(Everything())
