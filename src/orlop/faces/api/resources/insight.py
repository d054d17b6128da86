"""What Docker's API lacks: explain, proof, reach, why, trace.

Documents are those of `orlop explain --json` and `orlop proof --json`: docs/json.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from orlop.engine.blocking import in_thread
from orlop.engine.networks import rates_of
from orlop.errors import InvalidArgument, WrongState
from orlop.faces.api import answers, bodies
from orlop.faces.api.rendering.reach import document as reach_document
from orlop.faces.api.resources.containers.life import ContainerCreate
from orlop.faces.api.routes import Call, Plain, Route
from orlop.intent.docker_json import from_docker

if TYPE_CHECKING:
    from aiohttp.web_response import StreamResponse

    from orlop.engine.container import Container
    from orlop.engine.containers import LastStart
    from orlop.engine.why import Why
    from orlop.faces.api.bodies import NoBody
    from orlop.intent.request import Request


async def explain(call: Plain) -> StreamResponse:
    """The kernel operations of a container's start, with their reasons."""
    request = call.engine.containers.placed(call.name)
    return answers.json(await in_thread(_explained, request))


async def explain_body(call: Plain) -> StreamResponse:
    """The same of a container that there is not: of the body that would create it."""
    body = await bodies.raw(call.request)
    if not body.strip():
        raise InvalidArgument("there is nothing to explain without a body as create has it")
    request = await call.engine.containers.foreseen(from_docker(bodies.document(body)))
    return answers.json(await in_thread(_explained, request))


def _explained(request: Request) -> dict[str, object]:
    from orlop.faces.cli.explain_ import document
    from orlop.insight.explain import explain as explained

    return document(explained(request))


async def proof(call: Plain) -> StreamResponse:
    """What isolates a container that runs, read back from the kernel, beside what was asked."""
    container = call.engine.containers.get(call.name)
    if not container.is_running:
        status = container.state.status
        raise WrongState("prove", container.name, state=status, needs="running")
    return answers.json(await in_thread(_proof, call.engine.containers.store.root, container))


def _proof(root: str, container: Container) -> dict[str, object]:
    from orlop.faces.cli.proof_document import document
    from orlop.insight.proof import prove
    from orlop.insight.targets import resolve

    target = resolve(container.id, (root,)).replace(rates=rates_of(container.request.limits))
    return document(prove(target, (root,)))


async def trace(call: Plain) -> StreamResponse:
    """How long each operation of the last start took."""
    start = call.engine.containers.last_start(call.name)
    return answers.json(await in_thread(_timed, start))


def _timed(start: LastStart) -> dict[str, object]:
    from orlop.faces.cli.trace_ import document
    from orlop.insight.trace import Trace, timing_of

    return document(Trace(timing_of(start.plan, start.report, start.spec), None))


async def why(call: Plain) -> StreamResponse:
    """Why a container has ended, or is slow, in plain words."""
    return answers.json(why_document(await call.engine.why.explain(call.name)))


def why_document(found: Why) -> dict[str, Any]:
    """The answer to why."""
    return {
        "Id": found.id,
        "Name": found.name,
        "Status": found.status,
        "Summary": found.summary,
        "Findings": [
            {
                "Subject": finding.subject,
                "Weight": finding.weight.value,
                "Text": finding.text,
                "Hint": finding.hint,
            }
            for finding in found.findings
        ],
        "Lines": list(found.lines),
    }


class ReachQuery(msgspec.Struct, frozen=True):
    """Which port; without one, all that are published or declared."""

    port: str = ""


async def reach(call: Call[ReachQuery, NoBody]) -> StreamResponse:
    """Who can reach a container's ports, from where, and by which rule."""
    port, protocol = _port(call.query.port)
    found = await call.engine.reach.explain(call.name, port, protocol)
    return answers.json(reach_document(found))


def _port(text: str) -> tuple[int, str]:
    """A port and its protocol; 0 for none."""
    if not text:
        return 0, "tcp"
    number, slash, protocol = text.partition("/")
    if not number.isdecimal() or not 0 < int(number) < 1 << 16:
        raise InvalidArgument(f"{text!r} is not a port", hint="as 80 or 53/udp")
    if slash and protocol not in ("tcp", "udp", "sctp"):
        raise InvalidArgument(f"{protocol!r} is not a protocol", hint="tcp, udp or sctp")
    return int(number), protocol or "tcp"


_ONE = "/containers/{name}"

ROUTES = (
    Route("POST", "/explain", explain_body, "explain a start", example=ContainerCreate),
    Route("GET", f"{_ONE}/explain", explain, "explain the start of a container"),
    Route("GET", f"{_ONE}/proof", proof, "prove what isolates a container"),
    Route("GET", f"{_ONE}/trace", trace, "how long each operation of its start took"),
    Route("GET", f"{_ONE}/reach", reach, "who can reach its ports", query=ReachQuery),
    Route("GET", f"{_ONE}/why", why, "why a container has ended"),
)
