"""The end of a container, and of those who look after it."""

from __future__ import annotations

import os
import signal
import socket
import struct
import subprocess
import sys
import time
from pathlib import Path

import pytest

from orlop.errors import CommandNotFound, Unavailable
from orlop.launch.shim import (
    HUNG_UP,
    REFUSED,
    Attach,
    Created,
    Event,
    Exited,
    Gone,
    Running,
    Shim,
    Starting,
    read_record,
)
from orlop.launch.supervision import SOCKET, Supervision
from orlop.runtime.lifecycle.delete import delete
from orlop.runtime.lifecycle.start import start
from orlop.runtime.lifecycle.status import STOPPED, look
from orlop.runtime.state import Store
from tests.integration.support.deadlines import eventually, wait_exit
from tests.integration.support.processes import alive, children
from tests.integration.support.shims import ALL, Shims, Supervised, kill, lines_of, reap, wait_gone
from tests.preconditions import ROOT

pytestmark = [pytest.mark.requires_root, pytest.mark.requires_launcher]

FOREVER = "echo ready; while :; do sleep 0.05; done"


# --- the record -------------------------------------------------------------------------------


def test_the_record(shims: Shims) -> None:
    before = time.time_ns()
    script = "i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done; exit 42"
    with shims(script) as made:
        assert read_record(made.directory) is None
        assert made.wait() == 42
        record = made.record()
        assert os.waitstatus_to_exitcode(record.status) == 42
        assert before < record.ended_ns <= time.time_ns()
        assert record.user_us > 1000
        assert record.max_rss_kib > 100
        assert record.oom_kills == 0
        assert record.memory_limit is None
        assert record.memory_peak is not None
        assert record.memory_peak > 0
        made.wait_launcher()
        assert made.record() == record
        assert not os.path.exists(os.path.join(made.directory, SOCKET))


def test_a_signal(shims: Shims) -> None:
    with shims(FOREVER) as made:
        made.connection().signal(signal.SIGKILL)
        assert made.wait() == -signal.SIGKILL
        assert made.record().status == signal.SIGKILL


def test_want_of_memory(shims: Shims) -> None:
    hog = "x=$(head -c 100000000 /dev/zero | tr '\\0' a); exit 0"
    with shims(hog, "-m", "16m") as made:
        assert made.wait() == -signal.SIGKILL
        record = made.record()
        assert record.oom_kills >= 1
        assert record.limit_hits > 0
        assert record.memory_limit == 16 << 20
        assert record.memory_peak is not None
        assert record.memory_peak > 15 << 20


# --- connections ------------------------------------------------------------------------------


def test_others_may_connect(shims: Shims) -> None:
    with shims(FOREVER) as made, Shim.connect(made.directory) as second:
        assert made.event(second) == Running(made.pid)
        second.ask_state()
        assert made.event(second) == Running(made.pid)
        with Shim.connect(made.directory) as third:
            third.signal(9)
        assert made.event(second) == Exited(9)
        wait_gone(second)


def test_after_the_end_nobody_can_connect(shims: Shims) -> None:
    with shims("true") as made:
        made.wait()
        made.wait_launcher()
        with pytest.raises(Unavailable):
            Shim.connect(made.directory)
        with pytest.raises(Unavailable):
            made.connection().signal(9)


def test_a_container_that_waits_for_its_start(shims: Shims) -> None:
    with shims("echo begun", wait=True) as made:
        assert made.event() == Created(made.pid)
        client = made.attach(ALL)
        start(made.store, made.name)
        assert client.rest() == b"begun\n"
        assert made.event() == Running(made.pid)
        assert made.wait() == 0
        assert made.event() == Gone(1, HUNG_UP)


def test_a_container_that_is_never_started(shims: Shims) -> None:
    with shims("echo begun", wait=True) as made:
        client = made.attach(ALL)
        kill(made.pid)
        assert client.rest() == b""
        assert made.wait() == -9


def test_nonsense_is_refused(shims: Shims) -> None:
    with shims(FOREVER) as made:
        path = os.path.join(made.directory, SOCKET)
        for message in (b"", b"x", b"x" * 12, struct.pack("<III", 5, 1, 0xFF), b"y" * 70000):
            with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as raw:
                raw.connect(path)
                assert len(raw.recv(100)) == 12
                raw.send(message)
                assert raw.recv(100) == b""
        made.connection().ask_state()
        assert made.event() == Running(made.pid)


def test_another_user_has_nothing_to_say(shims: Shims) -> None:
    with shims(FOREVER) as made:
        path = os.path.join(made.directory, SOCKET)
        assert os.stat(path).st_mode & 0o777 == 0o600
        program = f"""
import os, socket
s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
os.chdir({made.directory!r})
os.seteuid(65534)
s.connect({SOCKET!r})
print(s.recv(100))
"""
        os.chmod(path, 0o666)
        command = [sys.executable, "-c", program]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        assert done.stdout == "b''\n"


def test_too_many_clients(shims: Shims) -> None:
    with shims(FOREVER) as made:
        assert made.event() == Running(made.pid)
        ours, theirs = socket.socketpair()
        with ours, theirs:
            number = 0
            for _ in range(1025):
                number = eventually(lambda: attached(made, theirs), "the launcher to take a client")
            assert made.event() == Gone(number, REFUSED)


def attached(made: Supervised, client: socket.socket) -> int:
    """The number of a client, 0 if the launcher has not taken it: a connection never waits."""
    try:
        return made.connection().attach(client.fileno(), Attach())
    except Unavailable:
        return 0


def test_the_state_of_a_start_that_is_under_way(shims: Shims) -> None:
    asked = Supervision()
    with shims("true", supervision=asked, ask=True) as made:
        assert made.event() in (Starting(), Running(made.pid))


# --- what a launcher keeps, and what not ------------------------------------------------------


def test_the_launcher_is_no_part_of_the_container(shims: Shims) -> None:
    with shims(FOREVER) as made:
        inside = Path(f"/proc/{made.pid}/cgroup").read_text()
        outside = Path(f"/proc/{made.launcher}/cgroup").read_text()
        assert set(inside.splitlines()).isdisjoint(
            line for line in outside.splitlines() if not line.endswith(":/")
        )
        assert os.getsid(made.launcher) == made.launcher


def test_the_program_gets_nothing_of_the_launchers(shims: Shims) -> None:
    with shims("exec ls /proc/self/fd") as made:
        made.wait()
        assert made.text().split() == ["0", "1", "2", "3"]  # 3 is the directory that is listed


def test_nor_does_one_that_waits(shims: Shims) -> None:
    with shims("true", wait=True) as made:
        found = {os.readlink(f.path) for f in os.scandir(f"/proc/{made.pid}/fd")}
        assert not any("/" in name and name != "/dev/null" for name in found), found
        # stdout and stderr, the connection to the launcher, and the socket it waits at
        assert sorted(name.split(":")[0] for name in found) == [
            "/dev/null",
            "pipe",
            "pipe",
            "socket",
            "socket",
        ]


def test_signals_to_the_launcher_are_not_the_containers_end(shims: Shims) -> None:
    with shims(FOREVER) as made:
        for number in ("SIGHUP", "SIGINT", "SIGQUIT", "SIGTERM", "SIGUSR1", "SIGPIPE"):
            os.kill(made.launcher, getattr(signal, number))
        made.connection().ask_state()
        assert made.event() == Running(made.pid)
        assert alive(made.pid)


def test_an_idle_launcher_is_small(shims: Shims) -> None:
    with shims("head -c 3000000 /dev/zero; echo ready; sleep 60") as made:
        eventually(lambda: made.log.read_bytes().count(b"ready"), "all output")
        eventually(lambda: pss_kib(made.launcher) < 300, "a launcher of less than 0.3 MiB")


def pss_kib(pid: int) -> int:
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1])
    raise AssertionError("no Pss")


# --- violence ---------------------------------------------------------------------------------


def test_the_container_dies_with_its_launcher(shims: Shims) -> None:
    with shims(FOREVER, clients=[ALL]) as made:
        made.clients[0].until(b"ready\n")
        kill(made.launcher)
        wait_exit(made.pid)
        made.clients[0].rest()
        wait_gone(made.connection())
        assert read_record(made.directory) is None
        assert look(made.store.open(made.name, lock=False)).status == STOPPED
        assert made.text() == "ready\n"


@pytest.mark.parametrize("user", ["0", "1000"])
@pytest.mark.parametrize("flags", [(), ("--security-opt", "no-new-privileges"), ("--init",)])
def test_with_whatever_rights(shims: Shims, user: str, flags: tuple[str, ...]) -> None:
    with shims(FOREVER, "--user", user, *flags, clients=[ALL]) as made:
        made.clients[0].until(b"ready\n")
        below = children(made.pid)
        kill(made.launcher)
        wait_exit(made.pid)
        for pid in below:
            wait_exit(pid)


def test_one_that_waits_dies_too(shims: Shims) -> None:
    with shims(FOREVER, wait=True) as made:
        kill(made.launcher)
        wait_exit(made.pid)


ENGINE = """
import os, sys
from pathlib import Path
from tests.integration.support.shims import Shims
shims = Shims(Path(sys.argv[1]), Path(sys.argv[2]))
with shims(sys.argv[3]) as made:
    print(made.launcher, made.pid, flush=True)
    sys.stdin.read()
"""


def test_the_engine_is_killed_while_lines_are_written(shims: Shims) -> None:
    script = "i=0; while [ $i -lt 100000 ]; do echo line $i; i=$((i+1)); done; exit 9"
    command = [sys.executable, "-c", ENGINE, str(shims.directory), str(shims.rootfs), script]
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT}/src"}
    log = shims.directory / "c1" / "c1-json.log"
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
    ) as engine:
        assert engine.stdout is not None
        launcher, pid = (int(word) for word in engine.stdout.readline().split())
        eventually(lambda: log.stat().st_size > 100_000, "some lines")
        engine.kill()
    directory = os.path.join(shims.store.root, "c1")
    with Shim.connect(directory) as again:
        events: list[Event | None] = []
        while not events or not isinstance(events[-1], Exited):
            os.set_blocking(again.fileno(), True)
            events.append(again.next_event())
        assert events == [Running(pid), Exited(9 << 8)]
    record = read_record(directory)
    assert record is not None
    assert record.status == 9 << 8
    assert [line["log"] for line in lines_of(log)] == [f"line {i}\n" for i in range(100_000)]
    wait_exit(launcher)
    delete(Store(shims.store.root), "c1")
    reap(launcher)


def test_clients_stay_when_the_engine_is_killed(shims: Shims) -> None:
    with shims("read line; echo got $line", supervision=OPEN, clients=[INTERACTIVE]) as made:
        made.connection().close()
        made.clients[0].send(b"x\n")
        assert made.clients[0].rest() == b"got x\n"
        made.wait_launcher()


INTERACTIVE = Attach(stdin=True, stdout=True, stderr=True)
OPEN = Supervision(open_stdin=True)


def test_a_start_that_fails_leaves_nothing(shims: Shims) -> None:
    with pytest.raises(CommandNotFound), shims(["/nowhere"], clients=[ALL]):
        pass
    assert list(Path(shims.store.root).glob("c*")) == []
