"""`--format`: a table, JSON, or a template, and the writing of rows by it."""

from __future__ import annotations

from orlop.client.configuration import text_setting
from orlop.errors import InvalidArgument
from orlop.faces.cli.output.columns import aligned
from orlop.faces.cli.output.views import Head, Row
from orlop.faces.cli.screen import BOLD, Cell, printable
from orlop.options import FLAG, LIST, TEXT, Option
from orlop.records import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from orlop.faces.cli.output.views import Shown, View
    from orlop.faces.cli.screen import Screen
    from orlop.faces.cli.template import Template
    from orlop.options import Values

TABLE, JSON, RAW = "table", "json", "raw"
_JSON_TEMPLATE = "{{json .}}"
_ESCAPES = (("\\t", "\t"), ("\\n", "\n"))

FORMAT = Option(
    ("--format",), TEXT, "table, json, 'table TEMPLATE' or TEMPLATE, as Go's text/template", "TEXT"
)
QUIET = Option(("--quiet", "-q"), FLAG, "ids only")
NO_TRUNC = Option(("--no-trunc",), FLAG, "do not shorten anything")


class Format(Record):
    """How rows are written: by a template, and under a head or not."""

    template: Template
    is_table: bool

    def uses(self, name: str) -> bool:
        """Whether the template has the field `.name` somewhere."""
        return f".{name}" in self.template.tree.text


class Defaults(Record):
    """The formats of one listing that have names.

    Attributes:
        table: the columns of its table.
        quiet: what `--quiet` shows.
        raw: what `--format raw` shows, "" if it has none.
        setting: the name by which docker's configuration has a format for it, as "psFormat".
    """

    table: str
    quiet: str = "{{.ID}}"
    raw: str = ""
    setting: str = ""


def chosen(text: str, defaults: Defaults, *, quiet: bool = False, further: str = "") -> Format:
    """The format of a listing.

    Args:
        text: what `--format` says; "" if it was not given: then docker's configuration may say it.
        defaults: of this listing.
        quiet: whether `--quiet` was given; it counts more.
        further: one more column for `table TEMPLATE`, which another option asks for.

    Raises:
        InvalidArgument: the template is none.
    """
    if quiet:
        return _format(defaults.quiet)
    if not text and defaults.setting:
        text = text_setting(defaults.setting)
    if text in ("", TABLE):
        return _format(defaults.table, is_table=True)
    if text == JSON:
        return _format(_JSON_TEMPLATE)
    if text == RAW and defaults.raw:
        return _format(defaults.raw)
    if text.startswith(TABLE):
        return _format(_unescaped(text[len(TABLE) :] + further), is_table=True)
    return _format(_unescaped(text))


def _unescaped(text: str) -> str:
    """Backslash and letter, as shells pass them, mean the character."""
    for written, meant in _ESCAPES:
        text = text.replace(written, meant)
    return text


def _format(text: str, *, is_table: bool = False) -> Format:
    from orlop.faces.cli.template import parse

    return Format(parse(text.strip(" ")), is_table)


def rows_text(
    form: Format, view: View, items: Iterable[Any], shown: Shown, *, head: bool = True
) -> str:
    """The rows of a listing, each with the end of its line.

    Raises:
        InvalidArgument: the template asks for something that rows do not have.
    """
    lines = [form.template.execute(Row(view, item, shown)) + "\n" for item in items]
    if not form.is_table:
        return "".join(lines)
    first = form.template.head(Head(view)) + "\n" if head else ""
    return aligned(first + "".join(lines))


def show(screen: Screen, form: Format, view: View, items: Iterable[Any], shown: Shown) -> None:
    """Writes the rows of a listing.

    Raises:
        InvalidArgument: as `rows_text`; nothing was written then.
    """
    text = rows_text(form, view, items, shown)
    if form.is_table and screen.colour:
        head, _, text = text.partition("\n")
        screen.line(Cell(head, BOLD))
    write(screen, text)


def write(screen: Screen, text: str) -> None:
    """Writes lines; what would move a terminal's cursor is shown as an escape there."""
    if screen.is_terminal and not text.replace("\n", "").replace("\t", "").isprintable():
        text = "\n".join(printable(line) for line in text.split("\n"))
    screen.write(text)


def filters_of(values: Values) -> dict[str, list[str]]:
    """What `--filter NAME=VALUE` says, by name, as the API takes it; the engine knows the names.

    Raises:
        InvalidArgument: one has no name.
    """
    found: dict[str, list[str]] = {}
    for text in values.list("filter"):
        name, equals, value = text.partition("=")
        if not equals or not name.strip():
            raise InvalidArgument(f"filter {text!r} is not NAME=VALUE", hint="as name=web")
        found.setdefault(name.strip().lower(), []).append(value.strip())
    return found


def filter_option(names: Iterable[str]) -> Option:
    """`--filter` of a listing that has filters of these names."""
    text = f"only those with NAME=VALUE, of {', '.join(names)}"
    return Option(("--filter", "-f"), LIST, text, "FILTER")
