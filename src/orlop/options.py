"""Options of the command line as tables, in the forms that runc's callers use.

`--flag`, `--flag=false`, `--name value`, `--name=value`, `-n value`, repeated lists; a single dash
does as well before long names, as Go programs have it. Options end at the first word that is
none, or at `--`. argparse would take longer to import than the rest of a command takes.
"""

from __future__ import annotations

from orlop.errors import InvalidArgument
from orlop.records import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

FLAG, TEXT, NUMBER, LIST = "flag", "text", "number", "list"

_TRUE = ("true", "1", "t", "T", "TRUE", "True")
_FALSE = ("false", "0", "f", "F", "FALSE", "False")


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
    """The options that were given, by key, and the words behind them."""

    def __init__(self, given: Mapping[str, list[str]], words: Sequence[str]) -> None:
        self._given = given
        self.words = tuple(words)

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


def parse(options: Sequence[Option], words: Sequence[str]) -> Values:
    """The options at the beginning of `words`, and the rest.

    Raises:
        InvalidArgument: an unknown option, one without its value, or a value of the wrong form.
    """
    by_name = {name.lstrip("-"): option for option in options for name in option.names}
    given: dict[str, list[str]] = {}
    at = 0
    while at < len(words):
        word = words[at]
        if word == "--":
            at += 1
            break
        if not word.startswith("-") or word == "-":
            break
        at += 1
        name, equals, value = word.lstrip("-").partition("=")
        option = by_name.get(name)
        if option is None:
            raise InvalidArgument(f"unknown option {word.partition('=')[0]}", hint="see --help")
        if not equals:
            if option.kind == FLAG:
                value = "true"
            elif at < len(words):
                value = words[at]
                at += 1
            else:
                raise InvalidArgument(f"option {word} needs a value")
        _check(option, word, value)
        given.setdefault(option.key, []).append(value)
    return Values(given, words[at:])


def _check(option: Option, word: str, value: str) -> None:
    if option.kind == FLAG and value not in _TRUE + _FALSE:
        raise InvalidArgument(f"option {word}: {value!r} is neither true nor false")
    if option.kind == NUMBER:
        try:
            int(value)
        except ValueError:
            raise InvalidArgument(f"option {word}: {value!r} is not a whole number") from None


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
