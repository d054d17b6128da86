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


_NOTHING: Mapping[str, str] = {}


class Program(Record):
    """One program: its name and what it is, its verbs with a line for each, its own options.

    Attributes:
        name: how it is called.
        title: what it is.
        verbs: with a line of help.
        options: those in front of the verb.
        clusters: as `parse` has it, for the options of its verbs.
        topics: titles with some of the verbs, for the help; empty to list them all as they are.
        elsewhere: what others have as a verb, and what to do here instead.
    """

    name: str
    title: str
    verbs: Mapping[str, str]
    options: tuple[Option, ...]
    clusters: bool = False
    topics: tuple[tuple[str, tuple[str, ...]], ...] = ()
    elsewhere: Mapping[str, str] = _NOTHING

    def check(self, verb: str) -> None:
        """The program has this verb.

        Raises:
            InvalidArgument: it has not.
        """
        if verb not in self.verbs:
            raise InvalidArgument(f"there is no command {verb!r}", hint=self._instead_of(verb))

    def _instead_of(self, verb: str) -> str:
        """What somebody may have meant who has written this verb."""
        if verb in self.elsewhere:
            return self.elsewhere[verb]
        from difflib import get_close_matches  # 10 ms, for those who have mistyped

        meant = "".join(f"did you mean {one}? " for one in get_close_matches(verb, self.verbs, n=1))
        return f"{meant}see {self.name} --help"

    def values(self, verb: str, module: ModuleType, words: Sequence[str]) -> Values | None:
        """What a verb was given; None if that was --help, which is shown then.

        Raises:
            InvalidArgument: an option is wrong, or there are too few or too many words.
        """
        options = (HELP, *module.OPTIONS)  # a verb's own -h is not for help
        if getattr(module, "ANYWHERE", False):
            words = options_first(options, words, clusters=self.clusters)
        values = parse(options, words, clusters=self.clusters)
        if values.flag("help"):
            own = getattr(module, "PROGRAM", None)
            sys.stdout.write((own.help() if own else self._verb_help(verb, module)) + "\n")
            return None
        least, most = module.WORDS
        if not least <= len(values.words) <= most:
            usage = f"usage: {self.name} {verb} {module.USAGE}"
            raise InvalidArgument(usage, hint=f"see {self.name} {verb} --help")
        return values

    def help(self) -> str:
        """The program's own help."""
        topics = self.topics or (("commands", tuple(self.verbs)),)
        verbs = "\n\n".join(self._topic(title, names) for title, names in topics)
        usage = f"{self.name}{' [OPTIONS]' if self.options else ''} COMMAND [ARGUMENTS]"
        options = f"options:\n{describe(self.options)}\n\n" if self.options else ""
        return (
            f"{self.name}: {self.title}\n\n"
            f"usage: {usage}\n\n"
            f"{verbs}\n\n{options}"
            f"`{self.name} COMMAND --help` shows the options of a command."
        )

    def _topic(self, title: str, names: tuple[str, ...]) -> str:
        width = max(map(len, self.verbs))
        return f"{title}:\n" + "\n".join(f"  {verb:<{width}}  {self.verbs[verb]}" for verb in names)

    def _verb_help(self, verb: str, module: ModuleType) -> str:
        lines = getattr(module, "EXAMPLE", "").strip().splitlines()
        own = any("-h" in option.names for option in module.OPTIONS)
        last = HELP.replace(names=("--help",)) if own else HELP
        examples = "".join(f"\n  {line}" for line in lines)
        return (
            f"{self.name} {verb}: {self.verbs[verb]}\n\n"
            f"usage: {self.name} {verb} {module.USAGE}\n\n"
            f"options:\n{describe((*module.OPTIONS, last))}"
            + (f"\n\nexamples:{examples}" if examples else "")
        )


def options_first(
    options: Sequence[Option], words: Sequence[str], *, clusters: bool = False
) -> list[str]:
    """The same words in an order that `parse` understands: options may stand behind others too.

    A word `--` ends the options, as always.

    Raises:
        As `parse`.
    """
    front: list[str] = []
    others: list[str] = []
    rest = list(words)
    while rest:
        left = parse(options, rest, clusters=clusters).words
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


def load_verb(package: str, verb: str) -> ModuleType:
    """The module of a verb."""
    return load(f"{package}.{verb.replace('-', '_')}_")
