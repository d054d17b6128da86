"""Images in archives: save and load."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from orlop.errors import InvalidArgument
from orlop.faces.api import answers, progress
from orlop.faces.api.resources.containers.files import send
from orlop.faces.api.routes import Call, Route

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from aiohttp.web_response import StreamResponse

    from orlop.engine.images import Progress
    from orlop.faces.api.bodies import NoBody


class SaveQuery(msgspec.Struct, frozen=True):
    """The parameters of save."""

    names: tuple[str, ...] = ()


async def save_all(call: Call[SaveQuery, NoBody]) -> StreamResponse:
    """Several images in one archive."""
    names = tuple(name for text in call.query.names for name in text.split(",") if name)
    if not names:
        raise InvalidArgument("no image was named")
    return await send(call.request, await call.engine.images.save(names))


async def save(call: Call[SaveQuery, NoBody]) -> StreamResponse:
    """One image in an archive."""
    return await send(call.request, await call.engine.images.save((call.name,)))


class LoadQuery(msgspec.Struct, frozen=True):
    """The parameters of load."""

    quiet: bool = False


async def load(call: Call[LoadQuery, NoBody]) -> StreamResponse:
    """The images of an archive are here."""
    images = call.engine.images

    def work(report: Callable[[Progress], None]) -> Awaitable[tuple[str, ...]]:
        archive = call.request.content.iter_any()
        if call.query.quiet:
            loading: Awaitable[tuple[str, ...]] = images.load(archive)
        else:
            loading = images.load(archive, progress=report)
        return loading

    def last(names: tuple[str, ...]) -> list[dict[str, str]]:
        return [{"stream": f"{_loaded(name)}\n"} for name in names]

    return await progress.stream(call.request, work, last)


def _loaded(name: str) -> str:
    return f"Loaded image ID: {name}" if name.startswith("sha256:") else f"Loaded image: {name}"


ROUTES = (
    Route(
        *("GET", "/images/get", save_all, "images as an archive", SaveQuery),
        answer=answers.TAR,
        cancelled=True,
    ),
    Route(
        *("GET", "/images/{name:.*}/get", save, "an image as an archive"),
        answer=answers.TAR,
        cancelled=True,
    ),
    Route(
        *("POST", "/images/load", load, "images of an archive", LoadQuery),
        cancelled=True,
        takes=answers.TAR,
    ),
)
