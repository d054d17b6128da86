"""orlop compare TARGET TARGET...: which namespaces and limits they share with whom."""

from __future__ import annotations

from orlop.faces.cli import JSON
from orlop.faces.cli.notes import note_unreadable
from orlop.faces.cli.screen import BLUE, CYAN, DIM, GREEN, MAGENTA, PLAIN, RED, YELLOW, Cell
from orlop.faces.cli.subjects import roots_of, target
from orlop.insight.compare import ALONE, HOST, UNREADABLE, compare
from orlop.insight.snapshot import read_snapshot

TYPE_CHECKING = False
if TYPE_CHECKING:
    from orlop.faces.cli.screen import Screen
    from orlop.insight.compare import Comparison, Row
    from orlop.options import Values

USAGE = "[--json] TARGET [TARGET...]"
WORDS = (1, 1000)
ANYWHERE = True
OPTIONS = (JSON,)
EXAMPLE = """\
orlop compare web docker:db pid:4711
orlop compare web          # with the host alone"""

_LETTER_TONES = (CYAN, MAGENTA, GREEN, BLUE)
_TONES = {HOST: YELLOW, ALONE: PLAIN, UNREADABLE: RED}


def run(values: Values, screen: Screen) -> int:
    """Shows a table of what is shared: the same colour, or the same mark, is the same thing."""
    roots = roots_of()
    targets = [target(word, roots) for word in values.words]
    table = compare(read_snapshot(), targets)
    if screen.as_json:
        screen.json(document(table))
        return 0
    head = ("", *(column.name for column in table.columns))
    screen.table([_line(row, screen) for row in table.rows], head=head)
    _legend(table, screen)
    return 0


def _line(row: Row, screen: Screen) -> tuple[str, ...]:
    return (row.aspect, *(marked(cell.text, cell.group, screen) for cell in row.cells))


def marked(text: str, group: str, screen: Screen) -> Cell:
    """A text in the colour of its group; where there are no colours, with the group's mark."""
    mark = f" ={group}" if group not in (ALONE, UNREADABLE) and not screen.colour else ""
    return Cell(text + mark, tone_of(group))


def tone_of(group: str) -> str:
    """The colour of a group: always the same for the same letter."""
    if group in _TONES:
        return _TONES[group]
    return _LETTER_TONES[ord(group[-1]) % len(_LETTER_TONES)]


def _legend(table: Comparison, screen: Screen) -> None:
    screen.line()
    how = "the same colour" if screen.colour else "the same mark (=host, =A, ...)"
    screen.line(Cell(f"namespaces are inode numbers; {how} in a row: shared", DIM))
    for number, column in enumerate(table.columns):
        if any(row.cells[number].group == UNREADABLE for row in table.rows):
            note_unreadable(column.name, column.pid)


def document(table: Comparison) -> dict[str, object]:
    """The table for programs: docs/json.md."""
    return {
        "columns": [
            {"name": column.name, "engine": column.engine, "pid": column.pid}
            for column in table.columns
        ],
        "rows": [
            {
                "aspect": row.aspect,
                "namespace": row.is_namespace,
                "cells": [
                    {
                        "value": None if cell.group == UNREADABLE else _value(row, cell.text),
                        "group": None if cell.group in (ALONE, UNREADABLE) else cell.group,
                    }
                    for cell in row.cells
                ],
            }
            for row in table.rows
        ],
    }


def _value(row: Row, text: str) -> int | str:
    return int(text) if row.is_namespace else text
