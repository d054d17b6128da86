"""send_opened: what is at a path inside, as a descriptor for the caller."""

from __future__ import annotations

import array
import errno
import os
import socket
import struct
from pathlib import Path

import pytest

from orlop.launch.plan import CONTAINER, LAUNCHER, Clone, Open, SendOpened, Slot
from tests.integration.launcher.driver import NEWNS, failure, sh, started

pytestmark = [pytest.mark.requires_root, pytest.mark.requires_launcher]

SOCKET, BASE = Slot(0), Slot(1)


def received(connection: socket.socket) -> tuple[int, list[int]]:
    """The errno and the descriptors of one message."""
    data, ancillary, _, _ = connection.recvmsg(4, socket.CMSG_SPACE(8))
    fds = array.array("i")
    for _, _, found in ancillary:
        fds.frombytes(found)
    return struct.unpack("=i", data)[0], list(fds)


def opened(root: Path, *paths: str) -> list[int | tuple[int, int]]:
    """For each path in a root its errno, or the device and inode of what was sent."""
    answers: list[int | tuple[int, int]] = []
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours:
        with (
            theirs,
            started(
                (LAUNCHER, Clone(NEWNS)),
                (CONTAINER, Open(BASE, str(root), os.O_PATH | os.O_DIRECTORY)),
                *((CONTAINER, SendOpened(BASE, path, SOCKET)) for path in paths),
                *sh("true"),
                slots=1,
                inherit=(theirs.fileno(),),
            ) as running,
        ):
            running.wait_running()
        for _ in paths:
            error, fds = received(ours)
            assert len(fds) == (0 if error else 1)
            answers.append(error or taken(*fds))
    return answers


def taken(fd: int) -> tuple[int, int]:
    status = os.fstat(fd)
    os.close(fd)
    return status.st_dev, status.st_ino


def identity(path: Path) -> tuple[int, int]:
    return path.stat().st_dev, path.stat().st_ino


def test_what_is_there_is_sent(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert opened(tmp_path, "/file", "/") == [identity(tmp_path / "file"), identity(tmp_path)]


def test_what_is_not_there_is_no_failure(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert opened(tmp_path, "/none", "/file/below", "/file") == [
        errno.ENOENT,
        errno.ENOTDIR,
        identity(tmp_path / "file"),
    ]


def test_symlinks_stay_inside(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/passwd").touch()
    (tmp_path / "absolute").symlink_to("/etc/passwd")
    (tmp_path / "up").symlink_to("../../../../../etc/passwd")
    inside = identity(tmp_path / "etc/passwd")
    assert opened(tmp_path, "/absolute", "/up", "/../../etc/passwd") == [inside, inside, inside]


def test_magic_links_are_refused(tmp_path: Path) -> None:
    (answer,) = opened(Path("/proc/self"), "/exe")
    assert answer == errno.ELOOP


def test_nobody_listens(tmp_path: Path) -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    ours.close()
    with theirs:
        error = failure(
            (LAUNCHER, Clone(NEWNS)),
            (CONTAINER, Open(BASE, str(tmp_path), os.O_PATH | os.O_DIRECTORY)),
            (CONTAINER, SendOpened(BASE, "/", SOCKET)),
            *sh("true"),
            slots=1,
            inherit=(theirs.fileno(),),
        )
    assert (error.op, error.errno) == ("send_opened", errno.EPIPE)
