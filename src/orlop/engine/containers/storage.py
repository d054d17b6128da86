"""What containers want of volumes and images, as far as they know these services."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import contextlib

    from orlop.engine.container import Container, MountPoint, ResolvedImage
    from orlop.intent.request import Mount, Volume


class ImagesOf(Protocol):
    """Who knows images."""

    async def resolve(self, ref: str, platform: str = "") -> ResolvedImage:
        """An image, ready for containers.

        Raises:
            NotFound: there is no such image.
        """


class VolumesOf(Protocol):
    """Who has volumes."""

    async def use(self, container: Container, volume: Volume) -> MountPoint:
        """The volume for a container, made if it is missing, filled if it is empty."""

    def placed(self, asked: Volume, name: str, held: contextlib.ExitStack) -> Mount:
        """What is mounted for a volume at a start; `held` keeps open what it needs so long."""

    async def mount(self, container: Container) -> None:
        """What the container has in memory together with others is there: it is about to run."""

    async def unmount(self, container: str) -> None:
        """A container, by its id, does not run any more."""

    async def unmount_unused(self) -> None:
        """Nothing is in memory that no running container has."""

    async def release(self, container: Container, *, anonymous: bool) -> object:
        """The container does not use its volumes any more; its anonymous ones can go, too."""
