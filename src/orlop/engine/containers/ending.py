"""What follows the end of a container's first process: it is written down, told, and cleaned up.

The launcher has written its record before it tells that the container has ended, so nothing is
lost if nobody listens then: the engine reads it at its next start.
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from orlop.engine import events
from orlop.engine.blocking import in_thread
from orlop.engine.container import EXITED, OomKill
from orlop.engine.containers.answers import Ended
from orlop.engine.containers.runs import let_go, reap
from orlop.engine.victims import last_victim
from orlop.launch.shim import read_record
from orlop.runtime.lifecycle.delete import delete

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from typing import Any

    from orlop.engine.container import Container
    from orlop.engine.containers.roster import Roster
    from orlop.engine.containers.runs import Run
    from orlop.engine.containers.storage import VolumesOf
    from orlop.engine.containers.waiting import Waiters
    from orlop.engine.events import Events
    from orlop.engine.networks import Networks
    from orlop.kernel import kernel_log
    from orlop.launch.shim import ExitRecord
    from orlop.runtime.state import Store

KILLED = 137
UNKNOWN = 255
"""The exit code of a container whose end nobody has seen, as with Docker."""
LAUNCHER_KILLED = "its launcher was killed, so the container was ended"
_LAUNCHER_S = 1.0


class Endings:
    """Deals with the ends of runs.

    Args:
        roster: who is there.
        store: what is running.
        waiters: who waits for ends.
        volumes: what it had in memory goes, if nobody else has it.
        networks: what it gives its addresses back to.
        bus: gets oom, die and unmount.
        afterwards: called with the container's lock held and the run that is over, when nothing
            is left of it.
    """

    def __init__(
        self,
        roster: Roster,
        store: Store,
        waiters: Waiters,
        volumes: VolumesOf,
        networks: Networks,
        bus: Events,
        afterwards: Callable[[Container, float], Awaitable[None]],
    ) -> None:
        self._roster = roster
        self._store = store
        self._waiters = waiters
        self._volumes = volumes
        self._networks = networks
        self._events = bus
        self._afterwards = afterwards

    async def ended(self, run: Run) -> None:
        """Everything that the end of a run entails, in order; holds the container's lock."""
        async with self._roster.lock(run.container):
            try:
                container = self._roster.find(run.container)
                if container is not None:
                    container = await self._write_down(container, run)
            finally:
                if run.launch is not None:
                    reap(run.launch)
                let_go(run)
                run.is_over.set_result(None)
            if container is not None:
                await self._afterwards(container, run.lived_s())

    async def _write_down(self, container: Container, run: Run) -> Container:
        directory = self._store.open(container.id, lock=False).path
        record = read_record(directory)
        if record is None:  # the launcher was killed, and the container may go on
            await in_thread(delete, self._store, container.id, force=True)
        victim = None
        if record is not None and _is_new(record, container):
            victim = await in_thread(last_victim, container)
        container = self.record(container, record, victim)
        await in_thread(clean, self._store, run)
        await self._networks.release(container.id)
        await self._volumes.unmount(container.id)
        return container

    def record(
        self,
        container: Container,
        record: ExitRecord | None,
        victim: kernel_log.OomKill | None = None,
    ) -> Container:
        """The container as its record says that it has ended, stored and told.

        Args:
            container: before.
            record: None if its launcher was killed.
            victim: whom the kernel has killed for want of memory, if somebody was, and it is known.
        """
        container = self._roster.find(container.id) or container  # it may have been noticed since
        oom = container.state.oom
        is_new = record is not None and _is_new(record, container)
        if record is not None and is_new:
            oom = _oom(record, victim)
        ended = self._roster.change_state(container.id, **ended_state(record), oom=oom)
        if is_new and oom is not None:
            self._events.publish(events.of_oom(ended, oom))
        self._tell(ended)
        return ended

    def lost(self, container: Container, exit_code: int) -> Container:
        """A container whose end nobody knows, stored and told."""
        now = time.time_ns()
        ended = self._roster.change_state(
            container.id, status=EXITED, pid=0, exit_code=exit_code, finished_ns=now
        )
        self._tell(ended)
        return ended

    def _tell(self, container: Container) -> None:
        """Whoever listens or waits gets to know; it is written down already."""
        state = container.state
        seconds = (state.finished_ns - state.started_ns) // 10**9
        died = {"exitCode": str(state.exit_code), "execDuration": str(max(seconds, 0))}
        self._events.publish(events.of_container(container, "die", **died))
        for point in container.mounts:
            if point.name:
                self._events.publish(events.of_mount(container, point, "unmount"))
        self._waiters.has_ended(container.id, Ended(state.exit_code, state.error))


def ended_state(record: ExitRecord | None) -> dict[str, Any]:
    """What the end of a run changes; without a record its launcher was killed."""
    if record is None:
        return {
            "status": EXITED,
            "pid": 0,
            "exit_code": KILLED,
            "error": LAUNCHER_KILLED,
            "finished_ns": time.time_ns(),
        }
    return {
        "status": EXITED,
        "pid": 0,
        "exit_code": exit_code(record.status),
        "finished_ns": record.ended_ns,
        "user_us": record.user_us,
        "system_us": record.system_us,
    }


def exit_code(status: int) -> int:
    """The exit code for waitpid(2)'s status: 128 + n after signal n."""
    code = os.waitstatus_to_exitcode(status)
    return code if code >= 0 else 128 - code


def _is_new(record: ExitRecord, container: Container) -> bool:
    """Whether more processes were killed for want of memory than were noticed before the end."""
    noticed = container.state.oom
    return record.oom_kills > (noticed.kills if noticed else 0)


def _oom(record: ExitRecord, victim: kernel_log.OomKill | None) -> OomKill:
    known = (victim.victim, victim.pid) if victim else ("", 0)
    return OomKill(record.ended_ns, record.memory_limit, record.oom_kills, *known)


def clean(store: Store, run: Run) -> None:
    """Nothing is left of a run on the host but the container's own directory; blocks."""
    run.await_launcher(_LAUNCHER_S)
    delete(store, run.container, force=True, spec=run.spec)
