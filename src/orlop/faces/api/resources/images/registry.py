"""Images of registries: pull, push, search, distribution, auth; and import, which shares a path."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from orlop.errors import InvalidArgument, Unauthorized, Unsupported
from orlop.faces.api import answers, failures, progress
from orlop.faces.api.credentials import AuthConfig, credentials_of, from_header
from orlop.faces.api.filters import Filters
from orlop.faces.api.rendering.images import platform_document
from orlop.faces.api.resources.images.local import name_of
from orlop.faces.api.routes import Call, Plain, Route

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from aiohttp.web_response import StreamResponse

    from orlop.engine.images import Progress, Pulled, Pushed
    from orlop.faces.api.bodies import NoBody
    from orlop.faces.api.queries import NoQuery

    Report = Callable[[Progress], None]


class CreateQuery(msgspec.Struct, frozen=True):
    """The parameters of pull and import."""

    from_image: str = msgspec.field(default="", name="fromImage")
    from_src: str = msgspec.field(default="", name="fromSrc")
    repo: str = ""
    tag: str = ""
    message: str = ""
    platform: str = ""
    changes: tuple[str, ...] = ()


async def create(call: Call[CreateQuery, NoBody]) -> StreamResponse:
    """An image is pulled, or made of an archive."""
    if call.query.from_image:
        return await _pull(call)
    if call.query.from_src:
        return await _import(call)
    raise InvalidArgument("neither fromImage nor fromSrc says what image is wanted")


async def _pull(call: Call[CreateQuery, NoBody]) -> StreamResponse:
    query, images, auth = call.query, call.engine.images, from_header(call.request)
    ref, all_tags = wanted_name(query.from_image, query.tag)

    def work(report: Report) -> Awaitable[tuple[Pulled, ...]]:
        found: Awaitable[tuple[Pulled, ...]] = images.pull(
            ref, platform=query.platform, all_tags=all_tags, auth=auth, progress=report
        )
        return found

    try:
        return await progress.stream(call.request, work, lambda _: ())
    except Unauthorized as error:  # as Docker has it: what one may not see is not there
        return answers.message(f"{_DENIED.format(query.from_image)}: {error}", 404)


_DENIED = (  # Compose and docker-py search for these words
    "pull access denied for {}, repository does not exist or may require 'docker login'"
)


def wanted_name(image: str, tag: str) -> tuple[str, bool]:
    """The name to be pulled, and whether all tags of it are: of a name alone they are."""
    if not tag:
        last = image.rpartition("/")[2]
        return image, ":" not in last and "@" not in last
    return (f"{image}@{tag}" if ":" in tag else f"{image}:{tag}"), False


async def _import(call: Call[CreateQuery, NoBody]) -> StreamResponse:
    query, images = call.query, call.engine.images
    if query.from_src != "-":
        raise Unsupported(
            "importing from a URL", needs="an archive in the request", hint="use fromSrc=-"
        )

    def work(report: Report) -> Awaitable[str]:
        made: Awaitable[str] = images.import_(
            call.request.content.iter_any(),
            ref=name_of(query.repo, query.tag) if query.repo else "",
            changes=query.changes,
            message=query.message,
            platform=query.platform,
            progress=report,
        )
        return made

    return await progress.stream(call.request, work, lambda image: [{"status": image}])


class PushQuery(msgspec.Struct, frozen=True):
    """The parameters of push."""

    tag: str = ""
    platform: str = ""


async def push(call: Call[PushQuery, NoBody]) -> StreamResponse:
    """A registry has the image."""
    tag, images, auth = call.query.tag, call.engine.images, from_header(call.request)
    ref = f"{call.name}:{tag}" if tag else call.name
    all_tags = wanted_name(call.name, tag)[1]

    def work(report: Report) -> Awaitable[tuple[Pushed, ...]]:
        done: Awaitable[tuple[Pushed, ...]] = images.push(
            ref, all_tags=all_tags, auth=auth, progress=report
        )
        return done

    return await progress.stream(call.request, work, _pushed)


def _pushed(done: tuple[Pushed, ...]) -> list[dict[str, Any]]:
    return [
        {
            "progressDetail": {},
            "aux": {"Tag": one.tag, "Digest": one.digest, "Size": one.size},
        }
        for one in done
    ]


class BootstrapQuery(msgspec.Struct, frozen=True):
    """What Docker's API lacks: the name of an image that is made here."""

    ref: str = ""


async def bootstrap(call: Call[BootstrapQuery, NoBody]) -> StreamResponse:
    """A release of Debian becomes an image."""
    ref, images = call.query.ref, call.engine.images
    if not ref:
        raise InvalidArgument("ref does not say which release is wanted, as debian:bookworm")

    def work(report: Report) -> Awaitable[Pulled]:
        made: Awaitable[Pulled] = images.bootstrap(ref, progress=report)
        return made

    return await progress.stream(call.request, work, lambda made: [{"status": made.id}])


class SearchQuery(msgspec.Struct, frozen=True):
    """The parameters of search."""

    term: str = ""
    limit: int = 0
    filters: Filters = Filters()


async def search(call: Call[SearchQuery, NoBody]) -> StreamResponse:
    """Is not offered."""
    await call.engine.images.search(call.query.term)
    return answers.json([])


async def distribution(call: Plain) -> StreamResponse:
    """What a registry has under a name."""
    offer = await call.engine.images.distribution(call.name, from_header(call.request))
    descriptor = {"mediaType": offer.media_type, "digest": offer.digest, "size": offer.size}
    platforms = [platform_document(platform) for platform in offer.platforms]
    return answers.json({"Descriptor": descriptor, "Platforms": platforms})


async def auth(call: Call[NoQuery, AuthConfig]) -> StreamResponse:
    """A registry accepts the credentials."""
    body = call.body
    try:
        token = await call.engine.images.login(credentials_of(body), body.serveraddress or "")
    except Unauthorized as error:
        return answers.message(failures.message_of(error), 401)
    return answers.json({"Status": "Login Succeeded", "IdentityToken": token})


ROUTES = (
    Route(
        *("POST", "/images/create", create, "pull or import an image", CreateQuery),
        cancelled=True,
        takes=answers.TAR,
    ),
    Route("POST", "/images/{name:.*}/push", push, "push an image", PushQuery, cancelled=True),
    Route(
        *("POST", "/images/bootstrap", bootstrap, "make an image of a release", BootstrapQuery),
        cancelled=True,
    ),
    Route("GET", "/images/search", search, "search (not offered)", SearchQuery, statuses=(501,)),
    Route("GET", "/distribution/{name:.*}/json", distribution, "what a registry has"),
    Route("POST", "/auth", auth, "try credentials", body=AuthConfig),
)
