"""A command line with verbs: what `orlop` and `orlop-runtime` have in common.

One module a verb, imported when that verb is used: what a command imports is part of a container's
start. A verb's module has

    USAGE    its words, as in `PROGRAM VERB USAGE`
    OPTIONS  its options, a tuple
    WORDS    how many words it takes behind the options: (least, most)
    EXAMPLE  (may be missing) lines for its help
    ANYWHERE (may be missing) true: options may stand behind its words too
    PROGRAM  (may be missing) its own verbs: then their list is the help
"""

from __future__ import annotations

import sys

from orlop.errors import InvalidArgument
from orlop.options import FLAG, Option, describe, parse
from orlop.records import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from types import ModuleType

    from orlop.options import Values

HELP = Option(("--help", "-h"), FLAG, "show this help")


class Program(Record):
    """One program: its name and what it is, its verbs with a line for each, its own options."""

    name: str
    title: str
    verbs: Mapping[str, str]
    options: tuple[Option, ...]

    def check(self, verb: str) -> None:
        """The program has this verb.

        Raises:
            InvalidArgument: it has not.
        """
        if verb not in self.verbs:
            raise InvalidArgument(f"there is no command {verb!r}", hint=f"see {self.name} --help")

    def values(self, verb: str, module: ModuleType, words: Sequence[str]) -> Values | None:
        """What a verb was given; None if that was --help, which is shown then.

        Raises:
            InvalidArgument: an option is wrong, or there are too few or too many words.
        """
        options = (*module.OPTIONS, HELP)
        if getattr(module, "ANYWHERE", False):
            words = options_first(options, words)
        values = parse(options, words)
        if values.flag("help"):
            own = getattr(module, "PROGRAM", None)
            sys.stdout.write((own.help() if own else self._verb_help(verb, module)) + "\n")
            return None
        least, most = module.WORDS
        if not least <= len(values.words) <= most:
            raise InvalidArgument(f"usage: {self.name} {verb} {module.USAGE}")
        return values

    def help(self) -> str:
        """The program's own help."""
        width = max(map(len, self.verbs))
        verbs = "\n".join(f"  {verb:<{width}}  {line}" for verb, line in self.verbs.items())
        usage = f"{self.name}{' [OPTIONS]' if self.options else ''} COMMAND [ARGUMENTS]"
        options = f"options:\n{describe(self.options)}\n\n" if self.options else ""
        return (
            f"{self.name}: {self.title}\n\n"
            f"usage: {usage}\n\n"
            f"commands:\n{verbs}\n\n{options}"
            f"`{self.name} COMMAND --help` shows the options of a command."
        )

    def _verb_help(self, verb: str, module: ModuleType) -> str:
        lines = getattr(module, "EXAMPLE", "").rstrip().splitlines()
        examples = "".join(f"\n  {line}" for line in lines)
        return (
            f"{self.name} {verb}: {self.verbs[verb]}\n\n"
            f"usage: {self.name} {verb} {module.USAGE}\n\n"
            f"options:\n{describe((*module.OPTIONS, HELP))}"
            + (f"\n\nexamples:{examples}" if examples else "")
        )


def options_first(options: Sequence[Option], words: Sequence[str]) -> list[str]:
    """The same words in an order that `parse` understands: options may stand behind others too.

    A word `--` ends the options, as always.

    Raises:
        As `parse`.
    """
    front: list[str] = []
    others: list[str] = []
    rest = list(words)
    while rest:
        left = parse(options, rest).words
        used = rest[: len(rest) - len(left)]
        rest = list(left)
        if used[-1:] == ["--"]:
            return [*front, *used, *others, *rest]
        front += used
        others += rest[:1]
        del rest[:1]
    return [*front, "--", *others]


def load(name: str) -> ModuleType:
    """The module of this name; importlib would load `warnings` too."""
    __import__(name)
    return sys.modules[name]
