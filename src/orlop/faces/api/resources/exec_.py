"""Further processes in containers: /containers/NAME/exec and /exec."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from orlop.engine.attachment import Attachment
from orlop.engine.execs import ExecRequest
from orlop.errors import InvalidArgument
from orlop.faces.api import answers
from orlop.faces.api.hijack import hand_over
from orlop.faces.api.resources.containers.life import ResizeQuery, size_of
from orlop.faces.api.routes import Call, Plain, Route
from orlop.intent.forms import process
from orlop.intent.request import Size

if TYPE_CHECKING:
    from aiohttp.web_response import StreamResponse

    from orlop.engine.execs import Exec
    from orlop.faces.api.queries import NoQuery


class ExecCreate(msgspec.Struct, frozen=True, rename="pascal"):
    """What is to be started."""

    cmd: list[str] | None = None
    env: list[str] | None = None
    user: str | None = None
    working_dir: str | None = None
    tty: bool | None = None
    attach_stdin: bool | None = None
    attach_stdout: bool | None = None
    attach_stderr: bool | None = None
    privileged: bool | None = None
    detach_keys: str | None = None
    console_size: tuple[int, int] | None = None


async def create(call: Call[NoQuery, ExecCreate]) -> StreamResponse:
    """It is noted, under an id, and starts with `start`."""
    exec_id = await call.engine.execs.create(call.name, request_of(call.body))
    return answers.json({"Id": exec_id}, 201)


def request_of(body: ExecCreate) -> ExecRequest:
    """What a body asks for.

    Raises:
        InvalidArgument: it makes no sense; the member is named.
    """
    if not body.cmd:
        raise InvalidArgument("no exec command specified")
    return ExecRequest(
        command=tuple(body.cmd),
        environment=tuple(_variable(text) for text in body.env or ()),
        user=_user(body.user) if body.user else None,
        directory=body.working_dir or "",
        terminal=bool(body.tty),
        size=size_from(body.console_size),
        stdin=bool(body.attach_stdin),
        stdout=bool(body.attach_stdout),
        stderr=bool(body.attach_stderr),
        privileged=bool(body.privileged),
        detach_keys=body.detach_keys or "",
    )


def size_from(numbers: tuple[int, int] | None) -> Size | None:
    """Rows and columns; None for none.

    Raises:
        InvalidArgument: no terminal can have so many.
    """
    if not numbers or not any(numbers):
        return None
    if not all(0 <= number < 1 << 16 for number in numbers):
        raise InvalidArgument("ConsoleSize: a terminal has 0 to 65535 rows and columns")
    return Size(*numbers)


def _variable(text: str) -> tuple[str, str | None]:
    name, equals, value = text.partition("=")
    if not name or "\0" in text:
        raise InvalidArgument(f"Env: {text!r:.80} is not of the form NAME=VALUE")
    return name, value if equals else None


def _user(text: str) -> Any:
    try:
        return process.user(text)
    except InvalidArgument as bad:
        raise InvalidArgument(f"User: {text!r:.80} {bad.message}") from None


class ExecStart(msgspec.Struct, frozen=True, rename="pascal"):
    """How it is to be started."""

    detach: bool | None = None
    tty: bool | None = None
    console_size: tuple[int, int] | None = None


async def start(call: Call[NoQuery, ExecStart]) -> StreamResponse:
    """It runs; unless it is detached, the connection carries its streams."""
    execs, body = call.engine.execs, call.body
    found: Exec = execs.get(call.name)
    execs.check_start(found.id)
    size = size_from(body.console_size)
    if body.detach:
        await execs.start(found.id, None, size)
        return answers.nothing(200)
    wanted = Attachment(
        -1,
        stdin=found.request.stdin,
        stdout=found.request.stdout,
        stderr=found.request.stderr,
        framed=not found.request.terminal,
        detach_keys=found.request.detach_keys,
    )

    async def take(attachment: Attachment) -> None:
        await execs.start(found.id, attachment, size)

    return await hand_over(call.request, call.version, wanted, take)


async def resize(call: Call[ResizeQuery, Any]) -> StreamResponse:
    """Its terminal has another size."""
    rows, columns = size_of(call.query)
    await call.engine.execs.resize(call.name, rows, columns)
    return answers.nothing(200)


async def inspect(call: Plain) -> StreamResponse:
    """What was asked, whether it runs, and how it has ended."""
    return answers.json(document(call.engine.execs.get(call.name)))


def document(found: Exec) -> dict[str, Any]:
    """An exec, in Docker's words."""
    request = found.request
    return {
        "ID": found.id,
        "Running": found.running,
        "ExitCode": found.exit_code,
        "ProcessConfig": {
            "tty": request.terminal,
            "entrypoint": request.command[0],
            "arguments": list(request.command[1:]),
            "privileged": request.privileged,
        },
        "OpenStdin": request.stdin,
        "OpenStderr": request.stderr,
        "OpenStdout": request.stdout,
        "CanRemove": found.exit_code is not None,
        "ContainerID": found.container,
        "DetachKeys": request.detach_keys,
        "Pid": found.pid,
    }


ROUTES = (
    Route(
        *("POST", "/containers/{name}/exec", create, "prepare a process in a container"),
        body=ExecCreate,
        statuses=(201,),
    ),
    Route(
        *("POST", "/exec/{name}/start", start, "start it"),
        body=ExecStart,
        answer=answers.RAW_STREAM,
        statuses=(101, 200),
    ),
    Route("POST", "/exec/{name}/resize", resize, "resize its terminal", ResizeQuery, answer=""),
    Route("GET", "/exec/{name}/json", inspect, "show it"),
)
