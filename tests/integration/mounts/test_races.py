"""Somebody exchanges a directory for a symlink while the launcher works in it (CVE-2021-30465).

The plan does not enter its root, so that the program sees where in the whole mount namespace
things were attached; the root is attached over its own directory, so that paths outside of it look
different.
"""

from __future__ import annotations

import ctypes
import errno
import os
import signal
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from orlop.errors import LaunchError
from orlop.kernel.mounts import MOUNT_ATTR_RDONLY
from orlop.kernel.namespaces import CLONE_NEWNS
from orlop.launch.plan import (
    NO_SLOT,
    Attach,
    Clone,
    CopyUp,
    MakeDirectory,
    MakeNode,
    MakeSymlink,
    Mask,
    Protect,
    Slot,
)
from tests.integration.mounts.plans import Container, parse_mountinfo

PLANS = 20
ROUNDS = 50  # in each plan
RENAME_EXCHANGE = 2
AT_FDCWD = -100


@contextmanager
def flipping(one: Path, other: Path) -> Iterator[None]:
    """A process that exchanges two names as fast as it can."""
    libc = ctypes.CDLL(None)
    names = os.fsencode(one), os.fsencode(other)
    pid = os.fork()
    if pid == 0:
        while True:
            libc.renameat2(AT_FDCWD, names[0], AT_FDCWD, names[1], RENAME_EXCHANGE)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


def in_own_mounts(rootfs: Path) -> Container:
    """A container in a mount namespace, and in no other."""
    container = Container(rootfs)
    container.before(Clone(CLONE_NEWNS))
    container.cut_off()
    return container


def add_round(c: Container, number: int, tmpfs: Slot, covers: tuple[Slot, Slot]) -> None:
    """Everything that takes a path, through the one that flips."""
    at = "/volume/flip"
    c.attach(tmpfs, f"{at}/{number}/mount")
    c.do(MakeDirectory(c.root, f"{at}/{number}/made", 0o755))
    c.do(MakeNode(c.root, f"{at}/{number}-null", stat.S_IFCHR | 0o666, 1, 3, 7, 7))
    c.do(MakeSymlink(c.root, f"{at}/{number}-link", "/etc"))
    c.do(Mask(c.root, f"{at}/file", *covers))
    c.do(Mask(c.root, f"{at}/directory", *covers))
    c.do(Protect(c.root, f"{at}/directory"))
    c.do(CopyUp(c.root, f"{at}/directory", c.filesystem("tmpfs")))


def test_a_flipping_symlink(rootfs: Path, outside: Path) -> None:
    """It is exchanged for a directory; outside of the root it would lead to the canaries."""
    flip, link = rootfs / "volume/flip", rootfs / "volume/link"
    behind = rootfs / str(outside).lstrip("/")  # where the symlink leads in the root
    for place in (flip, behind):
        (place / "directory").mkdir(parents=True)
        (place / "directory/canary").write_text("inside")
        (place / "file").write_text("inside")
    link.symlink_to(outside)
    performed = 0
    with flipping(flip, link):
        for first in range(0, PLANS * ROUNDS, ROUNDS):
            container = in_own_mounts(rootfs)
            container.attach_root(over=str(rootfs))
            tmpfs = container.filesystem("tmpfs")
            empty = container.filesystem("tmpfs", attributes=MOUNT_ATTR_RDONLY)
            covers = (container.tree("/dev/null", 0), empty)
            for number in range(first, first + ROUNDS):
                add_round(container, number, tmpfs, covers)
            try:
                outcome = container.run("cat /proc/self/mountinfo")
            except LaunchError as error:
                if error.errno != errno.EAGAIN:
                    raise
                continue  # the kernel gave up a thousand times in a row: refused is safe as well
            points = [mount.point for mount in parse_mountinfo(outcome.stdout)]
            assert len(points) > ROUNDS, "the masks are there"
            assert not [point for point in points if point.startswith(str(outside))]
            performed += ROUNDS
    assert performed >= PLANS * ROUNDS / 2
    # Both ways were taken, and the one through the symlink ended inside the root.
    directory = link if flip.is_symlink() else flip
    for place in (directory, behind):
        assert any(name.endswith("-null") for name in os.listdir(place))


def test_control_of_the_above(rootfs: Path, outside: Path) -> None:
    """A path of the host is resolved as usual, and does lead to the canaries."""
    link = rootfs / "link"
    link.symlink_to(outside)
    container = in_own_mounts(rootfs)
    container.do(Attach(container.filesystem("tmpfs"), NO_SLOT, f"{link}/directory"))
    outcome = container.run("cat /proc/self/mountinfo")
    points = [mount.point for mount in parse_mountinfo(outcome.stdout)]
    assert f"{outside}/directory" in points
