"""What can be known about why a container ended, or is slow; and what is said of it."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING

from orlop.records import Record

if TYPE_CHECKING:
    from orlop.engine.container import Container
    from orlop.engine.stats import StatsSample


class Signal(Record):
    """A signal that somebody has sent through the engine."""

    number: int
    at_ns: int


class Victim(Record):
    """A process of the container that the kernel killed for want of memory.

    Attributes:
        name: of it.
        pid: host PID.
        at_ns: when.
        anonymous_bytes: memory of its own, 0 if unknown.
        by_limit: the container's limit was met; else the machine was out of memory.
    """

    name: str
    pid: int
    at_ns: int
    anonymous_bytes: int = 0
    by_limit: bool = True


class Facts(Record):
    """Everything that is known of one container at one moment.

    Attributes:
        container: as it is now.
        now_ns: the moment.
        sample: what it uses; None if it does not run.
        signals: that were sent to it in its last run, as far as the engine remembers.
        victims: in its last run; None if the kernel's log cannot be read.
        refused: names of system calls that its filter refused and the kernel logged; None likewise.
        filtered: it has a filter of system calls.
        lines: the last that it has written.
    """

    container: Container
    now_ns: int
    sample: StatsSample | None = None
    signals: tuple[Signal, ...] = ()
    victims: tuple[Victim, ...] | None = None
    refused: tuple[str, ...] | None = None
    filtered: bool = True
    lines: tuple[str, ...] = ()


class Weight(enum.Enum):
    """How much a finding has to do with the question."""

    CAUSE = "cause"
    WARNING = "warning"
    NOTE = "note"


class Finding(Record):
    """One thing that was found.

    Attributes:
        subject: what it is about: "end", "start", "memory", "cpu", "processes", "disk", "health",
            "restarts" or "system calls".
        weight: a cause, something to look at, or mere information.
        text: in plain words, a sentence without a full stop.
        hint: what to do about it, "" if nothing comes to mind.
    """

    subject: str
    weight: Weight
    text: str
    hint: str = ""


class Why(Record):
    """The answer.

    Attributes:
        id: of the container.
        name: of it.
        status: as "exited" or "running".
        summary: the answer in one sentence, without a full stop.
        findings: what it is made of, causes first.
        lines: the last that the container has written.
    """

    id: str
    name: str
    status: str
    summary: str
    findings: tuple[Finding, ...] = ()
    lines: tuple[str, ...] = ()
