"""Images that go by themselves: those that were not used for long, or that take too much space.

What a container has, or another image was made from, stays, whatever the settings say.

See: kubernetes.io, "Garbage collection of unused images", for the two rules.
"""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING

from orlop.errors import OrlopError

if TYPE_CHECKING:
    from orlop.engine.images.catalogue import Catalogue, Image
    from orlop.engine.images.collection import Collector
    from orlop.engine.images.removal import Remover, Steps
    from orlop.engine.images.usage import Sizes, Users
    from orlop.engine.settings import Settings

_log = logging.getLogger(__name__)
_INTERVAL_S = 300.0


class Policy:
    """Removes images by rule.

    Args:
        settings: the rules.
        catalogue: knows images.
        collector: frees what they leave.
        remover: removes them.
        sizes: knows what they take.
        users: knows which are needed.
    """

    def __init__(
        self,
        settings: Settings,
        catalogue: Catalogue,
        collector: Collector,
        remover: Remover,
        sizes: Sizes,
        users: Users,
    ) -> None:
        self._settings = settings
        self._catalogue = catalogue
        self._collector = collector
        self._remover = remover
        self._sizes = sizes
        self._users = users

    @property
    def is_on(self) -> bool:
        """Whether there is a rule."""
        return bool(self._settings.keep_images_s or self._settings.keep_images_bytes)

    async def run(self) -> None:
        """Applies the rules now and then; ends when it is cancelled."""
        while True:
            try:
                await self.apply()
            except OrlopError as error:
                _log.warning("cannot remove old images: %s", error)
            await asyncio.sleep(_INTERVAL_S)

    async def apply(self) -> tuple[str, ...]:
        """Applies the rules once; returns the ids of the images that are gone."""
        steps: Steps = []
        doomed = self._old() if self._settings.keep_images_s else []
        for image in doomed:
            self._remover.drop(image, steps)
        if self._settings.keep_images_bytes:
            self._make_room(steps)
        if not steps:
            return ()
        done = await self._collector.collect()
        gone = tuple(text for kind, text in steps if kind == "deleted")
        _log.info("%d images were removed by age or size, %d bytes", len(gone), done.bytes)
        return gone

    def _candidates(self) -> list[Image]:
        """What may go, what was not used longest first."""
        needed = self._users.needed(self._catalogue)
        found = [
            image
            for image in self._catalogue.all()
            if image.id not in needed and not self._catalogue.children(image.id)
        ]
        return sorted(found, key=lambda image: image.used_ns)

    def _old(self) -> list[Image]:
        limit = time.time_ns() - self._settings.keep_images_s * 10**9
        return [image for image in self._candidates() if image.used_ns < limit]

    def _make_room(self, steps: Steps) -> None:
        while self._taken() > self._settings.keep_images_bytes:
            candidates = self._candidates()
            if not candidates:
                return
            self._remover.drop(candidates[0], steps)

    def _taken(self) -> int:
        """Bytes of all layers, unpacked and compressed, of the images that there are."""
        images = self._catalogue.all()
        blobs = {b.digest: b.size for image in images for b in image.manifest.layers}
        return self._sizes.together(images) + sum(blobs.values())
