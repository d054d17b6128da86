"""What rows of a listing have, by name: for templates, for the heads of tables, and for JSON."""

from __future__ import annotations

from orlop.faces.cli.template.values import NO_VALUE, Function, Object
from orlop.records import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any


class Shown(Record):
    """How rows are to be shown.

    Attributes:
        short: ids and long texts are shortened.
        now: the present, in seconds since 1970.
        human: times and sizes are in words.
        as_json: a program reads them.
    """

    short: bool = True
    now: float = 0.0
    human: bool = True
    as_json: bool = False


class Column(Record):
    """One thing that a row has.

    Attributes:
        head: what stands above it in a table.
        value: what it is; None if tables have the name, but rows do not.
        is_own: Docker has none; it is not in the JSON of a row, which is Docker's to the byte.
    """

    head: str
    value: Callable[[Any, Shown], object] | None
    is_own: bool = False


class View(Record):
    """What rows of one kind have.

    Attributes:
        go_type: the name of their type in docker's client, which messages of errors have.
        columns: by the name that templates use.
        methods: what takes arguments, by name.
    """

    go_type: str
    columns: Mapping[str, Column]
    methods: Mapping[str, Callable[[Any], Function]] = {}


class Row(Object):
    """One object of a listing, as a view shows it."""

    escapes_html = True  # in JSON

    def __init__(self, view: View, item: Any, shown: Shown) -> None:
        self.go_type = view.go_type
        self._view = view
        self._item = item
        self._shown = shown

    def names(self) -> tuple[str, ...]:
        """What rows of this kind have, in alphabetical order."""
        return tuple(sorted(name for name, col in self._view.columns.items() if col.value))

    def field(self, name: str) -> object:
        """One of them."""
        column = self._view.columns[name]
        if column.value is None:
            raise KeyError(name)
        return column.value(self._item, self._shown)

    def encoded(self) -> object:
        """All of it that Docker has, too."""
        row = Row(self._view, self._item, self._shown.replace(as_json=True))
        columns = self._view.columns
        return {name: row.field(name) for name in self.names() if not columns[name].is_own}

    def method(self, name: str) -> Function | None:
        """Something that takes arguments, as `.Label "name"`."""
        make = self._view.methods.get(name)
        return make(self._item) if make else None


class Head(Object):
    """The names of columns in the place of a row."""

    go_type = "formatter.SubHeaderContext"

    def __init__(self, view: View) -> None:
        self._view = view

    def names(self) -> tuple[str, ...]:
        """Everything that has a name."""
        return tuple(sorted(self._view.columns))

    def field(self, name: str) -> object:
        """What stands above a column."""
        column = self._view.columns.get(name)
        return column.head if column else NO_VALUE

    def method(self, name: str) -> Function | None:
        """`.Label "a.b-c"` stands below "b c"."""
        if name not in self._view.methods:
            return None
        return Function(_last_word, ("string",))

    def text(self) -> str:
        """As Go prints a map."""
        pairs = (f"{name}:{self._view.columns[name].head}" for name in self.names())
        return f"map[{' '.join(pairs)}]"


def _last_word(name: str) -> str:
    return name.rpartition(".")[2].replace("-", " ").replace("_", " ")


def label_of(labels: Mapping[str, str] | None) -> Function:
    """`.Label "name"`: the value of one label, "" if there is none."""
    return Function(lambda name: (labels or {}).get(name, ""), ("string",))
