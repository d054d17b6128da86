"""A container's changes as a layer, and an image of it."""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
from typing import TYPE_CHECKING, Protocol

from orlop.engine.archives import reading
from orlop.engine.blocking import in_thread
from orlop.engine.container import RUNNING
from orlop.engine.images import Commit, NewLayer
from orlop.engine.images.changes import apply
from orlop.errors import InvalidArgument, SyscallError
from orlop.intent.docker_json.config import user_text
from orlop.intent.request import InMemory, Named, Volume
from orlop.storage.space import no_room

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from orlop.engine.archives.answers import Committing
    from orlop.engine.container import Container
    from orlop.engine.images import Images
    from orlop.engine.roots import Roots
    from orlop.engine.settings import Settings
    from orlop.image.config import ImageConfig

_INSTEAD = "`orlop export` and `orlop import` make an image of all its files"


class Pausing(Protocol):
    """Who knows containers and can have one stand still."""

    def get(self, ref: str) -> Container:
        """The container of that id, unique beginning of an id, or name.

        Raises:
            NotFound: there is none.
        """

    async def pause(self, ref: str) -> None:
        """Its processes stand still."""

    async def unpause(self, ref: str) -> None:
        """Its processes go on."""


async def committed(
    container: Container,
    how: Committing,
    *,
    settings: Settings,
    containers: Pausing,
    roots: Roots,
    images: Images,
) -> str:
    """The id of a new image of the container; see `Archives.commit`.

    Raises:
        InvalidArgument: its image is none, or its files are in memory only; a change is malformed.
    """
    if isinstance(container.request.writable, InMemory):
        raise InvalidArgument(
            f"cannot commit container {container.name!r}: what it writes is in memory only",
            hint=_INSTEAD,
        )
    if not isinstance(container.request.image, Named):
        raise InvalidArgument(
            f"cannot commit container {container.name!r}: {container.image.ref!r} is no image that"
            " another one can be made on",
            hint=_INSTEAD,
        )
    config = apply(config_of(container), how.changes)
    with _scratch(settings) as path:
        async with _standing_still(container, containers, how.pause):
            diff_id = await in_thread(_write_layer, roots, container, path)
        return await images.commit(_commit(container, how, config, NewLayer(path, diff_id)))


def _commit(container: Container, how: Committing, config: ImageConfig, layer: NewLayer) -> Commit:
    request = container.request
    return Commit(
        parent=container.image.id,
        config=config,
        layer=layer,
        author=how.author,
        comment=how.comment,
        created_by=" ".join((*(request.entrypoint or ()), *request.command)),
        container=container.id,
        ref=how.ref,
    )


def config_of(container: Container) -> ImageConfig:
    """What containers of the new image get by default: what this one has."""
    request, image = container.request, container.image.config
    ports = tuple(f"{port.port}/{port.protocol}" for port in request.ports)
    # A named volume is the container's own affair, as a directory of the host is.
    volumes = tuple(m.target for m in request.mounts if m == Volume("", m.target))
    changes: dict[str, object] = {
        "environment": tuple(f"{n}={v}" for n, v in request.environment if v is not None),
        "entrypoint": request.entrypoint,
        "command": request.command or None,
        "directory": request.directory,
        "labels": dict(request.labels),
        "exposed_ports": tuple(sorted({*image.exposed_ports, *ports})),
        "volumes": tuple(sorted({*image.volumes, *volumes})),
    }
    if request.user is not None:
        changes["user"] = user_text(request.user)
    made: ImageConfig = image.replace(**changes)
    return made


@contextlib.contextmanager
def _scratch(settings: Settings) -> Iterator[str]:
    """A host path for an archive, which is gone afterwards."""
    directory = f"{settings.data_root}/scratch"
    os.makedirs(directory, 0o700, exist_ok=True)
    fd, path = tempfile.mkstemp(prefix="commit-", dir=directory)
    os.close(fd)
    try:
        yield path
    finally:
        os.unlink(path)


@contextlib.asynccontextmanager
async def _standing_still(
    container: Container, containers: Pausing, pause: bool
) -> AsyncIterator[None]:
    """A running container is paused meanwhile, if it is to be."""
    if not pause or container.state.status != RUNNING:
        yield
        return
    await containers.pause(container.id)
    try:
        yield
    finally:
        await containers.unpause(container.id)


def _write_layer(roots: Roots, container: Container, path: str) -> str:
    """Writes the archive of the container's changes; returns its digest."""
    digest = hashlib.sha256()
    try:
        with open(path, "wb") as file:
            for portion in reading.layer(roots, container):
                digest.update(portion)
                file.write(portion)
    except OSError as error:
        if isinstance(error, SyscallError):
            raise
        raise no_room("write the layer") from error
    return f"sha256:{digest.hexdigest()}"
