"""What `idmap.check` lets pass the kernel takes, and what it refuses the kernel refuses."""

from __future__ import annotations

import ctypes
import errno
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from orlop.errors import InvalidArgument
from orlop.kernel import idmap
from orlop.kernel.idmap import IdMap

pytestmark = [pytest.mark.requires_root, pytest.mark.requires_userns]

CLONE_NEWUSER = 0x10000000


@pytest.fixture
def newcomer() -> Iterator[int]:
    """A process in a user namespace that has no maps yet."""
    ready, go_on = os.pipe(), os.pipe()
    child = os.fork()
    if child == 0:
        ctypes.CDLL(None).unshare(CLONE_NEWUSER)
        os.close(go_on[1])
        os.write(ready[1], b"x")
        os.read(go_on[0], 1)
        os._exit(0)
    os.read(ready[0], 1)
    yield child
    for fd in (*ready, *go_on):
        os.close(fd)
    os.waitpid(child, 0)


def write(pid: int, maps: list[IdMap]) -> None:
    fd = os.open(f"/proc/{pid}/uid_map", os.O_WRONLY)
    try:
        os.write(fd, idmap.text(maps).encode())
    finally:
        os.close(fd)


@pytest.mark.parametrize(
    "maps",
    [
        [IdMap(0, 1000, 1), IdMap(1, 100000, 65536)],
        [IdMap(0, 0, idmap.MAX_ID + 1)],
        [IdMap(n, 1000 + n, 1) for n in range(idmap.MAX_RANGES)],
    ],
)
def test_taken(newcomer: int, maps: list[IdMap]) -> None:
    idmap.check(maps)
    write(newcomer, maps)
    shown = idmap.parse(Path(f"/proc/{newcomer}/uid_map").read_text())
    assert shown == tuple(maps)


@pytest.mark.parametrize(
    "maps",
    [
        [IdMap(0, 0, 0)],
        [IdMap(0, 0, 0xFFFFFFFF + 1)],
        [IdMap(0, 0xFFFFFFFE, 2)],
        [IdMap(0, 1000, 10), IdMap(9, 5000, 10)],
        [IdMap(0, 1000, 10), IdMap(10, 1009, 10)],
        [IdMap(n, n, 1) for n in range(idmap.MAX_RANGES + 1)],
        [IdMap(4000000000 + n, 4100000000 + n, 1) for n in range(idmap.MAX_RANGES)],
    ],
)
def test_refused(newcomer: int, maps: list[IdMap]) -> None:
    with pytest.raises(InvalidArgument):
        idmap.check(maps)
    with pytest.raises(OSError) as failure:
        write(newcomer, maps)
    assert failure.value.errno in (errno.EINVAL, errno.E2BIG)
