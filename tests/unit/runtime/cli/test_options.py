"""Options of the command line, in all the forms that runc's callers use."""

from __future__ import annotations

import pytest

from orlop.errors import InvalidArgument
from orlop.options import FLAG, LIST, NUMBER, TEXT, Option, describe, parse

OPTIONS = (
    Option(("--bundle", "-b"), TEXT, "directory", "DIR"),
    Option(("--detach", "-d"), FLAG, "leave early"),
    Option(("--count",), NUMBER, "how many", "N"),
    Option(("--env", "-e"), LIST, "variables", "NAME=VALUE"),
)


class TestForms:
    @pytest.mark.parametrize(
        "words",
        [
            ["--bundle", "x"],
            ["--bundle=x"],
            ["-b", "x"],
            ["-b=x"],
            ["-bundle", "x"],
            ["-bundle=x"],
            ["--bundle=first", "--bundle=x"],
        ],
    )
    def test_of_text(self, words: list[str]) -> None:
        values = parse(OPTIONS, [*words, "id"])
        assert values.text("bundle") == "x"
        assert values.words == ("id",)

    @pytest.mark.parametrize(
        ("words", "value"),
        [
            ([], False),
            (["--detach"], True),
            (["-d"], True),
            (["--detach=true"], True),
            (["--detach=1"], True),
            (["--detach=false"], False),
            (["--detach", "--detach=0"], False),
        ],
    )
    def test_of_flags(self, words: list[str], value: bool) -> None:
        values = parse(OPTIONS, [*words, "true"])
        assert values.flag("detach") is value
        assert values.words == ("true",), "a flag takes no word for its value"

    @pytest.mark.parametrize(("text", "number"), [("7", 7), ("-1", -1), ("0", 0)])
    def test_of_numbers(self, text: str, number: int) -> None:
        assert parse(OPTIONS, ["--count", text]).number("count") == number
        assert parse(OPTIONS, [f"--count={text}"]).number("count") == number

    def test_of_lists(self) -> None:
        values = parse(OPTIONS, ["-e", "A=1", "--env=B=2=3", "--env", "", "-e", "-b"])
        assert values.list("env") == ("A=1", "B=2=3", "", "-b")

    def test_empty_text(self) -> None:
        values = parse(OPTIONS, ["--bundle="])
        assert values.given("bundle")
        assert values.text("bundle", "default") == ""

    def test_nothing_given(self) -> None:
        values = parse(OPTIONS, [])
        assert not values.given("bundle")
        assert values.text("bundle") == ""
        assert values.text("bundle", "default") == "default"
        assert values.number("count") is None
        assert values.number("count", 3) == 3
        assert values.list("env") == ()
        assert values.words == ()


class TestEnd:
    @pytest.mark.parametrize(
        ("words", "rest"),
        [
            (["id", "-d", "--bundle"], ("id", "-d", "--bundle")),
            (["--", "-d"], ("-d",)),
            (["--", "--", "-d"], ("--", "-d")),
            (["-", "-d"], ("-", "-d")),
            (["", "-d"], ("", "-d")),
        ],
    )
    def test_of_the_options(self, words: list[str], rest: tuple[str, ...]) -> None:
        values = parse(OPTIONS, words)
        assert values.words == rest
        assert not values.flag("detach")


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["--nothing"], "unknown option --nothing"),
        (["--nothing=secret"], "unknown option --nothing "),
        (["-x"], "unknown option -x"),
        (["--bundle"], "--bundle needs a value"),
        (["--count", "many"], "'many' is not a whole number"),
        (["--count", "1.5"], "'1.5' is not a whole number"),
        (["--count="], "'' is not a whole number"),
        (["--detach=perhaps"], "'perhaps' is neither true nor false"),
        (["--detach="], "'' is neither true nor false"),
    ],
)
def test_mistakes(words: list[str], complaint: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        parse(OPTIONS, words)
    assert complaint in str(caught.value)


def test_help_is_aligned() -> None:
    assert describe(OPTIONS).splitlines() == [
        "  --bundle, -b DIR      directory",
        "  --detach, -d          leave early",
        "  --count N             how many",
        "  --env, -e NAME=VALUE  variables",
    ]
    assert describe(()) == ""


DOCKERS = (
    Option(("--interactive", "-i"), FLAG, "stdin"),
    Option(("--tty", "-t"), FLAG, "a terminal"),
    Option(("--volume", "-v"), LIST, "a mount"),
    Option(("--publish", "-p"), LIST, "a port"),
)


class TestClusters:
    """With single letters behind one dash, as Docker has them."""

    @pytest.mark.parametrize(
        ("words", "given"),
        [
            (["-it"], [("interactive", "true", "-i"), ("tty", "true", "-t")]),
            (["-i", "-t=false"], [("interactive", "true", "-i"), ("tty", "false", "-t")]),
            (["-it=false"], [("interactive", "true", "-i"), ("tty", "false", "-t")]),
            (["-v/a:/b"], [("volume", "/a:/b", "-v")]),
            (["-v=/a:/b"], [("volume", "/a:/b", "-v")]),
            (["-v", "-x"], [("volume", "-x", "-v")]),
            (["-itv", "/a:/b"], [("interactive", "true", "-i"), ("tty", "true", "-t"),
                                 ("volume", "/a:/b", "-v")]),
            (["-tp80:80"], [("tty", "true", "-t"), ("publish", "80:80", "-p")]),
            (["-pi"], [("publish", "i", "-p")]),
            (["--volume", "a", "-v", "b"], [("volume", "a", "--volume"), ("volume", "b", "-v")]),
        ],
    )  # fmt: skip
    def test_forms(self, words: list[str], given: list[tuple[str, str, str]]) -> None:
        values = parse(DOCKERS, [*words, "image", "-i"], clusters=True)
        assert list(values.in_order) == given
        assert values.words == ("image", "-i")

    @pytest.mark.parametrize(
        ("words", "named"),
        [
            (["-tty"], "-y"),
            (["-itx"], "-x"),
            (["--i"], "--i"),
            (["-v"], "-v needs a value"),
            (["-iv"], "-v needs a value"),
            (["-t=maybe"], "-t"),
            (["-=x"], "-="),
        ],
    )
    def test_what_is_wrong_is_named(self, words: list[str], named: str) -> None:
        with pytest.raises(InvalidArgument, match=named):
            parse(DOCKERS, words, clusters=True)

    def test_one_dash_before_a_long_name_is_a_cluster(self) -> None:
        assert parse(DOCKERS, ["-tty"]).flag("tty")
        with pytest.raises(InvalidArgument):
            parse(DOCKERS, ["-tty"], clusters=True)
