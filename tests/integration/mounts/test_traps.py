"""Symlinks of a root file system that try to lead the launcher out of it.

Every operation that takes a path is given paths through traps. Outside of the root is a directory
of canaries; whatever the operation does, it must not have been there.
"""

from __future__ import annotations

import errno
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from orlop.errors import LaunchError
from orlop.kernel.mounts import MOUNT_ATTR_RDONLY
from orlop.launch.plan import (
    CREATE,
    RECURSIVE,
    Attach,
    CloneTree,
    CopyUp,
    MakeDirectory,
    MakeNode,
    MakeSymlink,
    Mask,
    Protect,
    Slot,
)
from tests.integration.mounts.plans import Container

# What the trap's symlink says, as a function of where it is to lead.
TRAPS: dict[str, Callable[[Path], str]] = {
    "absolute": str,
    "dots": lambda outside: "../../../../../../../../../../.." + str(outside),
    "through proc": lambda outside: "/proc/1/root" + str(outside),
    "through the launcher": lambda outside: "/proc/self/root" + str(outside),
    "through cwd": lambda outside: "/proc/self/cwd" + str(outside),
    "through fd": lambda outside: "/proc/self/fd/6/../../../../../../../.." + str(outside),
}

REFUSALS = {errno.ENOENT, errno.ELOOP, errno.EPERM, errno.EACCES, errno.ENOTDIR}

# What is done at a path; the path is `/trap/...`.
OPERATIONS: dict[str, Callable[[Container, str], None]] = {
    "attach": lambda c, path: c.attach(c.filesystem("tmpfs"), f"{path}/directory"),
    "attach, new directory": lambda c, path: c.attach(c.filesystem("tmpfs"), f"{path}/made/dir"),
    "attach, new file": lambda c, path: c.attach(c.tree("/bin/sh"), f"{path}/made/file"),
    "attach, no creation": lambda c, path: c.attach(c.filesystem("tmpfs"), path, 0),
    "make_directory": lambda c, path: c.do(MakeDirectory(c.root, f"{path}/made", 0o755)),
    "make_symlink": lambda c, path: c.do(MakeSymlink(c.root, f"{path}/file", "/etc")),
    "make_symlink, new": lambda c, path: c.do(MakeSymlink(c.root, f"{path}/made", "/etc")),
    "make_node": lambda c, path: c.do(
        MakeNode(c.root, f"{path}/null", stat.S_IFCHR | 0o666, 1, 3, 7, 7)
    ),
    "make_node, other": lambda c, path: c.do(
        MakeNode(c.root, f"{path}/file", stat.S_IFCHR | 0o666, 1, 3, 7, 7)
    ),
    "mask, file": lambda c, path: c.do(Mask(c.root, f"{path}/file", *_covers(c))),
    "mask, directory": lambda c, path: c.do(Mask(c.root, f"{path}/directory", *_covers(c))),
    "protect": lambda c, path: c.do(Protect(c.root, f"{path}/directory")),
    "clone_tree": lambda c, path: c.attach(c.tree(f"{path}/directory", base=c.root), "/stolen"),
    "copy_up": lambda c, path: _copy_up(c, f"{path}/directory"),
}


def _covers(c: Container) -> tuple[Slot, Slot]:
    empty = c.filesystem("tmpfs", attributes=MOUNT_ATTR_RDONLY)
    return c.tree("/dev/null", 0), empty


def _copy_up(c: Container, path: str) -> None:
    tmpfs = c.filesystem("tmpfs")
    c.do(CopyUp(c.root, path, tmpfs))
    c.attach(tmpfs, "/stolen")


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("trap", TRAPS)
def test_trap(container: Container, outside: Path, trap: str, operation: str) -> None:
    (container.rootfs / "trap").symlink_to(TRAPS[trap](outside))
    if "proc" in TRAPS[trap](outside):
        container.proc()  # in the root, with magic links that would lead out
    OPERATIONS[operation](container, "/trap")
    container.enter_root()
    try:
        outcome = container.run("cat /stolen/canary 2>/dev/null || true")
    except LaunchError as error:
        if error.errno not in REFUSALS or error.op in {"pivot_root", "execute"}:
            raise
    else:
        assert outcome.stdout == ""


@pytest.mark.parametrize("name", ["dev", "proc", "sys", "etc"])
def test_trap_at_a_place_that_everybody_mounts(
    container: Container, outside: Path, name: str
) -> None:
    """CVE-2026-41579: the image's /dev is a symlink to the host's."""
    directory = container.rootfs / name
    directory.rmdir()
    directory.symlink_to(outside)
    container.do(MakeNode(container.root, f"/{name}/null", stat.S_IFCHR | 0o666, 1, 3, 0, 0))
    container.do(MakeSymlink(container.root, f"/{name}/ptmx", "pts/ptmx"))
    container.do(MakeSymlink(container.root, f"/{name}/file", "elsewhere"))
    container.attach(container.filesystem("tmpfs"), f"/{name}/shm")
    container.enter_root()
    inside = str(outside)
    script = f"stat -c %t:%T {inside}/null; readlink {inside}/ptmx; stat -f -c %T {inside}/shm"
    assert container.run(script).lines() == ["1:3", "pts/ptmx", "tmpfs"]


def test_symlinks_in_what_is_copied(container: Container, outside: Path) -> None:
    top = container.rootfs / "content"
    top.mkdir()
    (top / "directory").symlink_to(outside / "directory")
    (top / "file").symlink_to(outside / "file")
    tmpfs = container.filesystem("tmpfs")
    container.do(CopyUp(container.root, "/content", tmpfs))
    container.attach(tmpfs, "/content")
    container.enter_root()
    outcome = container.run("cd /content; readlink directory; readlink file; ls -A . | wc -l")
    assert outcome.lines() == [str(outside / "directory"), str(outside / "file"), "2"]


def test_source_inside_the_root(container: Container, outside: Path) -> None:
    """CVE-2024-1753: the source of a mount is a symlink of the image."""
    (container.rootfs / "source").symlink_to(outside / "directory")
    slot = container.slot()
    container.do(CloneTree(slot, container.root, "/source", RECURSIVE))
    container.do(Attach(slot, container.root, "/tmp", CREATE))
    error = container.failure()
    assert (error.op, error.errno) == ("clone_tree", errno.ENOENT)
