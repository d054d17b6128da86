"""What is done to containers: create, start, stop, kill, pause, rename, update, remove."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any

import msgspec

from orlop.engine.containers import WaitCondition
from orlop.errors import InvalidArgument, NotFound
from orlop.faces.api import answers, bodies
from orlop.faces.api.routes import Call, Route
from orlop.faces.api.signals import number_of
from orlop.intent.docker_json import from_docker

if TYPE_CHECKING:
    from aiohttp.web_response import StreamResponse

    from orlop.faces.api.bodies import NoBody

_REMOVES_ITSELF = (1, 25)
_CREATE_PLATFORM = (1, 41)
_STOP_SIGNAL = (1, 42)
_SIGKILL = 9
_ENDS_WITHIN_S = 10.0
_LONGEST_DELETED_BODY = 7  # of a start: no JSON object that says something is shorter


class CreateQuery(msgspec.Struct, frozen=True):
    """The parameters of create."""

    name: str = ""
    platform: str = ""


class ContainerCreate(msgspec.Struct, frozen=True):
    """What the OpenAPI document says of create's body; `orlop.intent.docker_json` reads it."""

    Image: str = ""
    Cmd: list[str] | None = None
    Env: list[str] | None = None
    HostConfig: dict[str, Any] | None = None
    NetworkingConfig: dict[str, Any] | None = None


async def create(call: Call[CreateQuery, NoBody]) -> StreamResponse:
    """A new container that can be started."""
    body = await bodies.raw(call.request)
    if not body.strip():
        raise InvalidArgument("config cannot be empty in order to create a container")
    request = from_docker(bodies.document(body))
    if call.version < _REMOVES_ITSELF:  # these clients do it, and complain if it is done
        request = request.replace(handling=request.handling.replace(remove=False))
    platform = call.query.platform if call.version >= _CREATE_PLATFORM else ""
    created = await call.engine.containers.create(
        request, name=call.query.name.removeprefix("/"), platform=platform
    )
    return answers.json({"Id": created.id, "Warnings": list(created.warnings)}, 201)


class StartQuery(msgspec.Struct, frozen=True):
    """The parameters of start."""

    checkpoint: str = ""
    detach_keys: str = msgspec.field(default="", name="detachKeys")


async def start(call: Call[StartQuery, NoBody]) -> StreamResponse:
    """It runs; 304 if it did already."""
    length = call.request.content_length
    if length is not None and length > _LONGEST_DELETED_BODY:
        raise InvalidArgument("a start has no body: what a container is like is said at create")
    if call.query.checkpoint:
        raise InvalidArgument("checkpoints are not supported")
    started = await call.engine.containers.start(call.name)
    return answers.nothing(204 if started else 304)


class StopQuery(msgspec.Struct, frozen=True):
    """The parameters of stop and restart."""

    signal: str = ""
    t: int | None = None


def _stop_signal(call: Call[StopQuery, NoBody]) -> int:
    return number_of(call.query.signal) if call.version >= _STOP_SIGNAL else 0


async def stop(call: Call[StopQuery, NoBody]) -> StreamResponse:
    """It has ended; 304 if it had already."""
    number = _stop_signal(call)
    stopped = await call.engine.containers.stop(call.name, timeout_s=call.query.t, signal=number)
    return answers.nothing(204 if stopped else 304)


async def restart(call: Call[StopQuery, NoBody]) -> StreamResponse:
    """It has ended, if it ran, and runs again."""
    number = _stop_signal(call)
    await call.engine.containers.restart(call.name, timeout_s=call.query.t, signal=number)
    return answers.nothing()


class KillQuery(msgspec.Struct, frozen=True):
    """The parameters of kill."""

    signal: str = ""


async def kill(call: Call[KillQuery, NoBody]) -> StreamResponse:
    """Its first process gets a signal; after SIGKILL it has ended, as nothing withstands that."""
    containers, number = call.engine.containers, number_of(call.query.signal, _SIGKILL)
    container = containers.get(call.name)
    await containers.kill(container.id, number)
    if number == _SIGKILL:
        with contextlib.suppress(TimeoutError, NotFound):
            ended = containers.wait(container.id, WaitCondition.NOT_RUNNING)
            await asyncio.wait_for(ended, _ENDS_WITHIN_S)
    return answers.nothing()


async def pause(call: Call[Any, NoBody]) -> StreamResponse:
    """Its processes stand still."""
    await call.engine.containers.pause(call.name)
    return answers.nothing()


async def unpause(call: Call[Any, NoBody]) -> StreamResponse:
    """They go on."""
    await call.engine.containers.unpause(call.name)
    return answers.nothing()


class RenameQuery(msgspec.Struct, frozen=True):
    """The parameters of rename."""

    name: str = ""


async def rename(call: Call[RenameQuery, NoBody]) -> StreamResponse:
    """It has another name."""
    name = call.query.name.removeprefix("/")
    if not name:
        raise InvalidArgument("neither the old nor the new name of a container can be empty")
    await call.engine.containers.rename(call.name, name)
    return answers.nothing()


class RemoveQuery(msgspec.Struct, frozen=True):
    """The parameters of remove."""

    force: bool = False
    v: bool = False
    link: bool = False


async def remove(call: Call[RemoveQuery, NoBody]) -> StreamResponse:
    """Nothing is left of it."""
    query = call.query
    if query.link:
        raise InvalidArgument("there are no links to be removed", hint="they are Docker's old ones")
    await call.engine.containers.remove(call.name, force=query.force, volumes=query.v)
    return answers.nothing()


async def update(call: Call[Any, NoBody]) -> StreamResponse:
    """It has other limits, at once if it runs."""
    asked = bodies.document(await bodies.raw(call.request) or b"{}")
    if not isinstance(asked, dict):
        raise InvalidArgument("invalid request body: it must be an object")
    request = from_docker({"Image": "host", "HostConfig": asked})
    restart = request.handling.restart if _chooses_restart(asked) else None
    warnings = await call.engine.containers.update(call.name, request.limits, restart)
    return answers.json({"Warnings": list(warnings)})


def _chooses_restart(asked: dict[str, Any]) -> bool:
    """Whether a restart policy is asked for; the CLI sends one without a name if it is not."""
    policy = asked.get("RestartPolicy")
    return isinstance(policy, dict) and bool(policy.get("Name"))


class ResizeQuery(msgspec.Struct, frozen=True):
    """The parameters of resize, of containers and of execs."""

    h: int | None = None
    w: int | None = None


def size_of(query: ResizeQuery) -> tuple[int, int]:
    """Rows and columns.

    Raises:
        InvalidArgument: one of them is missing, or no terminal can have so many.
    """
    for name, value in (("h", query.h), ("w", query.w)):
        if value is None or not 0 <= value < 1 << 16:
            raise InvalidArgument(f"invalid {name}: a terminal has 0 to 65535 rows and columns")
    return query.h or 0, query.w or 0


async def resize(call: Call[ResizeQuery, NoBody]) -> StreamResponse:
    """Its terminal has another size."""
    rows, columns = size_of(call.query)
    await call.engine.containers.resize(call.name, rows, columns)
    return answers.nothing(200)


_ONE = "/containers/{name}"

ROUTES = (
    Route(
        *("POST", "/containers/create", create, "create a container", CreateQuery),
        example=ContainerCreate,
        statuses=(201,),
    ),
    Route(
        *("POST", f"{_ONE}/start", start, "start a container", StartQuery),
        answer="",
        statuses=(204, 304),
    ),
    Route(
        *("POST", f"{_ONE}/stop", stop, "stop a container", StopQuery),
        answer="",
        statuses=(204, 304),
    ),
    Route(
        *("POST", f"{_ONE}/restart", restart, "restart a container", StopQuery),
        answer="",
        statuses=(204,),
    ),
    Route(
        *("POST", f"{_ONE}/kill", kill, "send a signal to a container", KillQuery),
        answer="",
        statuses=(204,),
    ),
    Route("POST", f"{_ONE}/pause", pause, "freeze a container", answer="", statuses=(204,)),
    Route("POST", f"{_ONE}/unpause", unpause, "let it go on", answer="", statuses=(204,)),
    Route(
        *("POST", f"{_ONE}/rename", rename, "rename a container", RenameQuery),
        answer="",
        statuses=(204,),
    ),
    Route("POST", f"{_ONE}/update", update, "change limits of a container"),
    Route("POST", f"{_ONE}/resize", resize, "resize its terminal", ResizeQuery, answer=""),
    Route(
        *("DELETE", _ONE, remove, "remove a container", RemoveQuery),
        answer="",
        statuses=(204,),
    ),
)
