"""Making containers: everything about one is checked and written down; nothing runs yet."""

from __future__ import annotations

import secrets
import time
from typing import TYPE_CHECKING

from orlop.engine import events
from orlop.engine.blocking import in_thread
from orlop.engine.container import CREATED, REMOVING, Container, MountPoint
from orlop.engine.containers.answers import Created
from orlop.engine.containers.composing import placed_image
from orlop.engine.containers.copies import Copies
from orlop.engine.containers.joining import with_host_name
from orlop.engine.containers.names import check_name, random_name
from orlop.engine.logs.options import choose
from orlop.errors import InternalError, InvalidArgument, NotFound
from orlop.intent.docker_json.config import image_text
from orlop.intent.request import Bind, Filesystem, Log, NoRestart, Tmpfs, Volume
from orlop.intent.with_image import check_program, with_image
from orlop.storage.removal import remove_path

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from orlop.engine.container import ResolvedImage
    from orlop.engine.containers.composing import Composer
    from orlop.engine.containers.roster import Roster
    from orlop.engine.containers.storage import ImagesOf, VolumesOf
    from orlop.engine.events import Events
    from orlop.engine.settings import Settings
    from orlop.intent.request import Mount, Request

_RUNTIMES = ("", "orlop", "runc", "io.containerd.runc.v2")


class Creator:
    """Makes containers."""

    def __init__(
        self,
        roster: Roster,
        images: ImagesOf,
        volumes: VolumesOf,
        composer: Composer,
        bus: Events,
        settings: Settings,
    ) -> None:
        self._roster = roster
        self._images = images
        self._volumes = volumes
        self._composer = composer
        self._events = bus
        self._settings = settings
        self._copies = Copies(settings)

    async def create(self, request: Request, name: str, platform: str) -> Created:
        """Makes a container; see `Containers.create`."""
        name = self._name(name or request.handling.name)
        check_handling(request)
        choose(request.handling.log, Log(self._settings.log_driver, self._settings.log_options))
        image = await self._images.resolve(
            image_text(request.image), platform or request.handling.platform
        )
        try:
            request = with_host_name(with_volumes_from(request, self._roster), self._roster)
            request = with_image(request, image.config)
            if image.lowers:
                check_program(request)
            return await self._written_down(self._described(name, request, image))
        except NotFound as missing:  # only a missing image can be had by pulling it
            raise InvalidArgument(missing.message, hint=missing.hint) from missing

    async def foreseen(self, request: Request) -> Request:
        """What would be asked of a container; see `Containers.foreseen`."""
        image = await self._images.resolve(image_text(request.image), request.handling.platform)
        request = with_image(request, image.config)
        container = self._described("", request, image)
        return request.replace(image=placed_image(container, request.image))

    def _name(self, asked: str) -> str:
        if not asked:
            return random_name(self._roster.names)
        name = check_name(asked)
        self._roster.check_free(name)
        return name

    def _described(self, name: str, request: Request, image: ResolvedImage) -> Container:
        """The container as far as it is known before its volumes are."""
        key = secrets.token_hex(32)
        directory = f"{self._settings.containers}/{key}"
        default = Log(self._settings.log_driver, self._settings.log_options)
        kept = choose(request.handling.log, default).is_kept
        return Container(
            key,
            name,
            time.time_ns(),
            request,
            image,
            directory=directory,
            log_path=f"{directory}/{key}-json.log" if kept else "",
        )

    async def _written_down(self, container: Container) -> Created:
        """Checks the container and stores it; one that is half made is stored as going.

        So an engine that is killed here removes it at its next start, with its new volumes.
        """
        volumes = [mount for mount in container.request.mounts if isinstance(mount, Volume)]
        copies = await in_thread(self._copies.are_wanted)
        if volumes or copies:
            going = container.state.replace(status=REMOVING, removes_volumes=True)
            self._roster.add(container.replace(state=going))
        try:
            if copies:
                await self._copies.make(container)
            points = [await self._volumes.use(container, volume) for volume in volumes]
            container = container.replace(mounts=mount_points(container.request, points))
            composed = self._composer.check(container)
            container = container.replace(warnings=composed.warnings)
            if volumes or copies:
                self._roster.change(
                    container.id, mounts=container.mounts, warnings=container.warnings
                )
                self._roster.change_state(container.id, status=CREATED, removes_volumes=False)
            else:
                self._roster.add(container)
        except BaseException:
            if volumes or copies:
                await self._volumes.release(container, anonymous=True)
                await in_thread(remove_path, container.directory)
                self._roster.drop(container.id)
            raise
        self._events.publish(events.of_container(container, "create"))
        return Created(container.id, container.warnings)


def check_handling(request: Request) -> None:
    """What is asked of the engine itself can be done.

    Raises:
        InvalidArgument: it contradicts itself, or names what is not there.
    """
    handling = request.handling
    if handling.remove and not isinstance(handling.restart, NoRestart):
        raise InvalidArgument("--rm cannot be had with a restart policy: what is removed is gone")
    if handling.runtime not in _RUNTIMES:
        raise InvalidArgument(
            f"there is no runtime {handling.runtime!r}", hint="orlop has its own; leave it out"
        )


def mount_points(request: Request, volumes: Sequence[MountPoint]) -> tuple[MountPoint, ...]:
    """Where the container's files come from, in the order in which it was asked for."""
    by_target = {point.target: point for point in volumes}
    found = (by_target.get(mount.target) or _mount_point(mount) for mount in request.mounts)
    return tuple(found)


def _mount_point(mount: Mount) -> MountPoint:
    match mount:
        case Bind():
            words = [word for word in ("ro" if mount.read_only else "", mount.relabel) if word]
            return MountPoint(
                "bind",
                mount.target,
                source=mount.source,
                mode=",".join(words) if mount.make_source else "",
                writable=not mount.read_only,
                propagation=mount.propagation,
            )
        case Tmpfs():
            return MountPoint("tmpfs", mount.target)
        case Volume() | Filesystem():
            raise InternalError(f"the volume at {mount.target} was not made")


def with_volumes_from(request: Request, roster: Roster) -> Request:
    """The request with the volumes and bind mounts of the containers that it names.

    Raises:
        NotFound: there is no such container.
    """
    mounts, written = list(request.mounts), dict(request.written)
    taken = {mount.target for mount in mounts}
    for index, source in enumerate(request.volumes_from):
        for mount in _of(roster.get(source.ref), read_only=source.read_only):
            if mount.target not in taken:
                taken.add(mount.target)
                cause = request.written.get(f"volumes_from[{index}]", "--volumes-from")
                written[f"mounts[{len(mounts)}]"] = cause
                mounts.append(mount)
    return request.replace(mounts=tuple(mounts), written=written)


def _of(other: Container, *, read_only: bool) -> Iterator[Mount]:
    for point in other.mounts:
        closed = read_only or not point.writable
        if point.type == "volume":
            yield Volume(point.name, point.target, closed, copy=False, driver=point.driver)
        elif point.type == "bind":
            yield Bind(point.source, point.target, closed, propagation=point.propagation)
