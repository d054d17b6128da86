"""The connection to a launcher that supervises: what it sends, and what it makes of events."""

from __future__ import annotations

import array
import os
import socket
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest

from orlop.errors import InvalidArgument, Unavailable
from orlop.launch import report as reports
from orlop.launch.detach_keys import parse_detach_keys
from orlop.launch.shim import (
    MOST_FIRST_BYTES,
    TOO_SLOW,
    Attach,
    Created,
    Detached,
    Event,
    Exited,
    ExitRecord,
    Failed,
    Gone,
    Running,
    Shim,
    Starting,
    read_record,
)
from orlop.launch.supervision import DETACH_KEYS, REPORT, SOCKET


class Other:
    """A launcher's end of a connection."""

    def __init__(self, directory: Path) -> None:
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._listener.bind(str(directory / SOCKET))
        self._listener.listen(1)
        self.shim = Shim.connect(str(directory))
        self.socket, _ = self._listener.accept()

    def received(self) -> bytes:
        return self.socket.recv(100_000)

    def tell(self, *event: int) -> None:
        self.socket.send(struct.pack("<IiI", *event))

    def close(self) -> None:
        self.socket.close()
        self._listener.close()
        self.shim.close()


@pytest.fixture
def other(tmp_path: Path) -> Iterator[Other]:
    made = Other(tmp_path)
    yield made
    made.close()


def test_commands(other: Other) -> None:
    other.shim.signal(15)
    assert other.received() == struct.pack("<III", 2, 15, 0)
    other.shim.resize(24, 80)
    assert other.received() == struct.pack("<III", 3, 24, 80)
    other.shim.close_stdin()
    assert other.received() == struct.pack("<III", 4, 0, 0)
    other.shim.ask_state()
    assert other.received() == struct.pack("<III", 6, 0, 0)


def test_attach(other: Other) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        first = Attach(stdin=True, stdout=True, framed=True, detach_keys="a,ctrl-b", first=b"xyz")
        assert other.shim.attach(theirs.fileno(), first) == 1
        message, ancillary, _, _ = other.socket.recvmsg(1000, socket.CMSG_SPACE(4))
        assert message == struct.pack("<III", 5, 1, 1 | 2 | 8) + b"\2a\2xyz"
        fds = array.array("i", ancillary[0][2])
        with socket.socket(fileno=fds[0]) as given:
            given.send(b"hello")
        assert ours.recv(10) == b"hello"
        assert other.shim.attach(theirs.fileno(), Attach(stderr=True, hold=True)) == 2
        message, ancillary, _, _ = other.socket.recvmsg(1000, socket.CMSG_SPACE(4))
        os.close(array.array("i", ancillary[0][2])[0])
        assert message == struct.pack("<III", 5, 2, 4 | 16) + b"\0"


def test_what_cannot_be_attached(other: Other) -> None:
    with pytest.raises(InvalidArgument, match="65536"):
        other.shim.attach(0, Attach(first=b"x" * (MOST_FIRST_BYTES + 1)))
    with pytest.raises(InvalidArgument, match="ctrl-"):
        other.shim.attach(0, Attach(detach_keys="ctrl-"))


@pytest.mark.parametrize(
    ("told", "event"),
    [
        ((0, 0, 0), Starting()),
        ((1, 7, 0), Created(7)),
        ((2, 7, 0), Running(7)),
        ((3, 2, 0), Failed(2)),
        ((4, 256, 0), Exited(256)),
        ((5, 0, 3), Detached(3)),
        ((6, 2, 3), Gone(3, TOO_SLOW)),
        ((99, 0, 0), None),
    ],
)
def test_events(other: Other, told: tuple[int, int, int], event: Event | None) -> None:
    assert other.shim.next_event() is None
    other.tell(*told)
    assert other.shim.next_event() == event


def test_one_that_has_ended(other: Other) -> None:
    other.socket.close()
    with pytest.raises(Unavailable):
        other.shim.next_event()
    with pytest.raises(Unavailable):
        other.shim.signal(9)


def test_its_last_words_are_heard(other: Other) -> None:
    other.shim.signal(9)  # which it does not read any more
    other.tell(4, 256, 0)
    other.socket.close()
    assert other.shim.next_event() == Exited(256)
    with pytest.raises(Unavailable):
        other.shim.next_event()


def test_one_that_listens_no_more(other: Other, tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="no more"):
        for _ in range(10_000):
            other.shim.resize(1, 1)
    waiting: list[Shim] = []
    with pytest.raises(Unavailable):
        waiting.extend(Shim.connect(str(tmp_path)) for _ in range(100))
    for shim in waiting:
        shim.close()


def test_there_is_none(tmp_path: Path) -> None:
    with pytest.raises(Unavailable):
        Shim.connect(str(tmp_path))
    with pytest.raises(Unavailable):
        Shim.connect(str(tmp_path / "nowhere"))


# --- records ----------------------------------------------------------------------------------


def report(phase: int, *counters: int) -> bytes:
    data = bytearray(reports.HEAD_SIZE)
    data[0:4] = b"ORLR"
    struct.pack_into("<I", data, 8, phase)
    struct.pack_into("<i4xQQQQ", data, 512, 9, 1_000, 2, 3, 4)
    struct.pack_into("<4Q", data, 992, *(counters or (0, 0, 0, 0)))
    return bytes(data)


def test_a_record(tmp_path: Path) -> None:
    (tmp_path / REPORT).write_bytes(report(reports.EXITED, 1, 22, 333, 4096))
    assert read_record(str(tmp_path)) == ExitRecord(9, 1_000, 2, 3, 4, 1, 22, 333, 4096)


@pytest.mark.parametrize("nothing", [0, (1 << 64) - 1, (1 << 63) - 4096])
def test_numbers_that_nobody_knows(tmp_path: Path, nothing: int) -> None:
    (tmp_path / REPORT).write_bytes(report(reports.EXITED, *[nothing] * 4))
    assert read_record(str(tmp_path)) == ExitRecord(9, 1_000, 2, 3, 4, 0, 0, None, None)


def test_no_record(tmp_path: Path) -> None:
    assert read_record(str(tmp_path)) is None
    (tmp_path / REPORT).write_bytes(b"")
    assert read_record(str(tmp_path)) is None
    (tmp_path / REPORT).write_bytes(report(reports.RUNNING))
    assert read_record(str(tmp_path)) is None


# --- keys -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        ("", b""),
        (DETACH_KEYS, b"\x10\x11"),
        ("a", b"a"),
        ("a,b,c", b"abc"),
        ("ctrl-@,ctrl-[,ctrl-\\,ctrl-],ctrl-^,ctrl-_", b"\0\x1b\x1c\x1d\x1e\x1f"),
        ("ctrl-a,ctrl-z,ctrl-A", b"\1\x1a\1"),
        ("-", b"-"),
    ],
)
def test_detach_keys(text: str, keys: bytes) -> None:
    assert parse_detach_keys(text) == keys


@pytest.mark.parametrize(
    "text", ["ab", "a,", ",", "ctrl-", "ctrl-ab", "ctrl-1", "Ctrl-a", "ä", ",".join("a" * 65)]
)
def test_what_are_no_detach_keys(text: str) -> None:
    with pytest.raises(InvalidArgument, match="detach keys"):
        parse_detach_keys(text)
