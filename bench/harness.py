"""Subjects in turn, in random order within each round, until the time is used up.

Interleaving means that a busy moment of the machine hits all subjects alike, and the medians that
are compared were read under the same conditions.
"""

from __future__ import annotations

import random
import statistics
import subprocess
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

WARM_UP = 3
LEAST_ROUNDS = 5


class SubjectFailed(Exception):
    """What was to be measured did not do its work, so there is nothing to measure."""


class Subject(Protocol):
    """One way of starting a container."""

    name: str

    def once(self) -> float:
        """Do it once, and return how long it took, in seconds.

        Raises:
            SubjectFailed: it did not end well.
        """
        ...

    def close(self) -> None:
        """End what waits in the background."""
        ...


class Timed:
    """A subject behind one of the C helpers, which take a byte and answer "NANOSECONDS STATUS"."""

    def __init__(self, name: str, command: Sequence[str | Path], log: Path) -> None:
        self.name = name
        self._log = log
        with log.open("wb") as stderr:
            self._helper = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=stderr, bufsize=0
            )

    def once(self) -> float:
        """Let the helper do it once."""
        assert self._helper.stdin
        assert self._helper.stdout
        try:
            self._helper.stdin.write(b".")
            answer = self._helper.stdout.readline().split()
        except BrokenPipeError:
            answer = []
        if len(answer) != 2 or answer[1] != b"0":
            reason = self._log.read_text(errors="replace").strip().splitlines()[-3:]
            raise SubjectFailed(f"{self.name}: {' | '.join(reason) or answer}")
        return int(answer[0]) / 1e9

    def close(self) -> None:
        """End the helper."""
        assert self._helper.stdin
        assert self._helper.stdout
        self._helper.stdin.close()
        self._helper.wait()
        self._helper.stdout.close()


class Called:
    """A subject that is a function of this process; it returns an exit status."""

    def __init__(self, name: str, function: Callable[[], int]) -> None:
        self.name = name
        self._function = function

    def once(self) -> float:
        """Call the function once."""
        begin = time.perf_counter()
        try:
            status = self._function()
        except Exception as error:
            raise SubjectFailed(f"{self.name}: {type(error).__name__}: {error}") from error
        end = time.perf_counter()
        if status:
            raise SubjectFailed(f"{self.name}: exit status {status}")
        return end - begin

    def close(self) -> None:
        """Nothing waits."""


@dataclass(frozen=True)
class Series:
    """The readings of one subject, in milliseconds, in the order in which they were taken."""

    name: str
    samples_ms: tuple[float, ...]

    @property
    def median(self) -> float:
        """Half of the readings are below."""
        return statistics.median(self.samples_ms)

    @property
    def p95(self) -> float:
        """19 of 20 readings are below."""
        return sorted(self.samples_ms)[max(0, round(0.95 * len(self.samples_ms)) - 1)]

    @property
    def p99(self) -> float:
        """99 of 100 readings are below; with less than that, the worst."""
        return sorted(self.samples_ms)[max(0, round(0.99 * len(self.samples_ms)) - 1)]

    @property
    def least(self) -> float:
        """The best reading: what the machine can do when nothing else runs."""
        return min(self.samples_ms)


def interleave(
    title: str,
    subjects: Sequence[Subject],
    budget_s: float,
    progress: Callable[[str], None],
    *,
    warm_up: int = WARM_UP,
) -> dict[str, Series]:
    """Measure the subjects in rounds for about `budget_s` seconds, after so many that do not count.

    A subject that fails is reported through `progress` and left out. All subjects are closed.
    """
    samples: dict[str, list[float]] = {subject.name: [] for subject in subjects}
    alive = list(subjects)
    order = random.Random(1)
    deadline = time.monotonic() + budget_s
    rounds = -warm_up
    while alive and (rounds < LEAST_ROUNDS or time.monotonic() < deadline):
        order.shuffle(alive)
        for subject in tuple(alive):
            try:
                elapsed = subject.once()
            except SubjectFailed as failure:
                progress(f"left out: {failure}\n")
                alive.remove(subject)
                del samples[subject.name]
                continue
            if rounds >= 0:
                samples[subject.name].append(elapsed * 1000)
        rounds += 1
        left = max(0.0, deadline - time.monotonic())
        progress(f"{title}: round {max(rounds, 0)}, {left:.0f} s left")
    for subject in subjects:
        subject.close()
    return {name: Series(name, tuple(taken)) for name, taken in samples.items() if taken}
