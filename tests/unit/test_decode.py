"""Decoders: what fits, and what the error says when something does not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from orlop.decode import (
    absolute_path,
    blank_or,
    boolean,
    camel_case,
    decode,
    filled,
    i32,
    i64,
    integer,
    list_of,
    mapping_of,
    member,
    number_list,
    one_of,
    optional,
    record,
    required,
    string,
    u16,
    u32,
    u64,
    zero_or,
)
from orlop.errors import SpecError
from orlop.records import Record

if TYPE_CHECKING:
    from collections.abc import Mapping

    from orlop.decode import Decoder


class Inner(Record):
    size: int
    label: str | None = None


class Outer(Record):
    the_items: tuple[Inner, ...] = ()
    by_name: Mapping[str, Inner] | None = None
    only_one: Inner | None = None
    number_of: int | None = 7


inner = record(Inner, "doc.md#inner", size=required(u32), label=optional(string))
outer = record(
    Outer,
    "doc.md#outer",
    the_items=optional(list_of(inner)),
    by_name=optional(mapping_of(inner)),
    only_one=optional(inner, "onlyONE"),
    number_of=optional(i32, spec_ref="doc.md#number"),
)


@pytest.mark.parametrize(
    ("decoder", "value"),
    [
        (boolean, True),
        (u16, 65535),
        (u32, 0),
        (u32, 2**32 - 1),
        (u64, 2**64 - 1),
        (i32, -(2**31)),
        (i64, 2**63 - 1),
        (integer(-1, 3), -1),
        (string, ""),
        (string, "grüße"),
        (filled, "x"),
        (absolute_path, "/"),
        (one_of("a", "b"), "b"),
        (blank_or(absolute_path), "/x"),
        (zero_or(u16), 1),
    ],
)
def test_scalars_that_fit(decoder: Decoder[object], value: object) -> None:
    assert decode(decoder, value) == value


@pytest.mark.parametrize(
    ("decoder", "value", "reason"),
    [
        (boolean, 1, "must be true or false, not the number 1"),
        (boolean, None, "must be true or false, not null"),
        (u32, True, "must be an integer, not a boolean"),
        (u32, 1.0, "must be an integer, not the number 1.0"),
        (u32, "1", "must be an integer, not a string"),
        (u16, 65536, "must be from 0 to 65535, not 65536"),
        (u32, -1, "must be from 0 to 4294967295, not -1"),
        (u32, 2**32, "must be from"),
        (u64, 2**64, "must be from"),
        (i32, 2**31, "must be from"),
        (i64, -(2**63) - 1, "must be from"),
        (string, 1, "must be a string, not the number 1"),
        (string, "a\0b", "must not contain a NUL byte"),
        (string, "\ud800", "must not contain half a surrogate pair"),
        (filled, "", "must not be empty"),
        (absolute_path, "a/b", "must be an absolute path, not 'a/b'"),
        (absolute_path, "", "must be an absolute path"),
        (one_of("a", "b"), "c", "must be one of a, b, not 'c'"),
        (list_of(u32), {}, "must be an array, not an object"),
        (mapping_of(u32), [], "must be an object, not an array"),
        (inner, "x", "must be an object, not a string"),
        (member("limit", u32), 3, "must be an object"),
        (zero_or(u16), -1, "must be from"),
        (zero_or(u16), False, "must be an integer"),
        (blank_or(absolute_path), "x", "must be an absolute path"),
    ],
)
def test_values_that_do_not_fit(decoder: Decoder[object], value: object, reason: str) -> None:
    with pytest.raises(SpecError) as caught:
        decode(decoder, value, "here")
    assert caught.value.field == "here"
    assert caught.value.reason.startswith(reason)


def test_conventions_for_absence() -> None:
    assert decode(blank_or(string), "") is None
    assert decode(zero_or(u64), 0) is None
    assert decode(member("limit", u32), {"limit": 3, "other": 1}) == 3
    assert decode(member("limit", u32), {}) is None
    assert decode(member("limit", u32), {"limit": None}) is None


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("", ()),
        ("0", (0,)),
        ("0-3,7", (0, 1, 2, 3, 7)),
        (" 1 , 3 - 4 ", (1, 3, 4)),
        ("5,1-2,2", (1, 2, 5)),
        ("0,", (0,)),
        ("99", (99,)),
    ],
)
def test_number_lists(text: str, numbers: tuple[int, ...]) -> None:
    assert decode(number_list(100), text) == numbers


@pytest.mark.parametrize("text", ["x", "1-", "-1", "3-1", "100", "0-100", "1-2-3", "1 2", "²"])
def test_bad_number_lists(text: str) -> None:
    with pytest.raises(SpecError):
        decode(number_list(100), text)


def test_a_huge_range_costs_nothing() -> None:
    with pytest.raises(SpecError):
        decode(number_list(8192), "0-999999999")


def test_a_record() -> None:
    value = {
        "theItems": [{"size": 1}, {"size": 2, "label": "x", "unknown": [[]]}],
        "byName": {"a": {"size": 3}},
        "onlyONE": {"size": 4, "label": None},
        "numberOf": None,
    }
    assert decode(outer, value) == Outer(
        (Inner(1), Inner(2, "x")), {"a": Inner(3)}, Inner(4), 7
    )  # fmt: skip
    assert decode(outer, {}) == Outer()


@pytest.mark.parametrize(
    ("value", "field", "spec_ref"),
    [
        ({"theItems": [{"size": 1}, {"size": "x"}]}, "theItems[1].size", "doc.md#inner"),
        ({"theItems": [{"size": 1}, 3]}, "theItems[1]", "doc.md#inner"),
        ({"theItems": 3}, "theItems", "doc.md#outer"),
        ({"byName": {"a.b": {"size": -1}}}, "byName['a.b'].size", "doc.md#inner"),
        ({"byName": {"": {"size": 1}}}, "byName['']", "doc.md#outer"),
        ({"onlyONE": {}}, "onlyONE.size", "doc.md#inner"),
        ({"onlyONE": {"size": None}}, "onlyONE.size", "doc.md#inner"),
        ({"numberOf": "x"}, "numberOf", "doc.md#number"),
        ([], "", "doc.md#outer"),
    ],
)
def test_errors_name_field_and_section(value: object, field: str, spec_ref: str) -> None:
    with pytest.raises(SpecError) as caught:
        decode(outer, value)
    assert (caught.value.field, caught.value.spec_ref) == (field, spec_ref)


def test_a_prefix_names_where_the_value_is() -> None:
    with pytest.raises(SpecError) as caught:
        decode(inner, {}, "linux.inner")
    assert caught.value.field == "linux.inner.size"
    assert caught.value.reason == "is required"


def test_a_decoder_has_to_describe_its_whole_record() -> None:
    with pytest.raises(TypeError, match="has the fields"):
        record(Inner, "doc.md#inner", size=required(u32))
    with pytest.raises(TypeError, match="has the fields"):
        record(Inner, "doc.md#inner", label=optional(string), size=required(u32))


def test_long_values_are_cut_in_messages() -> None:
    with pytest.raises(SpecError) as caught:
        decode(absolute_path, "x" * 100_000, "cwd")
    assert len(str(caught.value)) < 300


def test_camel_case() -> None:
    assert camel_case("oom_score_adj") == "oomScoreAdj"
    assert camel_case("path") == "path"
