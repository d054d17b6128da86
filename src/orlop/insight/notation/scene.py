"""What is known while a plan is read from its first step on: what each slot holds, above all."""

from __future__ import annotations

import posixpath

from orlop.insight.notation.syntax import descriptor
from orlop.launch.plan import (
    LAUNCHER,
    NO_SLOT,
    AwaitStart,
    ChangeRoot,
    Execute,
    Join,
    OpenConsole,
    PivotRoot,
    SendPidfd,
    Slot,
    SwitchRoot,
    UseStdio,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from typing import Any

    from orlop.insight.notation.syntax import Calls
    from orlop.launch.plan import Operation, Plan, Side

    Notations = dict[type[Operation], Callable[[Any, "Scene"], Calls]]

ROOT = "root"
_HOST = "AT_FDCWD"
_NO_NAMES: Mapping[Slot, str] = {}


class Scene:
    """A plan, read up to some step.

    Slots are named after what is in them: a path of the host (`/dev/null`), the type of a file
    system that is not attached yet (`tmpfs`), or a place in the container's root (`root/dev/shm`).

    Attributes:
        side: who performs the present step.
        filtered: a seccomp filter was loaded before it.
        moved: a change of the working directory came before it.
        program: what is to be executed, as `find_program` was asked for it.
        image: the descriptor to execute instead, if one was given.
    """

    def __init__(self, plan: Plan, names: Mapping[Slot, str] = _NO_NAMES) -> None:
        self.side: Side = LAUNCHER
        self.filtered = False
        self.moved = False
        self.program = ""
        self.image = ""
        self._root = _root_slot(plan)
        self._names = {**dict(_inherited(plan)), **names, self._root: ROOT}

    def what(self, slot: Slot) -> str:
        """What is in a slot, in words."""
        return self._names.get(slot, "")

    def slot(self, slot: Slot) -> str:
        """The slot as an argument: `5<root/proc>`."""
        if slot == NO_SLOT:
            return _HOST
        what = self.what(slot)
        return f"{slot}{descriptor(what)}" if what else str(slot)

    def fill(self, slot: Slot, what: str) -> str:
        """Remembers what is in a slot from now on; returns it as the result of a call."""
        if slot != self._root:
            self._names[slot] = what
        return self.slot(slot)

    def place(self, base: Slot, path: str) -> str:
        """A path in the directory that a slot is: of the container, or of the host."""
        if base == NO_SLOT:
            return path or "/"
        return posixpath.join(self.what(base) or str(base), path).rstrip("/")

    def opened(self, base: Slot, path: str) -> str:
        """What is at such a path, as a descriptor that lives only within the operation."""
        return descriptor(self.place(base, path))

    def parent(self, base: Slot, path: str) -> str:
        """The directory that is above such a path, as well."""
        return descriptor(posixpath.dirname(self.place(base, path)) or "/")


def _root_slot(plan: Plan) -> Slot:
    """The slot that the container's root directory is in."""
    for step in plan.steps:
        if isinstance(step.op, PivotRoot | SwitchRoot | ChangeRoot):
            return step.op.root
    return NO_SLOT


def _inherited(plan: Plan) -> Iterator[tuple[Slot, str]]:
    """What the caller has handed over, as far as the plan's operations tell."""
    for step in plan.steps:
        for slot, what in _uses(step.op):
            if slot < plan.inherited:
                yield slot, what


def _uses(op: Operation) -> Iterator[tuple[Slot, str]]:
    match op:
        case OpenConsole():
            yield op.socket, "console socket"
        case SendPidfd():
            yield op.socket, "pidfd socket"
        case AwaitStart():
            yield op.listener, "start socket"
        case Join():
            yield op.namespace, "pidfd"
        case UseStdio():
            yield op.stdin, "stdin"
            yield op.stdout, "stdout"
            yield op.stderr, "stderr"
        case Execute():
            for number in range(op.preserve):
                yield Slot(op.first + number), f"descriptor {3 + number}"
        case _:
            return
