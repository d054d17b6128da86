"""orlop volume: volumes."""

from __future__ import annotations

from orlop.faces.cli.group import perform_group, program_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from orlop.faces.cli.screen import Screen
    from orlop.options import Values

USAGE = "COMMAND [ARGUMENTS]"
WORDS = (0, 100_000)
OPTIONS = ()
PROGRAM = program_of("volume")


def run(values: Values, _: Screen) -> int:
    """Performs one of its verbs."""
    return perform_group("volume", values.words)
