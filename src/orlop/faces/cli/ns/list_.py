"""orlop ns list: all namespaces of the machine."""

from __future__ import annotations

from orlop.faces.cli import JSON
from orlop.faces.cli.notes import note_hidden
from orlop.faces.cli.screen import DIM, Cell
from orlop.insight.byhand.places import kind_of
from orlop.insight.namespaces import namespaces_of, read_machine
from orlop.options import FLAG, LIST, Option

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from orlop.faces.cli.screen import Screen
    from orlop.insight.namespaces import Namespace
    from orlop.options import Values

USAGE = "[--only KINDS] [--json]"
WORDS = (0, 0)
ANYWHERE = True
OPTIONS = (
    Option(("--only",), LIST, "only these kinds, as net,uts", "KINDS"),
    Option(("--names",), FLAG, "only those that have a name"),
    JSON,
)
EXAMPLE = """\
orlop ns list
orlop ns list --only net --names"""

_HEAD = ("KIND", "INODE", "OWNER", "PROCESSES", "PID", "COMMAND", "NAME", "KEPT BY")


def run(values: Values, screen: Screen) -> int:
    """Lists them, by kind and inode."""
    kinds = {kind_of(word).name for text in values.list("only") for word in text.split(",")}
    machine = read_machine()
    found = [
        entry
        for entry in namespaces_of(machine)
        if (not kinds or entry.kind in kinds) and (entry.names or not values.flag("names"))
    ]
    if screen.as_json:
        screen.json([document(entry) for entry in found])
    else:
        screen.table([_line(entry) for entry in found], head=_HEAD)
    note_hidden(machine.snapshot)
    return 0


def _line(entry: Namespace) -> tuple[str, ...]:
    first = entry.processes[0] if entry.processes else None
    return (
        entry.kind,
        Cell(entry.inode, DIM if entry.is_host else ""),
        owner_text(entry),
        str(len(entry.processes)),
        str(first.pid) if first else "-",
        first.name if first else "-",
        ", ".join(dict.fromkeys(name for name, _ in entry.names))
        or ("host" if entry.is_host else "-"),
        ", ".join(keepers(entry)) or "-",
    )


def owner_text(entry: Namespace) -> str:
    """The user namespace that it belongs to, and of a user namespace who made it."""
    who = "" if entry.owner_uid is None else f" by uid {entry.owner_uid}"
    return f"{'-' if entry.owner is None else entry.owner}{who}"


def keepers(entry: Namespace) -> Iterator[str]:
    """What keeps a namespace besides its processes."""
    for pin in entry.pins:
        yield pin.path if not pin.seen_by else f"{pin.path} (mounts of PID {pin.seen_by})"
    for held in entry.descriptors:
        yield f"descriptor {held.number} of PID {held.pid}"
    for held in entry.threads:
        yield f"thread {held.number} of PID {held.pid}"


def document(entry: Namespace) -> dict[str, object]:
    """A namespace for programs: docs/json.md."""
    return {
        "kind": entry.kind,
        "inode": entry.inode,
        "isHost": entry.is_host,
        "owner": entry.owner,
        "ownerUid": entry.owner_uid,
        "parent": entry.parent,
        "processes": [{"pid": seen.pid, "name": seen.name} for seen in entry.processes],
        "names": [{"name": name, "by": whose} for name, whose in entry.names],
        "mounts": [{"path": pin.path, "pid": pin.seen_by or None} for pin in entry.pins],
        "descriptors": [{"pid": held.pid, "fd": held.number} for held in entry.descriptors],
        "threads": [{"pid": held.pid, "tid": held.number} for held in entry.threads],
    }
