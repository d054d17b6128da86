"""What command lines with verbs have in common."""

from __future__ import annotations

from types import ModuleType

import pytest

from orlop.errors import InvalidArgument
from orlop.options import FLAG, LIST, NUMBER, Option, parse
from orlop.program import Program, options_first

OPTIONS = (
    Option(("--detach", "-d"), FLAG, "leave early"),
    Option(("--count",), NUMBER, "how many", "N"),
    Option(("--env", "-e"), LIST, "variables", "NAME=VALUE"),
)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ([], []),
        (["web"], ["web"]),
        (["web", "-d"], ["web"]),
        (["-d", "web", "--count", "2", "db", "-e", "x"], ["web", "db"]),
        (["web", "--count=2", "--", "-d", "--count", "x"], ["web", "-d", "--count", "x"]),
        (["--", "-d"], ["-d"]),
        (["-d", "-", "--count", "2"], ["-"]),
    ],
)
def test_options_may_stand_behind_words(words: list[str], expected: list[str]) -> None:
    values = parse(OPTIONS, options_first(OPTIONS, words))
    assert list(values.words) == expected
    assert values.flag("detach") is ("-d" in words[: [*words, "--"].index("--")])
    assert values.number("count") == (2 if "2" in words or "--count=2" in words else None)


def test_order_of_options_stays() -> None:
    words = options_first(OPTIONS, ["-e", "1", "web", "-e", "2", "db", "-e", "3"])
    assert parse(OPTIONS, words).list("env") == ("1", "2", "3")


def test_unknown_ones_are_refused_wherever_they_stand() -> None:
    with pytest.raises(InvalidArgument, match="unknown option --what"):
        options_first(OPTIONS, ["web", "--what"])


def _module(**members: object) -> ModuleType:
    module = ModuleType("verb")
    defaults: dict[str, object] = {"USAGE": "NAME", "OPTIONS": OPTIONS, "WORDS": (1, 1)}
    vars(module).update({**defaults, **members})
    return module


PROGRAM = Program("prog", "a program", {"make": "make one", "list": "list all"}, ())


def test_words_behind_options_are_counted(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(InvalidArgument, match="usage: prog make NAME"):
        PROGRAM.values("make", _module(), ["web", "-d"])
    values = PROGRAM.values("make", _module(ANYWHERE=True), ["web", "-d"])
    assert values is not None
    assert values.flag("detach")


def test_help_of_a_verb_and_of_one_with_verbs_of_its_own(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert PROGRAM.values("make", _module(EXAMPLE="prog make web"), ["--help"]) is None
    text = capsys.readouterr().out
    assert "usage: prog make NAME" in text
    assert "--count N" in text
    inner = Program("prog make", "to make", {"one": "makes one"}, ())
    assert PROGRAM.values("make", _module(PROGRAM=inner), ["--help"]) is None
    text = capsys.readouterr().out
    assert "usage: prog make COMMAND [ARGUMENTS]" in text
    assert "one  makes one" in text
    assert "options:" not in text


@pytest.mark.parametrize(
    ("verb", "hint"),
    [
        ("makk", "did you mean make? see prog --help"),
        ("frobnicate", "see prog --help"),
        ("build", "buy it"),
    ],
)
def test_what_was_meant_by_a_verb_that_there_is_not(verb: str, hint: str) -> None:
    with pytest.raises(InvalidArgument, match="there is no command") as caught:
        PROGRAM.replace(elsewhere={"build": "buy it"}).check(verb)
    assert caught.value.hint == hint
