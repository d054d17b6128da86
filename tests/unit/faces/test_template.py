"""Templates, against what docker's client 28.2 makes of them (`template_cases.json`).

tests/integration/faces/test_templates.py asks the client itself.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orlop.errors import InvalidArgument
from orlop.faces.cli.documents import typed
from orlop.faces.cli.template import parse
from orlop.faces.cli.template.lexer import tokens
from orlop.faces.cli.template.printing import plain
from orlop.faces.cli.template.tokens import END, WRONG
from orlop.faces.cli.template.verbs import formatted

KNOWN = json.loads(Path(__file__).with_name("template_cases.json").read_text())
PIECES = st.sampled_from(
    [
        "{{",
        "}}",
        "{{-",
        "-}}",
        ".Name",
        ".Status",
        "$",
        "$x",
        ":=",
        "=",
        "|",
        "(",
        ")",
        '"a"',
        "'b'",
        "`c`",
        "1",
        "-2.5",
        "true",
        "nil",
        ".",
        ",",
        "/*",
        "*/",
        "if",
        "else",
        "end",
        "range",
        "with",
        "define",
        "template",
        "block",
        "break",
        "index",
        "len",
        "eq",
        "printf",
        "json",
        "and",
        "or",
        "not",
        "@",
        "text",
        "é",
    ]
)
WILD = st.lists(PIECES, max_size=25).map("".join)


def outcome(template: str, data: object, *, strict: bool = False) -> str:
    """What it prints, or what is wrong with it."""
    try:
        return parse(template).execute(data, strict=strict)
    except InvalidArgument as error:
        return str(error)


@pytest.mark.parametrize(("template", "expected"), KNOWN["cases"])
def test_as_docker_has_it(template: str, expected: str) -> None:
    assert outcome(template, typed("volume.Volume", KNOWN["volume"])) == expected


@given(st.one_of(WILD, st.text()))
def test_tokens_are_pieces_of_the_text_in_order(text: str) -> None:
    found = tokens(text)
    assert found[-1].kind in (END, WRONG)
    at = 0
    for token in found[:-1]:
        assert token.at >= at
        assert text[token.at :].startswith(token.text)
        assert token.text
        at = token.at + len(token.text)


@given(st.text(st.characters(exclude_characters="{")))
def test_a_text_without_actions_is_printed_as_it_is(text: str) -> None:
    assert parse(text).execute(None) == text


@given(WILD)
def test_whatever_is_wrong_is_an_error_of_the_user(text: str) -> None:
    outcome(text, typed("volume.Volume", KNOWN["volume"]))


@given(st.text())
def test_a_string_constant_is_printed_as_it_was_quoted(text: str) -> None:
    from orlop.faces.cli.template.literals import quoted, unquoted

    assert unquoted(quoted(text)) == text
    assert parse(f"{{{{{quoted(text)}}}}}").execute(None) == text


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_number_is_printed_with_as_many_digits_as_it_needs(number: float) -> None:
    assert float(plain(number)) == number
    assert float(formatted("%g", [number])) == number


@pytest.mark.parametrize(
    ("template", "message"),
    [
        ("{{.A}}", 'template: :1:2: executing "" at <.A>: map has no entry for key "A"'),
        ("{{.M.A.B}}", 'template: :1:4: executing "" at <.M.A.B>: map has no entry for key "A"'),
    ],
)
def test_raw_documents_have_to_have_what_is_asked_for(template: str, message: str) -> None:
    assert outcome(template, {"M": {}}, strict=True) == message


def test_depth_is_limited() -> None:
    assert "exceeded maximum template depth" in outcome(
        '{{define "x"}}{{template "x"}}{{end}}{{template "x"}}', None
    )
    assert "nested too deeply" in outcome("{{" + "(" * 5000 + "1" + ")" * 5000 + "}}", None)


def test_head_of_a_table_leaves_the_names_of_columns_alone() -> None:
    names = {"ID": "CONTAINER ID", "Names": "NAMES"}
    assert parse("{{lower .ID}}\t{{truncate .Names 2}}").head(names) == "CONTAINER ID\tNAMES"


def test_truncate_does_not_cut_characters() -> None:
    assert outcome('{{truncate "h\u00e9llo" 2}}', None) == "h\u00e9"
