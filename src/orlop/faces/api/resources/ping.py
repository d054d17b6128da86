"""Who is there: `_ping` and `version`."""

from __future__ import annotations

import os
import platform
from typing import TYPE_CHECKING, Any

from orlop import __version__
from orlop.faces.api import answers, versions
from orlop.faces.api.routes import Plain, Route

if TYPE_CHECKING:
    from aiohttp.web_response import StreamResponse


_HEADERS = {
    "Builder-Version": "1",
    "Swarm": "inactive",
    "Cache-Control": "no-cache, no-store, must-revalidate",
    "Pragma": "no-cache",
}
_MACHINES = {"x86_64": "amd64", "aarch64": "arm64"}


async def ping(call: Plain) -> StreamResponse:
    """OK, and in the headers what the client has to know first."""
    answer = answers.text("" if call.request.method == "HEAD" else "OK")
    answer.headers.update(_HEADERS)
    if call.request.method == "HEAD":
        answer.headers["Content-Length"] = "0"
    return answer


async def version(call: Plain) -> StreamResponse:
    """Which program this is."""
    return answers.json(version_document())


def version_document() -> dict[str, Any]:
    """What `docker version` shows of the engine."""
    host = os.uname()
    machine = _MACHINES.get(host.machine, host.machine)
    newest, least = versions.text_of(versions.NEWEST), versions.text_of(versions.LEAST)
    details = {
        "ApiVersion": newest,
        "Arch": machine,
        "BuildTime": "",
        "Experimental": "false",
        "GitCommit": "",
        "GoVersion": f"python {platform.python_version()}",
        "KernelVersion": host.release,
        "MinAPIVersion": least,
        "Os": "linux",
    }
    return {
        "Platform": {"Name": f"orlop {__version__}"},
        "Components": [{"Name": "Engine", "Version": versions.ENGINE_VERSION, "Details": details}],
        "Version": versions.ENGINE_VERSION,
        "ApiVersion": newest,
        "MinAPIVersion": least,
        "GitCommit": "",
        "GoVersion": details["GoVersion"],
        "Os": "linux",
        "Arch": machine,
        "KernelVersion": host.release,
        "BuildTime": "",
    }


ROUTES = (
    Route("GET", "/_ping", ping, "whether the engine answers", answer="text/plain"),
    Route("HEAD", "/_ping", ping, "the same, headers only", answer=""),
    Route("GET", "/version", version, "versions of the engine and of its API"),
)
