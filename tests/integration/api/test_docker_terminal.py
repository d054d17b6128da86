"""The docker command on a terminal: what is typed, what is shown, detach keys, signals, sizes."""

from __future__ import annotations

import signal

import pytest

from tests.integration.api.conftest import PLAIN
from tests.integration.support.deadlines import eventually
from tests.integration.support.engine import Engine
from tests.integration.support.terminals import TerminalSession

pytestmark = [
    pytest.mark.requires_root,
    pytest.mark.requires_launcher,
    pytest.mark.requires_docker,
]

IT = ("run", "--rm", "-it", *PLAIN)
DETACH = "\x10\x11"  # ctrl-p, ctrl-q


def test_conversation(engine: Engine) -> None:
    with engine.on_terminal(*IT, "sh") as terminal:
        terminal.type("echo $((6 * 7)); tty\r")
        terminal.screen.until("\n42")
        terminal.screen.until("/dev/")
        terminal.type("exit 5\r")
        assert terminal.wait() == 5


def test_size_follows(engine: Engine) -> None:
    with engine.on_terminal(*IT, "probe", "window", rows=31, columns=97) as terminal:
        terminal.screen.until("size 31 97")
        terminal.resize(50, 132, until="size 50 132")
        terminal.type(DETACH)
        assert terminal.wait() == 0
    assert len(engine.docker("ps", "-q").ok().lines()) == 1


def test_control_c(engine: Engine) -> None:
    script = "trap 'echo interrupted; exit 3' INT; echo ready; while :; do read x; done"
    with engine.on_terminal(*IT, "sh", "-c", script) as terminal:
        terminal.screen.until("ready\r\n")
        terminal.type("\x03")
        terminal.screen.until("interrupted")
        assert terminal.wait() == 3


def test_the_terminal_is_as_before(engine: Engine) -> None:
    with engine.on_terminal(*IT, "true") as terminal:
        before = terminal.settings()
        assert terminal.wait() == 0
        assert terminal.settings() == before


def test_detach_and_attach(engine: Engine) -> None:
    words = ("run", "-it", "--name", "shell", *PLAIN, "sh")
    with engine.on_terminal(*words) as terminal:
        terminal.type("x=42; echo $((x + 1))\r")
        terminal.screen.until("\n43")  # from the container: the client listens
        terminal.type(DETACH)
        assert terminal.wait() == 0
    assert engine.inspect("shell")["State"]["Running"] is True
    with engine.on_terminal("attach", "shell") as terminal:
        terminal.type("echo it is $x; exit 4\r")
        terminal.screen.until("it is 42")
        assert terminal.wait() == 4


def test_detach_keys_of_ones_own(engine: Engine) -> None:
    words = ("run", "-it", "--name", "shell", "--detach-keys", "ctrl-a,d", *PLAIN, "cat")
    with engine.on_terminal(*words) as terminal:
        terminal.type("line\r")
        terminal.screen.until("line\r\nline\r\n")
        terminal.type(DETACH)
        terminal.type("\x01d")
        assert terminal.wait() == 0
    assert engine.inspect("shell")["State"]["Running"] is True


def test_two_clients_see_the_same(engine: Engine) -> None:
    engine.docker("run", "-dit", "--name", "shell", *PLAIN, "cat").ok()
    with engine.on_terminal("attach", "shell") as one, engine.on_terminal("attach", "shell") as two:
        eventually(lambda: answers(one, two), "both to be attached")
        one.type("\x04")  # the end of cat's input
        assert (one.wait(), two.wait()) == (0, 0)


def answers(one: TerminalSession, two: TerminalSession) -> bool:
    """Whether both show what the first types."""
    one.type("hello\r")
    return all(client.screen.shows("hello\r\nhello", 0.2) for client in (one, two))


def test_exec(engine: Engine) -> None:
    engine.docker("run", "-d", "--name", "web", *PLAIN, "probe", "wait").ok()
    with engine.on_terminal("exec", "-it", "web", "sh", rows=33, columns=77) as terminal:
        terminal.type("tty; stty size; exit 6\r")
        terminal.screen.until("/dev/pts/")
        terminal.screen.until("33 77")
        assert terminal.wait() == 6


def test_exec_detaches(engine: Engine) -> None:
    engine.docker("run", "-d", "--name", "web", *PLAIN, "probe", "wait").ok()
    with engine.on_terminal("exec", "-it", "web", "cat") as terminal:
        terminal.type("line\r")
        terminal.screen.until("line\r\nline")
        terminal.type(DETACH)
        assert terminal.wait() in (0, 1)
    assert "cat" in engine.docker("top", "web").ok().out


def test_signals_go_on_to_the_container(engine: Engine) -> None:
    script = "trap 'echo terminated; exit 9' TERM; echo ready; while :; do sleep 0.05; done"
    running = engine.foreground("run", "--rm", *PLAIN, "sh", "-c", script)
    assert running.line() == "ready"
    running.send(signal.SIGTERM)
    result = running.finish()
    assert (result.status, result.out) == (9, "terminated\n")


def test_logs_of_a_terminal(engine: Engine) -> None:
    name = engine.docker("run", "-dt", *PLAIN, "echo", "hello").ok().out.strip()
    engine.docker("wait", name).ok()
    assert engine.docker("logs", name).ok().out == "hello\r\n"
