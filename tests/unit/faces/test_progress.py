"""How transfers are shown."""

from __future__ import annotations

import io

import pytest

from orlop.faces.cli.progress import Progress

MESSAGES = (
    {"status": "Pulling from library/debian", "id": "12"},
    {"status": "Downloading", "id": "aa", "progressDetail": {"current": 10, "total": 100}},
    {"status": "Downloading", "id": "aa", "progressDetail": {"current": 50, "total": 100}},
    {"status": "Downloading", "id": "bb", "progressDetail": {"current": 5}},
    {"status": "Pull complete", "id": "aa", "progressDetail": {}},
    {"status": "Digest: sha256:0"},
)


class Terminal(io.StringIO):
    """A stream that says it is a terminal, and lets nobody ask for more."""

    def isatty(self) -> bool:
        return True

    def fileno(self) -> int:
        raise OSError


def shown(stream: io.StringIO, *, quiet: bool = False) -> str:
    with Progress(stream, quiet=quiet) as progress:
        for message in MESSAGES:
            progress.show(message)
    return stream.getvalue()


def test_a_line_for_each_change_where_nobody_looks() -> None:
    assert shown(io.StringIO()).splitlines() == [
        "12: Pulling from library/debian",
        "aa: Downloading",
        "bb: Downloading",
        "aa: Pull complete",
        "Digest: sha256:0",
    ]


def test_quiet() -> None:
    assert shown(Terminal(), quiet=True) == ""


def test_lines_are_drawn_again_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr("orlop.faces.cli.progress._BETWEEN_S", 0)
    text = shown(Terminal())
    assert "aa: Downloading [===>                          ] 10B/100B" in text
    assert "aa: Downloading [===============>              ] 50B/100B" in text
    assert "\033[3A" in text
    last = text.rpartition("\033[3A")[2]
    lines = [line.removeprefix("\r\033[2K") for line in last.removesuffix("\n").split("\n")]
    assert lines == [
        "12: Pulling from library/debian",
        "aa: Pull complete",
        "bb: Downloading 5B",
        "Digest: sha256:0",
    ]


def test_what_a_registry_says_moves_no_cursor() -> None:
    stream = io.StringIO()
    with Progress(stream) as progress:
        progress.show({"status": "\033[2Jboo"})
    assert "\033" not in stream.getvalue()
