"""Markers: `requires_NAME` for what a test needs, `vm` for what the virtual machine runs too."""

from __future__ import annotations

import os

import pytest
from hypothesis import settings

from tests.preconditions import PRECONDITIONS, need, required

pytest_plugins = ["pytester"]

PREFIX = "requires_"


def pytest_configure(config: pytest.Config) -> None:
    for name, entry in PRECONDITIONS.items():
        config.addinivalue_line("markers", f"{PREFIX}{name}: needs {entry.what}")
    config.addinivalue_line(
        "markers", "vm: is run by `make vm-test` too; implied by what only the machine there has"
    )
    config.addinivalue_line("markers", "slow: takes more than a second")
    # An example may take long where much else goes on; before a module is imported that has some.
    settings.register_profile("untimed", deadline=None)
    settings.load_profile("untimed")


def _requirements(item: pytest.Item) -> list[str]:
    names = (mark.name for mark in item.iter_markers() if mark.name.startswith(PREFIX))
    return [name.removeprefix(PREFIX) for name in names]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if any(PRECONDITIONS[name].vm_only for name in _requirements(item)):
            item.add_marker(pytest.mark.vm)


def pytest_sessionstart() -> None:
    required(os.environ.get("ORLOP_REQUIRE", ""))  # a wrong name is an error before any test


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    for name in _requirements(item):
        need(name)
