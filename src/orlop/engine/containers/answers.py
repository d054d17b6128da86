"""What the operations on containers answer with."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING

from orlop.records import Record

if TYPE_CHECKING:
    from orlop.launch.plan import Plan
    from orlop.launch.report import Report
    from orlop.runtime.spec import Spec


class WaitCondition(enum.Enum):
    """What somebody waits for."""

    NOT_RUNNING = "not-running"
    NEXT_EXIT = "next-exit"
    REMOVED = "removed"


class Ended(Record):
    """The end that somebody has waited for.

    Attributes:
        status: exit status, 128 + n after signal n.
        error: why it could not be started or removed, "" if nothing went wrong.
    """

    status: int
    error: str = ""


class Created(Record):
    """A new container, and what is not as it was asked."""

    id: str
    warnings: tuple[str, ...] = ()


class Pruned(Record):
    """Containers that were removed, and the bytes that this has freed."""

    ids: tuple[str, ...] = ()
    bytes: int = 0


class Size(Record):
    """What a container's files take: those it has written, and all that it sees."""

    writable_bytes: int
    root_bytes: int


class LastStart(Record):
    """A start that was performed: its plan, how far it came, and what the plan was made from."""

    plan: Plan
    report: Report
    spec: Spec
