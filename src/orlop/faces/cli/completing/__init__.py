"""What can stand at a place of the command line: for the shells' completion.

`orlop __complete WORD... LAST` prints what LAST can become, a line each with a word of help behind
a tab, and then a line that says what the shell is to do: `:files` to add names of files, `:none` to
add nothing. It is quick, and silent whatever goes wrong: it runs at every press of a key.

    __complete --line TEXT    the same for a line as bash has it, as pieces that bash can insert
"""

from __future__ import annotations

import sys

from orlop.errors import OrlopError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from orlop.faces.cli.completing.candidates import Candidates

_LINE = "--line"


def run(words: Sequence[str]) -> int:
    """Prints candidates; returns the exit status, which is 0."""
    from orlop.faces.cli.completing.candidates import NOTHING, candidates

    prefix = ""
    try:
        if list(words[:1]) == [_LINE]:
            from orlop.faces.cli.completing.lines import inserted_before, split

            words = split(" ".join(words[1:]))[1:]
            prefix = inserted_before(words[-1] if words else "")
        found = candidates(words or [""])
    except (OrlopError, OSError, ImportError, LookupError, TypeError, ValueError):
        found = NOTHING
    _print(found, prefix)
    return 0


def _print(found: Candidates, prefix: str) -> None:
    for one in found.choices:
        text = one.text.removeprefix(prefix)
        sys.stdout.write(f"{text}\t{one.help}\n" if one.help else f"{text}\n")
    sys.stdout.write(":files\n" if found.files else ":none\n")
