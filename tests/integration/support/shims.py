"""Containers with a launcher that supervises, and clients that are attached to them."""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import struct
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from orlop.errors import Unavailable
from orlop.intent.compose import compose
from orlop.intent.flags import parse_run
from orlop.intent.host_facts import read_host_facts
from orlop.intent.start import begin
from orlop.launch.shim import Attach, Event, Exited, ExitRecord, Shim, read_record
from orlop.launch.supervision import LogFile, Supervision
from orlop.runtime.lifecycle.delete import delete
from orlop.runtime.state import Store
from tests.integration.support.deadlines import Deadline, eventually, wait_exit

_FLAGS = ("--network", "none", "--cgroup-parent", "/")  # nothing is made above its own cgroups
ALL = Attach(stdout=True, stderr=True)


class Client:
    """One end of a connection, whose other end goes to a launcher."""

    def __init__(self) -> None:
        self.socket, self.theirs = socket.socketpair()

    def given(self) -> int:
        """The descriptor to give away."""
        return self.theirs.fileno()

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def read(self, size: int) -> bytes:
        """Exactly so many bytes."""
        deadline = Deadline()
        data = b""
        while len(data) < size:
            deadline.readable(self.socket.fileno(), f"{size} bytes after {data!r}")
            piece = self.socket.recv(size - len(data))
            assert piece, f"the end came after {data!r}"
            data += piece
        return data

    def until(self, what: bytes) -> bytes:
        """All up to and with this."""
        data = b""
        while not data.endswith(what):
            data += self.read(1)
        return data

    def rest(self) -> bytes:
        """All up to the end."""
        deadline = Deadline()
        data = b""
        while True:
            deadline.readable(self.socket.fileno(), f"the end after {data[-100:]!r}")
            piece = self.socket.recv(1 << 16)
            if not piece:
                return data
            data += piece

    def frames(self) -> list[tuple[int, bytes]]:
        """All up to the end, as Docker's frames; neighbours of one stream are joined."""
        return frames(self.rest())

    def half_close(self) -> None:
        self.socket.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        self.socket.close()
        self.theirs.close()


def frames(data: bytes) -> list[tuple[int, bytes]]:
    """Docker's multiplexed stream; neighbours of one stream are joined."""
    found: list[tuple[int, bytes]] = []
    while data:
        stream, size = struct.unpack(">B3xI", data[:8])
        piece, data = data[8 : 8 + size], data[8 + size :]
        assert len(piece) == size, "a frame that was cut"
        if found and found[-1][0] == stream:
            piece = found.pop()[1] + piece
        found.append((stream, piece))
    return found


class Supervised:
    """A container that runs, and a connection to its launcher."""

    def __init__(self, store: Store, name: str, log: Path) -> None:
        self.store, self.name, self.log = store, name, log
        self.directory = os.path.join(store.root, name)
        self.clients: list[Client] = []
        self.shim: Shim | None = None
        self.launcher = 0
        self.pid = 0

    def connection(self) -> Shim:
        assert self.shim is not None
        return self.shim

    def attach(self, attach: Attach, shim: Shim | None = None) -> Client:
        client = Client()
        self.clients.append(client)
        (shim or self.connection()).attach(client.given(), attach)
        client.theirs.close()
        return client

    def feed(self, client: Client, data: bytes) -> None:
        """Sends from a thread, and half-closes then."""

        def send() -> None:
            client.send(data)
            client.half_close()

        threading.Thread(target=send, daemon=True).start()

    def event(self, shim: Shim | None = None) -> Event:
        """The next event."""
        shim = shim or self.connection()
        Deadline().readable(shim.fileno(), "an event")
        event = shim.next_event()
        assert event is not None
        return event

    def wait(self) -> int:
        """The status in the event that the container has ended, behind whatever else comes."""
        while not isinstance(event := self.event(), Exited):
            pass
        return os.waitstatus_to_exitcode(event.status)

    def wait_launcher(self) -> None:
        wait_exit(self.launcher)

    def record(self) -> ExitRecord:
        record = read_record(self.directory)
        assert record is not None
        return record

    def lines(self, number: int = 0) -> list[dict[str, Any]]:
        """What is in a part of the log."""
        return lines_of(part(self.log, number))

    def text(self) -> str:
        return "".join(line["log"] for line in self.lines())


def part(log: Path, number: int) -> Path:
    return log.with_name(f"{log.name}.{number}") if number else log


def lines_of(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_bytes().splitlines()]


class Shims:
    """Makes containers of one root file system, in one directory."""

    def __init__(self, directory: Path, rootfs: Path) -> None:
        self.directory, self.rootfs = directory, rootfs
        self.store = Store(str(directory / "run"))
        self._count = 0

    @contextmanager
    def __call__(
        self,
        script: str | list[str],
        *flags: str,
        supervision: Supervision | None = None,
        clients: Sequence[Attach] = (),
        wait: bool = False,
        logged: bool = True,
        keep_log: bool = False,
        size: tuple[int, int] | None = None,
        ask: bool = False,
    ) -> Iterator[Supervised]:
        """A container that runs this script; it is gone in the end.

        Before anything is started, `clients` are attached, a terminal gets its `size`, and with
        `ask` the launcher is asked for its state. The log is in the container's own directory,
        unless the one of `supervision` is to be kept.
        """
        self._count += 1
        name = f"c{self._count}"
        own = self.directory / name
        own.mkdir()
        log = own / f"{name}-json.log"
        made = Supervised(self.store, name, log)
        command = ["sh", "-c", script] if isinstance(script, str) else script
        request = parse_run([*_FLAGS, *flags, str(self.rootfs), *command])
        composed = compose(
            request, read_host_facts(), name, data_root=str(self.directory), directory=str(own)
        )
        wanted = supervision or Supervision()
        if logged and not keep_log:
            wanted = wanted.replace(log=(wanted.log or LogFile("")).replace(path=str(log)))

        def connected(shim: Shim) -> None:
            made.shim = shim
            if ask:
                shim.ask_state()
            if size is not None:
                shim.resize(*size)
            for attach in clients:
                made.attach(attach)

        try:
            with begin(
                composed,
                self.store,
                lambda _: None,
                wait=wait,
                supervision=wanted.replace(terminal=request.terminal),
                connected=connected,
            ) as launch:
                made.launcher = launch.pid
                made.pid = launch.read_report().pid
                try:
                    yield made
                finally:
                    end(made)
        finally:
            if made.shim is not None:
                made.shim.close()
            for client in made.clients:
                client.close()


def end(made: Supervised) -> None:
    """Nothing is left of it but its log."""
    for client in made.clients:
        client.close()
    delete(made.store, made.name, force=True)
    reap(made.launcher)


def reap(launcher: int) -> None:
    """The launcher, which is about to end, has ended and is no zombie."""
    wait_exit(launcher)
    with suppress(ChildProcessError):
        os.waitpid(launcher, 0)


def kill(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)


def gone(shim: Shim) -> bool:
    """Whether the launcher has ended, after all events."""
    try:
        while True:
            if not select.select([shim], [], [], 0)[0]:
                return False
            shim.next_event()
    except Unavailable:
        return True


def wait_gone(shim: Shim) -> None:
    eventually(lambda: gone(shim), "the launcher's end")
