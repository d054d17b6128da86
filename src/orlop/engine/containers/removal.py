"""Removing containers: nothing is left of one, neither on the disk nor in the database.

That it is to go is written down first and its row goes last, so that an engine that was killed in
between goes on with it. Only where nobody but the disk is left to be told, its row goes first, and
its files in the background: a directory without a row is removed at the next start.
"""

from __future__ import annotations

import logging
import os
from typing import TYPE_CHECKING

from orlop.engine import events
from orlop.engine.blocking import by_deadline, in_thread
from orlop.engine.container import DEAD, REMOVING
from orlop.engine.containers.answers import Ended
from orlop.engine.containers.sharing import shm_directory
from orlop.errors import OrlopError, SyscallError
from orlop.intent.request import Shareable
from orlop.runtime.lifecycle.delete import delete
from orlop.storage.removal import remove_path

if TYPE_CHECKING:
    from orlop.engine.background import Background
    from orlop.engine.container import Container
    from orlop.engine.containers.attaching import Clients
    from orlop.engine.containers.policies import Policies
    from orlop.engine.containers.roster import Roster
    from orlop.engine.containers.storage import VolumesOf
    from orlop.engine.containers.waiting import Waiters
    from orlop.engine.events import Events
    from orlop.engine.settings import Settings
    from orlop.runtime.state import Store

_DEADLINE_S = 120.0
_log = logging.getLogger(__name__)


class Remover:
    """Removes containers that do not run and whose lock is held."""

    def __init__(
        self,
        roster: Roster,
        store: Store,
        waiters: Waiters,
        clients: Clients,
        policies: Policies,
        volumes: VolumesOf,
        bus: Events,
        background: Background,
        settings: Settings,
    ) -> None:
        self._roster = roster
        self._store = store
        self._waiters = waiters
        self._clients = clients
        self._policies = policies
        self._volumes = volumes
        self._events = bus
        self._background = background
        self._settings = settings

    async def remove(self, container: Container, *, volumes: bool) -> None:
        """Nothing is left of it.

        Args:
            container: which one.
            volumes: its anonymous volumes go, too.

        Raises:
            OrlopError: something cannot be removed; the container is `dead`, and can be removed
                again.
        """
        self._policies.cancel(container.id)
        self._roster.change_state(container.id, status=REMOVING, removes_volumes=volumes)
        ended = Ended(container.state.exit_code)
        try:
            what = f"remove container {container.name!r}"
            await by_deadline(
                _DEADLINE_S, what, remove_files, self._store, container, self._settings
            )
        except OrlopError as error:
            self._roster.change_state(container.id, status=DEAD, error=str(error))
            self._waiters.removal_failed(container.id, ended.replace(error=str(error)))
            raise
        if _has_volumes(container):
            await self._volumes.release(container, anonymous=volumes)
        self._forget(container, ended)

    async def remove_at_end(self, container: Container) -> None:
        """Nobody finds it any more, whose run has just ended; its files are removed afterwards.

        Raises:
            As `remove`.
        """
        if _has_volumes(container) or _is_known(self._store, container):
            await self.remove(container, volumes=True)
            return
        self._policies.cancel(container.id)
        self._forget(container, Ended(container.state.exit_code))
        self._background.start(self._discard(container), f"remove files of {container.id}")

    def _forget(self, container: Container, ended: Ended) -> None:
        """There is no such container, for whoever waits for it."""
        self._clients.send_away(container.id)
        self._roster.drop(container.id)
        self._events.publish(events.of_container(container, "destroy"))
        self._waiters.is_removed(container.id, ended)

    async def _discard(self, container: Container) -> None:
        try:
            await in_thread(remove_files, self._store, container, self._settings)
        except OrlopError as error:
            _log.warning(
                "files of container %s are left until the next start: %s", container.name, error
            )


def _has_volumes(container: Container) -> bool:
    return any(point.name for point in container.mounts)


def _is_known(store: Store, container: Container) -> bool:
    """Whether the runtime has something of it."""
    return os.path.isdir(os.path.join(store.root, container.id))


def remove_files(store: Store, container: Container, settings: Settings) -> None:
    """Nothing of it is left on the disk or in the kernel; blocks.

    Raises:
        SyscallError: something cannot be removed.
    """
    if _is_known(store, container):
        delete(store, container.id, force=True)
    try:
        if isinstance(container.request.namespaces.ipc, Shareable):
            remove_path(shm_directory(settings, container.id))
        remove_path(container.directory)
    except OSError as error:
        raise SyscallError("remove", error.errno or 0, container.directory) from error
