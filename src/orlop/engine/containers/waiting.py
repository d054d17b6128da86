"""Who waits for the end of which container."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from orlop.engine.container import RESTARTING
from orlop.engine.containers.answers import Ended, WaitCondition

if TYPE_CHECKING:
    from orlop.engine.container import Container

_Waiting = set[asyncio.Future[Ended]]


class Waiters:
    """Futures by container and what they wait for.

    A future that nobody wants any more is cancelled by the one who had it, and forgotten.
    """

    def __init__(self) -> None:
        self._for_end: dict[str, _Waiting] = {}
        self._for_removal: dict[str, _Waiting] = {}

    def wait(self, container: Container, condition: WaitCondition) -> asyncio.Future[Ended]:
        """A future of what is waited for; done at once if it is so already."""
        future: asyncio.Future[Ended] = asyncio.get_running_loop().create_future()
        is_over = not container.is_running and container.state.status != RESTARTING
        if condition is WaitCondition.NOT_RUNNING and is_over:
            future.set_result(Ended(container.state.exit_code, container.state.error))
            return future
        removal = condition is WaitCondition.REMOVED
        waiting = self._for_removal if removal else self._for_end
        waiting.setdefault(container.id, set()).add(future)
        future.add_done_callback(lambda done: _forget(waiting, container.id, done))
        return future

    def has_ended(self, container: str, ended: Ended) -> None:
        """A run is over, and written down."""
        _tell(self._for_end.pop(container, set()), ended)

    def is_removed(self, container: str, ended: Ended) -> None:
        """The container is gone; whoever waits for the end of a run will see none any more."""
        _tell(self._for_end.pop(container, set()), ended)
        _tell(self._for_removal.pop(container, set()), ended)

    def removal_failed(self, container: str, ended: Ended) -> None:
        """The container cannot be removed now."""
        _tell(self._for_removal.pop(container, set()), ended)


def _tell(waiting: _Waiting, ended: Ended) -> None:
    for future in waiting:
        if not future.done():
            future.set_result(ended)


def _forget(waiting: dict[str, _Waiting], container: str, future: asyncio.Future[Ended]) -> None:
    remaining = waiting.get(container)
    if remaining is not None:
        remaining.discard(future)
        if not remaining:
            del waiting[container]
