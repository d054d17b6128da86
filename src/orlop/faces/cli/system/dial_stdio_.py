"""orlop system dial-stdio: the engine's connection on standard input and output."""

from __future__ import annotations

from orlop.client import Client
from orlop.faces.cli.streams import Loop, Streams, Wishes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from orlop.faces.cli.screen import Screen
    from orlop.options import Values

USAGE = ""
WORDS = (0, 0)
OPTIONS = ()
EXAMPLE = "ssh me@far orlop system dial-stdio   # what the host ssh://me@far does"


def run(_: Values, __: Screen) -> int:
    """Passes bytes on until the engine hangs up."""
    with Client().dial() as connection:
        loop = Loop()
        streams = Streams(loop, connection, Wishes(stdin=True, output=True, terminal=True))
        while not streams.ended:
            loop.turn()
    return 0
