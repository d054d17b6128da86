"""What can stand at a place of the command line; names of objects are left to the real shells."""

from __future__ import annotations

import pytest

from orlop.faces.cli.completing.arguments import kind_of_argument
from orlop.faces.cli.completing.candidates import candidates, find
from orlop.faces.cli.completing.lines import inserted_before, split
from orlop.faces.cli.verbs import GROUPS, OF_GROUP, VERBS
from orlop.intent.flags import OPTIONS as RUN


@pytest.fixture(autouse=True)
def no_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ORLOP_HOST", "unix:///nonexistent/orlop.sock")


def texts(*words: str) -> list[str]:
    return [choice.text for choice in candidates(words).choices]


def test_verbs() -> None:
    assert set(texts("")) == {*VERBS, "help"}
    assert texts("ru") == ["run"]
    assert texts("nonsense", "") == []


def test_commands_that_have_a_page() -> None:
    assert set(texts("help", "")) == set(VERBS)
    assert texts("help", "volume", "in") == ["inspect"]
    assert texts("help", "ps", "") == []


def test_options_before_the_verb() -> None:
    assert "--host" in texts("-")
    assert texts("--hos") == ["--host"]
    assert texts("-H", "unix:///x", "vers") == ["version"]


@pytest.mark.parametrize("group", sorted(set(GROUPS) & set(OF_GROUP)))
def test_verbs_of_groups(group: str) -> None:
    assert texts(group, "") == list(OF_GROUP[group].verbs)


def test_options_of_a_verb_and_of_a_groups() -> None:
    assert texts("ps", "--fo") == texts("container", "ls", "--fo") == ["--format"]
    assert texts("volume", "inspect", "--f") == ["--format"]
    assert texts("ns", "create", "--pi") == ["--pid"]


def test_a_program_has_its_own_options() -> None:
    assert texts("run", "debian", "--") == []
    assert candidates(["run", "debian", "--"]).files
    assert texts("exec", "web", "ls", "-") == []


def test_values_of_options() -> None:
    assert texts("ps", "--format", "j") == ["json"]
    assert texts("ps", "--format=j") == ["--format=json"]
    assert texts("run", "--network", "h") == ["host"]
    assert candidates(["run", "-v", "/et"]).files
    assert texts("--context", "def") == ["default"]
    assert texts("ps", "-f", "sta") == ["status="]
    assert texts("ps", "-f", "status=ex") == ["status=exited"]
    assert "SYS_ADMIN" in texts("run", "--cap-add", "SYS")
    assert texts("run", "-m", "") == []
    assert candidates(["run", "--env-file", ""]).files


def test_where_words_are_done_there_is_nothing() -> None:
    assert candidates(["why", "web", ""]).choices == ()
    assert not candidates(["why", "web", ""]).files


@pytest.mark.parametrize(
    ("verb", "number", "kind"),
    [
        ("run", 0, "image"),
        ("run", 1, "files"),
        ("exec", 0, "running"),
        ("start", 3, "stopped"),
        ("container start", 0, "stopped"),
        ("image rm", 0, "image"),
        ("volume rm", 0, "volume"),
        ("network connect", 1, "container"),
        ("system df", 0, "nothing"),
        ("volume start", 0, "nothing"),
    ],
)
def test_what_words_are(verb: str, number: int, kind: str) -> None:
    assert kind_of_argument(verb, number) == kind


def test_clusters_and_values_are_passed() -> None:
    place = find(RUN, ["-it", "--name", "x", "-p80:80", "-v"], anywhere=False)
    assert place.option is not None
    assert place.option.key == "volume"
    assert find(RUN, ["-itv", "/a:/b"], anywhere=False).option is None
    assert find(RUN, ["--", "-x"], anywhere=False).words == ("-x",)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("orlop ps ", ["orlop", "ps", ""]),
        ("orlop ps", ["orlop", "ps"]),
        ("orlop run 'a b' \"c'd\" e\\ f", ["orlop", "run", "a b", "c'd", "e f"]),
        ("orlop run 'open quo", ["orlop", "run", "open quo"]),
        ("orlop  x", ["orlop", "x"]),
        ("orlop '' x", ["orlop", "", "x"]),
    ],
)
def test_words_of_a_line(line: str, words: list[str]) -> None:
    assert split(line) == words


def test_what_bash_has_passed() -> None:
    assert inserted_before("--format=js") == "--format="
    assert inserted_before("unix://x") == "unix:"
    assert inserted_before("debian") == ""
