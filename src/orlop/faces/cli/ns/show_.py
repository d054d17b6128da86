"""orlop ns show: the namespaces of a name, process or container."""

from __future__ import annotations

from orlop.faces.cli import JSON
from orlop.faces.cli.notes import note_unreadable
from orlop.faces.cli.ns.list_ import document, keepers, owner_text
from orlop.faces.cli.screen import DIM, GREEN, RED, YELLOW, Cell
from orlop.insight.byhand.shown import show

TYPE_CHECKING = False
if TYPE_CHECKING:
    from orlop.faces.cli.screen import Screen
    from orlop.insight.byhand.shown import Row, Shown
    from orlop.options import Values

USAGE = "[--json] NAME|TARGET"
WORDS = (1, 1)
ANYWHERE = True
OPTIONS = (JSON,)
EXAMPLE = """\
orlop ns show web
orlop ns show docker:db"""

_HEAD = ("KIND", "INODE", "HOST'S", "", "SHARED WITH", "OWNER", "PROCESSES", "KEPT BY")


def run(values: Values, screen: Screen) -> int:
    """Shows each kind: isolated from the host or shared, and with whom."""
    shown = show(values.words[0])
    if screen.as_json:
        screen.json(_document(shown))
        return 0
    screen.table([_line(row) for row in shown.rows], head=_HEAD)
    exposed = [row.isolation for row in shown.rows if row.isolation.isolated is False]
    if exposed:
        screen.title("shared with the host")
        screen.table([(entry.kind, entry.exposes) for entry in exposed])
    if any(row.isolation.inode is None for row in shown.rows):
        note_unreadable(shown.name, shown.pid)
    if shown.is_name and shown.pid:
        screen.line()
        screen.line(Cell(f"process {shown.pid} keeps the PID namespace usable", DIM))
    return 0


def _line(row: Row) -> tuple[str, ...]:
    isolation, namespace = row.isolation, row.namespace
    return (
        isolation.kind,
        "not readable" if isolation.inode is None else str(isolation.inode),
        str(isolation.host),
        _verdict(isolation.isolated),
        ", ".join(isolation.shared_with) or "-",
        owner_text(namespace) if namespace else "-",
        str(len(namespace.processes)) if namespace else "-",
        (", ".join(keepers(namespace)) if namespace else "") or "-",
    )


def _verdict(isolated: bool | None) -> Cell:
    if isolated is None:
        return Cell("unknown", RED)
    return Cell("isolated", GREEN) if isolated else Cell("shared", YELLOW)


def _document(shown: Shown) -> dict[str, object]:
    return {
        "name": shown.name,
        "pid": None if shown.is_name else shown.pid,
        "keeper": (shown.pid or None) if shown.is_name else None,
        "namespaces": [
            {
                "kind": row.isolation.kind,
                "host": row.isolation.host,
                "inode": row.isolation.inode,
                "isolated": row.isolation.isolated,
                "sharedWith": list(row.isolation.shared_with),
                "exposes": row.isolation.exposes,
                "namespace": document(row.namespace) if row.namespace else None,
            }
            for row in shown.rows
        ],
    }
