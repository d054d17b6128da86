"""The engine that the API's tests share: one daemon, with an image of busybox beside `host`."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.support.engine import Engine, running_engine
from tests.integration.support.images import IMAGE, archive
from tests.integration.support.rootfs import RootfsTemplate
from tests.preconditions import need

PLAIN = ("--network", "none", IMAGE)
"""What most containers here are of: flags and image."""


@pytest.fixture(scope="session")
def shared_engine(session_directory: Path, rootfs_template: RootfsTemplate) -> Iterator[Engine]:
    """The session's engine."""
    need("launcher")
    # Others import this fixture, and have an engine of their own by it.
    directory = Path(tempfile.mkdtemp(prefix="e", dir=session_directory))
    with running_engine(directory) as engine:
        engine.docker("import", archive(rootfs_template, directory), IMAGE).ok()
        # Once, for what stays: control groups of all containers, and the like.
        engine.docker("run", "--rm", *PLAIN, "true").ok()
        yield engine


@pytest.fixture
def engine(shared_engine: Engine) -> Iterator[Engine]:
    """The session's engine, without containers before and after the test."""
    yield shared_engine
    shared_engine.remove_all()
