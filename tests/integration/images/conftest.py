"""Registries of all kinds, made once, and an images service for each test."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.support.image_services import ImageService, image_service
from tests.integration.support.layouts import Layout, tar
from tests.integration.support.registry import Registry, running_registry
from tests.preconditions import need

BASE = tar({"etc/": b"", "etc/os": b"test\n", "gone": b"x"})
NOISE = os.urandom(3_000_000)
TOP = tar({"data": NOISE, ".wh.gone": b""})
CONFIG = {"Cmd": ["/bin/sh"], "Env": ["A=1"], "Labels": {"kind": "tool"}}


@pytest.fixture(scope="session")
def layout(session_directory: Path) -> Path:
    """An image of two layers."""
    made = Layout(session_directory / "layout")
    made.add([BASE, TOP], config=CONFIG)
    return made.directory


@pytest.fixture(scope="session")
def open_registry(session_directory: Path, layout: Path) -> Iterator[Registry]:
    """A registry without TLS and accounts, with the image tool:1."""
    need("registry")
    with running_registry(session_directory / "registry") as registry:
        registry.fill(layout, "tool:1")
        yield registry


@pytest.fixture
def service(workspace: Path) -> Iterator[ImageService]:
    """An images service."""
    with image_service(workspace / "data") as found:
        yield found
