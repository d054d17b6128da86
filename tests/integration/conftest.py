"""Integration tests: root, the real kernel, and a world of their own (tests/isolation.py)."""

from __future__ import annotations

from tests import isolation
from tests.leaks import nothing_leaks

__all__ = ["nothing_leaks"]


def pytest_configure() -> None:
    isolation.enter()
