"""`orlop ps --machine`: containers and isolated processes, whatever engine made them."""

from __future__ import annotations

from orlop.faces.cli.compare_ import marked, tone_of
from orlop.faces.cli.notes import note_hidden
from orlop.faces.cli.screen import Cell
from orlop.faces.cli.subjects import names_of_engine, roots_of
from orlop.insight.compare import HOST, sharing
from orlop.insight.inventory import inventory
from orlop.insight.snapshot import read_snapshot
from orlop.insight.targets import ORLOP, orlop_containers

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from orlop.faces.cli.screen import Screen
    from orlop.insight.compare import Cell as ComparedCell
    from orlop.insight.compare import Comparison
    from orlop.insight.inventory import Item
    from orlop.insight.snapshot import Snapshot
    from orlop.options import Values

_HEAD = ("NAME", "ENGINE", "PID", "PROCESSES", "UP", "OWN NAMESPACES", "COMMAND")
_UNITS = (("d", 86400), ("h", 3600), ("m", 60), ("s", 1))


def show_machine(values: Values, screen: Screen) -> int:
    """Lists what is in other namespaces than the host."""
    snapshot = read_snapshot()
    items = _named(inventory(snapshot, orlop_containers(roots_of())))
    if values.flag("quiet"):
        for item in items:
            screen.line(item.target.name)
        return 0
    table = sharing(snapshot, [item.target for item in items])
    if screen.as_json:
        screen.json(_document(items, snapshot))
    elif values.flag("ns"):
        _show_namespaces(table, screen)
    else:
        kinds = len(snapshot.host)
        screen.table([_line(item, kinds) for item in items], head=_HEAD)
    note_hidden(snapshot)
    return 0


def _named(items: Sequence[Item]) -> list[Item]:
    """The same; containers of the engine under the names that they have there."""
    names = names_of_engine() if any(item.target.engine == ORLOP for item in items) else {}
    return [
        item.replace(target=item.target.replace(name=names[item.target.id]))
        if item.target.id in names
        else item
        for item in items
    ]


def _line(item: Item, kinds: int) -> tuple[str, ...]:
    target = item.target
    return (
        target.name,
        target.engine,
        str(target.process.pid),
        str(len(target.members)),
        _age(item.age_s),
        "all" if len(item.own) == kinds else ",".join(item.own),
        " ".join(item.command),
    )


def _age(seconds: float) -> str:
    """The two largest units, as "3h 12m"."""
    left = max(0, int(seconds))
    words: list[str] = []
    for unit, size in _UNITS:
        count, left = divmod(left, size)
        if count or words:
            words.append(f"{count}{unit}")
    return " ".join(words[:2]) or "0s"


def _show_namespaces(table: Comparison, screen: Screen) -> None:
    """One line for each target, so turned by ninety degrees against `compare`."""
    lines = []
    for number, column in enumerate(table.columns):
        cells = [row.cells[number] for row in table.rows]
        lines.append((column.name, *(_inode(cell, number == 0, screen) for cell in cells)))
    screen.table(lines, head=("NAME", *(row.aspect.upper() for row in table.rows)))


def _inode(cell: ComparedCell, is_host: bool, screen: Screen) -> str:
    """The inode number; of others than the host itself "host" if it is the host's."""
    if cell.group == HOST:
        return Cell(cell.text if is_host else HOST, tone_of(HOST))
    return marked(cell.text, cell.group, screen)


def _document(items: Sequence[Item], snapshot: Snapshot) -> dict[str, object]:
    host = {"pid": snapshot.host_pid, "namespaces": dict(snapshot.host)}
    return {"host": host, "targets": [_item(item, snapshot) for item in items]}


def _item(item: Item, snapshot: Snapshot) -> dict[str, object]:
    target = item.target
    seen = snapshot.find(target.process.pid)
    return {
        "name": target.name,
        "engine": target.engine,
        "id": target.id,
        "pid": target.process.pid,
        "processes": list(target.members),
        "uptimeSeconds": round(item.age_s, 2),
        "command": list(item.command),
        "namespaces": dict(seen.namespaces) if seen else {},
        "own": list(item.own),
    }
