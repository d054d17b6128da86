"""The services that look at containers and into them, put together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from orlop.engine.execs import Execs
from orlop.engine.health import Health, HealthKeeper
from orlop.engine.logs import Logs
from orlop.engine.metrics import Metrics
from orlop.engine.oom import OomKeeper, OomWatches
from orlop.engine.running import LiveContainers
from orlop.engine.stats import StatsService
from orlop.engine.top import Top
from orlop.engine.why import Whys

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from orlop.engine.background import Background
    from orlop.engine.container import Container
    from orlop.engine.events import Events
    from orlop.engine.settings import Settings
    from orlop.network.rates import Rates
    from orlop.runtime.state import Store


class Keeper(HealthKeeper, OomKeeper, Protocol):
    """Who knows all containers, and writes down what is noticed about them."""


class Observers:
    """One of each. To be opened after the containers are there, and closed before them.

    Attributes:
        execs: further processes.
        logs: what containers have written.
        stats: what they use.
        top: who runs in them.
        health: whether they work.
        oom: what dies in them for want of memory.
        why: why they have ended, or are slow.
        metrics: numbers for Prometheus.
    """

    def __init__(
        self,
        containers: Keeper,
        store: Store,
        events: Events,
        background: Background,
        settings: Settings,
        rates: Callable[[Container], Mapping[str, Rates]],
    ) -> None:
        live = LiveContainers(store)
        self.execs = Execs(containers, live, events, background, settings.execs)
        self.logs = Logs(containers, events)
        self.stats = StatsService(containers, live, events, rates)
        self.top = Top(containers, live)
        self.health = Health(containers, self.execs, events, background)
        self.oom = OomWatches(containers, live, events, background)
        self.why = Whys(containers, events, self.logs, self.stats)
        self.metrics = Metrics(containers, self.stats, events)

    async def open(self) -> None:
        """Goes on with what an engine before has begun."""
        await self.execs.open()
        self.stats.open()
        self.health.open()
        self.oom.open()

    async def close(self) -> None:
        """Looks no more; what runs goes on."""
        self.health.close()
        self.oom.close()
        self.metrics.close()
        await self.stats.close()
        self.logs.close()
        self.execs.close()
