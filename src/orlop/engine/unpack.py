"""Where images and storage meet: the layers of images, unpacked, as `orlop.image` asks for them."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from orlop.storage.decompress import CHUNK_BYTES
from orlop.storage.extract import OVERLAY, Rules
from orlop.storage.layers import LayerStore

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from orlop.engine.settings import Settings
    from orlop.image.layer import LayerStream


class UnpackedLayers:
    """The layers of all images of an engine; see `orlop.image.layer.LayerStore`.

    Args:
        settings: where they are.

    Raises:
        SyscallError: the directory cannot be used.
    """

    def __init__(self, settings: Settings) -> None:
        self._store = LayerStore(f"{settings.data_root}/layers", _rules())

    def has(self, diff_id: str) -> bool:
        """Whether the layer is there, whole."""
        return self._store.has(diff_id)

    def unpack(self, stream: LayerStream, *, media_type: str, diff_id: str) -> str:
        """The layer is there, whole, or nothing of it is; returns its diff id.

        How it is compressed its first bytes say, and not the media type, as in Docker.

        Raises:
            InvalidArgument: it is no archive, a hostile one, or has another diff id.
            Unavailable: the disk is full.
            SyscallError: the disk does not take it for another reason.
        """
        return self._store.add(_chunks(stream), diff_id).diff_id

    def path(self, diff_id: str) -> str:
        """Absolute host directory of a layer that is there."""
        return self._store.tree(diff_id)

    def lowers(self, diff_ids: Iterable[str]) -> tuple[str, ...]:
        """The host directories of an image's overlay, the uppermost first.

        This may be one more than there are layers, so `path` alone does not do.

        Args:
            diff_ids: from the lowest to the uppermost, as an image has them.
        """
        return self._store.lowers(diff_ids)

    def size(self, diff_id: str) -> int:
        """Bytes of the files in it."""
        return self._store.get(diff_id).size

    def remove(self, diff_id: str) -> None:
        """It is gone; also if it was not there."""
        self._store.remove(diff_id)

    def all(self) -> Iterable[str]:
        """The diff ids of all layers that are there, but for those that are made of others."""
        return tuple(layer.diff_id for layer in self._store.all() if not layer.of)

    def settle(self) -> None:
        """All layers are on the disk: a crash of the machine takes none any more. Slow."""
        self._store.settle()


def _rules() -> Rules:
    if os.geteuid() == 0:
        return Rules(whiteouts=OVERLAY, fresh=True)
    return Rules(
        whiteouts=OVERLAY, fresh=True, opaque="user.overlay.opaque", owners=False, devices=False
    )


def _chunks(stream: LayerStream) -> Iterator[bytes]:
    while chunk := stream.read(CHUNK_BYTES):
        yield chunk
