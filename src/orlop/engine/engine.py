"""The composition root: which services an engine has, and what each of them uses.

Nothing but this module knows the whole; a service gets what it uses when it is made.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import os
from typing import TYPE_CHECKING

from orlop.engine.archives import Archives
from orlop.engine.background import Background
from orlop.engine.blocking import in_thread
from orlop.engine.containers import Containers
from orlop.engine.containers.roster import Roster
from orlop.engine.database import Database
from orlop.engine.events import Events
from orlop.engine.images import Images
from orlop.engine.locks import DirectoryLock
from orlop.engine.networks import Networks
from orlop.engine.observing import Observers
from orlop.engine.reach import Reach
from orlop.engine.roots import Roots, fill
from orlop.engine.system import System
from orlop.engine.unpack import UnpackedLayers
from orlop.engine.volumes import Volumes
from orlop.errors import Unavailable
from orlop.launch.executor import sealed_launcher
from orlop.runtime.state import Store

if TYPE_CHECKING:
    from typing import Self

    from orlop.engine.settings import Settings

_CHECKPOINT_S = 60.0
_SETTLE_S = 60.0


class Engine:
    """An engine at work on one data root; made by `open`.

    Attributes:
        settings: how it is set up.
        database: what lasts.
        events: what happens.
        containers: the containers.
        execs, logs, stats, top, health, why, metrics: see `orlop.engine.observing`.
        images: what they are made of.
        volumes: files that outlive them.
        networks: what they are connected to.
        reach: who reaches them over these.
        archives: their files.
        system: the machine, and the engine itself.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._held = contextlib.ExitStack()  # what is given up last
        self._background = Background()
        self.database = Database(settings.database)
        self.events = Events()
        roster, store = Roster(self.database), Store(settings.runtime_store)
        layers = self._layers = UnpackedLayers(settings)
        self.images = Images(settings, self.database, self.events, roster, layers)
        self.volumes = Volumes(
            settings, self.database, self.events, functools.partial(fill, settings)
        )
        self.networks = Networks(
            self.database,
            self.events,
            self._background,
            lambda ref: roster.get(ref).id,
            settings.data_root,
            honours_host=settings.host_firewall,
        )
        self.containers = Containers(
            settings,
            roster,
            store,
            self.events,
            self.images,
            self.volumes,
            self.networks,
            lambda ref, query, framed: self.logs.render(ref, query, framed=framed),
            self._background,
        )
        self._observers = Observers(
            self.containers,
            store,
            self.events,
            self._background,
            settings,
            self.networks.rates,
        )
        self.execs = self._observers.execs
        self.logs = self._observers.logs
        self.stats = self._observers.stats
        self.top = self._observers.top
        self.health = self._observers.health
        self.why = self._observers.why
        self.metrics = self._observers.metrics
        self.reach = Reach(self.containers, self.networks)
        roots = Roots(settings, store, self.volumes.placed)
        self.archives = Archives(
            settings,
            self.containers,
            self.containers.lock,
            roots,
            self.images,
            self.events,
        )
        self.system = System(settings)
        self._roster = roster

    @classmethod
    async def open(cls, settings: Settings) -> Self:
        """Takes over the data root: what ran goes on running, what was half done is put right.

        Raises:
            Unavailable: another engine has it.
            SyscallError: it cannot be made.
        """
        with contextlib.ExitStack() as held:
            for root in (settings.data_root, settings.exec_root):
                held.callback(DirectoryLock(root).close)
            for directory in (settings.containers, settings.runtime_store):
                os.makedirs(directory, 0o710, exist_ok=True)
            engine = cls(settings)
            held.callback(engine.database.close)
            sealed_launcher()
            await engine._take_over()
            engine._held = held.pop_all()
        return engine

    async def _take_over(self) -> None:
        """All services are at work, each after those that it uses."""
        await self.volumes.open(container.id for container in self._roster.all())
        await self.networks.open()
        await self.containers.open()
        await self.images.open()
        await self._observers.open()
        self._background.start(self._write_database(), "write the database")
        self._background.start(self._settle(), "write images to the disk")

    async def _write_database(self) -> None:
        """Keeps the database's log from growing for ever."""
        while True:
            await asyncio.sleep(_CHECKPOINT_S)
            with contextlib.suppress(Unavailable):
                await in_thread(self.database.checkpoint)

    async def _settle(self) -> None:
        """Images that were pulled are on the disk, a little later."""
        while True:
            await asyncio.sleep(_SETTLE_S)
            await in_thread(self._layers.settle)
            await self.images.settle()

    async def close(self) -> None:
        """Lets go of everything; containers go on."""
        await self._observers.close()
        self.containers.close()
        await self.images.close()
        await self._background.close()
        await self.networks.close()
        self._held.close()
