"""orlop volume inspect: everything that the engine knows of volumes."""

from __future__ import annotations

from orlop.client import Client
from orlop.faces.cli.documents.found import VOLUME
from orlop.faces.cli.documents.inspection import FORMAT, inspect

TYPE_CHECKING = False
if TYPE_CHECKING:
    from orlop.faces.cli.screen import Screen
    from orlop.options import Values

USAGE = "[OPTIONS] VOLUME..."
WORDS = (1, 100_000)
ANYWHERE = True
OPTIONS = (FORMAT,)
EXAMPLE = """\
orlop volume inspect NAME
orlop volume inspect -f '{{.Mountpoint}}' data"""


_TYPED = VOLUME.replace(raw=False)  # as docker's client has it


def run(values: Values, screen: Screen) -> int:
    """Shows what there is of these names."""
    return inspect(Client(), values.words, (_TYPED,), screen, form=values.text("format"))
