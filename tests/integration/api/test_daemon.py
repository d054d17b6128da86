"""A daemon's life: where it listens, whom it meets, how it ends, and that containers go on."""

from __future__ import annotations

import json
import os
import signal
import socket
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.support.deadlines import Deadline, eventually, wait_exit
from tests.integration.support.engine import PROGRAM, Engine, running_engine
from tests.integration.support.runtimes import execute

pytestmark = [pytest.mark.requires_root, pytest.mark.requires_launcher]


@pytest.fixture
def engine(workspace: Path) -> Iterator[Engine]:
    """An engine of this test's own."""
    with running_engine(workspace) as engine:
        yield engine


def start(engine: Engine, *flags: str) -> str:
    """A container that waits; returns its id."""
    words = ("run", "-d", "--network", "none", *flags, "host", "sleep", "1000")
    return engine.docker(*words).ok().out.strip()


class TestPlaces:
    def test_socket_and_pidfile(self, engine: Engine) -> None:
        assert stat.S_IMODE(engine.socket.stat().st_mode) == 0o660
        assert (engine.exec_root / "orlop.pid").read_text() == f"{engine.pid}\n"
        engine.docker("version", "--format", "{{.Server.Version}}").ok()

    def test_they_are_gone_afterwards(self, workspace: Path) -> None:
        with running_engine(workspace) as engine:
            pass
        assert not engine.socket.exists()
        assert not (engine.exec_root / "orlop.pid").exists()

    def test_several_sockets(self, workspace: Path) -> None:
        first, second = workspace / "a.sock", workspace / "b.sock"
        engine = Engine(workspace, "-H", f"unix://{first}", "-H", f"unix://{second}")
        engine.start()
        try:
            for path in (first, second):
                execute(["docker", "-H", f"unix://{path}", "version"]).ok()
        finally:
            assert engine.stop() == 0
        assert not first.exists()

    def test_two_engines_side_by_side(self, engine: Engine, workspace: Path) -> None:
        other = workspace / "o"
        other.mkdir()
        with running_engine(other) as second:
            container = start(engine)
            assert engine.docker("ps", "-q", "--no-trunc").ok().out.strip() == container
            assert second.docker("ps", "-aq").ok().out == ""

    def test_the_same_roots_are_refused(self, engine: Engine) -> None:
        execute(engine.command()).refused("already exists", f"PID {engine.pid}")
        engine.docker("version").ok()

    def test_the_same_data_root_is_refused(self, engine: Engine, workspace: Path) -> None:
        words = ["daemon", f"--data-root={engine.data_root}", f"--exec-root={workspace / 'x'}"]
        execute([str(PROGRAM), *words]).refused(str(engine.data_root))
        engine.docker("version").ok()


class TestEnds:
    def test_containers_go_on(self, engine: Engine) -> None:
        container = start(engine)
        pid = engine.inspect(container)["State"]["Pid"]
        assert engine.stop() == 0
        assert Path(f"/proc/{pid}").exists()
        engine.start()
        assert engine.inspect(container)["State"]["Pid"] == pid
        engine.docker("stop", "-t", "0", container).ok()

    def test_killed(self, engine: Engine) -> None:
        container = start(engine)
        engine.kill()
        assert engine.socket.exists()  # nobody could tidy up
        engine.start()
        assert engine.inspect(container)["State"]["Running"] is True

    def test_clients_that_wait_are_let_go(self, engine: Engine) -> None:
        container = start(engine)
        waiting = engine.foreground("wait", container)
        eventually(lambda: len(clients_of(engine)) > 0, "the client to wait")
        assert engine.stop() == 0
        assert waiting.finish().status != 0

    def test_interrupted(self, workspace: Path) -> None:
        engine = Engine(workspace)
        engine.start()
        os.kill(engine.pid, signal.SIGINT)
        assert engine.stop() == 0


def clients_of(engine: Engine) -> list[str]:
    """Connections to its socket, as the kernel lists them."""
    lines = Path("/proc/net/unix").read_text().splitlines()
    return [line for line in lines if line.endswith(str(engine.socket)) and " 03 " in line]


class TestConfiguration:
    def test_file_and_reload(self, workspace: Path) -> None:
        path = workspace / "daemon.json"
        path.write_text(json.dumps({"labels": ["place=here"]}))
        with running_engine(workspace, "--config-file", path) as engine:
            labels = ("info", "--format", "{{json .Labels}}")
            assert engine.docker(*labels).ok().json() == ["place=here"]
            path.write_text(json.dumps({"labels": ["place=there"]}))
            os.kill(engine.pid, signal.SIGHUP)
            eventually(
                lambda: engine.docker(*labels).ok().json() == ["place=there"], "the new labels"
            )
            path.write_text("{")
            os.kill(engine.pid, signal.SIGHUP)
            eventually(lambda: "stays as it is" in engine.tail(), "the complaint")
            assert engine.docker(*labels).ok().json() == ["place=there"]

    def test_mistakes(self, workspace: Path) -> None:
        path = workspace / "daemon.json"
        path.write_text('{"bip": "10.0.0.1/8"}')
        for extra in ((), ("--validate",)):
            words = [str(PROGRAM), "daemon", "--config-file", str(path), *extra]
            execute(words).refused("not known: bip")

    def test_validate(self, workspace: Path) -> None:
        result = execute([*Engine(workspace).command("--validate")]).ok()
        assert result.out == "configuration OK\n"
        assert not (workspace / "run").exists()


class TestOnDemand:
    def test_in_the_background(self, workspace: Path) -> None:
        engine = Engine(workspace)
        ready, told = os.pipe()
        done = subprocess.run(
            engine.command("--on-demand", f"--ready-fd={told}"), pass_fds=(told,), check=True
        )
        os.close(told)
        with os.fdopen(ready) as answer:
            Deadline().readable(ready, "the engine to be ready")
            assert answer.read() == "ready\n"
        assert done.returncode == 0
        pid = int((engine.exec_root / "orlop.pid").read_text())
        try:
            engine.docker("version").ok()
            # A second client has the same idea: the engine that is there will do.
            again = execute(engine.command("--on-demand")).ok()
            assert (again.out, again.err) == ("", "")
        finally:
            os.kill(pid, signal.SIGTERM)
            wait_exit(pid)
        assert "listening at" in (engine.exec_root / "daemon.log").read_text()

    def test_whoever_started_it_hears_of_failure(self, workspace: Path) -> None:
        engine = Engine(workspace)
        (workspace / "data").write_text("no directory")
        ready, told = os.pipe()
        subprocess.run(
            engine.command("--on-demand", f"--ready-fd={told}"), pass_fds=(told,), check=False
        )
        os.close(told)
        with os.fdopen(ready) as answer:
            assert str(workspace / "data") in answer.read()
        eventually(lambda: not engine.socket.exists(), "the socket to be gone")


class TestSystemd:
    def test_socket_activation_and_notice(self, workspace: Path) -> None:
        path, notices = workspace / "s", workspace / "n"
        with (
            socket.socket(socket.AF_UNIX) as listener,
            socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notified,
        ):
            listener.bind(str(path))
            listener.listen()
            notified.bind(str(notices))
            notified.settimeout(20)
            engine = Engine(workspace)
            command = engine.command("-H", "fd://")
            script = 'exec 3<&"$1"; shift; LISTEN_PID=$$ LISTEN_FDS=1 exec "$@"'
            process = subprocess.Popen(
                ["bash", "-c", script, "bash", str(listener.fileno()), *command],
                pass_fds=(listener.fileno(),),
                env={**os.environ, "NOTIFY_SOCKET": str(notices)},
            )
            try:
                assert notified.recv(100) == b"READY=1"
                execute(["docker", "-H", f"unix://{path}", "version"]).ok()
            finally:
                process.terminate()
                assert process.wait() == 0
            assert notified.recv(100) == b"STOPPING=1"
        assert path.exists()  # it is systemd's
