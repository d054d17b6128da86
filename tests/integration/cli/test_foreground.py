"""A container in the foreground: its streams, its exit status, signals and terminals."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
from pathlib import Path

import pytest

from tests.integration.cli.peers import Orlop, with_image
from tests.integration.support.deadlines import eventually
from tests.integration.support.images import IMAGE
from tests.integration.support.terminals import TerminalSession

pytestmark = [pytest.mark.requires_root, pytest.mark.requires_docker]

MIB = 1 << 20
LEAVE = "\x10\x11"  # ctrl-p ctrl-q
TRAP = "trap 'echo got $?; exit 7' TERM; echo ready; while :; do sleep 0.05; done"


class TestExitStatus:
    @pytest.mark.parametrize(
        ("command", "status"),
        [
            (["true"], 0),
            (["sh", "-c", "exit 3"], 3),
            (["/etc"], 126),
            (["no-such-program"], 127),
        ],
        ids=["0", "3", "126", "127"],
    )
    def test_it_is_the_programs(self, orlop: Orlop, command: list[str], status: int) -> None:
        done = orlop.run("--", *command)
        assert done.status == status, done
        assert done.err.count("\n") == (1 if status in (126, 127) else 0), done

    def test_of_one_that_was_killed(self, orlop: Orlop) -> None:
        words = with_image(("--name", "web", "--", "sh", "-c", "echo ready; sleep 1000"))
        running = orlop.foreground("run", *words)
        assert running.line() == "ready"
        orlop("kill", "web").ok()
        assert running.finish().status == 137

    def test_what_cannot_be_started_stays_without_rm(self, orlop: Orlop) -> None:
        done = orlop("run", *with_image(("--name", "web", "--", "no-such-program")))
        assert done.status == 127
        assert orlop.inspect("web")["State"]["ExitCode"] == 127
        assert orlop("start", "-a", "web").status == 127

    @pytest.mark.parametrize(
        "words",
        [
            ("--pull", "never", "no-such-image"),
            ("--no-such-flag", IMAGE),
            ("--memory", "x", IMAGE),
            ("--name", "!", IMAGE),
        ],
        ids=" ".join,
    )
    def test_125_is_orlops_own(self, orlop: Orlop, words: tuple[str, ...]) -> None:
        done = orlop("run", "--rm", *words)
        assert done.status == 125
        assert done.err.startswith("orlop: ")
        assert done.err.count("\n") == 1

    def test_nobody_listens(self, own: Orlop) -> None:
        done = own("-H", "unix:///nonexistent/orlop.sock", "run", "host")
        assert done.status == 125
        done.refused("cannot connect to the engine")


class TestStreams:
    def test_both_outputs_stay_apart(self, orlop: Orlop) -> None:
        done = orlop.run("--", "sh", "-c", "echo out; echo err >&2").ok()
        assert (done.out, done.err) == ("out\n", "err\n")

    def test_input_ends(self, orlop: Orlop) -> None:
        done = orlop.run("-i", "--", "sh", "-c", "cat; echo end", stdin="one\ntwo\n").ok()
        assert done.out == "one\ntwo\nend\n"

    def test_without_i_there_is_no_input(self, orlop: Orlop) -> None:
        assert orlop.run("--", "cat", stdin="text").ok().out == ""

    def test_much_in_both_directions_at_once(self, orlop: Orlop, workspace: Path) -> None:
        # Who sends without reading meanwhile would wait for a container that waits for him.
        data = os.urandom(MIB) * 8
        (workspace / "in").write_bytes(data)
        with (workspace / "in").open("rb") as source, (workspace / "out").open("wb") as sink:
            words = orlop.command("run", "--rm", "-i", *with_image(("--", "cat")))
            subprocess.run(
                words, stdin=source, stdout=sink, env=orlop.environment, check=True, timeout=60
            )
        assert (workspace / "out").read_bytes() == data

    def test_output_that_nobody_reads_is_no_traceback(self, orlop: Orlop) -> None:
        script = ("--", "sh", "-c", "while :; do echo y; done")
        words = shlex.join(orlop.command("run", "--rm", *with_image(script)))
        done = subprocess.run(
            ["sh", "-c", f"{words} | head -n 1"],
            env=orlop.environment,
            check=True,
            capture_output=True,
            timeout=60,
        )
        assert (done.stdout, done.stderr) == (b"y\n", b"")

    def test_one_stream_alone(self, orlop: Orlop) -> None:
        done = orlop.run("-a", "stderr", "--", "sh", "-c", "echo out; echo err >&2").ok()
        assert (done.out, done.err) == ("", "err\n")

    def test_input_alone(self, orlop: Orlop) -> None:
        words = with_image(("--name", "web", "-a", "stdin", "-i", "--", "cat"))
        done = orlop("run", *words, stdin="text").ok()
        assert done.out.strip() == orlop.inspect("web")["Id"]
        assert orlop("wait", "web").ok().out == "0\n"
        assert orlop("logs", "web").ok().out == "text"

    def test_in_the_background(self, orlop: Orlop, workspace: Path) -> None:
        file = workspace / "id"
        made = orlop.start("--cidfile", file, "--", "sleep", "1000")
        assert file.read_text() == made
        assert orlop.runs(made)
        again = orlop("run", "-d", "--cidfile", file, IMAGE).refused("already exists")
        assert again.status == 125
        assert file.read_text() == made

    def test_an_id_file_does_not_survive_a_failure(self, orlop: Orlop, workspace: Path) -> None:
        file = workspace / "id"
        orlop("run", "--pull", "never", "--cidfile", file, "no-such-image").refused()
        assert not file.exists()


class TestSignals:
    def test_they_are_the_containers(self, orlop: Orlop) -> None:
        running = orlop.foreground("run", "--rm", *with_image(("--", "sh", "-c", TRAP)))
        assert running.line() == "ready"
        running.send(signal.SIGTERM)
        done = running.finish()
        assert (done.status, done.out) == (7, "got 0\n")

    def test_or_the_commands_own(self, orlop: Orlop) -> None:
        words = with_image(("--name", "web", "--sig-proxy=false", "--", "sh", "-c", TRAP))
        running = orlop.foreground("run", *words)
        assert running.line() == "ready"
        running.send(signal.SIGINT)
        assert running.finish().status == 130
        assert orlop.runs("web")

    def test_who_insists_is_let_go(self, orlop: Orlop) -> None:
        deaf = "trap 'echo no' INT; echo ready; while :; do sleep 0.05; done"
        running = orlop.foreground("run", *with_image(("--name", "web", "--", "sh", "-c", deaf)))
        assert running.line() == "ready"
        for _ in range(2):
            running.send(signal.SIGINT)
            assert running.line() == "no"
        running.send(signal.SIGINT)
        assert running.finish().status == 130
        assert orlop.runs("web")

    def test_of_an_attached_one(self, orlop: Orlop) -> None:
        script = "trap 'exit 7' TERM; while :; do echo tick; sleep 0.05; done"
        orlop.start("--name", "web", "--", "sh", "-c", script)
        running = orlop.foreground("attach", "web")
        assert running.line() == "tick"
        running.send(signal.SIGTERM)
        assert running.finish().status == 7


class TestTerminals:
    def test_size_and_modes(self, orlop: Orlop) -> None:
        words = with_image(("-it", "--rm", "--", "sh", "-c", "stty size; echo ready; read line"))
        with orlop.on_terminal("run", *words, rows=33, columns=99) as session:
            before = session.settings()
            session.screen.until("ready")
            assert session.settings() != before
            session.type("\n")
            assert session.wait() == 0
            assert session.settings() == before

    def test_a_new_size(self, orlop: Orlop) -> None:
        show = "trap 'stty size' WINCH; echo ready; while :; do sleep 0.05; done"
        with orlop.on_terminal(
            "run", *with_image(("-it", "--rm", "--", "sh", "-c", show))
        ) as session:
            session.screen.until("ready")
            session.resize(40, 111, until="40 111")

    def test_the_interrupt_key_is_the_programs(self, orlop: Orlop) -> None:
        script = "trap 'echo inter''rupted; exit 5' INT; echo ready; while :; do sleep 0.05; done"
        words = with_image(("-it", "--rm", "--", "sh", "-c", script))
        with orlop.on_terminal("run", *words) as session:
            before = session.settings()
            session.screen.until("ready")
            session.type("\x03")
            session.screen.until("interrupted")
            assert session.wait() == 5
            assert session.settings() == before

    def test_its_output_is_what_the_terminal_makes_of_it(self, orlop: Orlop) -> None:
        assert orlop.run("-t", "--", "echo", "text").ok().out == "text\r\n"

    def test_input_has_to_come_from_one(self, orlop: Orlop) -> None:
        done = orlop.run("-it", "--", "true").refused("not a terminal")
        assert done.status == 1
        assert not orlop.docker("ps", "-aq").ok().out

    def test_a_signal_leaves_the_terminal_as_it_was(self, orlop: Orlop) -> None:
        words = with_image(("-it", "--sig-proxy=false", "--", "sh", "-c", "echo ready; sleep 1000"))
        with orlop.on_terminal("run", *words) as session:
            before = session.settings()
            session.screen.until("ready")
            session.process.send_signal(signal.SIGTERM)
            assert session.wait() == -signal.SIGTERM
            assert session.settings() == before


def shows(session: TerminalSession, text: str) -> None:
    """What is typed arrives: the shell answers. It is typed until it does."""

    def answered() -> bool:
        session.type(f"echo {text[0]}''{text[1:]}\n")
        return session.screen.shows(text, 0.5)

    eventually(answered, repr(text))


class TestDetaching:
    def test_it_goes_on(self, orlop: Orlop) -> None:
        with orlop.on_terminal("run", *with_image(("-it", "--name", "web", "--", "sh"))) as session:
            before = session.settings()
            shows(session, "there")
            session.type(LEAVE)
            assert session.wait() == 0
            assert session.settings() == before
        assert orlop.runs("web")
        with orlop.on_terminal("attach", "web") as session:
            shows(session, "again")
            session.type("exit 4\n")
            assert session.wait() == 4

    def test_by_other_keys(self, orlop: Orlop) -> None:
        orlop("create", *with_image(("-it", "--name", "web", "--", "sh"))).ok()
        with orlop.on_terminal("start", "-ai", "--detach-keys", "x,y", "web") as session:
            shows(session, "there")
            session.type("x")
            session.type("y")
            assert session.wait() == 0
        assert orlop.runs("web")

    def test_an_exec(self, orlop: Orlop) -> None:
        orlop.start("--name", "web", "--", "sleep", "1000")
        with orlop.on_terminal("exec", "-it", "web", "sh") as session:
            shows(session, "there")
            session.type(LEAVE)
            assert session.wait() == 0


class TestExec:
    @pytest.fixture(autouse=True)
    def _web(self, orlop: Orlop) -> None:
        orlop.start("--name", "web", "--", "sleep", "1000")

    def test_streams_and_status(self, orlop: Orlop) -> None:
        script = "cat; echo err >&2; exit 4"
        done = orlop("exec", "-i", "web", "sh", "-c", script, stdin="in\n")
        assert (done.status, done.out, done.err) == (4, "in\n", "err\n")

    def test_what_it_is_given(self, orlop: Orlop) -> None:
        words = ["-e", "A=b", "-w", "/tmp", "-u", "33:44", "web", "sh", "-c"]
        done = orlop("exec", *words, "echo $A; pwd; id -u; id -g").ok()
        assert done.lines() == ["b", "/tmp", "33", "44"]

    def test_a_variable_that_nobody_has_set_is_taken_away(self, orlop: Orlop) -> None:
        orlop.start("--name", "db", "-e", "COLOUR=red", "--", "sleep", "1000")
        words = ["-e", "COLOUR", "-e", "EMPTY=", "db", "sh", "-c"]
        done = orlop("exec", *words, 'echo "${COLOUR-none}:${EMPTY-none}"').ok()
        assert done.out == "none:\n"

    def test_in_the_background(self, orlop: Orlop) -> None:
        assert orlop("exec", "-d", "web", "touch", "/tmp/done").ok().out == ""
        eventually(lambda: orlop("exec", "web", "test", "-e", "/tmp/done").status == 0, "the file")

    def test_on_a_terminal(self, orlop: Orlop) -> None:
        script = "stty size; echo ready; read line; exit 6"
        with orlop.on_terminal("exec", "-it", "web", "sh", "-c", script, rows=30) as session:
            session.screen.until("ready")
            session.type("\n")
            assert session.wait() == 6

    def test_what_cannot_be_done(self, orlop: Orlop) -> None:
        assert orlop("exec", "no-such", "true").refused("no such container").status == 1
        orlop("kill", "web").ok()
        orlop("wait", "web").ok()
        assert orlop("exec", "web", "true").refused("not running").status == 1
        assert orlop("attach", "web").refused("does not run").status == 1
