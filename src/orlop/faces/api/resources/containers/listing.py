"""Which containers there are: the list and its filters."""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING, Any

import msgspec

from orlop.engine import container as states
from orlop.errors import InvalidArgument, NotFound
from orlop.faces.api import answers
from orlop.faces.api.filters import Filters
from orlop.faces.api.rendering import containers as rendering
from orlop.faces.api.routes import Call, Route

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from aiohttp.web_response import StreamResponse

    from orlop.engine.container import Container
    from orlop.engine.engine import Engine
    from orlop.faces.api.bodies import NoBody

    Test = Callable[[Any, Container, str], bool]

_STATES = (
    *(states.CREATED, states.RUNNING, states.PAUSED, states.RESTARTING),
    *(states.REMOVING, states.EXITED, states.DEAD),
)
_HEALTHS = ("none", states.STARTING, states.HEALTHY, states.UNHEALTHY)
_LONGEST_PATTERN = 256


class ListQuery(msgspec.Struct, frozen=True):
    """The parameters of the list."""

    all: bool = False
    limit: int = 0
    size: bool = False
    filters: Filters = Filters()


async def list_(call: Call[ListQuery, NoBody]) -> StreamResponse:
    """The containers that somebody wants to see, the newest first."""
    query, engine = call.query, call.engine
    chosen = select(engine, query)
    sizes = (
        await asyncio.gather(*map(_size(engine), chosen)) if query.size else [None] * len(chosen)
    )
    rows = [
        rendering.summary(container, engine.networks.endpoints(container), call.version, size)
        for container, size in zip(chosen, sizes, strict=True)
    ]
    return answers.json(rows)


def _size(engine: Engine) -> Callable[[Container], Any]:
    async def size(container: Container) -> Any:
        try:
            return await engine.containers.size(container.id)
        except NotFound:  # removed in the meantime
            return None

    return size


def select(engine: Engine, query: ListQuery) -> list[Container]:
    """The containers for these parameters.

    Raises:
        InvalidArgument: a filter is unknown, or its value makes no sense.
        NotFound: `before` or `since` name no container.
    """
    filters = query.filters.only(*_TESTS, "before", "since", "label", "label!", "is-task")
    _check(filters)
    found = [c for c in engine.containers.all() if _fits(engine, filters, c)]
    found.sort(key=lambda c: c.created_ns, reverse=True)
    found = _between(engine, filters, found)
    if query.limit > 0:
        return found[: query.limit]
    if query.all or {"status", "exited", "before", "since"} & set(filters.names()):
        return found
    return [c for c in found if c.is_running or c.state.status == states.RESTARTING]


def _check(filters: Filters) -> None:
    for name, known in (("status", _STATES), ("health", _HEALTHS)):
        for value in filters.get(name):
            if value not in known:
                raise InvalidArgument(f"invalid filter '{name}={value}'")
    for value in filters.get("exited"):
        if not re.fullmatch(r"-?[0-9]{1,10}", value, re.ASCII):
            raise InvalidArgument(f"invalid filter 'exited={value}'")
    filters.flag("is-task")


def _between(engine: Engine, filters: Filters, found: list[Container]) -> list[Container]:
    for ref in filters.get("before"):
        latest = engine.containers.get(ref).created_ns
        found = [c for c in found if c.created_ns < latest]
    for ref in filters.get("since"):
        earliest = engine.containers.get(ref).created_ns
        found = [c for c in found if c.created_ns > earliest]
    return found


def _fits(engine: Engine, filters: Filters, container: Container) -> bool:
    """Whether a container fits: of each filter one of its values."""
    if filters.flag("is-task") or not filters.labels_fit(dict(container.request.labels)):
        return False
    return all(
        any(test(engine, container, value) for value in filters.get(name))
        for name, test in _TESTS.items()
        if name in filters
    )


# --- the filters ----------------------------------------------------------------------------------


def _matches(pattern: str, text: str) -> bool:
    """As Go's regexp would, and no more than that may take."""
    if len(pattern) > _LONGEST_PATTERN:
        return False
    try:
        return re.search(pattern, text) is not None
    except (re.error, RecursionError, OverflowError):
        return pattern == text


def _id(_: Any, container: Container, value: str) -> bool:
    return container.id.startswith(value) or _matches(value, container.id)


def _name(_: Any, container: Container, value: str) -> bool:
    return _matches(value, container.name) or _matches(value, f"/{container.name}")


def _status(_: Any, container: Container, value: str) -> bool:
    return container.state.status == value


def _exited(_: Any, container: Container, value: str) -> bool:
    state = container.state
    return state.status == states.EXITED and state.exit_code == int(value)


def _health(_: Any, container: Container, value: str) -> bool:
    health = container.state.health
    return (health.status if health else "none") == value


def _ancestor(engine: Engine, container: Container, value: str) -> bool:
    if container.image.ref == value:
        return True
    try:
        wanted = engine.images.inspect(value).summary.id
    except (NotFound, InvalidArgument):
        return False
    return wanted in _line(engine, container.image.id)


def _line(engine: Engine, image: str) -> list[str]:
    """An image and those from which it was made."""
    line: list[str] = []
    while image and image not in line:
        line.append(image)
        try:
            image = engine.images.inspect(image).summary.parent
        except (NotFound, InvalidArgument):
            break
    return line


def _volume(_: Any, container: Container, value: str) -> bool:
    return any(value in (m.name, m.source, m.target) for m in container.mounts if value)


def _network(engine: Engine, container: Container, value: str) -> bool:
    return any(
        value == endpoint.network.name or (value and endpoint.network.id.startswith(value))
        for endpoint in engine.networks.endpoints(container)
    )


def _port_range(value: str) -> tuple[int, int, str]:
    """First and last port and protocol of "80", "80-90/udp".

    Raises:
        InvalidArgument: it is no range.
    """
    found = re.fullmatch(r"(\d{1,5})(?:-(\d{1,5}))?(?:/(tcp|udp|sctp))?", value, re.ASCII)
    if not found:
        raise InvalidArgument(f"invalid port range {value!r:.80}")
    return int(found[1]), int(found[2] or found[1]), found[3] or "tcp"


def _publish(_: Any, container: Container, value: str) -> bool:
    first, last, protocol = _port_range(value)
    return any(
        port.published and port.protocol == protocol and first <= number <= last
        for port in container.request.ports
        for number in (port.port, port.host_port or -1)
    )


def _expose(_: Any, container: Container, value: str) -> bool:
    first, last, protocol = _port_range(value)
    return any(
        port.protocol == protocol and first <= port.port <= last for port in container.request.ports
    )


def _isolation(_: Any, container: Container, value: str) -> bool:
    return value in ("", "default")


_TESTS: Mapping[str, Test] = {
    "id": _id,
    "name": _name,
    "status": _status,
    "exited": _exited,
    "health": _health,
    "ancestor": _ancestor,
    "volume": _volume,
    "network": _network,
    "publish": _publish,
    "expose": _expose,
    "isolation": _isolation,
}

ROUTES = (Route("GET", "/containers/json", list_, "list containers", ListQuery),)
