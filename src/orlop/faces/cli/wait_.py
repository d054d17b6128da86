"""orlop wait: until containers have ended; prints their exit statuses."""

from __future__ import annotations

from orlop.errors import OrlopError
from orlop.faces.cli.each import post_each
from orlop.faces.cli.foreground import ended_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from orlop.client import Response
    from orlop.faces.cli.screen import Screen
    from orlop.options import Values

USAGE = "CONTAINER..."
WORDS = (1, 100_000)
ANYWHERE = True
OPTIONS = ()
EXAMPLE = "orlop wait web"


def run(values: Values, screen: Screen) -> int:
    """Waits for all of them."""
    return post_each("wait", values, screen, show=_status)


def _status(_: str, response: Response) -> str:
    end = ended_of(response)
    if end.error:
        raise OrlopError(end.error)
    return str(end.status)
