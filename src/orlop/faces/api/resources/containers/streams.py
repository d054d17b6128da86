"""A container's streams: attach, wait, logs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from orlop.engine.attachment import Attachment
from orlop.engine.container import PAUSED
from orlop.engine.containers import WaitCondition
from orlop.engine.logs import LogQuery
from orlop.errors import Conflict, InvalidArgument
from orlop.faces.api import answers
from orlop.faces.api.hijack import content_type, hand_over
from orlop.faces.api.rendering.times import moment
from orlop.faces.api.routes import Call, Route
from orlop.faces.api.websocket import carry

if TYPE_CHECKING:
    from aiohttp.web_response import StreamResponse

    from orlop.engine.container import Container
    from orlop.faces.api.bodies import NoBody

_CHOICE_OF_STREAMS = (1, 42)
_WAIT_CONDITIONS = (1, 30)
_CONDITIONS = {condition.value: condition for condition in WaitCondition}


class AttachQuery(msgspec.Struct, frozen=True):
    """The parameters of attach."""

    stdin: bool = False
    stdout: bool = False
    stderr: bool = False
    stream: bool = False
    logs: bool = False
    detach_keys: str = msgspec.field(default="", name="detachKeys")


async def attach(call: Call[AttachQuery, NoBody]) -> StreamResponse:
    """The connection carries the container's streams."""
    container = _attachable(call)
    wanted = _wanted(call.query).replace(framed=not container.request.terminal)
    with call.engine.containers.attaching(container.id) as take:
        return await hand_over(call.request, call.version, wanted, take)


async def attach_websocket(call: Call[AttachQuery, NoBody]) -> StreamResponse:
    """The same in a websocket, where both streams are one."""
    container = _attachable(call)
    wanted = _wanted(call.query).replace(framed=False)
    if call.version < _CHOICE_OF_STREAMS:
        wanted = wanted.replace(stdin=True, stdout=True, stderr=True)
    with call.engine.containers.attaching(container.id) as take:
        return await carry(call.request, wanted, take)


def _attachable(call: Call[AttachQuery, NoBody]) -> Container:
    container = call.engine.containers.get(call.name)
    if container.state.status == PAUSED:
        raise Conflict(f"container {call.name} is paused", hint="unpause the container first")
    return container


def _wanted(query: AttachQuery) -> Attachment:
    return Attachment(
        -1,
        stdin=query.stdin,
        stdout=query.stdout,
        stderr=query.stderr,
        stream=query.stream,
        logs=query.logs,
        detach_keys=query.detach_keys,
    )


class WaitQuery(msgspec.Struct, frozen=True):
    """The parameters of wait."""

    condition: str = ""


async def wait(call: Call[WaitQuery, NoBody]) -> StreamResponse:
    """How it has ended. The client has the headers before: it starts the container only then."""
    condition = _condition(call.query.condition if call.version >= _WAIT_CONDITIONS else "")
    future = call.engine.containers.wait(call.name, condition)
    if call.version < _WAIT_CONDITIONS:
        return answers.json(_ended(await future))
    answer = await answers.stream(call.request, answers.JSON)
    await answer.write(answers.encode(_ended(await future)) + b"\n")
    return answer


def _condition(text: str) -> WaitCondition:
    if text and text not in _CONDITIONS:
        raise InvalidArgument(f"invalid condition: {text!r}")
    return _CONDITIONS[text or WaitCondition.NOT_RUNNING.value]


def _ended(ended: Any) -> dict[str, Any]:
    document: dict[str, Any] = {"StatusCode": ended.status}
    if ended.error:
        document["Error"] = {"Message": ended.error}
    return document


class LogsQuery(msgspec.Struct, frozen=True):
    """The parameters of logs."""

    stdout: bool = False
    stderr: bool = False
    follow: bool = False
    timestamps: bool = False
    since: str = ""
    until: str = ""
    tail: str = ""
    details: bool = False


async def logs(call: Call[LogsQuery, NoBody]) -> StreamResponse:
    """What it has written, and what it goes on to write."""
    query, engine = call.query, call.engine
    if not (query.stdout or query.stderr):
        raise InvalidArgument(
            "Bad parameters: you must choose at least one stream",
        )
    container = engine.containers.get(call.name)
    framed = not container.request.terminal
    lines = engine.logs.render(
        *(container.id, _log_query(query)),
        timestamps=query.timestamps,
        details=query.details,
        framed=framed,
    )
    answer = await answers.stream(call.request, content_type(call.version, framed=framed))
    return await answers.pour(answer, lines)


def _log_query(query: LogsQuery) -> LogQuery:
    return LogQuery(
        stdout=query.stdout,
        stderr=query.stderr,
        since_ns=moment("since", query.since),
        until_ns=moment("until", query.until),
        tail=_tail(query.tail),
        follow=query.follow,
    )


def _tail(text: str) -> int | None:
    """How many lines; None for all, which is also what Docker makes of anything odd."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None


_ONE = "/containers/{name}"

ROUTES = (
    Route(
        *("POST", f"{_ONE}/attach", attach, "connect to its streams", AttachQuery),
        answer=answers.RAW_STREAM,
        statuses=(101, 200),
        cancelled=True,
    ),
    Route(
        *("GET", f"{_ONE}/attach/ws", attach_websocket, "the same in a websocket", AttachQuery),
        answer="",
        statuses=(101,),
        cancelled=True,
    ),
    Route("POST", f"{_ONE}/wait", wait, "wait for its end", WaitQuery, cancelled=True),
    Route(
        *("GET", f"{_ONE}/logs", logs, "what it has written", LogsQuery),
        answer=answers.RAW_STREAM,
        cancelled=True,
    ),
)
