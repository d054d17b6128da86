"""Where the time of a command goes before it does anything: the interpreter and its imports."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import orlop
from bench.harness import Timed

if TYPE_CHECKING:
    from bench.place import Place

READINGS = 5
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
    """The modules that cost most on the way to `module`, by own time; the best of some readings.

    In an interpreter as scripts/orlop-runtime starts it.
    """
    readings = [_import_times(module) for _ in range(READINGS)]
    best = {name: min(each.get(name, ms) for each in readings) for name, ms in readings[0].items()}
    rows = [Import(name, ms) for name, ms in best.items()]
    return sorted(rows, key=lambda row: -row.self_ms)[:SHOWN]


def _import_times(module: str) -> dict[str, float]:
    packages = Path(orlop.__file__).parent.parent
    code = f"import sys; sys.path.append({str(packages)!r}); import {module}"
    command = [sys.executable, "-I", "-S", "-X", "importtime", "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found = {}
    for line in done.stderr.splitlines():
        own, _, name = line.removeprefix("import time:").split("|")
        if own.strip().isdigit():
            found[name.strip()] = int(own) / 1000
    return found
