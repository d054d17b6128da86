"""Groups of commands, as `orlop container`: other names for verbs, and some of their own."""

from __future__ import annotations

from orlop.faces.cli.subverbs import perform
from orlop.faces.cli.verbs import GROUPS, OF_GROUP
from orlop.program import Program

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence


def program_of(name: str) -> Program:
    """The program that a group is."""
    return Program(f"orlop {name}", GROUPS[name], OF_GROUP[name].verbs, (), clusters=True)


def perform_group(name: str, words: Sequence[str]) -> int:
    """Performs a verb of a group; without any, shows what there is. Returns its exit status."""
    group = OF_GROUP[name]
    package = f"orlop.faces.cli.{name}"
    return perform(program_of(name), package, words, group.modules, group.aliases)
