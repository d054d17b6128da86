"""orlop version: the versions of this command and of the engine."""

from __future__ import annotations

from orlop.client import Client
from orlop.errors import OrlopError
from orlop.faces.cli import failed
from orlop.faces.cli.documents import typed
from orlop.faces.cli.documents.inspection import FORMAT
from orlop.faces.cli.documents.own import client_document
from orlop.faces.cli.exit_codes import FAILED
from orlop.faces.cli.template import parse

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

    from orlop.faces.cli.screen import Screen
    from orlop.options import Values

USAGE = "[OPTIONS]"
WORDS = (0, 0)
ANYWHERE = True
OPTIONS = (FORMAT.replace(help="json, or a template, as Go's text/template"),)
EXAMPLE = """\
orlop version
orlop version -f '{{.Client.Version}} {{.Server.Version}}'"""

_WIDTH = 19
_NAMES = (
    ("Version", "Version"),
    ("ApiVersion", "API version"),
    ("GoVersion", "Runs on"),
    ("GitCommit", "Git commit"),
    ("BuildTime", "Built"),
    ("Platform", "OS/Arch"),
    ("Experimental", "Experimental"),
    ("Context", "Context"),
)
_ENGINE = "Engine"


def run(values: Values, screen: Screen) -> int:
    """Shows both sides; without an engine this one, and why the other is missing."""
    form = values.text("format")
    template = parse("{{json .}}" if form == "json" else form) if form else None
    wrong: OrlopError | None = None
    server = None
    try:
        server = Client().get("/version")
    except OrlopError as error:
        wrong = error
    version = server.get("ApiVersion", "") if server else ""
    client = client_document(version)
    if template:
        document = typed("system.versionInfo", {"Client": client, "Server": server})
        screen.line(template.execute(document))
    else:
        for line in _lines(client, server):
            screen.line(line)
    return failed(wrong, FAILED) if wrong else 0


def _lines(client: Mapping[str, Any], server: Mapping[str, Any] | None) -> Iterator[str]:
    yield "Client:"
    yield from _facts(client, 1)
    if server is None:
        return
    platform = (server.get("Platform") or {}).get("Name") or ""
    yield ""
    yield f"Server: {platform}".rstrip()
    components: Any = server.get("Components") or ({"Name": _ENGINE, "Details": server},)
    for component in components:
        yield f" {component['Name']}:"
        details = dict(component.get("Details") or {})
        if component["Name"] == _ENGINE:
            yield from _facts({**details, "Version": component.get("Version")}, 2)
        else:
            yield _line("Version", component.get("Version") or "", 2)
            yield from (_line(name, details[name], 2) for name in sorted(details))


def _facts(found: Mapping[str, Any], depth: int) -> Iterator[str]:
    shown = {**found, "Platform": f"{found.get('Os', '')}/{found.get('Arch', '')}"}
    if found.get("MinAPIVersion"):
        shown["ApiVersion"] = f"{found['ApiVersion']} (minimum version {found['MinAPIVersion']})"
    for key, name in _NAMES:
        if shown.get(key):
            yield _line(name, str(shown[key]), depth)


def _line(name: str, value: str, depth: int) -> str:
    return f"{' ' * depth}{name + ':':<{_WIDTH - depth + 1}}{value}"
