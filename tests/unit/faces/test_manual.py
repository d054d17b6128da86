"""Every command has a page, and every example is a command that there is."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

import pytest

from orlop.faces.cli import OPTIONS as GLOBAL
from orlop.faces.cli import main, manual
from orlop.faces.cli.verbs import OF_GROUP, VERBS
from orlop.options import parse
from orlop.program import options_first

PAGES = manual.pages()
ENDS = {"|", "#", "&&", ";", ">", ">>", "<", "&"}
WITH_VERBS = ("ns", "cgroup")
"""Programs of their own, whose help is the list of their verbs."""


def commands() -> Iterator[str]:
    for verb in VERBS:
        if verb in OF_GROUP:
            yield from (f"{verb} {name}" for name in OF_GROUP[verb].own)
        elif verb not in WITH_VERBS:
            yield verb


@pytest.mark.parametrize("words", list(commands()))
def test_a_page_and_examples(words: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert words in PAGES
    assert main(["help", *words.split()]) == 0
    text = capsys.readouterr().out
    for title in ("NAME", "SYNOPSIS", "DESCRIPTION", "OPTIONS", "EXAMPLES", "EXIT STATUS"):
        assert f"{title}\n" in text


def test_pages_are_of_commands() -> None:
    assert set(PAGES) == set(commands())
    seen = {name for page in PAGES.values() for name in page.see} - {"help"}
    assert seen <= {*commands(), *WITH_VERBS}


def test_a_groups_command_has_the_page_of_the_verb_it_is(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["help", "container", "start"]) == 0
    assert "Starts containers that are created" in capsys.readouterr().out


@pytest.mark.parametrize("words", ["nonsense", "volume nonsense", "ps ps", "volume ls x"])
def test_others_have_none(words: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["help", *words.split()]) == 1
    assert f"there is no command '{words}'" in capsys.readouterr().err


def examples() -> Iterator[tuple[str, str]]:
    for words in commands():
        for line in manual.command(words.split()).module.EXAMPLE.strip().splitlines():
            yield words, line


@pytest.mark.parametrize(("words", "line"), list(examples()))
def test_an_example_can_be_typed(words: str, line: str) -> None:
    if "$(" in line or "<(" in line:
        pytest.skip("a shell makes its words")
    lexer = shlex.shlex(line, posix=True, punctuation_chars="|;&<>")
    lexer.whitespace_split = True
    tokens = list(lexer)
    typed = next((tokens[at:] for at, word in enumerate(tokens) if word == "orlop"), [])
    ends = [at for at, word in enumerate(typed) if word in ENDS]
    typed = typed[: ends[0]] if ends else typed
    assert typed, line
    given = parse(GLOBAL, typed[1:], clusters=True).words
    verb = words.split()
    if list(given[: len(verb)]) != verb:
        pytest.skip("it shows another command")
    module = manual.command(verb).module
    rest = list(given[len(verb) :])
    if getattr(module, "ANYWHERE", False):
        rest = options_first(module.OPTIONS, rest, clusters=True)
    values = parse(module.OPTIONS, rest, clusters=True)
    least, most = module.WORDS
    assert least <= len(values.words) <= most
