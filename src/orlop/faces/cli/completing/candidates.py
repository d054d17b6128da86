"""Candidates for the last of some words: verbs, options, their values, names of objects."""

from __future__ import annotations

from orlop.faces.cli import OPTIONS
from orlop.faces.cli.completing import values
from orlop.faces.cli.completing.arguments import FILES, IMAGE, kind_of_argument
from orlop.faces.cli.completing.objects import names
from orlop.faces.cli.verbs import OF_GROUP, VERBS
from orlop.options import FLAG
from orlop.program import HELP, load, load_verb
from orlop.records import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from types import ModuleType

    from orlop.options import Option


class Choice(Record):
    """One candidate, and what it is."""

    text: str
    help: str = ""


class Candidates(Record):
    """All of them, and whether names of files are candidates too."""

    choices: tuple[Choice, ...] = ()
    files: bool = False


NOTHING = Candidates()
_HELP = "help"


class Place(Record):
    """Where in a command the last word stands.

    Attributes:
        option: whose value it is, None if it is no option's.
        words: the words before it that are no options.
        options: those before it, each with its value.
        ended: whether options cannot stand here any more.
    """

    option: Option | None
    words: tuple[str, ...]
    options: tuple[tuple[Option, str], ...]
    ended: bool


def candidates(words: Sequence[str]) -> Candidates:
    """What the last word can become."""
    *before, last = words
    place = find(OPTIONS, before, anywhere=False)
    if place.words:
        values.choose_engine(place.options)
        if place.words[0] == _HELP:
            return _of_help(place.words[1:], last)
        return _of_verb(place.words[0], list(before)[_index(before, place) :], last)
    here = _here(OPTIONS, place, last)
    verbs = {**VERBS, _HELP: "show the page of a command"}
    return _chosen(verbs.items(), last) if here is None else here


def _of_help(words: Sequence[str], last: str) -> Candidates:
    """Verbs, and those of groups."""
    if not words:
        return _chosen(VERBS.items(), last)
    if len(words) > 1 or words[0] not in OF_GROUP:
        return NOTHING
    return _chosen(OF_GROUP[words[0]].verbs.items(), last)


def _index(before: Sequence[str], place: Place) -> int:
    """Where in the words the verb's own begin."""
    return len(before) - len(place.words) + 1


def _of_verb(verb: str, before: Sequence[str], last: str, group: str = "") -> Candidates:
    """The same behind a verb."""
    if not group and verb in OF_GROUP:
        found = OF_GROUP[verb]
        if not before:
            return _chosen(found.verbs.items(), last)
        name = found.aliases.get(before[0], before[0])
        return _of_verb(name, before[1:], last, verb) if name in found.verbs else NOTHING
    if verb not in (OF_GROUP[group].verbs if group else VERBS):
        return NOTHING
    module = _module(verb, group)
    program = getattr(module, "PROGRAM", None)
    if program is not None:
        return _of_program(module, program.verbs, before, last)
    return _of_module(module, f"{group} {verb}".lstrip(), before, last)


def _module(verb: str, group: str) -> ModuleType:
    package = "orlop.faces.cli"
    if group:
        shared = OF_GROUP[group].modules.get(verb)
        return load(shared) if shared else load_verb(f"{package}.{group}", verb)
    return load_verb(package, verb)


def _of_program(
    module: ModuleType, verbs: Mapping[str, str], before: Sequence[str], last: str
) -> Candidates:
    """Of a verb that has verbs of its own, as `orlop ns`."""
    if not before:
        return _chosen(verbs.items(), last)
    if before[0] not in verbs:
        return NOTHING
    package = module.__name__.removesuffix("_")
    return _of_module(load_verb(package, before[0]), before[0], before[1:], last)


def _of_module(module: ModuleType, verb: str, before: Sequence[str], last: str) -> Candidates:
    options = (*module.OPTIONS, HELP)
    place = find(options, before, anywhere=getattr(module, "ANYWHERE", False))
    here = _here(options, place, last)
    if here is not None:
        return here
    if module.WORDS[1] <= len(place.words):
        return NOTHING
    kind = kind_of_argument(verb, len(place.words))
    if kind == FILES:
        return Candidates(files=True)
    taken = set(place.words)
    found = [(name, about) for name, about in names(kind, last) if name not in taken]
    return _chosen(found, last, files=kind == IMAGE and last.startswith(("/", ".")))


def _here(options: Sequence[Option], place: Place, last: str) -> Candidates | None:
    """Candidates if an option or its value stands here; None if something else does."""
    if place.option is not None:
        return _value(place.option, last)
    if place.ended or not last.startswith("-"):
        return None
    name, equals, value = last.partition("=")
    if equals:
        option = _named(options, name)
        if option is None or option.kind == FLAG:
            return NOTHING
        found = _value(option, value)
        choices = (one.replace(text=f"{name}={one.text}") for one in found.choices)
        return Candidates(tuple(choices), found.files)
    return _chosen(
        [(name, option.help) for option in options for name in option.names if len(name) > 2],
        last,
        extra=[(name, option.help) for option in options for name in option.names if last == name],
    )


def _value(option: Option, last: str) -> Candidates:
    found = values.of_option(option, last)
    if found is None:
        return Candidates(files=True)
    return _chosen(found, last)


def _chosen(
    pairs: Iterable[tuple[str, str]],
    last: str,
    *,
    extra: Iterable[tuple[str, str]] = (),
    files: bool = False,
) -> Candidates:
    """Those that begin with what is there."""
    found = dict([*pairs, *extra])
    choices = (Choice(text, about) for text, about in sorted(found.items()))
    return Candidates(tuple(one for one in choices if one.text.startswith(last)), files)


def find(options: Sequence[Option], words: Sequence[str], *, anywhere: bool) -> Place:
    """Where one is behind these words; with `anywhere` options may stand behind others too."""
    plain: list[str] = []
    given: list[tuple[Option, str]] = []
    waiting: Option | None = None
    ended = False
    for word in words:
        if waiting is not None:
            given.append((waiting, word))
            waiting = None
        elif ended or word == "-" or not word.startswith("-"):
            plain.append(word)
            ended = ended or not anywhere
        elif word == "--":
            ended = True
        else:
            waiting = _waits(options, word, given)
    return Place(waiting, tuple(plain), tuple(given), ended)


def _waits(options: Sequence[Option], word: str, given: list[tuple[Option, str]]) -> Option | None:
    """The option that wants the next word as its value."""
    name, equals, value = word.partition("=")
    if not word.startswith("--"):  # -it, -n5
        for place, letter in enumerate(word[1:], 1):
            option = _named(options, f"-{letter}")
            if option is not None and option.kind != FLAG:
                rest = word[place + 1 :]
                if not rest:
                    return option
                given.append((option, rest.removeprefix("=")))
                return None
        return None
    option = _named(options, name)
    if option is None or option.kind == FLAG:
        return None
    if not equals:
        return option
    given.append((option, value))
    return None


def _named(options: Sequence[Option], name: str) -> Option | None:
    return next((option for option in options if name in option.names), None)
