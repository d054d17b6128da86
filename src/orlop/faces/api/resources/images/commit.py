"""An image of a container: /commit."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import msgspec

from orlop.engine.archives import Committing
from orlop.faces.api import answers
from orlop.faces.api.resources.images.local import name_of
from orlop.faces.api.routes import Call, Route

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aiohttp.web_response import StreamResponse


class CommitQuery(msgspec.Struct, frozen=True):
    """The parameters of commit."""

    container: str = ""
    repo: str = ""
    tag: str = ""
    comment: str = ""
    author: str = ""
    pause: bool = True
    changes: tuple[str, ...] = ()


class ImageConfig(msgspec.Struct, frozen=True, rename="pascal"):
    """What the image says of containers, instead of what its container said."""

    cmd: list[str] | None = None
    entrypoint: list[str] | None = None
    env: list[str] | None = None
    exposed_ports: dict[str, Any] | None = None
    labels: dict[str, str] | None = None
    user: str | None = None
    volumes: dict[str, Any] | None = None
    working_dir: str | None = None
    stop_signal: str | None = None


async def commit(call: Call[CommitQuery, ImageConfig]) -> StreamResponse:
    """An image of a container's files."""
    query = call.query
    written = (line for text in query.changes for line in text.split("\n") if line.strip())
    how = Committing(
        ref=name_of(query.repo, query.tag) if query.repo else "",
        author=query.author,
        comment=query.comment,
        pause=query.pause,
        changes=(*instructions(call.body), *written),
    )
    return answers.json({"Id": await call.engine.archives.commit(query.container, how)}, 201)


def instructions(config: ImageConfig) -> Iterator[str]:
    """The same as instructions of a Dockerfile."""
    for name, words in (("ENTRYPOINT", config.entrypoint), ("CMD", config.cmd)):
        if words is not None:
            yield f"{name} {json.dumps(words)}"
    for text in config.env or ():
        name, _, value = text.partition("=")
        yield f"ENV {name}={_quoted(value)}"
    for name, value in (config.labels or {}).items():
        yield f"LABEL {_quoted(name)}={_quoted(value)}"
    for port in config.exposed_ports or ():
        yield f"EXPOSE {port}"
    if config.volumes:
        yield f"VOLUME {json.dumps(list(config.volumes))}"
    plain = {"USER": config.user, "WORKDIR": config.working_dir, "STOPSIGNAL": config.stop_signal}
    yield from (f"{name} {value}" for name, value in plain.items() if value)


def _quoted(text: str) -> str:
    """In double quotes, and nothing in it stands for anything else."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("$", "\\$")
    return f'"{escaped}"'


ROUTES = (
    Route(
        *("POST", "/commit", commit, "make an image of a container", CommitQuery, ImageConfig),
        statuses=(201,),
    ),
)
