"""Which containers use which images, and what disk space is whose."""

from __future__ import annotations

import collections
from typing import TYPE_CHECKING

from orlop.errors import NotFound

if TYPE_CHECKING:
    from collections.abc import Iterable

    from orlop.engine.container import Container
    from orlop.engine.images.catalogue import Catalogue, Image
    from orlop.engine.known import Known
    from orlop.image.layer import LayerStore


class Users:
    """The containers of images.

    Args:
        containers: what containers there are.
    """

    def __init__(self, containers: Known) -> None:
        self._containers = containers

    def of(self, image_id: str) -> tuple[Container, ...]:
        """Those that were made from an image, those that run first."""
        found = (c for c in self._containers.all() if c.image.id == image_id)
        return tuple(sorted(found, key=lambda container: not container.is_running))

    def counts(self) -> dict[str, int]:
        """How many there are, by image."""
        return collections.Counter(container.image.id for container in self._containers.all())

    def needed(self, catalogue: Catalogue) -> set[str]:
        """The images that containers use, with those that they were made from."""
        found: set[str] = set()
        for image_id in self.counts():
            image = catalogue.get(image_id)
            while image is not None and image.id not in found:
                found.add(image.id)
                image = catalogue.get(image.parent)
        return found


class Sizes:
    """Disk space of layers.

    Args:
        layers: who has them.
    """

    def __init__(self, layers: LayerStore) -> None:
        self._layers = layers

    def layer(self, diff_id: str) -> int:
        """Bytes of an unpacked layer, 0 if it is not there."""
        try:
            return self._layers.size(diff_id)
        except NotFound:
            return 0

    def image(self, image: Image) -> int:
        """Bytes of all layers of an image."""
        return sum(map(self.layer, image.diff_ids))

    def shared(self, image: Image, owners: collections.Counter[str]) -> int:
        """Bytes of those layers that others have too."""
        return sum(self.layer(d) for d in dict.fromkeys(image.diff_ids) if owners[d] > 1)

    def together(self, images: Iterable[Image]) -> int:
        """Bytes of the layers of several images, each layer once."""
        return sum(map(self.layer, {d for image in images for d in image.diff_ids}))


def owners(images: Iterable[Image]) -> collections.Counter[str]:
    """How many images have a layer, by diff id."""
    return collections.Counter(d for image in images for d in set(image.diff_ids))
