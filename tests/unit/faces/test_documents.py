"""Documents, typed as docker's client has them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orlop.errors import InvalidArgument
from orlop.faces.cli.documents import typed
from orlop.faces.cli.documents.raw import raw
from orlop.faces.cli.documents.schemas import ALIASES, STRUCTS
from orlop.faces.cli.documents.text import indented, one_line
from orlop.faces.cli.documents.times import Duration, Time
from orlop.faces.cli.documents.typed import fields_of
from orlop.faces.cli.template import parse

BASIC = {"string", "bool", "int", "int64", "uint", "uint16", "uint32", "uint64", "any"}
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


def shown(template: str, go_type: str, document: Any) -> str:
    return parse(template).execute(typed(go_type, document))


def test_every_type_of_a_field_is_known() -> None:
    def bare(kind: str) -> str:
        while kind.startswith(("*", "[", "map[")):
            kind = kind[1:] if kind.startswith("*") else kind.partition("]")[2]
        return kind

    found = {bare(ALIASES.get(f.type, f.type)) for name in STRUCTS for f in fields_of(name)}
    unknown = {kind for kind in found if kind not in STRUCTS and kind not in BASIC}
    # The rest are Go's own, or texts with a name.
    assert all("." in kind for kind in unknown)


def test_what_is_missing_is_zero() -> None:
    container = "container.InspectResponse"
    assert shown("{{.ID}}|{{.RestartCount}}|{{.Args}}|{{.State}}", container, {}) == "|0|[]|<nil>"
    assert shown("{{.Config.Tty}}", container, {"Config": {}}) == "false"
    assert shown("{{json .Config.Labels}}", container, {"Config": {}}) == "null"
    with pytest.raises(InvalidArgument, match=r"nil pointer evaluating \*container.State.Pid"):
        shown("{{.State.Pid}}", container, {})


def test_fields_of_embedded_structs_are_the_structs() -> None:
    document = {"HostConfig": {"Memory": 5}}
    template = "{{.HostConfig.Memory}} {{.HostConfig.Resources.Memory}}"
    assert shown(template, "container.InspectResponse", document) == "5 5"


def test_an_answer_that_is_something_else_is_an_error() -> None:
    with pytest.raises(InvalidArgument, match="the engine's answer is wrong"):
        shown("{{.State.Pid}}", "container.InspectResponse", {"State": {"Pid": "x"}})
    with pytest.raises(InvalidArgument, match="the engine's answer is wrong"):
        shown("{{.State.Pid}}", "container.InspectResponse", {"State": []})


@pytest.mark.parametrize(
    ("nanoseconds", "text"),
    [
        (0, "0s"),
        (1, "1ns"),
        (1_500, "1.5\u00b5s"),
        (2_000_000, "2ms"),
        (90_500_000_000, "1m30.5s"),
        (3_600_000_000_000, "1h0m0s"),
        (-5_000_000_000, "-5s"),
    ],
)
def test_durations(nanoseconds: int, text: str) -> None:
    assert str(Duration(nanoseconds)) == text


def test_times() -> None:
    assert Time("").text() == "0001-01-01 00:00:00 +0000 UTC"
    assert Time("2024-05-01T10:00:00.5Z").text() == "2024-05-01 10:00:00.5 +0000 UTC"
    assert Time("2024-05-01T10:00:00+02:00").text() == "2024-05-01 10:00:00 +0200 +0200"


def test_numbers_of_raw_documents_stay_as_they_were_written() -> None:
    document = raw({"a": 123456789, "b": [1.5, True, None]})
    assert parse("{{.a}} {{.b}} {{json .}}").execute(document, strict=True) == (
        '123456789 [1.5 true <nil>] {"a":123456789,"b":[1.5,true,null]}'
    )


@given(VALUES)
def test_documents_are_shown_as_they_are(document: object) -> None:
    assert json.loads(one_line(document)) == document
    assert json.loads(indented(document)) == document


def test_documents_are_indented_by_four() -> None:
    assert indented({"a": [1, {}], "b": []}) == (
        '{\n    "a": [\n        1,\n        {}\n    ],\n    "b": []\n}'
    )
