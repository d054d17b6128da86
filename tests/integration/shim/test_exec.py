"""Further processes in a container, each with a shim of its own."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import pytest

from orlop.errors import CommandNotFound
from orlop.launch.shim import Attach, Exited, Running, Shim, read_record
from orlop.launch.supervision import Supervision
from orlop.runtime.lifecycle.execute import ExecChoices, execute, running_container
from tests.integration.support.deadlines import wait_exit
from tests.integration.support.shims import ALL, Shims, Supervised, kill, reap

pytestmark = [pytest.mark.requires_root, pytest.mark.requires_launcher]

FOREVER = "echo ready; while :; do sleep 0.05; done"
BOTH = Attach(stdin=True, stdout=True, stderr=True, framed=True)


@contextmanager
def executed(
    made: Supervised,
    command: Sequence[str],
    *,
    clients: Sequence[Attach] = (),
    supervision: Supervision | None = None,
) -> Iterator[Supervised]:
    """A process in a container that runs; `directory` is its own."""
    wanted = supervision or Supervision()
    directory = os.path.join(made.directory, "execs", "e1")
    process = Supervised(made.store, made.name, made.log)
    process.directory = directory
    found = running_container(made.store, made.name)
    spec = found.spec()
    assert spec.process is not None
    described = spec.process.replace(args=tuple(command), terminal=wanted.terminal)

    def connected(shim: Shim) -> None:
        process.shim = shim
        for attach in clients:
            process.attach(attach)

    try:
        with execute(
            found,
            spec,
            described,
            ExecChoices(),
            lambda _: None,
            supervision=wanted.replace(directory=directory),
            connected=connected,
        ) as launch:
            process.launcher, process.pid = launch.pid, launch.read_report().pid
            yield process
            reap(launch.pid)
    finally:
        process.connection().close()
        for client in process.clients:
            client.close()


def test_a_process(shims: Shims) -> None:
    with shims(FOREVER) as made:
        command = ["sh", "-c", "echo out; echo err >&2; exit 3"]
        with executed(made, command, clients=[BOTH]) as process:
            assert sorted(process.clients[0].frames()) == [(1, b"out\n"), (2, b"err\n")]
            assert process.event() == Running(process.pid)
            assert process.wait() == 3
            record = process.record()
            assert record.status == 3 << 8
            assert record.oom_kills == 0
        assert "out" not in made.text()


def test_its_stdin(shims: Shims) -> None:
    opened = Supervision(open_stdin=True, stdin_once=True)
    client = BOTH.replace(framed=False)
    with (
        shims(FOREVER) as made,
        executed(made, ["wc", "-c"], clients=[client], supervision=opened) as process,
    ):
        process.clients[0].send(b"x" * 100_000)
        process.clients[0].half_close()
        assert process.clients[0].rest() == b"100000\n"


def test_its_terminal(shims: Shims) -> None:
    opened = Supervision(open_stdin=True, terminal=True)
    client = BOTH.replace(framed=False)
    with (
        shims(FOREVER) as made,
        executed(
            made, ["sh", "-c", "tty; read x; echo got $x"], clients=[client], supervision=opened
        ) as process,
    ):
        process.clients[0].until(b"\r\n")
        process.clients[0].send(b"y\r")
        assert process.clients[0].rest() == b"y\r\ngot y\r\n"
        assert process.wait() == 0


def test_it_ends_with_its_launcher_and_the_container_goes_on(shims: Shims) -> None:
    with shims(FOREVER) as made:
        with executed(made, ["sleep", "60"]) as process:
            kill(process.launcher)
            wait_exit(process.pid)
            assert read_record(process.directory) is None
        made.connection().ask_state()
        assert made.event() == Running(made.pid)


def test_it_ends_with_the_container(shims: Shims) -> None:
    with shims(FOREVER) as made, executed(made, ["sleep", "60"]) as process:
        made.connection().signal(9)
        assert made.wait() == -9
        assert process.event() == Running(process.pid)
        assert process.event() == Exited(9)


def test_a_program_that_is_not_there(shims: Shims) -> None:
    with shims(FOREVER) as made:
        with pytest.raises(CommandNotFound), executed(made, ["nowhere"], clients=[ALL]):
            pass
        assert os.listdir(os.path.join(made.directory, "execs", "e1")) == []
