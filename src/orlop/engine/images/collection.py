"""What nothing needs any more: blobs and unpacked layers that no image and no container has.

- Who is bringing an image holds what it is made of (`ContentStore.hold`), and enters the image into
  the catalogue while nobody collects (`entering`). If something was collected before it was held,
  `is_whole` shows it there, and it has to be brought once more.
- Containers keep the layers that they were made from, even if the image is gone by force.
- Who makes an image of what he does not know the digests of yet keeps others from collecting
  (`making`); if somebody wanted to, it is made up for afterwards.
- An image that was just resolved is held for a while, until the container of it is known.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

from orlop.engine.blocking import in_thread
from orlop.records import Record

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable

    from orlop.engine.background import Background
    from orlop.engine.images.catalogue import Catalogue, Image
    from orlop.engine.known import Known
    from orlop.image.content import ContentStore
    from orlop.image.layer import LayerStore

GRACE_S = 30.0
"""How long the making of a container may take from its image on."""


class Collected(Record):
    """What is gone: diff ids of layers, and bytes of disk space, of layers and of blobs."""

    layers: tuple[str, ...] = ()
    bytes: int = 0


class Collector:
    """Removes what nothing needs.

    Args:
        catalogue: knows images.
        content: has blobs.
        layers: has unpacked layers.
        containers: what containers there are.
        background: for what nobody waits for.
    """

    def __init__(
        self,
        catalogue: Catalogue,
        content: ContentStore,
        layers: LayerStore,
        containers: Known,
        background: Background,
    ) -> None:
        self._background = background
        self._catalogue = catalogue
        self._content = content
        self._layers = layers
        self._containers = containers
        self._lock = asyncio.Lock()
        self._makers = 0
        self._is_owed = False
        self._leases: dict[str, list[contextlib.ExitStack]] = {}

    @contextlib.asynccontextmanager
    async def entering(self) -> AsyncIterator[None]:
        """Nothing is collected for as long as this lasts."""
        async with self._lock:
            yield

    @contextlib.asynccontextmanager
    async def making(self) -> AsyncIterator[None]:
        """The same, and whoever wants to collect does not wait for the end."""
        async with self._lock:
            self._makers += 1
        try:
            yield
        finally:
            self._makers -= 1
            self._pay()

    def is_whole(self, blobs: Iterable[str], diff_ids: Iterable[str]) -> bool:
        """Whether all of this is here."""
        return all(map(self._content.has, blobs)) and all(map(self._layers.has, diff_ids))

    def lease(self, ref: str, image: Image) -> None:
        """Nothing of the image is collected until the container of it is known, or for a while.

        Args:
            ref: what the container calls it.
            image: which it is.
        """
        held = contextlib.ExitStack()
        held.enter_context(self._content.hold((*image.blobs, *image.diff_ids)))
        leases = self._leases.setdefault(ref, [])
        leases.append(held)
        asyncio.get_running_loop().call_later(GRACE_S, self._release, ref, held)

    def release(self, ref: str) -> None:
        """The container of an image that was leased is known, and keeps its layers from now on."""
        for held in tuple(self._leases.get(ref, ()))[:1]:
            self._release(ref, held)

    def _release(self, ref: str, held: contextlib.ExitStack) -> None:
        leases = self._leases.get(ref, [])
        if held not in leases:
            return
        held.close()
        leases.remove(held)
        if not leases:
            del self._leases[ref]
        self._pay()

    def _pay(self) -> None:
        """What could not be collected is, if nothing is in the way any more."""
        if self._is_owed and not self._makers and not self._leases:
            self._is_owed = False
            self._background.start(self.collect(), "collect what images have left")

    async def collect(self, *, partial_older_than_s: float | None = None) -> Collected:
        """What nothing needs is gone.

        Args:
            partial_older_than_s: also blobs that did not come whole, so long ago; None for the
                usual time.
        """
        if self._makers:
            self._is_owed = True
            return Collected()
        self._is_owed = bool(self._leases)
        async with self._lock:
            images = self._catalogue.all()
            blobs = {digest for image in images for digest in image.blobs}
            diff_ids = {diff_id for image in images for diff_id in image.diff_ids}
            paths = {path for c in self._containers.all() for path in c.image.lowers}
            return await in_thread(self._sweep, blobs, diff_ids, paths, partial_older_than_s)

    def _sweep(
        self, blobs: set[str], diff_ids: set[str], paths: set[str], partial_s: float | None
    ) -> Collected:
        freed = (
            self._content.forget_partial()
            if partial_s is None
            else self._content.forget_partial(partial_s)
        )
        gone = []
        for diff_id in tuple(self._layers.all()):
            if diff_id in diff_ids or self._content.is_held(diff_id):
                continue
            if self._layers.path(diff_id) in paths:
                continue
            freed += self._layers.size(diff_id)
            self._layers.remove(diff_id)
            gone.append(diff_id)
        for digest, _ in tuple(self._content.all()):
            if digest not in blobs and not self._content.is_held(digest):
                freed += self._content.remove(digest)
        return Collected(tuple(gone), freed)
