"""Engines for the tests of containers' files, as in tests/integration/engine; and an image."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.integration.engine.conftest import launcher, live, root
from tests.integration.support.engines import Live
from tests.integration.support.images import archive
from tests.integration.support.rootfs import RootfsTemplate

__all__ = ["launcher", "live", "root"]


async def _file(path: Path) -> AsyncIterator[bytes]:
    with path.open("rb") as file:
        while chunk := file.read(1 << 20):
            yield chunk


@pytest.fixture(scope="session")
def packed_root(session_directory: Path, rootfs_template: RootfsTemplate) -> Path:
    directory = session_directory / "packed"
    directory.mkdir()
    return archive(rootfs_template, directory)


@pytest.fixture
def base(live: Live, packed_root: Path) -> str:
    """The name of an image."""
    live(live.engine.images.import_(_file(packed_root), ref="base", changes=("ENV A=1",)))
    return "base"
