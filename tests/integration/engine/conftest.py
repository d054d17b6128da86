"""An engine for each test, and one root file system for all of them."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from orlop.launch.executor import sealed_launcher
from tests.integration.support.engines import Live, living
from tests.integration.support.rootfs import RootfsTemplate
from tests.preconditions import need


@pytest.fixture(scope="session")
def root(session_directory: Path, rootfs_template: RootfsTemplate) -> Path:
    """A root file system that no container changes."""
    # Other conftests have this fixture, too, and each of them has a root of its own.
    return rootfs_template.copy_to(Path(tempfile.mkdtemp(dir=session_directory)) / "root")


@pytest.fixture
def live(workspace: Path, root: Path) -> Iterator[Live]:
    """An engine at work."""
    with living(workspace, root) as found:
        yield found


@pytest.fixture(scope="session", autouse=True)
def launcher() -> None:
    """The process has its copy of the launcher before anybody counts descriptors."""
    need("launcher")
    sealed_launcher()
