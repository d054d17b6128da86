"""Sessions: /proc/PID/stat, and our own."""

from __future__ import annotations

import os
import pty

import pytest

from orlop.errors import NotFound
from orlop.kernel.sessions import Session, parse_session, read_session, terminal_name


@pytest.mark.parametrize(
    ("number", "name"),
    [
        (0, ""),
        (os.makedev(4, 1), "tty1"),
        (os.makedev(4, 64), "ttyS0"),
        (os.makedev(5, 1), "console"),
        (os.makedev(136, 3), "pts/3"),
        (os.makedev(137, 1), "pts/257"),
        (os.makedev(136, 300), "pts/300"),
        (os.makedev(204, 64), "char 204:64"),
    ],
)
def test_terminals(number: int, name: str) -> None:
    assert terminal_name(number) == name


def test_a_name_may_hold_anything() -> None:
    text = "7 (a) R 1 (b)) S 1 5 4 34819 5 4194560 0"
    assert parse_session(text) == Session(4, 5, "pts/3", 5)


def test_no_terminal() -> None:
    assert parse_session("7 (a) S 1 5 4 0 -1 4194560 0") == Session(4, 5)


def test_our_own() -> None:
    own = read_session(os.getpid())
    assert (own.leader, own.group) == (os.getsid(0), os.getpgrp())


def test_of_a_process_on_a_terminal() -> None:
    reader, writer = os.pipe()
    child, master = pty.fork()
    if child == 0:
        os.write(1, b"ready")  # only now is the session its own
        os.read(reader, 1)
        os._exit(0)
    try:
        assert os.read(master, 1) == b"r"
        name = os.ptsname(master) if hasattr(os, "ptsname") else ""
        found = read_session(child)
        assert (found.leader, found.group, found.foreground) == (child, child, child)
        assert found.terminal.startswith("pts/")
        assert not name or name == f"/dev/{found.terminal}"
    finally:
        os.write(writer, b"x")
        os.waitpid(child, 0)
        for fd in (reader, writer, master):
            os.close(fd)


def test_a_process_that_does_not_exist() -> None:
    with pytest.raises(NotFound):
        read_session(1 << 22)
