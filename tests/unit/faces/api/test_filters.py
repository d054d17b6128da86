from __future__ import annotations

import pytest

from orlop.errors import InvalidArgument
from orlop.faces.api import filters
from orlop.faces.api.filters import Filters


@pytest.mark.parametrize(
    "text",
    [
        '{"label": {"a=b": true, "c": true, "d": false}, "status": {"exited": true}}',
        '{"label": ["a=b", "c"], "status": ["exited"]}',
        '{"label": ["a=b", "c"], "status": {"exited": true}, "id": null, "name": []}',
    ],
)
def test_both_shapes(text: str) -> None:
    assert filters.parse(text) == Filters({"label": ("a=b", "c"), "status": ("exited",)})


@pytest.mark.parametrize("text", ["", "  ", "{}"])
def test_none(text: str) -> None:
    assert not filters.parse(text)


@pytest.mark.parametrize(
    "text", ["[]", "1", "{", '{"a": 1}', '{"a": "b"}', '{"a": [1]}', '{"a": {"b": 1}}', "\ud800"]
)
def test_other_shapes_are_refused(text: str) -> None:
    with pytest.raises(InvalidArgument, match="invalid filters"):
        filters.parse(text)


def test_unknown_names_are_refused() -> None:
    found = Filters({"color": ("red",)})
    assert found.only("color") is found
    with pytest.raises(InvalidArgument, match="invalid filter 'color'"):
        found.only("label")


def test_flags() -> None:
    assert Filters().flag("dangling") is None
    assert Filters({"dangling": ("true", "1")}).flag("dangling") is True
    assert Filters({"dangling": ("False",)}).flag("dangling") is False
    for values in (("true", "false"), ("maybe",)):
        with pytest.raises(InvalidArgument, match="invalid filter 'dangling"):
            Filters({"dangling": values}).flag("dangling")


@pytest.mark.parametrize(
    ("wanted", "fits"),
    [
        ({}, True),
        ({"label": ("a",)}, True),
        ({"label": ("a=1",)}, True),
        ({"label": ("a=2",)}, False),
        ({"label": ("a=1", "b")}, True),
        ({"label": ("a=1", "c")}, False),
        ({"label!": ("c",)}, True),
        ({"label!": ("c", "b=2")}, False),
        ({"label": ("a",), "label!": ("a=2",)}, True),
    ],
)
def test_labels(wanted: dict[str, tuple[str, ...]], fits: bool) -> None:
    assert Filters(wanted).labels_fit({"a": "1", "b": "2"}) is fits
