"""What containers use, now and lately.

Every running container is read once in ten seconds, so there is always a reading to compare with:
a single sample comes at once with its CPU usage. Those who ask at the same time are served by one
thread in one go.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

from orlop.engine.blocking import in_thread
from orlop.engine.events import CONTAINER
from orlop.engine.stats.history import APART_NS, History, UsagePoint
from orlop.engine.stats.sample import (
    CpuReading,
    StatsSample,
    at_start,
    read_sample,
)
from orlop.errors import NotFound, SyscallError, WrongState
from orlop.kernel.netdev import Counters as NetworkCounters
from orlop.network.rates import Rates

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping

    from orlop.engine.container import Container
    from orlop.engine.events import Event, Events
    from orlop.engine.known import Known
    from orlop.engine.running import LiveContainer, LiveContainers

__all__ = ["CpuReading", "NetworkCounters", "Rates", "StatsSample", "StatsService", "UsagePoint"]

PACE_S = 10.0
STREAM_S = 1.0


class StatsService:
    """The usage of an engine's containers. To be closed.

    Args:
        containers: who is there.
        live: those that run, as the kernel and the runtime have them.
        events: to notice starts and ends.
        rates: what the kernel holds the network devices of a container to, by their names.
    """

    def __init__(
        self,
        containers: Known,
        live: LiveContainers,
        events: Events,
        rates: Callable[[Container], Mapping[str, Rates]],
    ) -> None:
        self._rates = rates
        self._containers = containers
        self._live = live
        self._events = events
        self._histories: dict[str, tuple[int, History]] = {}
        self._asked: list[tuple[Container, LiveContainer, asyncio.Future[StatsSample]]] = []
        self._reader: asyncio.Task[None] | None = None
        self._pace: asyncio.Task[None] | None = None

    def open(self) -> None:
        """From now on all running containers are read now and then."""
        self._pace = asyncio.ensure_future(self._read_now_and_then())

    async def close(self) -> None:
        """Nothing is read any more."""
        for task in (self._pace, self._reader):
            if task is not None:
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await task

    async def read(self, ref: str, *, one_shot: bool = False) -> StatsSample:
        """What the container uses now; all zero if it does not live.

        Args:
            ref: of the container.
            one_shot: `before` may be empty. Else, if there is no earlier reading, which is seldom,
                half a second passes.

        Raises:
            NotFound: there is no such container.
        """
        container = self._containers.get(ref)
        sample = await self._sample(container)
        if one_shot or sample.before.at_ns or not sample.now.at_ns:
            return sample
        await asyncio.sleep(APART_NS / 1e9)
        return await self._sample(self._containers.get(container.id))

    def stream(self, ref: str) -> AsyncIterator[StatsSample]:
        """A sample at once and then every second, until the container is removed.

        Raises:
            NotFound: there is no such container.
        """
        return self._stream(self._containers.get(ref).id)

    def history(self, ref: str) -> tuple[UsagePoint, ...]:
        """The last hour of the container's present run, the oldest point first.

        Raises:
            NotFound: there is no such container.
        """
        container = self._containers.get(ref)
        return self._history(container).points() if container.is_running else ()

    async def _stream(self, container_id: str) -> AsyncIterator[StatsSample]:
        loop = asyncio.get_running_loop()
        due = loop.time()
        before = await self.read(container_id)
        yield before
        while True:
            due = max(due + STREAM_S, loop.time())
            await asyncio.sleep(due - loop.time())
            try:
                sample = await self._sample(self._containers.get(container_id))
            except NotFound:
                return
            if before.now.at_ns and sample.now.at_ns and before.now.at_ns > sample.before.at_ns:
                sample = sample.replace(before=before.now)
            yield sample
            before = sample

    # --- one sample ---------------------------------------------------------------------------

    async def _sample(self, container: Container) -> StatsSample:
        try:
            live = self._live.of(container, "read statistics of")
        except WrongState:
            return StatsSample(container.id, container.name)
        sample = await self._read(container, live)
        if not sample.now.at_ns:
            return sample
        history = self._history(container)
        before = history.before(sample.now)
        history.note(sample.now)
        young = sample.now.at_ns - container.state.started_ns < 2 * PACE_S * 1e9
        if before is None and young:
            before = at_start(container, sample.now)
        return sample if before is None else sample.replace(before=before)

    def _history(self, container: Container) -> History:
        """That of its present live."""
        started_ns, history = self._histories.get(container.id, (0, History()))
        if started_ns != container.state.started_ns:
            history = History()
            self._histories[container.id] = container.state.started_ns, history
        return history

    async def _read(self, container: Container, live: LiveContainer) -> StatsSample:
        """A reading, together with all others that are asked for now."""
        future: asyncio.Future[StatsSample] = asyncio.get_running_loop().create_future()
        self._asked.append((container, live, future))
        if self._reader is None or self._reader.done():
            self._reader = asyncio.ensure_future(self._read_asked())
        return await future

    async def _read_asked(self) -> None:
        while self._asked:
            asked, self._asked = self._asked, []
            try:
                samples = await in_thread(self._read_each, [(who, live) for who, live, _ in asked])
            except BaseException:
                for _, _, future in (*asked, *self._asked):
                    future.cancel()
                raise
            for (_, _, future), sample in zip(asked, samples, strict=True):
                if not future.done():
                    future.set_result(sample)

    def _read_each(self, asked: list[tuple[Container, LiveContainer]]) -> list[StatsSample]:
        return [self._read_one(container, live) for container, live in asked]

    def _read_one(self, container: Container, live: LiveContainer) -> StatsSample:
        """All zero if the container has ended meanwhile."""
        try:
            return read_sample(container, live).replace(rates=self._rates(container))
        except SyscallError:
            return StatsSample(container.id, container.name)

    # --- now and then -------------------------------------------------------------------------

    async def _read_now_and_then(self) -> None:
        while True:
            running = [c for c in self._containers.all() if c.is_running]
            self._forget_all_but({container.id for container in running})
            if not running:
                await self._a_start()
                continue
            await asyncio.gather(*map(self._add_point, running))
            await asyncio.sleep(PACE_S)

    async def _add_point(self, container: Container) -> None:
        sample = await self._sample(container)
        if sample.now.at_ns:
            self._history(container).add(sample)

    def _forget_all_but(self, running: set[str]) -> None:
        self._live.keep_only(running)
        for gone in self._histories.keys() - running:
            del self._histories[gone]

    async def _a_start(self) -> None:
        """Until a container is started."""
        async with self._events.subscribe(keep=_is_start) as starts:
            await anext(starts, None)


def _is_start(event: Event) -> bool:
    return event.type == CONTAINER and event.action == "start"
