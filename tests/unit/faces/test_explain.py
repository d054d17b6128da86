"""orlop explain on the command line, and its JSON."""

from __future__ import annotations

import io
import json

import pytest

from orlop.errors import InvalidArgument
from orlop.faces.cli import main
from orlop.faces.cli.explain_ import _completed, difference_document, document
from orlop.faces.cli.screen import Screen
from orlop.insight.difference import difference
from orlop.intent.request import HostImage
from tests.unit.insight.starts import start


class Terminal(io.StringIO):
    """A terminal of 100 columns."""

    def isatty(self) -> bool:
        return True


def test_the_document_of_an_explanation() -> None:
    made = document(start("--read-only"))
    groups = made["groups"]
    assert isinstance(groups, list)
    assert [set(group) for group in groups] == [{"name", "operations"}] * len(groups)
    operations = [operation for group in groups for operation in group["operations"]]
    assert [operation["index"] for operation in operations] == list(range(len(operations)))
    assert {tuple(operation) for operation in operations} == {
        ("index", "operation", "side", "reason", "notation", "calls")
    }
    calls = {tuple(call) for operation in operations for call in operation["calls"]}
    assert calls == {("name", "arguments", "result", "note", "always", "detail")}
    json.dumps(made)


def test_the_document_of_a_difference() -> None:
    flags = "--memory 1g --memory-swap 3g"
    made = difference_document(difference(start(), start(flags)), "", flags)
    json.dumps(made)
    assert (made["a"], made["b"]) == ("", flags)
    assert (made["operationsOnlyA"], made["operationsOnlyB"]) == (0, 2)
    changes = made["changes"]
    assert isinstance(changes, list)
    assert [(change["topic"], change["kind"]) for change in changes] == [("limits", "added")] * 2
    assert changes[-1]["text"] == "memory.max: 1073741824"
    assert [operation["operation"] for operation in changes[-1]["onlyB"]] == ["write_cgroup"]


def test_image_and_command_may_be_missing_in_a_difference() -> None:
    assert _completed("").command == ("true",)
    assert _completed("--read-only").image == HostImage()
    assert _completed("--read-only host sh -c 'a b'").command == ("sh", "-c", "a b")
    with pytest.raises(InvalidArgument):
        _completed("'")


@pytest.mark.parametrize(
    "words",
    [
        ["explain"],
        ["explain", "--bundle", "/x", "--", "host"],
        ["explain", "--diff", "", "", "host"],
        ["explain", "--diff", "one"],
        ["explain", "--", "--no-such-flag", "host"],
        ["explain", "--", "--read-only"],
        ["explain", "--bundle", "/nonexistent"],
    ],
    ids=" ".join,
)
def test_mistakes_are_one_line(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words) in (1, 125)  # as Docker: 125 is for options
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.startswith("orlop: ")
    assert shown.err.count("\n") == 1


def test_both_sets_of_flags_may_begin_with_a_dash(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "--json", "--diff", "--read-only", "--read-only"]) == 0
    assert json.loads(capsys.readouterr().out)["changes"] == []


def test_help_has_examples(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "--help"]) == 0
    assert "orlop explain --diff '' '--privileged'" in capsys.readouterr().out


def test_long_lines_are_broken_on_terminals_only() -> None:
    text = " ".join(["word"] * 100)
    for stream, lines in ((io.StringIO(), 1), (Terminal(), 6)):
        Screen(stream).paragraph("  # ", text, indent=4)
        shown = stream.getvalue().splitlines()
        assert len(shown) == lines
        assert max(map(len, shown[1:]), default=0) <= 100
        assert all(line.startswith("    word") for line in shown[1:])
