"""The launcher called by somebody else than its caller."""

from __future__ import annotations

import fcntl
import os
import socket
import subprocess
from pathlib import Path

import pytest

from orlop.launch import executor

pytestmark = [pytest.mark.requires_root, pytest.mark.requires_launcher]


@pytest.mark.parametrize("descriptors", ["none", "files", "sockets"])
def test_called_directly_it_fails_and_touches_nothing(descriptors: str, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"x" * 4096)
    opened: list[int] = []
    pairs: list[socket.socket] = []
    if descriptors == "files":
        opened = [os.open(file, os.O_RDWR) for _ in range(3)]
    if descriptors == "sockets":
        pairs = [end for _ in range(2) for end in socket.socketpair(type=socket.SOCK_SEQPACKET)]
        opened = [os.dup(pair.fileno()) for pair in pairs[:3]]
    actions = [
        (os.POSIX_SPAWN_DUP2, fcntl.fcntl(fd, fcntl.F_DUPFD, 100), 3 + n)
        for n, fd in enumerate(opened)
    ]
    ours, theirs = os.pipe()
    pid = os.posix_spawn(
        executor.launcher_path(),
        ["orlop-launch", "x"],
        {},
        file_actions=[*actions, (os.POSIX_SPAWN_DUP2, theirs, 2)],
    )
    os.close(theirs)
    with os.fdopen(ours) as stream:
        assert "started by orlop" in stream.read()
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 125
    assert file.read_bytes() == b"x" * 4096
    for fd in (*opened, *(high for _, high, _ in actions)):
        os.close(fd)
    for pair in pairs:
        pair.close()


@pytest.mark.parametrize("argument", ["--version", "--operations"])
def test_it_describes_itself(argument: str) -> None:
    shown = subprocess.run(
        [executor.launcher_path(), argument], check=True, capture_output=True, text=True
    )
    assert shown.stdout.startswith(
        {"--version": "orlop-launch 0", "--operations": "1 make_"}[argument]
    )
