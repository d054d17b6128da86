"""A script in the making: its parts, and what is known of the container so far."""

from __future__ import annotations

from orlop.insight.reasons import reason_of
from orlop.insight.shell.functions import LOOK_UP
from orlop.insight.shell.places import Mounted, Slots, root_slot
from orlop.insight.shell.words import Paths, below, remark, word
from orlop.kernel.namespaces import CLONE_NEWUSER
from orlop.launch.plan import CONTAINER, LAUNCHER, Clone, Join
from orlop.records import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from orlop.insight.reasons import Origins
    from orlop.kernel.namespaces import NamespaceType
    from orlop.launch.plan import Operation, Plan, Side, Step

    Renderings = dict[type[Operation], Callable[[Any, "Draft"], None]]

ROOT, SCRATCH, FIRST = "ROOT", "SCRATCH", "first"


class Item(Record):
    """Commands under one reason, in one group ("mounts", ...)."""

    group: str
    reason: str
    commands: tuple[str, ...]


class Draft:
    """The parts of a script, filled step by step.

    Attributes:
        slots: what is in them.
        side: who performs the present step.
        group: what the present step is about.
        cloned: whether there is a process of the container already.
        pivoted: whether its root was entered already.
        paths: variables for paths of the host.
        prepared: what has to be on the host's disk before the plan.
        host: what is done before there is a process of the container.
        joins: the namespaces that are joined, as lines that fill the array `start`.
        start: how that process is started then, likewise.
        entering: what the process does first.
        flow: what is done then: on the host ("outside"), in its namespaces ("inside"), or in its
            mount namespace with the host's rights ("staging").
        entered: what is done once its root is the root.
        rights: what it becomes, as lines that fill the array `run`.
        labels: what it writes to the host's /proc as who it is then, in the same language.
        last: its last steps, in the language of sh(1).
        namespaces: those in which it differs from the host.
        functions: what the commands need of `functions`.
        programs: the programs for perl(1) that they need of it.
        missing: what the script cannot do, or does otherwise.
        impossible: why the script cannot make this container at all.
        filter: a seccomp filter, b"" if there is none.
        user_namespace: whether the container is in a user namespace of its own.
        root_path: where on the host hooks expect the container's root, "" if they do not care.
        reply: the container path that the variable REPLY leads to, "" if none does.
        bounding: the capabilities that can ever be had, once the plan has come to that.
        no_new_privileges: whether the plan has set it.
        user: as whom the program is executed, once the plan has come to that.
    """

    def __init__(self, plan: Plan, origins: Origins) -> None:
        self._origins = origins
        self.slots = Slots(root_slot(plan))
        self.side: Side = LAUNCHER
        self.group = self._reason = ""
        self.cloned = self.pivoted = False
        self.paths = Paths()
        self.prepared: list[Item] = []
        self.host: list[Item] = []
        self.joins: list[Item] = []
        self.start: list[Item] = []
        self.entering: list[Item] = []
        self.flow: list[tuple[str, list[Item]]] = []
        self.entered: list[Item] = []
        self.rights: list[Item] = []
        self.labels: list[Item] = []
        self.last: list[Item] = []
        self.namespaces: list[NamespaceType] = []
        self.functions: set[str] = set()
        self.programs: set[str] = set()
        self.missing: list[str] = []
        self.impossible: list[str] = []
        self.filter = b""
        self.user_namespace = any(map(_takes_user_namespace, plan.steps))
        self.root_path = self.reply = ""
        self.bounding: int | None = None
        self.no_new_privileges = False
        self.user: int | None = None

    # --- commands, each in its part ---

    def because(self, group: str, reason: str) -> None:
        """The present step is about this, for this reason."""
        self.group, self._reason = group, reason_of(reason, self._origins)

    def use(self, *functions: str) -> None:
        """The commands need these of `functions`."""
        self.functions.update(functions)

    def here(self, *commands: str) -> None:
        """Commands for whoever performs the step: on the host, or in the container's namespaces."""
        if self.side == CONTAINER:
            self._in_flow("inside", commands)
        elif self.cloned:
            self.outside(*commands)
        else:
            self._add(self.host, commands)

    def ahead(self, reason: str, *commands: str) -> None:
        """Commands on the host, before the first step of the plan."""
        self.prepared.append(Item("", reason, commands))

    def outside(self, *commands: str) -> None:
        """Commands on the host, while the container's process waits."""
        self._in_flow("outside", commands)

    def staging(self, *commands: str) -> None:
        """Commands in the container's mount namespace, with the host's rights."""
        if not self.flow or self.flow[0][0] != "staging":
            self.flow.insert(0, ("staging", []))
        self._add(self.flow[0][1], commands)

    def joining(self, *lines: str) -> None:
        """Lines that say which namespaces are joined, before others are made."""
        self._add(self.joins, lines)

    def starting(self, *lines: str) -> None:
        """Lines that say how the container's process is started."""
        self._add(self.start, lines)

    def enter(self, *commands: str, reason: str = "") -> None:
        """Commands that the container's process performs first."""
        self.entering.append(Item(self.group, reason or self._reason, commands))

    def after_entering(self, *commands: str) -> None:
        """Commands on the host, once the container's root is the root."""
        self._add(self.entered, commands)

    def become(self, *lines: str) -> None:
        """Lines that say what the container's process becomes before its program."""
        self._add(self.rights, lines)

    def label(self, *commands: str) -> None:
        """Commands for sh(1), with the last rights, while /proc is the host's."""
        self._add(self.labels, commands)

    def finish(self, *commands: str) -> None:
        """Commands among the last steps, for sh(1)."""
        self._add(self.last, commands)

    def misses(self, text: str) -> None:
        """The script lacks something; also said at the present step."""
        if text not in self.missing:
            self.missing.append(text)
        lines = remark(f"MISSING: {text}")
        if self.side == CONTAINER and self.rights:
            self.become(*lines)
        else:
            self.here(*lines)

    def cannot(self, text: str) -> None:
        """The script cannot make such a container, and says so when it is run."""
        if text not in self.impossible:
            self.impossible.append(text)
        self.here(*remark(f"NOT POSSIBLE: {text}"))

    def _in_flow(self, actor: str, commands: tuple[str, ...]) -> None:
        if not self.flow or self.flow[-1][0] != actor:
            self.flow.append((actor, []))
            self.reply = ""
        self._add(self.flow[-1][1], commands)

    def _add(self, part: list[Item], commands: tuple[str, ...]) -> None:
        part.append(Item(self.group, self._reason, commands))

    # --- words ---

    def path(self, path: str) -> str:
        """A host path as a word."""
        return self.paths.word(path)

    def rooted(self, path: str) -> str:
        """A path of the container as seen from outside, if no part of it is a symbolic link."""
        return below(ROOT, "" if path == "/" else path)

    def find(self, place: Mounted) -> str:
        """A word for what is at a place, after the commands that find it."""
        if place.host:
            return self.path(place.path or "/")
        if place.path == "/":
            return self.rooted("/")
        if self.reply != place.path:
            self.use(LOOK_UP)
            self.here(f"look_up {word(place.path)}")
            self.reply = place.path
        return '"$REPLY"'


def _takes_user_namespace(step: Step) -> bool:
    match step.op:
        case Clone():
            return bool(step.op.flags & CLONE_NEWUSER)
        case Join():
            return bool(step.op.types & CLONE_NEWUSER)
        case _:
            return False
