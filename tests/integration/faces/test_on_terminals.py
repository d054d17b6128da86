"""What commands show on a terminal, and in the course of time."""

from __future__ import annotations

import pytest

from tests.integration.support.answering import Answering
from tests.integration.support.orlop import PROGRAM
from tests.integration.support.terminals import on_terminal

pytestmark = [pytest.mark.requires_root]


def test_the_head_of_a_table_is_bold(engine: Answering) -> None:
    environment = {**engine.environment, "TERM": "xterm"}
    command = [str(PROGRAM), "-H", engine.url, "volume", "ls"]
    with on_terminal(command, env=environment) as session:
        assert "\033[1mDRIVER    VOLUME NAME\033[0m\r\n" in session.screen.until("v10")
    with on_terminal(command, env={**environment, "NO_COLOR": "1"}) as session:
        assert "\033" not in session.screen.until("v10")


def test_what_goes_wrong_is_red(engine: Answering) -> None:
    environment = {**engine.environment, "TERM": "xterm"}
    command = [str(PROGRAM), "volum\033[2J"]
    with on_terminal(command, env=environment) as session:
        assert "\033[31morlop:\033[0m there is no command" in session.screen.until("--help")
    with on_terminal(command, env={**environment, "NO_COLOR": "1"}) as session:
        assert "\033" not in session.screen.until("did you mean volume?")


def test_usage_is_written_in_its_own_place_until_somebody_interrupts(engine: Answering) -> None:
    environment = {**engine.environment, "TERM": "xterm"}
    command = [str(PROGRAM), "-H", engine.url, "stats", "web"]
    with on_terminal(command, env=environment) as session:
        session.screen.until("20.00%")
        frame = session.screen.until("PIDS")
        assert "\033[H" in frame  # home
        assert "\n" not in frame.rpartition("\033[H")[2].replace("\033[K", "").strip()
        session.screen.until("0.00%")  # nothing is used between equal samples
        session.type("\x03")
        session.screen.until("\033[?25h")  # the cursor is there again
        assert session.wait() == 130


def test_names_cannot_move_the_cursor(engine: Answering) -> None:
    command = [str(PROGRAM), "-H", engine.url, "search", "--format", "{{.Name}}\033[2J", "x"]
    with on_terminal(command, env=engine.environment) as session:
        assert "debian\\x1b[2J" in session.screen.until("x/y")
