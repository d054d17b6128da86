"""Sandboxes on the real kernel."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from orlop import Sandbox
from orlop.launch.executor import sealed_launcher


@pytest.fixture(autouse=True, scope="session")
def sealed() -> None:
    """The copy of the launcher is made once, so it is no leak of the first test."""
    sealed_launcher()


@pytest.fixture
def box() -> Iterator[Sandbox]:
    """A sandbox as it is by default."""
    with Sandbox() as made:
        yield made
