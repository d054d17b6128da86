"""Starts by the Python path, in steps: for what is measured inside of a start, or while it runs."""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from orlop.launch.plan import STAY
from orlop.launch.wire import op_name
from orlop.runtime.lifecycle.create import begin, open_bundle
from orlop.runtime.lifecycle.delete import delete
from orlop.runtime.lifecycle.gather import Choices
from orlop.runtime.state import Store

if TYPE_CHECKING:
    from pathlib import Path

    from orlop.launch.executor import Launch
    from orlop.launch.report import Report

SHOWN = 12


@dataclass(frozen=True)
class Part:
    """A part of a start, and how long it took (the median), in milliseconds."""

    name: str
    ms: float


class Starter:
    """Starts one bundle again and again."""

    def __init__(self, bundle: Path, name: str, state: Path) -> None:
        self._store = Store(str(state))
        self._choices = Choices(bundle=str(bundle))
        self._name = name

    def begin(self) -> Launch:
        """Start it; afterwards its program runs, and its launcher waits."""
        bundle = open_bundle(self._choices, _ignore)
        return begin(self._store, self._name, bundle, self._choices, flags=STAY)

    def remove(self) -> None:
        """End it, and remove what it left."""
        delete(self._store, self._name, force=True)

    def timed(self) -> tuple[list[Part], list[Part]]:
        """Run it to its end: the phases, and the operations of its plan."""
        times = [time.monotonic()]
        bundle = open_bundle(self._choices, _ignore)
        times.append(time.monotonic())
        with begin(self._store, self._name, bundle, self._choices, flags=STAY) as launch:
            launch.wait_exit()
            report = launch.read_report()
            times += [report.began_ns / 1e9, report.running_ns / 1e9, time.monotonic()]
            operations = _operations(launch, report)
        self.remove()
        times.append(time.monotonic())
        spans = zip(_PHASES, times, times[1:], strict=False)
        return [Part(name, (end - begin_) * 1000) for name, begin_, end in spans], operations


_PHASES = (
    "read and check the configuration",
    "gather facts, plan, write state, start the launcher",
    "launcher: from its main to the program's start",
    "the program, and the launcher's end",
    "remove cgroups and state",
)


def _ignore(warning: str) -> None:
    """Warnings are for people."""


def _operations(launch: Launch, report: Report) -> list[Part]:
    steps = zip(launch.plan.steps, report.times_ns, strict=True)
    return [
        Part(f"{index} {op_name(type(step.op))}", (end - begin_) / 1e6)
        for index, (step, (begin_, end)) in enumerate(steps)
    ]


def breakdown(starter: Starter, rounds: int) -> tuple[list[Part], list[Part]]:
    """Medians of the phases in their order, and of the operations that take longest."""
    starter.timed()
    taken = [starter.timed() for _ in range(rounds)]
    phases = _medians([phases for phases, _ in taken])
    operations = _medians([operations for _, operations in taken])
    return phases, sorted(operations, key=lambda part: -part.ms)[:SHOWN]


def _medians(rows: list[list[Part]]) -> list[Part]:
    columns = zip(*rows, strict=True)
    return [Part(c[0].name, statistics.median(part.ms for part in c)) for c in columns]
