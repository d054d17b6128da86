"""What the observing services ask of the containers, and no more."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from orlop.engine.container import Container


class Known(Protocol):
    """Who knows all containers."""

    def get(self, ref: str) -> Container:
        """The container of that id, unique beginning of an id, or name.

        Raises:
            NotFound: there is none.
        """

    def all(self) -> tuple[Container, ...]:
        """All of them."""
