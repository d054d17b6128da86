"""Where a daemon listens, and the file that says who it is."""

from __future__ import annotations

import os
import socket
import stat
from pathlib import Path

import pytest

from orlop.errors import AlreadyExists, InvalidArgument, PermissionDenied
from orlop.faces.daemon import notices, sockets
from orlop.faces.daemon.pidfile import PidFile


def url(path: Path) -> str:
    return f"unix://{path}"


def test_a_socket_of_ones_own(tmp_path: Path) -> None:
    path = tmp_path / "new" / "s"
    (sock,) = sockets.listeners((url(path),), "no-such-group")
    with sock:
        assert stat.S_IMODE(path.stat().st_mode) == 0o660
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o755
        assert sockets.answers(str(path))
        assert not sock.get_inheritable()
    sockets.remove((url(path), "fd://"))
    assert not path.exists()


def test_what_a_killed_engine_has_left_is_taken_over(tmp_path: Path) -> None:
    path = tmp_path / "s"
    for _ in range(2):  # the second finds the file of the first
        (sock,) = sockets.listeners((url(path),), "")
        sock.close()
    assert path.exists()
    assert not sockets.answers(str(path))


def test_another_engine_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "s"
    (sock,) = sockets.listeners((url(path),), "")
    with sock:
        with pytest.raises(AlreadyExists):
            sockets.listeners((url(tmp_path / "t"), url(path)), "")
        assert sockets.answers(str(path))


def test_other_files_are_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "s"
    path.write_text("precious")
    with pytest.raises(InvalidArgument, match="not a socket"):
        sockets.listeners((url(path),), "")
    assert path.read_text() == "precious"


def test_a_path_that_is_too_long(tmp_path: Path) -> None:
    with pytest.raises(InvalidArgument, match="longer than 107"):
        sockets.listeners((url(tmp_path / ("x" * 108)),), "")


def test_sockets_of_systemd(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InvalidArgument, match="needs a socket from systemd"):
        sockets.listeners(("fd://",), "")
    monkeypatch.setenv("LISTEN_PID", str(os.getpid()))
    monkeypatch.setenv("LISTEN_FDS", "2")
    monkeypatch.setenv("LISTEN_FDNAMES", "first:second")
    with pytest.raises(InvalidArgument, match="no socket fd://third"):
        sockets.listeners(("fd://third",), "")


def test_pidfile(tmp_path: Path) -> None:
    path = tmp_path / "run" / "pid"
    held = PidFile(str(path))
    assert path.read_text() == f"{os.getpid()}\n"
    with pytest.raises(AlreadyExists, match=f"PID {os.getpid()}"):
        PidFile(str(path))
    held.remove()
    assert not path.exists()


def test_a_stale_pidfile_is_taken_over(tmp_path: Path) -> None:
    path = tmp_path / "pid"
    path.write_text("99999999 and more\n")
    held = PidFile(str(path))
    assert path.read_text() == f"{os.getpid()}\n"
    held.remove()


def test_a_pidfile_that_is_a_link_is_not_followed(tmp_path: Path) -> None:
    path = tmp_path / "pid"
    path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(PermissionDenied):
        PidFile(str(path))
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.parametrize("abstract", [False, True])
def test_systemd_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, abstract: bool) -> None:
    address = f"orlop-test-{os.getpid()}" if abstract else str(tmp_path / "n")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind(f"\0{address}" if abstract else address)
        sock.settimeout(5)
        monkeypatch.setenv("NOTIFY_SOCKET", f"@{address}" if abstract else address)
        notices.notify("READY=1", "STATUS=fine")
        assert sock.recv(100) == b"READY=1\nSTATUS=fine"


def test_nobody_has_to_listen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "gone"))
    notices.notify("READY=1")
    monkeypatch.delenv("NOTIFY_SOCKET")
    notices.notify("READY=1")
    notices.tell(-1, "ready\n")


def test_whoever_started_it_is_told() -> None:
    ours, theirs = os.pipe()
    notices.tell(theirs, "ready\n")
    assert os.read(ours, 100) == b"ready\n"
    assert os.read(ours, 100) == b""
    os.close(ours)
