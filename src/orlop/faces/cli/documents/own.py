"""What this client is, as docker's has it for templates."""

from __future__ import annotations

import os
import sys

from orlop import __version__

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

_MACHINES = {"x86_64": "amd64", "aarch64": "arm64"}


def client_document(api_version: str = "") -> dict[str, object]:
    """Version and surroundings of this command."""
    machine = os.uname().machine
    document: dict[str, object] = {
        "Version": __version__,
        "ApiVersion": api_version,
        "GoVersion": python(),
        "Os": "linux",
        "Arch": _MACHINES.get(machine, machine),
        "Context": context(),
    }
    return {name: value for name, value in document.items() if value}


def python() -> str:
    """The interpreter, as "Python 3.11.2"."""
    return f"Python {'.'.join(map(str, sys.version_info[:3]))}"


def context(environment: Mapping[str, str] | None = None) -> str:
    """The name of the context that is in use."""
    known = os.environ if environment is None else environment
    return known.get("ORLOP_CONTEXT") or "default"
