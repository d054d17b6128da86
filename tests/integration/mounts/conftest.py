"""A root file system for each test, and what is outside of it."""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from orlop.launch.executor import sealed_launcher
from orlop.launch.plan import Clone
from tests.integration.mounts.canaries import look_at
from tests.integration.mounts.plans import NAMESPACES, Container, make_rootfs
from tests.isolation import remove_tree
from tests.preconditions import need


@pytest.fixture(scope="session", autouse=True)
def sealed_copy() -> None:
    """The copy of the launcher, which is made once and stays open, is no leak of the first test."""
    need("launcher")
    sealed_launcher()


@pytest.fixture
def workspace() -> Iterator[Path]:
    """An empty directory with a short path, removed afterwards."""
    for name in ("root", "busybox"):
        need(name)
    path = Path(tempfile.mkdtemp(prefix="orlop-mounts-"))
    path.chmod(0o755)
    yield path
    remove_tree(path)


@pytest.fixture
def rootfs(workspace: Path) -> Path:
    """A root file system with busybox."""
    return make_rootfs(workspace / "rootfs")


@pytest.fixture
def container(rootfs: Path) -> Container:
    """A container in a mount namespace, its root attached and not yet entered."""
    container = Container(rootfs)
    container.enter_mounts()
    return container


@pytest.fixture
def over_itself(rootfs: Path) -> Container:
    """A container whose root is attached over its own directory, and not over "/"."""
    container = Container(rootfs)
    container.before(Clone(NAMESPACES))
    container.cut_off()
    container.attach_root(over=str(rootfs))
    return container


@pytest.fixture
def outside(workspace: Path) -> Iterator[Path]:
    """A directory of the host with canaries: a file, a directory, a device."""
    top = workspace / "outside"
    (top / "directory").mkdir(parents=True)
    (top / "directory/canary").write_text("canary")
    (top / "file").write_text("canary")
    os.mknod(top / "null", stat.S_IFCHR | 0o600, os.makedev(1, 3))
    before = look_at(top)
    yield top
    assert look_at(top) == before
