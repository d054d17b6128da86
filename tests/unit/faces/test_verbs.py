"""The table of verbs, and what every verb has in common."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from orlop.faces.cli import main
from orlop.faces.cli.group import program_of
from orlop.faces.cli.verbs import GROUPS, OF_GROUP, TOPICS, VERBS
from orlop.program import load


def modules() -> Iterator[tuple[str, str]]:
    """Words of every command, and its module."""
    for verb in VERBS:
        yield verb, f"orlop.faces.cli.{verb}_"
    for group, content in OF_GROUP.items():
        for verb in content.verbs:
            own = f"orlop.faces.cli.{group}.{verb.replace('-', '_')}_"
            module = content.modules.get(verb, own)
            yield f"{group} {verb}", module


def test_every_verb_has_its_place() -> None:
    assert [verb for _, verbs in TOPICS for verb in verbs] == list(VERBS)
    assert set(OF_GROUP) == set(GROUPS)
    for group in OF_GROUP.values():
        assert set(group.aliases.values()) <= set(group.verbs)


@pytest.mark.parametrize(("words", "name"), list(modules()), ids=str)
def test_every_verb_has_help(words: str, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    module = load(name)
    least, most = module.WORDS
    assert 0 <= least <= most
    keys = [option.key for option in module.OPTIONS]
    assert len(keys) == len(set(keys))
    names = [name for option in module.OPTIONS for name in option.names]
    assert len(names) == len(set(names))
    assert main([*words.split(), "--help"]) == 0
    text = capsys.readouterr().out
    assert f"usage: orlop {words}" in text


@pytest.mark.parametrize(
    ("words", "status"),
    [
        (["nothing"], 1),
        (["--nothing"], 125),
        (["run"], 125),
        (["run", "--nothing", "host"], 125),
        (["create", "--rm", "--restart", "always", "host"], 1),
        (["rm"], 1),
        (["rm", "--nothing", "x"], 125),
        (["kill", "-s"], 125),
        (["start", "-a", "x", "y"], 1),
        (["update", "x"], 1),
        (["cp", "a", "b"], 1),
        (["cp", "a:b", "c:d"], 1),
        (["volume", "nothing"], 1),
        (["-H", "x", "-c", "y", "rm", "z"], 1),
        (["-H", "nonsense", "rm", "z"], 1),
        (["attach", "--detach-keys", "ctrl-é", "x"], 1),
    ],
    ids=str,
)
def test_mistakes_are_one_line(
    words: list[str],
    status: int,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("ORLOP_HOST", "unix:///nonexistent/orlop.sock")
    assert main(words) == status
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.startswith("orlop: ")
    assert shown.err.count("\n") == 1


def test_aliases_are_the_same_verb(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["volume", "remove", "--help"]) == main(["volume", "rm", "--help"]) == 0
    first, second = capsys.readouterr().out.split("orlop volume rm: ")[1:]
    assert first == second


def test_a_group_alone_shows_what_it_has(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["volume"]) == 0
    assert capsys.readouterr().out == program_of("volume").help() + "\n"
