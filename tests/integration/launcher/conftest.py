"""Tests of the launcher by itself, with plans made by hand.

What plans for real containers do is tested with the runtime; here it is the protocol (phases,
events, report, faults) and each operation that is not about mounts.
"""

from __future__ import annotations

import pytest

from orlop.launch import executor


@pytest.fixture(autouse=True, scope="session")
def sealed() -> None:
    """The copy of the launcher is made once, so it is no leak of the first test."""
    executor.sealed_launcher()
