"""`orlop help VERB`: the page of a command, with what its `--help` has no room for."""

from __future__ import annotations

from orlop.errors import InvalidArgument
from orlop.faces.cli.screen import BOLD, Cell
from orlop.faces.cli.verbs import OF_GROUP, VERBS
from orlop.options import describe
from orlop.program import HELP, load, load_verb
from orlop.records import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from types import ModuleType

    from orlop.faces.cli.screen import Screen
    from orlop.program import Program

_PACKAGE = "orlop.faces.cli"
_TOPICS = ("containers", "images", "objects", "engine", "isolation")
_INDENT = 4
_STATUS = "0 if all went well, 1 if something did not, 125 for options that are wrong."


class Page(Record):
    """What a page says beside usage, options and examples.

    Attributes:
        about: paragraphs, parted by empty lines.
        filters: what `--filter` can be, with what it means.
        view: whose fields templates have: module and name, as "output.images:IMAGES".
        status: exit statuses, where they are not those of every command.
        see: related commands.
    """

    about: str
    filters: Mapping[str, str] = {}
    view: str = ""
    status: str = _STATUS
    see: tuple[str, ...] = ()


class Command(Record):
    """A command: its words, a line about it, its module."""

    words: str
    line: str
    module: ModuleType


def pages() -> dict[str, Page]:
    """All pages, by the words of their commands."""
    found: dict[str, Page] = {}
    for topic in _TOPICS:
        found |= load(f"{_PACKAGE}.manual.{topic}").PAGES
    return found


def command(words: Sequence[str]) -> Command:
    """The command of these words.

    Raises:
        InvalidArgument: there is none.
    """
    verb, *rest = words
    if verb not in VERBS or len(rest) > 1:
        raise InvalidArgument(f"there is no command {' '.join(words)!r}", hint="see orlop --help")
    module = load_verb(_PACKAGE, verb)
    program: Program | None = getattr(module, "PROGRAM", None)
    if not rest:
        return Command(verb, VERBS[verb], module)
    inner = OF_GROUP[verb].aliases.get(rest[0], rest[0]) if verb in OF_GROUP else rest[0]
    if program is None or inner not in program.verbs:
        raise InvalidArgument(f"there is no command {' '.join(words)!r}", hint=f"see orlop {verb}")
    shared = OF_GROUP[verb].modules.get(inner) if verb in OF_GROUP else None
    found = load(shared) if shared else load_verb(f"{_PACKAGE}.{verb}", inner)
    return Command(f"{verb} {inner}", program.verbs[inner], found)


def show(words: Sequence[str], screen: Screen) -> int:
    """Shows the page of a command, or the help of a group; returns the exit status.

    Raises:
        InvalidArgument: there is no such command.
    """
    found = command(words)
    program = getattr(found.module, "PROGRAM", None)
    if program is not None:
        screen.write(program.help() + "\n")
        return 0
    page = page_of(found)
    _section(screen, "name", f"orlop {found.words} - {found.line}")
    _section(screen, "synopsis", f"orlop {found.words} {found.module.USAGE}".rstrip())
    if page:
        _about(screen, page.about)
    _lines(screen, "options", describe((*found.module.OPTIONS, HELP)).splitlines())
    if page:
        _pairs(screen, "filters", page.filters)
        _pairs(screen, "fields of templates", _fields(page.view))
    _lines(screen, "examples", getattr(found.module, "EXAMPLE", "").strip().splitlines())
    if page:
        _section(screen, "exit status", page.status)
        _section(screen, "see also", ", ".join(f"orlop help {name}" for name in page.see))
    return 0


def page_of(found: Command) -> Page | None:
    """The page of a command; a group's is that of the verb it stands for."""
    known = pages()
    own = found.module.__name__.removeprefix(f"{_PACKAGE}.").removesuffix("_").replace(".", " ")
    return known.get(found.words) or known.get(own)


def _title(screen: Screen, title: str) -> None:
    screen.line(Cell(title.upper(), BOLD))


def _section(screen: Screen, title: str, text: str) -> None:
    if text:
        _title(screen, title)
        screen.paragraph(" " * _INDENT, text, indent=_INDENT)
        screen.line()


def _about(screen: Screen, text: str) -> None:
    _title(screen, "description")
    for paragraph in text.strip().split("\n\n"):
        screen.paragraph(" " * _INDENT, " ".join(paragraph.split()), indent=_INDENT)
        screen.line()


def _lines(screen: Screen, title: str, lines: Sequence[str]) -> None:
    if lines:
        _title(screen, title)
        for line in lines:
            screen.line(" " * _INDENT, line.strip() if title == "examples" else line[2:])
        screen.line()


def _pairs(screen: Screen, title: str, pairs: Mapping[str, str]) -> None:
    if pairs:
        _title(screen, title)
        screen.table(pairs.items(), indent=_INDENT)
        screen.line()


def _fields(place: str) -> dict[str, str]:
    """The fields of a view, each with the head of its column."""
    if not place:
        return {}
    module, _, name = place.partition(":")
    view = getattr(load(f"{_PACKAGE}.{module}"), name)
    fields = {f".{name}": column.head for name, column in view.columns.items() if column.value}
    methods = {f'.{name} "NAME"': "the value of one of them" for name in view.methods}
    return dict(sorted((fields | methods).items()))
