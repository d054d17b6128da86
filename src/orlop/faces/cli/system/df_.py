"""orlop system df: what images, containers and volumes take on disk."""

from __future__ import annotations

import time

from orlop.client import Client
from orlop.faces.cli.output.containers import CONTAINERS
from orlop.faces.cli.output.formats import FORMAT, Defaults, chosen, rows_text, show
from orlop.faces.cli.output.images import IMAGES, named
from orlop.faces.cli.output.named import VOLUMES
from orlop.faces.cli.output.space import CACHE, SPACES, spaces
from orlop.faces.cli.output.views import Row, Shown
from orlop.faces.cli.template.values import Object
from orlop.faces.sizes import decimal
from orlop.options import FLAG, Option

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from orlop.faces.cli.output.views import View
    from orlop.faces.cli.screen import Screen
    from orlop.options import Values

USAGE = "[OPTIONS]"
WORDS = (0, 0)
ANYWHERE = True
OPTIONS = (
    FORMAT,
    Option(("--verbose", "-v"), FLAG, "each image, container and volume"),
)
EXAMPLE = """\
orlop system df
orlop system df -v
orlop system df --format '{{.Type}}: {{.Reclaimable}} of {{.Size}}'"""

_DEFAULTS = Defaults(
    "{{.Type}}\t{{.TotalCount}}\t{{.Active}}\t{{.Size}}\t{{.Reclaimable}}",
    raw=(
        "type: {{.Type}}\ntotal: {{.TotalCount}}\nactive: {{.Active}}\nsize: {{.Size}}\n"
        "reclaimable: {{.Reclaimable}}\n"
    ),
)
_TABLES = (
    (
        "Images space usage:",
        "Images",
        IMAGES,
        "{{.Repository}}\t{{.Tag}}\t{{.ID}}\t{{.CreatedSince}}\t{{.Size}}\t{{.SharedSize}}"
        "\t{{.UniqueSize}}\t{{.Containers}}",
    ),
    (
        "Containers space usage:",
        "Containers",
        CONTAINERS,
        "{{.ID}}\t{{.Image}}\t{{.Command}}\t{{.LocalVolumes}}\t{{.Size}}\t{{.RunningFor}}"
        "\t{{.Status}}\t{{.Names}}",
    ),
    (
        "Local Volumes space usage:",
        "Volumes",
        VOLUMES,
        "{{.Name}}\t{{.Links}}\t{{.Size}}",
    ),
    (
        "Build cache usage: {}",
        "BuildCache",
        CACHE,
        "{{.ID}}\t{{.CacheType}}\t{{.Size}}\t{{.CreatedSince}}\t{{.LastUsedSince}}"
        "\t{{.UsageCount}}\t{{.Shared}}",
    ),
)


def run(values: Values, screen: Screen) -> int:
    """Shows sums, or everything."""
    verbose, form = values.flag("verbose"), values.text("format")
    template = chosen(form, _DEFAULTS)
    found = Client().get("/system/df")
    if not verbose:
        show(screen, template, SPACES, spaces(found), Shown())
    elif form and form != "table":
        screen.write(template.template.execute(_Everything(_rows(found), time.time())))
    else:
        _tables(_rows(found), screen)
    return 0


def _rows(found: Mapping[str, Any]) -> dict[str, Sequence[Any]]:
    """The objects, as their views want them."""
    images = found.get("Images") or ()
    return {
        "Images": [row.replace(digest="") for row in named(images, digests=False)],
        # Only what is their own counts here.
        "Containers": [{**item, "SizeRootFs": 0} for item in found.get("Containers") or ()],
        "Volumes": found.get("Volumes") or (),
        "BuildCache": found.get("BuildCache") or (),
    }


def _tables(rows: Mapping[str, Sequence[Any]], screen: Screen) -> None:
    shown = Shown(now=time.time())
    size = decimal(sum(item.get("Size") or 0 for item in rows["BuildCache"]))
    for title, name, view, table in _TABLES:
        text = rows_text(chosen("", Defaults(table)), view, rows[name], shown)
        end = "" if view is CACHE else "\n"
        screen.write(f"{title.format(size)}\n\n{text}{end}")


class _Everything(Object):
    """All objects by kind, for a template."""

    go_type = "formatter.fakeSubContext"

    def __init__(self, rows: Mapping[str, Sequence[Any]], now: float) -> None:
        self._rows = rows
        self._shown = Shown(short=False, now=now)

    def names(self) -> tuple[str, ...]:
        """The kinds."""
        return tuple(self._rows)

    def field(self, name: str) -> object:
        """All objects of one kind."""
        view = _VIEWS[name]
        return [Row(view, item, self._shown) for item in self._rows[name]]


_VIEWS: dict[str, View] = {name: view for _, name, view, _ in _TABLES}
