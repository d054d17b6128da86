"""Layers as they travel: what somebody who unpacks them gets, and what he offers.

The other side of this is in `orlop.storage`, which does not know this package: the two meet in the
engine, through nothing but texts and file-like objects.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from orlop.records import Record

if TYPE_CHECKING:
    from collections.abc import Iterable


class Layer(Record):
    """One layer of an image.

    Attributes:
        digest: of its blob, compressed as it is.
        size: bytes of that blob.
        media_type: says how it is compressed.
        diff_id: digest of the tar archive in it.
        urls: where else to get it, if the registry does not have it (foreign layers).
    """

    digest: str
    size: int
    media_type: str
    diff_id: str
    urls: tuple[str, ...] = ()


class LayerStream(Protocol):
    """The bytes of a layer's blob, in order, once, as a file gives them.

    They may still be on their way: `read` waits for them. They are known to be right only when
    `read` has given b"" at the end; so whoever unpacks throws away what he has if it raises.
    """

    def read(self, size: int = -1, /) -> bytes:
        """At most so many of the next bytes, b"" at the end.

        Raises:
            Unavailable: they cannot be had, or they are other bytes than was promised.
        """


class LayerStore(Protocol):
    """Who keeps unpacked layers, by their diff ids.

    All methods block, and may run in any thread.
    """

    def has(self, diff_id: str) -> bool:
        """Whether the layer is there, whole."""

    def unpack(self, stream: LayerStream, *, media_type: str, diff_id: str) -> str:
        """The layer is there, whole, or nothing of it is; returns its diff id.

        Args:
            stream: its bytes.
            media_type: says how they are compressed.
            diff_id: what it has to be, "" for any.

        Two calls for one layer at a time share the work or do it twice, but do no harm. The stream
        is read to its end (b"") before the layer is said to be there.

        Raises:
            InvalidArgument: it is no archive, a hostile one, or has another diff id.
            SyscallError: the disk does not take it.
        """

    def path(self, diff_id: str) -> str:
        """Absolute host directory of a layer that is there, as it may be among `lowers`."""

    def lowers(self, diff_ids: Iterable[str]) -> tuple[str, ...]:
        """Absolute host directories to make an overlay of, the uppermost first.

        Args:
            diff_ids: of layers that are there, the lowest first, as an image has them.
        """

    def size(self, diff_id: str) -> int:
        """Bytes of the files in it."""

    def remove(self, diff_id: str) -> None:
        """It is gone; also if it was not there."""

    def settle(self) -> None:
        """All layers are on the disk: a crash of the machine takes none any more. Slow."""

    def all(self) -> Iterable[str]:
        """The diff ids of all layers that are there."""
