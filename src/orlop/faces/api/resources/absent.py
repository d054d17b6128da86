"""What this engine does not have, and how it says so: Swarm, plugins, builds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orlop.errors import NotFound, Unavailable, Unsupported
from orlop.faces.api import answers
from orlop.faces.api.routes import Plain, Route

if TYPE_CHECKING:
    from aiohttp.web_response import StreamResponse


async def no_swarm(call: Plain) -> StreamResponse:
    """Every path of Swarm's: in Docker's words, for which some clients look."""
    raise Unavailable(
        'This node is not a swarm manager. Use "docker swarm init" or "docker swarm join" '
        "to connect this node to swarm and try again."
    )


async def no_build(call: Plain) -> StreamResponse:
    """Images are not built here yet."""
    raise Unsupported(
        "building images",
        needs="a builder, which orlop does not have yet",
        hint="build with buildah or podman, and load the archive",
    )


async def nothing_built(call: Plain) -> StreamResponse:
    """There is no cache of builds, so nothing was removed from it."""
    return answers.json({"CachesDeleted": [], "SpaceReclaimed": 0})


async def plugins(call: Plain) -> StreamResponse:
    """There are none."""
    return answers.json([])


async def no_plugin(call: Plain) -> StreamResponse:
    """Whatever the name."""
    raise NotFound("plugin", call.names.get("name", ""))


async def no_plugins(call: Plain) -> StreamResponse:
    """None can be added."""
    raise Unsupported("plugins", needs="another engine")


_SWARM = ("swarm", "nodes", "services", "tasks", "secrets", "configs")

ROUTES = (
    Route("POST", "/build", no_build, "build an image (not yet)", statuses=(501,)),
    Route("POST", "/build/cancel", no_build, "cancel a build (not yet)", statuses=(501,)),
    Route("POST", "/build/prune", nothing_built, "remove caches of builds"),
    Route("POST", "/session", no_build, "BuildKit's session (not yet)", statuses=(501,)),
    Route("POST", "/grpc", no_build, "BuildKit (not yet)", statuses=(501,)),
    Route("GET", "/plugins", plugins, "list plugins"),
    Route("GET", "/plugins/privileges", no_plugins, "what a plugin needs", statuses=(501,)),
    Route("POST", "/plugins/pull", no_plugins, "install a plugin", statuses=(501,)),
    Route("POST", "/plugins/create", no_plugins, "make a plugin", statuses=(501,)),
    Route("GET", "/plugins/{name:.*}/json", no_plugin, "show a plugin", statuses=(404,)),
    Route("DELETE", "/plugins/{name:.*}", no_plugin, "remove a plugin", statuses=(404,)),
    Route("POST", "/plugins/{name:.*}/{verb}", no_plugin, "change a plugin", statuses=(404,)),
    *(
        Route(method, f"/{path}{rest}", no_swarm, "Swarm is not here", statuses=(503,))
        for path in _SWARM
        for method in ("GET", "POST", "DELETE")
        for rest in ("", "/{name:.*}")
    ),
)
