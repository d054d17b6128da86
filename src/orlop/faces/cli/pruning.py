"""What nothing uses is removed, once somebody has said yes."""

from __future__ import annotations

import sys

from orlop.client import Client
from orlop.faces.cli.exit_codes import FAILED
from orlop.faces.cli.notes import note
from orlop.faces.cli.output.formats import filters_of
from orlop.faces.sizes import decimal
from orlop.options import FLAG, LIST, Option
from orlop.records import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from orlop.faces.cli.screen import Screen
    from orlop.options import Values

FORCE = Option(("--force", "-f"), FLAG, "do not ask")
FILTER = Option(("--filter",), LIST, "only some, as until=24h or label=x", "NAME=VALUE")


class Kind(Record):
    """A kind of thing that can be pruned.

    Attributes:
        path: of the API.
        title: what is shown above their names.
        member: of the answer, where the names are.
    """

    path: str
    title: str
    member: str


CONTAINERS = Kind("/containers/prune", "removed containers", "ContainersDeleted")
IMAGES = Kind("/images/prune", "removed images", "ImagesDeleted")
VOLUMES = Kind("/volumes/prune", "removed volumes", "VolumesDeleted")
NETWORKS = Kind("/networks/prune", "removed networks", "NetworksDeleted")
CACHE = Kind("/build/prune", "removed build cache", "CachesDeleted")


def agreed(values: Values, *what: str) -> bool:
    """Whether it may be done: `--force`, or somebody who is asked says yes."""
    if values.flag("force"):
        return True
    lines = "".join(f"  - {line}\n" for line in what)
    sys.stderr.write(f"this removes:\n{lines}continue? [y/N] ")
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def prune_one(
    kind: Kind, values: Values, screen: Screen, what: str, **filters: Sequence[str]
) -> int:
    """Removes what there is of one kind, if somebody agrees; returns the exit status.

    Args:
        kind: of what.
        values: of the verb: FORCE and FILTER.
        screen: shows what went.
        what: that is, for who is asked.
        filters: further ones.
    """
    asked = filters_of(values) | filters
    if not agreed(values, what):
        return refused()
    return prune(Client(), [(kind, asked)], screen)


def prune(
    client: Client, kinds: Sequence[tuple[Kind, Mapping[str, Sequence[str]]]], screen: Screen
) -> int:
    """Removes what there is of these kinds, each with its filters, and shows what went."""
    freed = 0
    for kind, filters in kinds:
        query = {"filters": {name: list(values) for name, values in filters.items()}}
        answer = client.post(kind.path, query=query) or {}
        freed += int(answer.get("SpaceReclaimed") or 0)
        if lines := [_line(entry) for entry in answer.get(kind.member) or ()]:
            screen.line(f"{kind.title}:")
            for line in lines:
                screen.line(line)
            screen.line()
    screen.line(f"space that is free again: {decimal(freed)}")
    return 0


def _line(entry: Any) -> str:
    """A name, or what has been done to an image: {"Untagged": "x"}, {"Deleted": "sha256:..."}."""
    if isinstance(entry, dict):
        return ", ".join(f"{what}: {name}" for what, name in entry.items())
    return str(entry)


def refused() -> int:
    """The exit status when nobody has said yes."""
    note("nothing was removed")
    return FAILED
