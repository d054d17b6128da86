"""orlop system prune: what nothing uses is gone."""

from __future__ import annotations

from orlop.client import Client
from orlop.errors import InvalidArgument
from orlop.faces.cli.output.formats import filters_of
from orlop.faces.cli.pruning import (
    CACHE,
    CONTAINERS,
    FILTER,
    FORCE,
    IMAGES,
    NETWORKS,
    VOLUMES,
    agreed,
    prune,
    refused,
)
from orlop.options import FLAG, Option

TYPE_CHECKING = False
if TYPE_CHECKING:
    from orlop.faces.cli.screen import Screen
    from orlop.options import Values

USAGE = "[OPTIONS]"
WORDS = (0, 0)
ANYWHERE = True
OPTIONS = (
    Option(("--all", "-a"), FLAG, "all images that no container uses, also with a name"),
    Option(("--volumes",), FLAG, "volumes without a name too"),
    FORCE,
    FILTER,
)
EXAMPLE = """\
orlop system prune
orlop system prune -af --volumes"""


def run(values: Values, screen: Screen) -> int:
    """Removes it, if somebody agrees."""
    filters = filters_of(values)
    every, volumes = values.flag("all"), values.flag("volumes")
    if volumes and "until" in filters:
        raise InvalidArgument("--volumes and the filter until cannot be given together")
    what = [
        "all containers that do not run",
        "all networks that no container uses",
        *(["volumes without a name that no container uses"] if volumes else []),
        "all images that no container uses" if every else "images without a name",
        "build cache that nothing uses",
    ]
    if not agreed(values, *what):
        return refused()
    dangling = {"dangling": ["false" if every else "true"]}
    kinds = [
        (CONTAINERS, filters),
        (NETWORKS, filters),
        *([(VOLUMES, filters)] if volumes else []),
        (IMAGES, filters | dangling),
        (CACHE, filters),
    ]
    return prune(Client(), kinds, screen)
