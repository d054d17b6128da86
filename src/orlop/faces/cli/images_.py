"""orlop images: the images of the engine, a line for each of their names."""

from __future__ import annotations

import time

from orlop.client import Client
from orlop.faces.cli.output.formats import (
    FORMAT,
    NO_TRUNC,
    QUIET,
    Defaults,
    chosen,
    filter_option,
    filters_of,
    show,
)
from orlop.faces.cli.output.images import IMAGES, named
from orlop.faces.cli.output.views import Shown
from orlop.options import FLAG, Option

TYPE_CHECKING = False
if TYPE_CHECKING:
    from orlop.faces.cli.screen import Screen
    from orlop.options import Values

USAGE = "[OPTIONS] [REPOSITORY[:TAG]]"
WORDS = (0, 1)
ANYWHERE = True
FILTERS = ("before", "dangling", "label", "reference", "since", "until")
OPTIONS = (
    Option(("--all", "-a"), FLAG, "also layers that no name has"),
    Option(("--digests",), FLAG, "show the digests of their manifests"),
    filter_option(FILTERS),
    FORMAT,
    NO_TRUNC,
    QUIET,
)
EXAMPLE = """\
orlop images
orlop images debian
orlop images --filter dangling=true -q
orlop images --format '{{.Repository}}:{{.Tag}} {{.Size}}'"""

_TABLE = "{{.Repository}}\t{{.Tag}}\t{{.ID}}\t{{.CreatedSince}}\t{{.Size}}"
_RAW = """\
repository: {{ .Repository }}
{{if .Tag}}tag: {{.Tag}}
{{end}}image_id: {{.ID}}
created_at: {{.CreatedAt}}
virtual_size: {{.Size}}
"""
_DEFAULTS = Defaults(_TABLE, raw=_RAW, setting="imagesFormat")
_WITH_DIGESTS = _DEFAULTS.replace(
    table=_TABLE.replace("{{.ID}}", "{{.Digest}}\t{{.ID}}"),
    raw=_RAW.replace("image_id", "digest: {{.Digest}}\nimage_id"),
)


def run(values: Values, screen: Screen) -> int:
    """Lists images."""
    digests = values.flag("digests")
    further = "\t{{.Digest}}" if digests and "{{.Digest}}" not in values.text("format") else ""
    form = chosen(
        values.text("format"),
        _WITH_DIGESTS if digests else _DEFAULTS,
        quiet=values.flag("quiet"),
        further=further,
    )
    filters = filters_of(values)
    for reference in values.words:
        filters.setdefault("reference", []).append(reference)
    query = {"all": True if values.flag("all") else None, "filters": filters or None}
    found = Client().get("/images/json", query)
    wanted = digests or "{{.Digest}}" in values.text("format")
    rows = named(found, digests=wanted, alone=digests)
    show(screen, form, IMAGES, rows, Shown(not values.flag("no-trunc"), time.time()))
    return 0
