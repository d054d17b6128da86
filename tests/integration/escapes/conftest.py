"""Fixtures of the escapes: a hostile root file system, canaries, and a host that stays as it is."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.escapes.support import Canaries, host_untouched
from tests.integration.support.bundles import Bundle, BundleFactory, Command
from tests.integration.support.rootfs import compile_static

Trap = Callable[..., Bundle]


@pytest.fixture(scope="session")
def attack(session_directory: Path) -> Path:
    """The program attack.c, compiled."""
    program = session_directory / "attack"
    compile_static(Path(__file__).with_name("attack.c"), program)
    return program


@pytest.fixture
def trap(bundle: BundleFactory, attack: Path) -> Trap:
    """Makes bundles, as `bundle` does, that have the program `attack` in their root file system."""

    def make(command: Command = "probe wait", **changes: Any) -> Bundle:
        made = bundle(command, **changes)
        os.link(attack, made.rootfs / "bin/attack")
        return made

    return make


@pytest.fixture
def canaries(workspace: Path) -> Iterator[Canaries]:
    """Canaries; they are looked at when the test is over."""
    canaries = Canaries(workspace / "canary")
    yield canaries
    canaries.check()


@pytest.fixture(autouse=True)
def _host() -> Iterator[None]:
    with host_untouched():
        yield
