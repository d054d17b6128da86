"""orlop stats: what containers use, again and again or once."""

from __future__ import annotations

import time

from orlop import jsontext
from orlop.client import Client
from orlop.client.addresses import part
from orlop.errors import NotFound
from orlop.faces.cli.output.formats import FORMAT, NO_TRUNC, Defaults, chosen, rows_text
from orlop.faces.cli.output.usage import USAGE as VIEW
from orlop.faces.cli.output.usage import Usage
from orlop.faces.cli.output.views import Shown
from orlop.faces.cli.redrawing import Redrawn
from orlop.options import FLAG, Option

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from typing import Any

    from orlop.client.client import Pending
    from orlop.faces.cli.screen import Screen
    from orlop.options import Values

USAGE = "[OPTIONS] [CONTAINER...]"
WORDS = (0, 100_000)
ANYWHERE = True
OPTIONS = (
    Option(("--all", "-a"), FLAG, "also containers that do not run"),
    FORMAT,
    Option(("--no-stream",), FLAG, "once"),
    NO_TRUNC,
)
EXAMPLE = """\
orlop stats
orlop stats --no-stream web db
orlop stats --format 'table {{.Name}}\\t{{.CPUPerc}}\\t{{.MemUsage}}'"""

_DEFAULTS = Defaults(
    "{{.ID}}\t{{.Name}}\t{{.CPUPerc}}\t{{.MemUsage}}\t{{.MemPerc}}\t{{.NetIO}}\t{{.BlockIO}}"
    "\t{{.PIDs}}",
    setting="statsFormat",
)
_EVERY_S = 1.0
_AT_A_TIME = 50


def run(values: Values, screen: Screen) -> int:
    """Shows usage; without names that of all containers that run, also of those to come."""
    form = chosen(values.text("format"), _DEFAULTS)
    shown = Shown(not values.flag("no-trunc"))
    client, names, every = Client(), values.words, values.flag("all")
    if values.flag("no-stream"):
        screen.write(rows_text(form, VIEW, measured(client, _asked(client, names, every)), shown))
        return 0
    seen: dict[str, Usage] = {}
    with Redrawn(screen) as frame:
        while True:
            asked = _asked(client, names, every)
            usages = list(_since(seen, measured(client, asked, one_shot=True)))
            frame.show(rows_text(form, VIEW, usages, shown))
            if names and not any(usage.sample for usage in usages):
                return 0
            time.sleep(_EVERY_S)


def _asked(client: Client, names: Sequence[str], every: bool) -> Sequence[Usage]:
    """Whose usage is to be shown."""
    if names:
        return [Usage(name) for name in names]
    found = client.get("/containers/json", {"all": True if every else None})
    return [_listed(item) for item in found]


def _listed(item: Mapping[str, Any]) -> Usage:
    identity: str = item["Id"]
    return Usage(identity[:12], identity, (item.get("Names") or [""])[0])


def measured(client: Client, asked: Sequence[Usage], *, one_shot: bool = False) -> Iterator[Usage]:
    """A sample of each; the engine works on many at a time.

    Raises:
        NotFound: one that somebody has named is not there.
    """
    query = {"stream": False, "one-shot": True if one_shot else None}
    for first in range(0, len(asked), _AT_A_TIME):
        some = asked[first : first + _AT_A_TIME]
        begun = [
            (
                usage,
                client.begin("GET", f"/containers/{part(usage.id or usage.asked)}/stats", query),
            )
            for usage in some
        ]
        for usage, pending in begun:
            yield _answered(usage, pending)


def _path(usage: Usage) -> str:
    return f"/containers/{part(usage.id or usage.asked)}/stats"


def _answered(usage: Usage, pending: Pending) -> Usage:
    try:
        with pending.response() as response:
            sample: Any = jsontext.loads(response.read())
    except NotFound:
        if not usage.id:
            raise
        return usage  # it was listed, and has been removed since
    identity = sample.get("id") or usage.id
    running = bool((sample.get("pids_stats") or {}).get("current")) or _has_run(sample)
    return Usage(
        usage.asked, identity, sample.get("name") or usage.name, sample if running else None
    )


def _has_run(sample: Mapping[str, Any]) -> bool:
    return bool((sample.get("cpu_stats") or {}).get("system_cpu_usage"))


def _since(seen: dict[str, Usage], usages: Iterator[Usage]) -> Iterator[Usage]:
    """Each with the sample before it."""
    for usage in usages:
        before = seen.get(usage.id)
        seen[usage.id] = usage
        yield usage.replace(before=before.sample if before else None)
