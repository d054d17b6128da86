from __future__ import annotations

import msgspec
import pytest

from orlop.errors import InvalidArgument
from orlop.faces.api import bodies, queries
from orlop.faces.api.filters import Filters


class Query(msgspec.Struct, frozen=True):
    all: bool = False
    since_when: str = msgspec.field(default="", name="sinceWhen")
    limit: int = 0
    t: int | None = None
    names: tuple[str, ...] = ()
    filters: Filters = Filters()


@pytest.mark.parametrize("text", ["1", "true", "True", "TRUE", "t", "yes", "on", "anything"])
def test_true(text: str) -> None:
    assert queries.parse(Query, f"all={text}").all is True


@pytest.mark.parametrize("text", ["", "0", "false", "False", "no", "none", "None", "%20"])
def test_false(text: str) -> None:
    assert queries.parse(Query, f"all={text}").all is False


def test_the_rest() -> None:
    text = "sinceWhen=a%2Fb+c&limit=-1&t=10&names=a&names=b&unknown=1&filters=%7B%7D"
    assert queries.parse(Query, text) == Query(
        since_when="a/b c", limit=-1, t=10, names=("a", "b"), filters=Filters()
    )
    assert queries.parse(Query, "") == Query()
    assert queries.parse(Query, "t=&limit=") == Query()


@pytest.mark.parametrize(
    "text",
    [
        *("limit=x", "limit=1.5", "limit=9223372036854775808", f"limit={'9' * 5000}", "limit=1_0"),
        *("t=%D9%A1", "names=a%00b", "sinceWhen=%FF", "filters=x", "&".join(["a=b"] * 5000)),
    ],
)
def test_what_makes_no_sense_is_named(text: str) -> None:
    if text.startswith("a=b"):
        assert queries.parse(Query, text) == Query()
        return
    with pytest.raises(InvalidArgument, match=text.partition("=")[0]):
        queries.parse(Query, text)


class Inner(msgspec.Struct, frozen=True, rename="pascal"):
    soft: int | None = None


class Body(msgspec.Struct, frozen=True, rename="pascal"):
    name: str | None = None
    limits: list[Inner] | None = None


def test_bodies() -> None:
    assert bodies.decode(b"", Body) == Body()
    assert bodies.decode(b" null ", Body) == Body()
    text = b'{"Name": null, "Limits": [{"Soft": 1, "Hard": "ignored"}], "Else": {}}'
    assert bodies.decode(text, Body) == Body(limits=[Inner(1)])
    odd = b'{"name": "b", "NAME": "c", "Name": "a", "lIMITS": [{"soft": 1}, null]}'
    with pytest.raises(InvalidArgument, match=r"Limits\[1\]: Expected"):
        bodies.decode(odd, Body)
    assert bodies.decode(odd.replace(b", null", b""), Body) == Body("a", [Inner(1)])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b'{"Name": 1}', "Name: Expected `str | null`, got `int`"),
        (b'{"Limits": [{"Soft": "1"}]}', "Limits[0].Soft: Expected `int | null`, got `str`"),
        (b"[]", "Expected `object`"),
        (b"{", "invalid JSON"),
        (b'{"Name": "\xff"}', "invalid"),
        (b"[" * 100_000, "invalid"),
        (b"{} {}", "invalid JSON"),
    ],
)
def test_wrong_bodies_are_explained(text: bytes, words: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        bodies.decode(text, Body)
    assert words in str(caught.value)
