"""Commands that have commands of their own, as `orlop ns create`: one module for each."""

from __future__ import annotations

import sys

from orlop.errors import OrlopError
from orlop.faces.cli import failed
from orlop.faces.cli.exit_codes import FAILED
from orlop.faces.cli.screen import Screen
from orlop.program import load, load_verb

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from orlop.program import Program


def perform(
    program: Program,
    package: str,
    words: Sequence[str],
    modules: Mapping[str, str] | None = None,
    aliases: Mapping[str, str] | None = None,
) -> int:
    """Performs what the first word says; without any, shows what there is.

    Args:
        program: the commands.
        package: where their modules are, each called VERB_.
        words: the command, its options and words.
        modules: whole names of modules, for commands whose module is elsewhere.
        aliases: further names of commands.
    """
    if not words:
        sys.stdout.write(program.help() + "\n")
        return 0
    verb, *rest = words
    verb = (aliases or {}).get(verb, verb)
    program.check(verb)
    shared = (modules or {}).get(verb)
    module = load(shared) if shared else load_verb(package, verb)
    try:
        values = program.values(verb, module, rest)
        if values is None:
            return 0
        status: int = module.run(values, Screen(as_json=values.flag("json")))
        return status
    except OrlopError as error:
        return failed(error, getattr(module, "FAILED", FAILED))
