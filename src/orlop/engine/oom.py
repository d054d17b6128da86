"""Notices at once when the kernel kills a process of a container for want of memory.

The container may go on afterwards, so its end would be too late to tell. Only containers with a
memory limit are watched; what dies of the machine's own want is found in the kernel's log.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import time
from typing import TYPE_CHECKING, Protocol

from orlop.engine.blocking import in_thread
from orlop.engine.container import OomKill
from orlop.engine.events import CONTAINER
from orlop.engine.known import Known
from orlop.engine.victims import last_victim
from orlop.errors import NotFound, OrlopError

if TYPE_CHECKING:
    from orlop.engine.background import Background
    from orlop.engine.container import Container
    from orlop.engine.events import Event, Events
    from orlop.engine.running import LiveContainer, LiveContainers
    from orlop.kernel.cgroup.oom import OomWatch

_ENDS = ("die", "destroy")


class OomKeeper(Known, Protocol):
    """Who knows all containers, and writes down what is noticed."""

    def set_oom(self, ref: str, oom: OomKill) -> None:
        """Remembers and tells that processes of a container that runs were killed."""


class OomWatches:
    """Watches the containers of an engine. To be opened and closed."""

    def __init__(
        self, containers: OomKeeper, live: LiveContainers, events: Events, background: Background
    ) -> None:
        self._containers = containers
        self._live = live
        self._background = background
        self._watches: dict[str, OomWatch] = {}
        self._listening = events.subscribe(keep=self._note)

    def open(self) -> None:
        """The containers that run already are watched, too."""
        for container in self._containers.all():
            if container.is_running:
                self._begin(container)

    def close(self) -> None:
        """Nothing is watched any more."""
        self._listening.close()
        for container_id in tuple(self._watches):
            self._end(container_id)

    def _note(self, event: Event) -> bool:
        """Looks at every event; none has to wait in a queue."""
        if event.type == CONTAINER and event.action in _ENDS:
            self._end(event.id)
        elif event.type == CONTAINER and event.action == "start":
            with contextlib.suppress(NotFound):
                self._begin(self._containers.get(event.id))
        return False

    def _begin(self, container: Container) -> None:
        if not container.request.limits.memory_bytes:
            return
        self._end(container.id)
        try:
            live = self._live.of(container, "watch the memory of")
            watch = live.cgroup.oom_watch()  # some 50 microseconds
        except OrlopError:  # it has ended, or the kernel cannot tell
            return
        self._watches[container.id] = watch
        self._look_soon(container.id, watch, live, first=True)  # at what was before

    def _look_soon(
        self, container_id: str, watch: OomWatch, live: LiveContainer, *, first: bool = False
    ) -> None:
        work = self._look(container_id, watch, live, first=first)
        self._background.start(work, f"look at the memory of {container_id[:12]}")

    def _listen(self, container_id: str, watch: OomWatch, live: LiveContainer) -> None:
        loop = asyncio.get_running_loop()

        def ready() -> None:
            loop.remove_reader(watch.fileno())
            self._look_soon(container_id, watch, live)

        loop.add_reader(watch.fileno(), ready)

    async def _look(
        self, container_id: str, watch: OomWatch, live: LiveContainer, *, first: bool
    ) -> None:
        try:
            await self._look_now(container_id, watch, live, first=first)
        except asyncio.CancelledError:
            watch.close()
            raise
        if self._watches.get(container_id) is not watch:
            watch.close()  # the container has ended meanwhile, and closing was left to us
        elif watch.over:
            del self._watches[container_id]
            watch.close()
        else:
            self._listen(container_id, watch, live)

    async def _look_now(
        self, container_id: str, watch: OomWatch, live: LiveContainer, *, first: bool
    ) -> None:
        killed = await in_thread(_kills, watch, first)
        if killed > self._noticed(container_id):
            container = self._containers.get(container_id)
            oom = await in_thread(_found, container, killed, live)
            if oom.kills > self._noticed(container_id):
                self._containers.set_oom(container_id, oom)

    def _noticed(self, container_id: str) -> float:
        """How many kills are known already; of a container that does not run nobody asks more."""
        if not self._is_running(container_id):
            return math.inf
        oom = self._containers.get(container_id).state.oom
        return oom.kills if oom else 0

    def _is_running(self, container_id: str) -> bool:
        try:
            return self._containers.get(container_id).is_running
        except NotFound:
            return False

    def _end(self, container_id: str) -> None:
        watch = self._watches.pop(container_id, None)
        # While a thread looks at it there is no reader, and `_look` closes it.
        if watch is not None and asyncio.get_running_loop().remove_reader(watch.fileno()):
            watch.close()


def _kills(watch: OomWatch, first: bool) -> int:
    """How many were killed since the container began; 0 if nothing is new. Blocks."""
    return watch.kills() if first or watch.check() else 0


def _found(container: Container, kills: int, live: LiveContainer) -> OomKill:
    victim = last_victim(container)
    limit = live.cgroup.usage().memory.usage.limit  # 0 if the control group is gone by now
    return OomKill(
        time.time_ns(),
        limit if 0 < limit < 1 << 62 else container.request.limits.memory_bytes,
        kills,
        victim.victim if victim else "",
        victim.pid if victim else 0,
    )
