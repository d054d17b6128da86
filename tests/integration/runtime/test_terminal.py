"""Terminals: --console-socket for engines, and the user's own for `run` and `exec -t`."""

from __future__ import annotations

import os
import signal
import termios
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.support.bundles import BundleFactory
from tests.integration.support.deadlines import eventually, wait_exit
from tests.integration.support.runtimes import Container, Runtime
from tests.integration.support.streams import Reader
from tests.integration.support.terminals import (
    DescriptorSocket,
    TerminalSession,
    on_terminal,
    set_size,
    size,
)

pytestmark = pytest.mark.requires_root

WITH_TERMINAL: dict[str, Any] = {"terminal": True}


@pytest.fixture
def console(workspace: Path) -> Iterator[DescriptorSocket]:
    """Where the master of a container's terminal is sent."""
    console = DescriptorSocket(workspace / "console")
    yield console
    console.close()


def local_flags(terminal: TerminalSession) -> int:
    """c_lflag of the user's terminal: ECHO, ICANON, ISIG."""
    flags = terminal.settings()[3]
    assert isinstance(flags, int)
    return flags


class TestConsoleSocket:
    def test_gets_the_master(
        self, runtime: Runtime, bundle: BundleFactory, console: DescriptorSocket
    ) -> None:
        made = bundle("read line; echo got $line", process=WITH_TERMINAL)
        container = runtime.create(made, "--console-socket", console.path)
        name, master = console.receive()
        assert name, "the message is the terminal's name"
        screen = Reader(os.dup(master))
        container.start()
        os.write(master, b"hello\n")
        assert "got hello" in screen.until("got hello")
        screen.close()

    def test_is_the_controlling_terminal(
        self, runtime: Runtime, bundle: BundleFactory, console: DescriptorSocket
    ) -> None:
        made = bundle(["probe", "terminal"], process=WITH_TERMINAL)
        runtime.create(made, "--console-socket", console.path).start()
        _, master = console.receive()
        screen = Reader(os.dup(master))
        lines = [screen.line() for _ in range(4)]
        assert lines == ["isatty 111", "controlling 1", "foreground 1", "leader 1"]
        screen.close()

    def test_works_with_run_detached(
        self, runtime: Runtime, bundle: BundleFactory, console: DescriptorSocket
    ) -> None:
        made = bundle("echo hello; probe wait", process=WITH_TERMINAL)
        runtime.start(made, "--console-socket", console.path)
        _, master = console.receive()
        screen = Reader(os.dup(master))
        assert screen.line() == "hello"
        screen.close()

    def test_works_with_exec(
        self, runtime: Runtime, bundle: BundleFactory, console: DescriptorSocket
    ) -> None:
        container = runtime.start(bundle())
        container.exec(
            ["probe", "terminal"], "--tty", "--detach", "--console-socket", console.path
        ).ok()
        _, master = console.receive()
        screen = Reader(os.dup(master))
        assert screen.line() == "isatty 111"
        screen.close()

    def test_initial_size_is_the_configurations(
        self, runtime: Runtime, bundle: BundleFactory, console: DescriptorSocket
    ) -> None:
        process = {"terminal": True, "consoleSize": {"height": 33, "width": 123}}
        made = bundle(["probe", "window"], process=process)
        container = runtime.create(made, "--console-socket", console.path)
        _, master = console.receive()
        assert size(master) == (33, 123)
        screen = Reader(os.dup(master))
        container.start()
        assert screen.line() == "size 33 123"
        set_size(master, 40, 100)
        assert screen.line() == "size 40 100"
        screen.close()

    def test_hang_up_when_the_master_is_closed(
        self, runtime: Runtime, bundle: BundleFactory, console: DescriptorSocket
    ) -> None:
        made = bundle(["sleep", "1000"], process=WITH_TERMINAL)
        # PID 1 ignores SIGHUP in a PID namespace of its own.
        made.config["linux"]["namespaces"].remove({"type": "pid"})
        made.save()
        container = runtime.start(made, "--console-socket", console.path)
        pid = container.pid
        _, master = console.receive()
        os.close(master)
        wait_exit(pid)
        assert container.status == "stopped"

    def test_terminal_belongs_to_the_user_of_the_container(
        self, runtime: Runtime, bundle: BundleFactory, console: DescriptorSocket
    ) -> None:
        process = {"terminal": True, "user": {"uid": 1000, "gid": 1000}}
        made = bundle("stat -L -c %u /proc/self/fd/0; echo reopened > /dev/tty", process=process)
        runtime.create(made, "--console-socket", console.path).start()
        _, master = console.receive()
        screen = Reader(os.dup(master))
        assert screen.line() == "1000"
        assert screen.line() == "reopened"
        screen.close()

    def test_terminal_lives_in_the_devpts_of_the_container(
        self, runtime: Runtime, bundle: BundleFactory, console: DescriptorSocket
    ) -> None:
        made = bundle(
            "readlink /proc/self/fd/0; tty; stat -c %t:%T /dev/console; grep console /proc/mounts",
            process=WITH_TERMINAL,
        )
        runtime.create(made, "--console-socket", console.path).start()
        _, master = console.receive()
        screen = Reader(os.dup(master))
        assert screen.line() in ("/dev/pts/0", "/dev/console")
        assert screen.line() in ("/dev/pts/0", "/dev/console")
        assert screen.line() == "88:0"
        assert screen.line().split()[1] == "/dev/console"
        screen.close()

    def test_terminal_without_a_socket_is_refused(
        self, runtime: Runtime, bundle: BundleFactory
    ) -> None:
        made = bundle(process=WITH_TERMINAL)
        runtime.attempt("create", made).refused("console")
        runtime.attempt("run", made, "--detach").refused("console")
        assert runtime.ids() == []

    def test_socket_without_a_terminal_is_refused(
        self, runtime: Runtime, bundle: BundleFactory, console: DescriptorSocket
    ) -> None:
        runtime.attempt("create", bundle(), "--console-socket", console.path).refused("console")
        assert runtime.ids() == []

    def test_socket_that_nobody_listens_on(
        self, runtime: Runtime, bundle: BundleFactory, workspace: Path
    ) -> None:
        made = bundle(process=WITH_TERMINAL)
        path = workspace / "none"
        runtime.attempt("create", made, "--console-socket", path).refused()
        assert runtime.ids() == []


class TestOwnTerminal:
    def test_run(self, runtime: Runtime, bundle: BundleFactory) -> None:
        made = bundle(["probe", "terminal"], process=WITH_TERMINAL)
        with on_terminal(self.run(runtime, made.path)) as terminal:
            assert terminal.screen.line() == "isatty 111"
            assert terminal.screen.line() == "controlling 1"
            assert terminal.wait() == 0

    def test_exit_status(self, runtime: Runtime, bundle: BundleFactory) -> None:
        made = bundle("exit 42", process=WITH_TERMINAL)
        with on_terminal(self.run(runtime, made.path)) as terminal:
            assert terminal.wait() == 42

    def test_last_words_are_not_lost(self, runtime: Runtime, bundle: BundleFactory) -> None:
        made = bundle("seq 5000; echo the end", process=WITH_TERMINAL)
        with on_terminal(self.run(runtime, made.path)) as terminal:
            terminal.screen.until("the end")
            assert terminal.wait() == 0

    def test_conversation(self, runtime: Runtime, bundle: BundleFactory) -> None:
        made = bundle("echo ready; read word; echo got $word", process=WITH_TERMINAL)
        with on_terminal(self.run(runtime, made.path)) as terminal:
            terminal.screen.until("ready")
            eventually(lambda: not local_flags(terminal) & termios.ECHO, "raw mode")
            terminal.type("hello\r")
            shown = terminal.screen.until("got hello")
            assert shown.count("hello") == 2, "echoed once, answered once"
            assert terminal.wait() == 0

    def test_is_raw_meanwhile_and_restored_at_the_end(
        self, runtime: Runtime, bundle: BundleFactory
    ) -> None:
        made = bundle("echo ready; read end", process=WITH_TERMINAL)
        with on_terminal(self.run(runtime, made.path)) as terminal:
            before = terminal.settings()
            assert local_flags(terminal) & termios.ECHO
            terminal.screen.until("ready")
            eventually(
                lambda: not local_flags(terminal) & (termios.ECHO | termios.ICANON | termios.ISIG),
                "raw mode",
            )
            terminal.type("\r")
            assert terminal.wait() == 0
            assert terminal.settings() == before

    def test_is_restored_when_the_container_is_killed(
        self, runtime: Runtime, bundle: BundleFactory
    ) -> None:
        made = bundle("echo ready; probe wait", process=WITH_TERMINAL)
        name = runtime.new_id()
        command = runtime.command("run", "--bundle", made.path, name)
        with on_terminal(command) as terminal:
            before = terminal.settings()
            terminal.screen.until("ready")
            runtime("kill", name, "KILL").ok()
            assert terminal.wait() == 128 + signal.SIGKILL
            assert terminal.settings() == before

    def test_is_restored_after_a_failure(self, runtime: Runtime, bundle: BundleFactory) -> None:
        made = bundle(["no-such-program"], process=WITH_TERMINAL)
        with on_terminal(self.run(runtime, made.path)) as terminal:
            before = terminal.settings()
            terminal.screen.until("no-such-program")
            assert terminal.wait() != 0
            assert terminal.settings() == before

    def test_control_c_goes_to_the_container(self, runtime: Runtime, bundle: BundleFactory) -> None:
        script = "trap 'echo interrupted; exit 3' INT; echo ready; while :; do read x; done"
        made = bundle(script, process=WITH_TERMINAL)
        with on_terminal(self.run(runtime, made.path)) as terminal:
            terminal.screen.until("ready")
            eventually(lambda: not local_flags(terminal) & termios.ISIG, "raw mode")
            terminal.type("\x03")
            terminal.screen.until("interrupted")
            assert terminal.wait() == 3

    def test_size_is_passed_on_and_follows(self, runtime: Runtime, bundle: BundleFactory) -> None:
        made = bundle(["probe", "window"], process=WITH_TERMINAL)
        command = self.run(runtime, made.path)
        with on_terminal(command, rows=31, columns=97) as terminal:
            terminal.screen.until("size 31 97")
            terminal.resize(50, 132, until="size 50 132")
            terminal.process.send_signal(signal.SIGTERM)
            assert terminal.wait() == 0

    def test_exec(self, runtime: Runtime, bundle: BundleFactory) -> None:
        container = runtime.start(bundle())
        with on_terminal(self.exec(container, "sh")) as terminal:
            terminal.type("echo $((6 * 7)); tty; exit 5\r")
            terminal.screen.until("\n42")
            terminal.screen.until("/dev/pts/0")
            assert terminal.wait() == 5

    def test_exec_size(self, runtime: Runtime, bundle: BundleFactory) -> None:
        container = runtime.start(bundle())
        command = self.exec(container, "probe", "window")
        with on_terminal(command, rows=31, columns=97) as terminal:
            terminal.screen.until("size 31 97")
            terminal.resize(50, 132, until="size 50 132")
            terminal.process.send_signal(signal.SIGTERM)
            assert terminal.wait() == 0

    def test_without_a_terminal_in_the_configuration(
        self, runtime: Runtime, bundle: BundleFactory
    ) -> None:
        # The user has a terminal, the container just inherits it or gets pipes.
        made = bundle(["echo", "hello"])
        with on_terminal(self.run(runtime, made.path)) as terminal:
            terminal.screen.until("hello")
            assert terminal.wait() == 0

    @staticmethod
    def run(runtime: Runtime, bundle: Path) -> list[str]:
        return runtime.command("run", "--bundle", bundle, runtime.new_id())

    @staticmethod
    def exec(container: Container, *command: str) -> list[str]:
        return container.runtime.command("exec", "--tty", container.id, *command)
