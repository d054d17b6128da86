"""What is in the slots of a plan, as far as a script has to know: files, mounts, their places."""

from __future__ import annotations

import posixpath

from orlop.launch.plan import NO_SLOT, ChangeRoot, PivotRoot, SetMount, Slot, SwitchRoot
from orlop.records import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from orlop.launch.plan import Plan


class Opened(Record):
    """A slot with a file of the host."""

    path: str


class Tree(Record):
    """A slot with the clone of what the host has at a path.

    Attributes:
        path: the host path.
        recursive: whether it has what is mounted below.
        staged: its name in the staging directory, "" if it is bound from the path itself.
        changes: what it is to become, once it is attached.
    """

    path: str
    recursive: bool
    staged: str = ""
    changes: tuple[SetMount, ...] = ()


class Filesystem(Record):
    """A slot with a new file system that is mounted nowhere yet.

    `copy_up`: it gets what is at the place where it will be.
    """

    type: str
    source: str
    options: tuple[str, ...]
    attributes: int
    copy_up: bool = False


class Mounted(Record):
    """A slot with a mount at a place.

    `path` is the container's, or, if `host`, one of the host's tree.
    """

    path: str
    host: bool = False


class Terminal(Record):
    """A slot with the container's terminal."""


class UserNamespace(Record):
    """A slot with a user namespace, for owners that look different in a mount."""


Content = Opened | Tree | Filesystem | Mounted | Terminal | UserNamespace


class Slots:
    """The slots while the plan is read from its first step on; `root` is the container's root."""

    def __init__(self, root: Slot) -> None:
        self.root = root
        self._content: dict[Slot, Content] = {}

    def fill(self, slot: Slot, content: Content) -> None:
        """Remembers what is in a slot from now on."""
        self._content[slot] = content

    def content(self, slot: Slot) -> Content | None:
        """What is in a slot; None if the caller has handed it over."""
        return self._content.get(slot)

    def place(self, base: Slot, path: str) -> Mounted:
        """Where a path in the directory of a slot is."""
        if base == NO_SLOT:
            return Mounted(path, host=True)
        known = Mounted("/") if base == self.root else self._content.get(base)
        if isinstance(known, Opened):
            known = Mounted(known.path, host=True)
        if not isinstance(known, Mounted):
            return Mounted("/" + path)
        return Mounted(posixpath.join(known.path, path).rstrip("/") or "/", known.host)


def root_slot(plan: Plan) -> Slot:
    """The slot of what becomes the container's root."""
    for step in plan.steps:
        if isinstance(step.op, PivotRoot | SwitchRoot | ChangeRoot):
            return step.op.root
    return NO_SLOT
