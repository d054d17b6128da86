"""The root file systems of containers, for work on their files: `orlop.storage.roots` for them.

Everything here blocks.
"""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING, TypeVar

from orlop.engine.containers.copies import copy_of
from orlop.errors import InvalidArgument, NotFound, Unsupported
from orlop.intent import host_image
from orlop.intent.request import Bind, Directory, HostImage, Volume
from orlop.runtime.layers import Overlay, upper, work
from orlop.storage import trees
from orlop.storage.places import find_directory
from orlop.storage.roots import Attached, Part, StoppedRoot, in_running_root, in_stopped_root

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from orlop.engine.container import Container, MountPoint
    from orlop.engine.settings import Settings
    from orlop.intent import request
    from orlop.kernel.process import Identity
    from orlop.runtime.state import Store

    Placed = Callable[[request.Volume, str, contextlib.ExitStack], request.Mount]

_T = TypeVar("_T")


class Roots:
    """Knows what the roots of an engine's containers are made of.

    Args:
        settings: where they are.
        store: what is running.
        placed: what is mounted for a volume; see `Volumes.placed`.
    """

    def __init__(
        self,
        settings: Settings,
        store: Store,
        placed: Placed,
    ) -> None:
        self._settings = settings
        self._store = store
        self._placed = placed

    def parts(self, container: Container) -> tuple[Part, ...]:
        """The same with what the container has written."""
        if copy := copy_of(container):
            return (Part("/", (), copy=copy),)
        scratch = f"{container.directory}/layers"
        return tuple(
            Part(
                overlay.target,
                overlay.lowers,
                f"{scratch}/{upper(overlay)}",
                f"{scratch}/{work(overlay)}",
            )
            for overlay in overlays(self._settings, container)
        )

    def work(
        self, container: Container, work: Callable[[int], _T], *, writable: bool = False
    ) -> _T:
        """What `work` returns; it gets a descriptor of the container's root, with volumes. Blocks.

        Args:
            container: running or not.
            work: see `in_stopped_root` and `in_running_root`.
            writable: it writes; of a container that does not run, its lock has to be held.

        Raises:
            NotFound: it has ended meanwhile, or something that it is made of is gone.
            SyscallError: its files cannot be put together.
        """
        process = self.process(container)
        if process is not None:
            try:
                return in_running_root(process, work)
            except NotFound as gone:
                if gone.kind != "process" or writable:
                    raise
                # It has ended; nobody has noticed yet.
        with contextlib.ExitStack() as held:
            attached = tuple(self._attached(container, held))
            root = _stopped(self._settings, self.parts(container), attached)
            root = root.replace(read_only=container.request.read_only)
            return in_stopped_root(root, work, writable=writable)

    @property
    def place(self) -> str:
        """An empty host directory for mounts that nobody else sees."""
        return _place(self._settings)

    def image(self, container: Container, work: Callable[[int], _T]) -> _T:
        """The same for the image alone; see `in_image`."""
        return in_image(self._settings, container, work)

    def own(self, container: Container, work: Callable[[int], _T]) -> _T:
        """The same, read-only and without volumes: the image and what was written, as of now."""
        return in_stopped_root(_stopped(self._settings, self.parts(container)), work)

    def process(self, container: Container) -> Identity | None:
        """The container's first process, None if it does not run."""
        if not container.is_running:
            return None
        return self._store.open(container.id, lock=False).read().process

    def _attached(self, container: Container, held: contextlib.ExitStack) -> Iterator[Attached]:
        volumes = {mount.target: mount for mount in container.request.mounts}
        for point in container.mounts:
            source = point.source
            if point.name:
                asked = volumes.get(point.target)
                source = self._source(point, asked if isinstance(asked, Volume) else None, held)
            if source.startswith("/"):
                yield Attached(source, point.target, not point.writable)

    def _source(
        self, point: MountPoint, asked: request.Volume | None, held: contextlib.ExitStack
    ) -> str:
        """The host path of a volume, "" for one that has none."""
        try:
            placed = self._placed(asked or Volume(point.name, point.target), point.name, held)
        except (NotFound, Unsupported):  # it was removed by force, or cannot be mounted here
            return ""
        return placed.source if isinstance(placed, Bind) else ""


def overlays(settings: Settings, container: Container) -> tuple[Overlay, ...]:
    """The overlays of a container's image, the root's first."""
    image = container.request.image
    if isinstance(image, HostImage):
        facts = host_image.read_host_image()
        own = f"{settings.data_root}/host/{facts.name}"
        host_image.make(facts, own)
        return host_image.overlays(facts, own)
    if isinstance(image, Directory):
        return (Overlay("/", (image.path,), "root"),)
    return (Overlay("/", container.image.lowers, "root"),)


def in_image(settings: Settings, container: Container, work: Callable[[int], _T]) -> _T:
    """What `work` returns; it gets a descriptor of the image's root, without the container's own.

    Raises:
        NotFound: a layer is gone.
        SyscallError: its files cannot be put together.
    """
    parts = tuple(Part(overlay.target, overlay.lowers) for overlay in overlays(settings, container))
    return in_stopped_root(_stopped(settings, parts), work)


def fill(settings: Settings, container: Container, target: str, directory: str) -> bool:
    """A host directory has what a container's image has at a container path: contents, owner, mode.

    Returns:
        Whether there is a directory in the image at all.

    Raises:
        NotFound: a layer is gone.
        Unavailable: the disk is nearly full.
        SyscallError: something cannot be read or made.
    """

    def copy_from(root: int) -> bool:
        try:
            source = find_directory(root, target)
        except (NotFound, InvalidArgument):
            return False
        try:
            into = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                trees.copy(source, into, lambda _: None)
            finally:
                os.close(into)
        finally:
            os.close(source)
        return True

    return in_image(settings, container, copy_from)


def _stopped(
    settings: Settings, parts: tuple[Part, ...], attached: tuple[Attached, ...] = ()
) -> StoppedRoot:
    return StoppedRoot(parts, attached, place=_place(settings))


def _place(settings: Settings) -> str:
    place = f"{settings.data_root}/mounts"
    os.makedirs(place, mode=0o700, exist_ok=True)
    return place
