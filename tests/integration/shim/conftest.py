"""Containers with a launcher that supervises."""

from __future__ import annotations

from pathlib import Path

import pytest

from orlop.launch.executor import sealed_launcher
from tests.integration.support.rootfs import RootfsTemplate
from tests.integration.support.shims import Shims


@pytest.fixture(autouse=True, scope="session")
def sealed() -> None:
    """The copy of the launcher is made once, so it is no leak of the first test."""
    sealed_launcher()


@pytest.fixture
def shims(workspace: Path, rootfs_template: RootfsTemplate) -> Shims:
    """Makes them."""
    return Shims(workspace, rootfs_template.copy_to(workspace / "rootfs"))
