"""Tests of what is shown of starts, beside the real thing."""

from __future__ import annotations

import pytest

from orlop.launch import executor


@pytest.fixture(autouse=True, scope="session")
def sealed() -> None:
    """The copy of the launcher is made once, so it is no leak of the first test."""
    executor.sealed_launcher()
