"""Options of the command line as tables, in the forms that runc's callers use.

`--flag`, `--flag=false`, `--name value`, `--name=value`, `-n value`, repeated lists, and pairs,
which take the next two words; a single dash does as well before long names, as Go programs have it.
With `clusters` it stands before single letters instead, as Docker has it: `-it`, `-p80:80`,
`-itv /a:/b`. Options end at the first word that is none, or at `--`. argparse would take longer to
import than the rest of a command takes.
"""

from __future__ import annotations

from orlop.errors import InvalidArgument
from orlop.records import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

FLAG, TEXT, NUMBER, LIST, PAIR = "flag", "text", "number", "list", "pair"

_TRUE = ("true", "1", "t", "T", "TRUE", "True")
_FALSE = ("false", "0", "f", "F", "FALSE", "False")


class BadOption(InvalidArgument):
    """An option that there is not, or one without or with a wrong value."""


class Option(Record):
    """One option: all its names with their dashes, what it takes, and a line of help."""

    names: tuple[str, ...]
    kind: str
    help: str
    value: str = "VALUE"

    @property
    def key(self) -> str:
        """The name by which its value is asked for: the first one without dashes."""
        return self.names[0].lstrip("-")


class Values:
    """The options that were given, by key, and the words behind them.

    Attributes:
        words: what comes after the options.
        in_order: key, value, and the name by which it was given, of all of them.
    """

    def __init__(self, in_order: Sequence[tuple[str, str, str]], words: Sequence[str]) -> None:
        self.in_order = tuple(in_order)
        self.words = tuple(words)
        self._given: dict[str, list[str]] = {}
        for key, value, _ in in_order:
            self._given.setdefault(key, []).append(value)

    def given(self, key: str) -> bool:
        """Whether the option stands on the command line at all."""
        return key in self._given

    def flag(self, key: str) -> bool:
        """The value of a flag; False if it was not given."""
        return self._given.get(key, ["false"])[-1] in _TRUE

    def text(self, key: str, default: str = "") -> str:
        """The last value of an option that takes text."""
        return self._given.get(key, [default])[-1]

    def number(self, key: str, default: int | None = None) -> int | None:
        """The last value of an option that takes a whole number."""
        values = self._given.get(key)
        return default if values is None else int(values[-1])

    def list(self, key: str) -> tuple[str, ...]:
        """All values of an option that can be repeated, in order."""
        return tuple(self._given.get(key, ()))


def parse(options: Sequence[Option], words: Sequence[str], *, clusters: bool = False) -> Values:
    """The options at the beginning of `words`, and the rest.

    Raises:
        BadOption: an unknown option, one without its value, or a value of the wrong form.
    """
    dashes = "" if clusters else "-"  # which are not looked at
    by_name = {name.lstrip(dashes): option for option in options for name in option.names}
    given: list[tuple[str, str, str]] = []
    rest = list(words)
    while rest and rest[0].startswith("-") and rest[0] != "-":
        word = rest.pop(0)
        if word == "--":
            break
        short = clusters and not word.startswith("--")
        for name, value in _letters(by_name, word) if short else (_named(word),):
            option = by_name.get(name.lstrip(dashes))
            if option is None:
                raise BadOption(f"unknown option {name}", hint="see --help")
            text = _value_of(option, name, rest) if value is None else value
            _check(option, name, text)
            given.append((option.key, text, name))
            if option.kind == PAIR:
                given.append((option.key, _value_of(option, name, rest), name))
    return Values(given, rest)


def _named(word: str) -> tuple[str, str | None]:
    """Name and value of `--name=value`; None without one."""
    name, equals, value = word.partition("=")
    return name, value if equals else None


def _letters(by_name: Mapping[str, Option], word: str) -> Iterator[tuple[str, str | None]]:
    """The options of a word as -it, -p80:80 or -i=false, one by one."""
    letters = word[1:]
    while letters:
        name, letters = f"-{letters[0]}", letters[1:]
        option = by_name.get(name)
        if letters.startswith("="):
            yield name, letters[1:]
            return
        if option is not None and option.kind != FLAG and letters:
            yield name, letters
            return
        yield name, None


def _value_of(option: Option, name: str, rest: list[str]) -> str:
    """The value of an option that has none of its own: the next word."""
    if option.kind == FLAG:
        return "true"
    if not rest:
        raise BadOption(f"option {name} needs a value")
    return rest.pop(0)


def _check(option: Option, word: str, value: str) -> None:
    if option.kind == FLAG and value not in _TRUE + _FALSE:
        raise BadOption(f"option {word}: {value!r} is neither true nor false")
    if option.kind == NUMBER:
        try:
            int(value)
        except ValueError:
            raise BadOption(f"option {word}: {value!r} is not a whole number") from None


def describe(options: Sequence[Option]) -> str:
    """The options as lines of a help text, aligned."""
    left = [
        ", ".join(option.names) + ("" if option.kind == FLAG else f" {option.value}")
        for option in options
    ]
    width = max(map(len, left), default=0)
    return "\n".join(
        f"  {names:<{width}}  {option.help}" for names, option in zip(left, options, strict=True)
    )
