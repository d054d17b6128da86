"""orlop create: a container that is not started yet."""

from __future__ import annotations

from orlop.client import Client
from orlop.faces.cli.creating import IdFile, create_container, prepared
from orlop.faces.cli.exit_codes import FAILED as GENERAL
from orlop.intent import flags

TYPE_CHECKING = False
if TYPE_CHECKING:
    from orlop.faces.cli.screen import Screen
    from orlop.options import Values

USAGE = "[OPTIONS] IMAGE [COMMAND] [ARGUMENTS]"
WORDS = (1, 100_000)
_OF_RUN = ("detach", "detach-keys", "sig-proxy")
OPTIONS = tuple(option for option in flags.OPTIONS if option.key not in _OF_RUN)
FAILED = GENERAL
EXAMPLE = """\
orlop create --name web --memory 256m host python3 -m http.server
orlop start web"""


def run(values: Values, screen: Screen) -> int:
    """Creates it, and prints its id."""
    request = prepared(flags.request_of(values))
    with IdFile(request.handling.id_file) as id_file:
        made = create_container(Client(), request)
        id_file.write(made)
    screen.line(made)
    return 0
