"""JSON text: the same values as the json module gives, and stricter."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orlop import jsontext
from orlop.errors import InvalidArgument

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=30,
)  # fmt: skip


@given(json_values)
def test_reads_what_json_writes(value: object) -> None:
    assert jsontext.loads(json.dumps(value)) == value
    assert jsontext.loads(json.dumps(value, ensure_ascii=False, indent=2)) == value


@given(json_values)
def test_json_reads_what_it_writes(value: object) -> None:
    text = jsontext.dumps(value)
    assert json.loads(text) == value
    assert text == json.dumps(value, separators=(",", ":"))
    assert text.isascii()


@given(json_values)
def test_pretty_is_the_json_module_s_indented_form(value: object) -> None:
    assert jsontext.pretty(value) == json.dumps(value, indent=2)


@given(st.text(st.sampled_from('{}[]",:0123456789.-+eEtrufalsn \n\\"\x00é'), max_size=20))
def test_accepts_no_text_that_json_refuses(text: str) -> None:
    try:
        value = jsontext.loads(text)
    except InvalidArgument as refused:
        if "two members" not in refused.message and "too large" not in refused.message:
            with pytest.raises(ValueError, match="char"):
                json.loads(text)
    else:
        assert json.loads(text) == value


@given(st.binary(max_size=30))
def test_bytes_give_a_value_or_invalid_argument(data: bytes) -> None:
    with contextlib.suppress(InvalidArgument):
        jsontext.loads(data)


def test_bytes_are_utf_8() -> None:
    assert jsontext.loads('["é"]'.encode()) == ["é"]
    with pytest.raises(InvalidArgument, match="byte 2 is not UTF-8"):
        jsontext.loads(b'["\xff"]')


@pytest.mark.parametrize("text", ['{"a":1}', " \t\r\n[1] \n", "0", "null", '"x"', "-0.5e3"])
def test_whole_documents(text: str) -> None:
    assert jsontext.loads(text) == json.loads(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "line 1 column 1"),
        ('{"a": 1,\n "b": }', "line 2 column 7"),
        ("  {} x", "extra data at line 1 column 6"),
        ('{"a": 1, "a": 2}', "two members with the name 'a'"),
        ('[{"x": {"b": 1, "b": 1}}]', "two members with the name 'b'"),
        ("[NaN]", "NaN is not JSON"),
        ("[-Infinity]", "-Infinity is not JSON"),
        ("[1e999]", "1e999 is too large"),
        ("9" * 5000, "digits"),
        ('"\n"', "control character"),
        ("\ufeff{}", "BOM"),
        ("[\u0661]", "line 1 column 2"),
    ],
)
def test_refused_with_a_reason(text: str, message: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        jsontext.loads(text)
    assert message in str(caught.value)


@pytest.mark.parametrize("text", ["[" * 200_000, '{"a":' * 200_000, "[" * 200_000 + "]" * 200_000])
def test_depth_bombs_are_refused(text: str) -> None:
    with pytest.raises(InvalidArgument):
        jsontext.loads(text)


def test_a_value_without_json_form_is_a_type_error() -> None:
    with pytest.raises(TypeError):
        jsontext.dumps({"a": object()})
    with pytest.raises(ValueError, match="JSON"):
        jsontext.dumps([float("nan")])


def test_works_without_the_c_half(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jsontext, "_scan", None)
    monkeypatch.setattr(jsontext, "_encode", None)
    assert jsontext.loads(b'{"a": [1, 2.5, null]}') == {"a": [1, 2.5, None]}
    assert jsontext.dumps({"a": [1]}) == '{"a":[1]}'
    for text in ('{"a": 1, "a": 2}', "[NaN]", "[1e999]", "[" * 200_000, "9" * 5000):
        with pytest.raises(InvalidArgument):
            jsontext.loads(text)


def test_good_texts_do_not_import_json() -> None:
    script = (
        "import sys; from orlop import jsontext;"
        "assert jsontext.loads(jsontext.dumps({'a': [1]})) == {'a': [1]};"
        "assert jsontext.pretty({'a': [1]});"
        "print('json' in sys.modules)"
    )
    result = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert result.stdout == "False\n"


@pytest.mark.parametrize("text", ["{", '{"a"', "[1", '"abc', "nul", '{"a":}', "1 2"])
def test_what_is_broken_off_is_an_error_also_where_json_was_not_imported(text: str) -> None:
    script = (
        "import sys; from orlop import errors, jsontext\n"
        "try: jsontext.loads(sys.argv[1])\n"
        "except errors.InvalidArgument as bad: print(bad)"
    )
    command = [sys.executable, "-c", script, text]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    assert result.stdout.startswith("cannot parse JSON: ")
