"""Engines for tests of networks."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.support.engine import Engine, running_engine
from tests.preconditions import need


@pytest.fixture
def engine(workspace: Path) -> Iterator[Engine]:
    """An engine without containers, and with no networks but the usual ones."""
    need("launcher")
    with running_engine(workspace) as engine:
        yield engine
