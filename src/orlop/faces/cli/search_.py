"""orlop search: registries have no search that all of them share."""

from __future__ import annotations

from orlop.client import Client
from orlop.faces.cli.output.formats import (
    FORMAT,
    NO_TRUNC,
    Defaults,
    chosen,
    filter_option,
    filters_of,
    show,
)
from orlop.faces.cli.output.text import shortened
from orlop.faces.cli.output.views import Column, Shown, View
from orlop.options import NUMBER, Option

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from orlop.faces.cli.screen import Screen
    from orlop.options import Values

USAGE = "[OPTIONS] TERM"
WORDS = (1, 1)
ANYWHERE = True
FILTERS = ("is-automated", "is-official", "stars")
OPTIONS = (
    filter_option(FILTERS),
    FORMAT,
    Option(("--limit",), NUMBER, "so many at most"),
    NO_TRUNC,
)
EXAMPLE = """\
orlop search debian"""

_WIDTH = 45


def _description(found: Mapping[str, Any], shown: Shown) -> str:
    text = (found.get("description") or "").replace("\n", " ").replace("\r", "")
    return shortened(text, _WIDTH) if shown.short else text


def _official(found: Mapping[str, Any], shown: Shown) -> str:
    official = bool(found.get("is_official"))
    if shown.as_json:
        return "true" if official else "false"
    return "[OK]" if official else ""


_RESULTS = View(
    "*registry.searchContext",
    {
        "Name": Column("NAME", lambda found, _: found["name"]),
        "Description": Column("DESCRIPTION", _description),
        "StarCount": Column("STARS", lambda found, _: str(found.get("star_count") or 0)),
        "IsOfficial": Column("OFFICIAL", _official),
    },
)
_DEFAULTS = Defaults("{{.Name}}\t{{.Description}}\t{{.StarCount}}\t{{.IsOfficial}}")


def run(values: Values, screen: Screen) -> int:
    """Lists what the engine finds; engines that cannot search say so."""
    form = chosen(values.text("format"), _DEFAULTS)
    limit, filters = values.number("limit"), filters_of(values)
    query = {"term": values.words[0], "limit": limit, "filters": filters or None}
    found = Client().get("/images/search", query) or ()
    show(screen, form, _RESULTS, found, Shown(not values.flag("no-trunc")))
    return 0
