"""Records: what `dataclasses` with frozen=True and slots=True would promise."""

from __future__ import annotations

import copy
import pickle
from typing import ClassVar

import pytest

from orlop.records import Record, fields


class Point(Record):
    x: int
    y: int = 0


class Pair(Record):
    x: int
    y: int


class Nothing(Record):
    """Without fields, and true all the same."""


class Named(Point):
    kind: ClassVar[str] = "named"
    name: str = ""


def test_fields_are_given_by_position_or_name() -> None:
    assert Point(1, 2) == Point(y=2, x=1) == Point(1, y=2)
    assert (Point(1).x, Point(1).y) == (1, 0)


@pytest.mark.parametrize(
    ("args", "kwargs", "complaint"),
    [
        ((), {}, "needs the field x"),
        ((1, 2, 3), {}, "takes 2 fields, 3 were given"),
        ((1,), {"z": 3}, "no field z"),
        ((1,), {"x": 3}, "no field x"),
    ],
)
def test_wrong_fields_are_refused(
    args: tuple[int, ...], kwargs: dict[str, int], complaint: str
) -> None:
    with pytest.raises(TypeError, match=complaint):
        Point(*args, **kwargs)


def test_they_are_frozen() -> None:
    point = Point(1)
    with pytest.raises(AttributeError, match="frozen"):
        point.x = 2  # type: ignore[misc]
    with pytest.raises(AttributeError, match="frozen"):
        del point.x
    with pytest.raises(AttributeError):
        point.other = 2
    assert not hasattr(point, "__dict__")


def test_they_compare_by_type_and_value() -> None:
    assert Point(1, 2) != Named(1, 2)
    assert Point(1, 2) != (1, 2)
    assert not Point(1, 2) == (1, 2)  # noqa: SIM201 - `!=` is another method
    plain: object = (1, 2)
    assert plain != Point(1, 2)
    assert not plain == Point(1, 2)  # noqa: SIM201
    assert Point(1, 2) != Pair(1, 2)
    assert len({Point(1), Point(1), Point(2)}) == 2


def test_they_are_true() -> None:
    assert Nothing()
    assert Nothing() == Nothing()
    assert Point(0, 0)


def test_names_of_a_tuples_methods_can_be_fields() -> None:
    class Argument(Record):
        index: int
        count: int = 1

    assert (Argument(3).index, Argument(3, count=2).count) == (3, 2)


def test_fields_are_inherited_in_order_and_class_variables_are_none() -> None:
    assert fields(Named) == ("x", "y", "name")
    assert Named.kind == "named"
    assert Named(1, 2, "three").name == "three"


def test_a_field_may_get_another_default() -> None:
    class Origin(Point):
        x: int = 0

    assert fields(Origin) == ("x", "y")
    assert Origin() == Origin(0, 0)


def test_replace_makes_a_changed_copy() -> None:
    point = Named(1, 2, "a")
    assert point.replace(y=3) == Named(1, 3, "a")
    assert point == Named(1, 2, "a")
    with pytest.raises(TypeError, match="no field z"):
        point.replace(z=1)


def test_they_match_by_position() -> None:
    match Point(1, 2):
        case Point(x, y):
            assert (x, y) == (1, 2)


def test_they_can_be_pickled_and_read() -> None:
    point = Named(1, 2, "a")
    assert pickle.loads(pickle.dumps(point)) == point
    assert copy.deepcopy(point) == point
    assert repr(point) == "Named(x=1, y=2, name='a')"
