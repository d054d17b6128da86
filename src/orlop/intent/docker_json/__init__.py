"""A request as the body of Docker's ContainerCreate, and back.

Both faces and the database's reader of old bodies use it: `orlop run` writes what the engine reads,
and `inspect` shows a request in the same words. Pure; nothing of the host is looked at.

The rows of `CONFIG` and `HOST_CONFIG` are members that stand for one field each; a part is a
function for members that only together make sense. Unknown members are ignored, the case of letters
does not count, a null is as good as an absent one, a member of the wrong type is an error that
names it.

See: moby api/swagger.yaml, ContainerCreate.
"""

from __future__ import annotations

from orlop.decode import Mismatch, mapping_of, respelled, string
from orlop.errors import SpecError
from orlop.intent.docker_json import config, host_config, mounts, networks, security
from orlop.intent.docker_json.member import at, look_up, put
from orlop.intent.given import Given, made
from orlop.intent.request import Handling, Health, HostImage, Request
from orlop.records import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

_MEMBERS = (*config.CONFIG, *host_config.HOST_CONFIG)
_TAKE = (
    config.take_streams,
    config.take_health,
    host_config.take_devices,
    security.take_security,
    mounts.take_mounts,
    networks.take_networks,
    networks.take_ports,
)
_GIVE = (
    config.give_streams,
    config.give_health,
    host_config.give_devices,
    security.give_security,
    mounts.give_mounts,
    networks.give_networks,
    networks.give_ports,
)
_WRITTEN = "Orlop.Written"


def from_docker(body: object) -> Request:
    """What the body of ContainerCreate asks for.

    The members of Config stand at the top of it, beside HostConfig and NetworkingConfig.

    Raises:
        SpecError: a member has a wrong type or value; the error names it.
    """
    try:
        return _read(body)
    except Mismatch as bad:
        path = "".join(reversed(bad.steps)).lstrip(".").removeprefix("Config.")
        raise SpecError(path or "body", bad.reason) from None


def _read(body: object) -> Request:
    if not isinstance(body, dict):
        raise Mismatch("must be an object")
    body = _spelling().of(body)
    document = {**body, "Config": body}
    given = Given()
    for member in _MEMBERS:
        member.take(document, given)
    for take in _TAKE:
        take(document, given)
    if "image" not in given.values:
        at("Image", _missing, None)
    written = look_up(document, _WRITTEN)
    if written is not None:
        given.written |= at(_WRITTEN, mapping_of(string), written)
    request: Request = made(Request, "", given)
    return request.replace(written=given.written)


class _Spelling(Record):
    """How members are spelt: by their form in lower case, and those in them, by their names."""

    names: Mapping[str, str]
    inner: Mapping[str, _Spelling]

    def of(self, document: Mapping[str, Any]) -> dict[str, Any]:
        """The same, with members that are spelt so. See: Go's encoding/json, Unmarshal."""
        found = respelled(document, self.names)
        for name, spelling in self.inner.items():
            if isinstance(found.get(name), dict):
                found[name] = spelling.of(found[name])
        return found


def _spelling_in(document: Mapping[str, Any]) -> _Spelling:
    objects = {name: inner for name, inner in document.items() if inner and type(inner) is dict}
    return _Spelling(
        {name.lower(): name for name in document},
        {name: _spelling_in(inner) for name, inner in objects.items()},
    )


_known: list[_Spelling] = []


def _spelling() -> _Spelling:
    """That of Docker's members: of a body in which each stands."""
    if not _known:
        health = Handling(health=Health(off=True))  # without, no member is written for it
        body = to_docker(Request(HostImage(), handling=health))
        del body["Orlop"]
        _known.append(_spelling_in(body))
    return _known[0]


def _missing(_: object) -> None:
    raise Mismatch("must be given")


def to_docker(request: Request) -> dict[str, Any]:
    """The body of ContainerCreate that asks for this."""
    document: dict[str, Any] = {}
    for member in _MEMBERS:
        member.give(request, document)
    for give in _GIVE:
        give(request, document)
    body = {**document.pop("Config"), **document}
    put(body, _WRITTEN, dict(request.written))
    return body


def config_of(body: Mapping[str, Any]) -> dict[str, Any]:
    """The `Config` of a container, of what `to_docker` has made."""
    return {key: value for key, value in body.items() if key not in _BESIDE}


_BESIDE = frozenset(("HostConfig", "NetworkingConfig", "Orlop"))
