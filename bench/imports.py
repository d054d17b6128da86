"""Where the time of a command goes before it does anything: the interpreter and its imports."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.harness import Timed

if TYPE_CHECKING:
    from bench.place import Place

# Milliseconds that `orlop-runtime --version` may take more than a bare interpreter.
BUDGET_MS = 12.0
SHOWN = 12


@dataclass(frozen=True)
class Import:
    """A module on the way to the command line; times in milliseconds."""

    module: str
    self_ms: float


def subjects(place: Place) -> list[Timed]:
    """The interpreter bare, with site, and `orlop-runtime --version`, beside the peers' own."""
    commands: list[tuple[str, tuple[str, ...]]] = [
        ("python -I -S -c pass", (sys.executable, "-I", "-S", "-c", "pass")),
        ("python -c pass", (sys.executable, "-c", "pass")),
        ("runc --version", ("runc", "--version")),
    ]
    if place.orlop_runtime:
        commands.append(("orlop-runtime --version", (str(place.orlop_runtime), "--version")))
    return [
        Timed(name, (place.spawn, *command), place.fresh(f"imports-{index}.log"))
        for index, (name, command) in enumerate(commands)
    ]


def heaviest(module: str) -> list[Import]:
    """The modules that cost most when `module` is imported in a fresh interpreter, by own time."""
    command = [sys.executable, "-X", "importtime", "-c", f"import {module}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        return []
    rows = [
        Import(name.strip(), int(own.removeprefix("import time:")) / 1000)
        for own, _, name in (
            line.split("|") for line in done.stderr.splitlines() if line.startswith("import time:")
        )
        if own.removeprefix("import time:").strip().isdigit()
    ]
    return sorted(rows, key=lambda row: -row.self_ms)[:SHOWN]
