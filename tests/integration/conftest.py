"""Integration tests: root, the real kernel, and a world of their own (tests/isolation.py)."""

from __future__ import annotations

import pytest

from tests import isolation
from tests.integration.support.fixtures import (
    bundle,
    flavour,
    register_markers,
    rootfs_template,
    runtime,
    session_directory,
    what_runc_cannot,
    workspace,
)
from tests.leaks import nothing_leaks

__all__ = [
    "bundle",
    "flavour",
    "nothing_leaks",
    "rootfs_template",
    "runtime",
    "session_directory",
    "what_runc_cannot",
    "workspace",
]


def pytest_configure(config: pytest.Config) -> None:
    isolation.enter()
    register_markers(config)
