"""Containers for tests, none of which exists."""

from __future__ import annotations

from typing import Any

from orlop.engine.container import Container, ResolvedImage, State
from orlop.intent.flags import parse_run


def container(flags: str = "", *, key: str = "a", name: str = "", **state: Any) -> Container:
    """A container as somebody asked for with these flags; its id is 64 of the key."""
    image = ResolvedImage("host", "sha256:1")
    request = parse_run([*flags.split(), "host"])
    base = State().replace(**state)
    return Container(key * 64, name or f"{key}-name", ord(key), request, image, state=base)
