"""The namespaces of a name, process or container, and what keeps each."""

from __future__ import annotations

from orlop.insight.byhand.places import kept, read_init
from orlop.insight.namespaces import (
    isolation_of,
    isolation_of_inodes,
    namespaces_of,
    read_machine,
)
from orlop.insight.targets import default_roots, orlop_containers, resolve, targets_in
from orlop.kernel.namespaces import identify
from orlop.kernel.process import is_alive
from orlop.records import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from orlop.insight.namespaces import Isolation, Namespace


class Row(Record):
    """One kind: isolated or shared, and the namespace itself; None if it may not be read."""

    isolation: Isolation
    namespace: Namespace | None


class Shown(Record):
    """What there is under a name.

    Attributes:
        name: of namespaces, or of a target.
        pid: the first process of a target; of a name, the process that keeps its PID namespace, 0
            if there is none.
        is_name: whether it is a name of namespaces.
        rows: one for each kind; those of a name are the kinds that it has.
    """

    name: str
    pid: int
    is_name: bool
    rows: tuple[Row, ...]


def show(text: str) -> Shown:
    """What there is under a name of namespaces, or else of a target.

    Raises:
        NotFound, Conflict, InvalidArgument, Unavailable: as `orlop.insight.targets.resolve`.
    """
    files = kept(text)
    target = None if files else resolve(text)
    machine = read_machine()
    others = targets_in(machine.snapshot, orlop_containers(default_roots()))
    if target is not None:
        isolation, pid = isolation_of(machine.snapshot, target, others), target.process.pid
    else:
        inodes = {kind: identify(path).inode for kind, path in files.items()}
        keeper = read_init(text)
        users = [other for other in others if other.process != keeper]
        isolation = isolation_of_inodes(machine.snapshot, inodes, users)
        pid = keeper.pid if keeper and is_alive(keeper) else 0
    known = {(entry.kind, entry.inode): entry for entry in namespaces_of(machine)}
    rows = (Row(row, known.get((row.kind, row.inode or 0))) for row in isolation)
    return Shown(text, pid, target is None, tuple(rows))
