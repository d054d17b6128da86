"""Clients of a container's streams, before it runs and while it does."""

from __future__ import annotations

import asyncio
import os
import socket

import pytest

from orlop.engine.attachment import Attachment
from orlop.engine.containers import WaitCondition
from orlop.errors import InvalidArgument, NotFound
from orlop.intent.flags import parse_run
from tests.integration.support.engines import Live

pytestmark = [pytest.mark.requires_root, pytest.mark.requires_busybox]

OUT, ERR = b"\1\0\0\0\0\0\0", b"\2\0\0\0\0\0\0"


class Client:
    """A connection of which the engine gets the other end."""

    def __init__(self) -> None:
        self.socket, self._theirs = socket.socketpair()
        self.socket.settimeout(10)

    def attachment(self, **how: object) -> Attachment:
        return Attachment(self._theirs.detach()).replace(**how)

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def everything(self) -> bytes:
        """What comes until the other end is closed."""
        parts = []
        while part := self.socket.recv(4096):
            parts.append(part)
        return b"".join(parts)


def test_before_the_start_nothing_is_missed(live: Live) -> None:
    key = live.create("echo out; echo err >&2")
    with Client() as client:
        live(live.containers.attach(key, client.attachment()))
        live(live.containers.start(key))
        live.end(key)
        heard = client.everything()
    assert OUT + b"\4out\n" in heard
    assert ERR + b"\4err\n" in heard
    assert live.actions(key) == ["create", "attach", "start", "die"]


def test_a_start_waits_for_a_client_that_was_told_to_go_on(live: Live) -> None:
    key = live.create("echo out")

    async def main(attachment: Attachment) -> None:
        with live.containers.attaching(key) as take:
            start = asyncio.ensure_future(live.containers.start(key))
            done, _ = await asyncio.wait({start}, timeout=0.2)
            assert not done
            await take(attachment)
            await start

    with Client() as client:
        live(main(client.attachment(framed=False)))
        live.end(key)
        assert client.everything() == b"out\n"


def test_who_comes_when_it_has_just_ended_does_not_wait_for_another_run(live: Live) -> None:
    key = live.run("trap exit TERM; while :; do sleep 0.01; done")

    async def main(attachment: Attachment) -> None:
        with live.containers.attaching(key) as take:
            await live.containers.kill(key, 9)
            await live.containers.wait(key, WaitCondition.NOT_RUNNING)
            await take(attachment)

    with Client() as client:
        live(main(client.attachment(framed=False)))
        assert client.everything() == b""


def test_what_is_sent_reaches_the_program(live: Live) -> None:
    request = parse_run(["-i", str(live.root), "/bin/cat"])
    handling = request.handling.replace(stdin_once=True)
    key = live(live.containers.create(request.replace(handling=handling))).id
    with Client() as client:
        how = client.attachment(stdin=True, framed=False, first=b"early ")
        live(live.containers.attach(key, how))
        live(live.containers.start(key))
        client.socket.sendall(b"late")
        client.socket.shutdown(socket.SHUT_WR)
        assert live.end(key) == 0
        assert client.everything() == b"early late"


def test_while_it_runs_with_what_was_before(live: Live) -> None:
    command = "trap 'echo after; exit' TERM; echo before; while :; do sleep 0.01; done"
    key = live.run(command)
    live.until(lambda: "before" in live.log(key))
    with Client() as client:
        live(live.containers.attach(key, client.attachment(logs=True, framed=False)))
        live(live.containers.stop(key))
        assert client.everything() == b"before\nafter\n"


def test_only_what_was_before(live: Live) -> None:
    key = live.run("echo once")
    live.end(key)
    with Client() as client:
        live(live.containers.attach(key, client.attachment(logs=True, stream=False, framed=False)))
        assert client.everything() == b"once\n"


def test_detach_keys(live: Live) -> None:
    words = ["-it", str(live.root), "/bin/cat"]
    key = live(live.containers.create(parse_run(words))).id
    with Client() as client:
        how = client.attachment(stdin=True, framed=False, detach_keys="ctrl-x,q")
        live(live.containers.attach(key, how))
        live(live.containers.start(key))
        live(live.containers.resize(key, 30, 100))
        client.socket.sendall(b"\x18q")
        client.everything()
    live.until(lambda: "detach" in live.actions(key))
    assert live.get(key).is_running


@pytest.mark.parametrize("ref", ["nobody", "one"])
def test_what_cannot_be_attached_is_closed(live: Live, ref: str) -> None:
    live.create("true", "--name one")
    with Client() as client:
        with pytest.raises((NotFound, InvalidArgument)):
            live(live.containers.attach(ref, client.attachment(detach_keys="ctrl-")))
        assert client.everything() == b""


def test_one_that_is_never_started_lets_its_clients_go(live: Live) -> None:
    key = live.create()
    with Client() as client:
        live(live.containers.attach(key, client.attachment()))
        live(live.containers.remove(key))
        assert client.everything() == b""


def test_one_that_cannot_be_started_does_so_too(live: Live) -> None:
    """Twice: at first the engine opens what it needs for networks, and keeps it."""
    open_after = []
    for _ in range(2):
        key = live(live.containers.create(parse_run([str(live.root), "/bin/nothing"]))).id
        with Client() as client:
            live(live.containers.attach(key, client.attachment()))
            with pytest.raises(NotFound.__mro__[1]):
                live(live.containers.start(key))
            assert client.everything() == b""
        open_after.append(set(os.listdir("/proc/self/fd")))
    assert open_after[0] == open_after[1]
