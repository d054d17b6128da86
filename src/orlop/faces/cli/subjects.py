"""What proof and compare are pointed at: also the containers of the engine, by name or short id."""

from __future__ import annotations

import os

from orlop.client import Client
from orlop.client.addresses import part
from orlop.client.endpoint import UnixSocket
from orlop.client.selection import select
from orlop.errors import Conflict, NotFound, OrlopError, Unavailable
from orlop.insight.network.rates import asked_rates
from orlop.insight.targets import ORLOP, default_roots, resolve

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from orlop.insight.targets import Target

_CONTAINERS = "containers"


def roots_of(given: Sequence[str] = ()) -> tuple[str, ...]:
    """The state directories in which containers are looked for: those given, or all known ones."""
    return tuple(given) or (*default_roots(), *_engine_roots())


def _engine_roots() -> tuple[str, ...]:
    """Where the engine has the state of its containers: beside its socket."""
    endpoint = select().endpoint
    if not isinstance(endpoint, UnixSocket):
        return ()
    return (f"{os.path.dirname(endpoint.path)}/{_CONTAINERS}",)


def names_of_engine() -> dict[str, str]:
    """The names of the engine's containers that run, by id; nothing if no engine runs."""
    client = Client(select().replace(daemon=None))
    try:
        found = client.get("/containers/json")
    except OrlopError:
        return {}
    return {item["Id"]: item["Names"][0].removeprefix("/") for item in found if item.get("Names")}


def target(text: str, roots: Sequence[str]) -> Target:
    """The target of this name: as `orlop.insight.targets.resolve`, or a container of the engine.

    The engine is asked only if it runs.

    Raises:
        As `resolve`; Conflict: the engine has such a container, but it does not run.
    """
    try:
        known = resolve(text, roots)
    except NotFound:
        found = None if ":" in text else _inspected(text)
        if found is None:
            raise
    else:
        found = _inspected(known.id) if known.engine == ORLOP else None
        return known if found is None else _with_rates(known, found)
    name, pid = str(found["Name"]).removeprefix("/"), found["State"].get("Pid") or 0
    if not pid:
        status = found["State"].get("Status") or "stopped"
        raise Conflict(f"container {name!r} is {status}: it has no process")
    try:
        return _with_rates(resolve(str(found["Id"]), roots).replace(name=name), found)
    except NotFound:  # an engine that keeps its state elsewhere, or another's
        return resolve(f"pid:{pid}", roots).replace(name=name)


def _with_rates(known: Target, found: Mapping[str, Any]) -> Target:
    return known.replace(rates=asked_rates(found.get("HostConfig") or {}))


def _inspected(name: str) -> Mapping[str, Any] | None:
    """What the engine says of a container, None if there is none or no engine."""
    client = Client(select().replace(daemon=None))
    try:
        found: Mapping[str, Any] = client.get(f"/containers/{part(name)}/json")
    except (NotFound, Unavailable):
        return None
    return found
