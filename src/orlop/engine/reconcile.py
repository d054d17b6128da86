"""What an engine does first: what the database says and what the kernel has are made one again.

The engine before may have been killed at any moment. Its rows say what it wanted, the runtime's
store what may exist in the kernel (its entries are written before anything is made), launchers
what runs, and their records what has ended meanwhile:

    there runs       the row says        then
    yes              anything            it is adopted
    no, a record     running, or no end  the end is written down, as if the engine had seen it
    no, no record    running             its launcher was killed, or the machine: so is its end
    no               otherwise           its start was not finished, and is undone
    -                being removed       it is removed
    -                no row              so is whatever is left of it
"""

from __future__ import annotations

import asyncio
import logging
import os
import select
import time
from typing import TYPE_CHECKING

from orlop.engine.blocking import in_thread
from orlop.engine.container import DEAD, EXITED, PAUSED, REMOVING, RESTARTING, RUNNING
from orlop.engine.containers.ending import UNKNOWN
from orlop.engine.containers.restarting import wants_start_with_engine
from orlop.engine.containers.runs import Run
from orlop.engine.containers.sharing import shm_directory
from orlop.errors import NotFound, OrlopError, Unavailable
from orlop.launch.shim import Exited, Failed, Running, Shim, read_record
from orlop.records import Record
from orlop.runtime.lifecycle.delete import delete
from orlop.runtime.lifecycle.status import PAUSED as FROZEN
from orlop.runtime.lifecycle.status import look
from orlop.storage.removal import remove_path

if TYPE_CHECKING:
    from collections.abc import Collection
    from typing import Any

    from orlop.engine.background import Background
    from orlop.engine.container import Container
    from orlop.engine.containers.ending import Endings
    from orlop.engine.containers.policies import Policies
    from orlop.engine.containers.removal import Remover
    from orlop.engine.containers.roster import Roster
    from orlop.engine.containers.runs import Runs
    from orlop.engine.containers.storage import VolumesOf
    from orlop.engine.networks import Networks
    from orlop.engine.settings import Settings
    from orlop.launch.shim import ExitRecord
    from orlop.runtime.state import Store

_log = logging.getLogger(__name__)
_AT_ONCE = 16
_PATIENCE_S = 15.0
_ANSWER_S = 5.0
"""How long a launcher may take to say what is; one that is just undoing a start ends in this."""


class Found(Record):
    """What there is of a container besides its row.

    Attributes:
        entry: the runtime's store has an entry.
        shim: a connection to a launcher whose container runs.
        record: of its end.
        pid: of its first process.
        paused: it stands still.
    """

    entry: bool = False
    shim: Shim | None = None
    record: ExitRecord | None = None
    pid: int = 0
    paused: bool = False


def find(store: Store, container: str) -> Found:
    """What there is of a container; blocks while a launcher is just ending."""
    try:
        directory = store.open(container, lock=False)
    except NotFound:
        return Found()
    shim = _running(directory.path)
    if shim is None:
        return Found(entry=True, record=read_record(directory.path))
    seen = look(directory)
    if seen.state.process is None:  # nobody could ever find it: its start was not finished
        shim.close()
        return Found(entry=True)
    return Found(True, shim, None, seen.state.process.pid, seen.status == FROZEN)


def _running(directory: str) -> Shim | None:
    """A connection to the launcher of this directory, if its container's program runs."""
    try:
        shim = Shim.connect(directory)
    except Unavailable:
        return None
    try:
        if _first_event(shim):
            return shim
    except Unavailable:
        pass
    shim.close()
    return None


def _first_event(shim: Shim) -> bool:
    """Whether the program runs; a container that waits for its start counts as not started."""
    poll = select.poll()
    poll.register(shim.fileno(), select.POLLIN)
    deadline = time.monotonic() + _ANSWER_S
    while (left := deadline - time.monotonic()) > 0 and poll.poll(left * 1000):
        event = shim.next_event()
        if isinstance(event, Running):
            return True
        if isinstance(event, (Exited, Failed)):
            poll.poll(1000)  # until the launcher has ended, too
            return False
        if event is not None:
            return False
    return False


class Reconciler:
    """Puts right what an engine before has left."""

    def __init__(
        self,
        roster: Roster,
        store: Store,
        runs: Runs,
        endings: Endings,
        remover: Remover,
        policies: Policies,
        volumes: VolumesOf,
        networks: Networks,
        background: Background,
        settings: Settings,
    ) -> None:
        self._roster = roster
        self._store = store
        self._runs = runs
        self._endings = endings
        self._remover = remover
        self._policies = policies
        self._volumes = volumes
        self._networks = networks
        self._background = background
        self._settings = settings

    async def reconcile(self) -> None:
        """All containers are as their rows say, and nothing else is left.

        What takes too long, since a process cannot be ended, goes on in the background; nobody can
        do anything else to that container meanwhile.
        """
        turns = asyncio.Semaphore(_AT_ONCE)
        known = {container.id for container in self._roster.all()}
        await in_thread(_remove_strangers, self._store, self._settings, known)
        work = [self._background.start(self._one(key, turns), f"check {key}") for key in known]
        if work:
            await asyncio.wait(work, timeout=_PATIENCE_S)
        await self._networks.keep_only({container.id for container in self._roster.all()})
        await self._volumes.unmount_unused()

    async def _one(self, key: str, turns: asyncio.Semaphore) -> None:
        async with turns, self._roster.lock(key):
            container = self._roster.get(key)
            try:
                await self._container(container)
            except (OrlopError, OSError) as error:
                _log.warning("cannot put container %s right: %s", container.name, error)

    async def _container(self, container: Container) -> None:
        found = await in_thread(find, self._store, container.id)
        if container.state.status in (REMOVING, DEAD):
            if found.shim is not None:
                found.shim.close()
            await self._remover.remove(container, volumes=container.state.removes_volumes)
        elif found.shim is not None:
            adopted = self._adopt(container, found, found.shim)
            await self._volumes.mount(adopted)
            await self._networks.adopt(adopted)
        else:
            if found.entry:
                await in_thread(delete, self._store, container.id, force=True)
            await self._networks.release(container.id)
            await self._at_rest(self._ended(container, found))

    def _adopt(self, container: Container, found: Found, shim: Shim) -> Container:
        """A container that runs is watched from now on."""
        changes: dict[str, Any] = {"status": PAUSED if found.paused else RUNNING, "pid": found.pid}
        if not container.is_running:  # its start was finished, and not yet written down
            changes |= {"started_ns": time.time_ns(), "exit_code": 0, "error": "", "oom": None}
        adopted = self._roster.change_state(container.id, **changes)
        self._runs.watch(Run(container.id, shim))
        return adopted

    def _ended(self, container: Container, found: Found) -> Container:
        """The container as it is now that it does not run."""
        if found.record is not None:
            return self._endings.record(container, found.record)
        if container.is_running:
            if found.entry:
                return self._endings.record(container, None)
            return self._endings.lost(container, UNKNOWN)
        if container.state.status == RESTARTING:
            return self._roster.change_state(container.id, status=EXITED)
        return container

    async def _at_rest(self, container: Container) -> None:
        """What follows for a container that does not run: removal, another start, or nothing."""
        if container.request.handling.remove and container.state.started_ns:
            await self._remover.remove(container, volumes=True)
        elif wants_start_with_engine(container):
            self._roster.change_state(container.id, status=RESTARTING)
            self._policies.schedule(container.id, 0)


def _remove_strangers(store: Store, settings: Settings, known: Collection[str]) -> None:
    """Nothing is left of containers that have no row; blocks."""
    for name in _names(store.root):
        if name not in known and not name.startswith("@"):
            delete(store, name, force=True)
    for directory in (settings.containers, os.path.dirname(shm_directory(settings, "x"))):
        for name in _names(directory):
            if name not in known:
                remove_path(f"{directory}/{name}")


def _names(directory: str) -> list[str]:
    try:
        return os.listdir(directory)
    except FileNotFoundError:
        return []
