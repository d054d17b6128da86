"""orlop tag: one more name for an image."""

from __future__ import annotations

from orlop.client import Client
from orlop.client.addresses import part

TYPE_CHECKING = False
if TYPE_CHECKING:
    from orlop.faces.cli.screen import Screen
    from orlop.options import Values

USAGE = "IMAGE NAME[:TAG]"
WORDS = (2, 2)
ANYWHERE = True
OPTIONS = ()
EXAMPLE = "orlop tag debian:12 registry.example/base:1"


def run(values: Values, _: Screen) -> int:
    """Gives it the name."""
    image, name = values.words
    Client().post(f"/images/{part(image)}/tag", query=split_name(name))
    return 0


def split_name(name: str) -> dict[str, str]:
    """Repository and tag of a name, as the API takes them apart; the engine checks both."""
    last = name.rfind("/")
    repository, colon, tag = name[last + 1 :].partition(":")
    return {"repo": name[: last + 1] + repository, "tag": tag if colon else ""}
