"""A root file system for each test, and what is outside of it."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from orlop.launch.executor import sealed_launcher
from tests.integration.mounts.plans import Container, make_rootfs
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
