"""Processes that were never there, for pure functions over snapshots."""

from __future__ import annotations

from orlop.insight.snapshot import Seen, Snapshot
from orlop.insight.targets import Target
from orlop.kernel.namespaces import NAMESPACES
from orlop.kernel.process import Identity

HOST = {kind.name: 1000 + number for number, kind in enumerate(NAMESPACES)}
ID = "0123456789abcdef" * 4


def seen(
    number: int,
    /,
    *,
    parent: int = 1,
    name: str = "sh",
    command: tuple[str, ...] = ("sh",),
    cgroups: tuple[str, ...] = ("/",),
    ticks: int | None = None,
    **own: int,
) -> Seen:
    """A process with the host's namespaces but those in `own`."""
    identity = Identity(number, number if ticks is None else ticks)
    return Seen(identity, parent, name, command, cgroups, {**HOST, **own})


def snapshot(*processes: Seen) -> Snapshot:
    """They and the machine's first process."""
    return Snapshot(HOST, (seen(1, parent=0, name="init"), *processes))


def target(process: Seen, name: str = "", engine: str = "process") -> Target:
    """One that has this process as its first."""
    return Target(name or f"pid:{process.pid}", engine, process.identity, str(process.pid))
