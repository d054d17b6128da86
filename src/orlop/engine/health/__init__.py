"""Health checks: whether the programs of containers work, asked now and then.

One task for each container that has a check, from its start to its end, so that checks of one
never overlap. Where an engine before has stopped to ask, this one goes on.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Protocol

from orlop.engine.container import RUNNING, UNHEALTHY, HealthState
from orlop.engine.containers.restarting import restarts_when_unhealthy
from orlop.engine.events import CONTAINER, of_container
from orlop.engine.health.judging import after, command_of, pause_ns
from orlop.engine.health.probing import probe
from orlop.engine.known import Known
from orlop.errors import NotFound, Unavailable, WrongState
from orlop.intent.with_image import health_check

if TYPE_CHECKING:
    from orlop.engine.background import Background
    from orlop.engine.container import Container, Probe
    from orlop.engine.events import Event, Events
    from orlop.engine.execs import Execs
    from orlop.image.config import HealthCheck
    from orlop.launch.shim import Shim

_SIGTERM, _SIGKILL = 15, 9
_GRACE_S = 10
_BEGINS = ("start", "unpause")
_ENDS = ("die", "destroy", "pause")


class HealthKeeper(Known, Protocol):
    """Who knows all containers and keeps what their checks find."""

    def set_health(self, ref: str, health: HealthState) -> None:
        """Remembers what a container's checks have found."""

    def shim(self, ref: str) -> Shim:
        """A new connection to the launcher of a running container, the caller's to close."""


class Health:
    """The health checks of an engine's containers. To be opened and closed.

    Args:
        containers: who is there.
        execs: in which checks run.
        events: tells of starts and ends, and gets health_status.
        background: for the tasks.
    """

    def __init__(
        self, containers: HealthKeeper, execs: Execs, events: Events, background: Background
    ) -> None:
        self._containers = containers
        self._execs = execs
        self._events = events
        self._background = background
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._listening = events.subscribe(keep=self._note)

    def open(self) -> None:
        """The checks of all containers that run go on."""
        for container in self._containers.all():
            if container.state.status == RUNNING:
                self._begin(container)

    def close(self) -> None:
        """Nothing is checked any more."""
        self._listening.close()
        for container_id in tuple(self._tasks):
            self._end(container_id)

    def _note(self, event: Event) -> bool:
        """Looks at every event; none has to wait in a queue."""
        if event.type == CONTAINER and event.action in _ENDS:
            self._end(event.id)
        elif event.type == CONTAINER and event.action in _BEGINS:
            self._has_begun(event.id, is_new=event.action == "start")
        return False

    def _has_begun(self, container_id: str, *, is_new: bool) -> None:
        try:
            container = self._containers.get(container_id)
        except NotFound:
            return
        if check_of(container) is not None:
            if is_new or container.state.health is None:
                self._containers.set_health(container_id, HealthState())
            self._begin(self._containers.get(container_id))

    def _begin(self, container: Container) -> None:
        check = check_of(container)
        if check is None or not command_of(check, container):
            return
        self._end(container.id)
        work = self._check_again_and_again(container.id, check)
        name = f"health of {container.name}"
        self._tasks[container.id] = self._background.start(work, name)

    def _end(self, container_id: str) -> None:
        task = self._tasks.pop(container_id, None)
        if task is not None:
            task.cancel()

    # --- of one container ---------------------------------------------------------------------

    async def _check_again_and_again(self, container_id: str, check: HealthCheck) -> None:
        while True:
            container = self._containers.get(container_id)
            await asyncio.sleep(_wait_s(container, check))
            container = self._containers.get(container_id)
            command = command_of(check, container)
            timeout = check.timeout_ns
            found = await probe(self._execs, container, command, timeout, self._background)
            if found is None:  # it is ending, and an event will say so
                await asyncio.sleep(check.interval_ns / 1e9)
            else:
                self._judge(container_id, check, found)

    def _judge(self, container_id: str, check: HealthCheck, found: Probe) -> None:
        container = self._containers.get(container_id)
        before = container.state.health or HealthState()
        now = after(before, found, check, container.state.started_ns)
        self._containers.set_health(container_id, now)
        if now.status == before.status:
            return
        container = self._containers.get(container_id)
        self._events.publish(of_container(container, f"health_status: {now.status}"))
        if now.status == UNHEALTHY and restarts_when_unhealthy(container):
            work = self._end_unhealthy(container)
            self._background.start(work, f"end {container.name}, which is unhealthy")

    async def _end_unhealthy(self, container: Container) -> None:
        """Ends the run, not as a user would: the restart policy has it started again."""
        handling = container.request.handling
        grace_s = handling.stop_timeout_s
        async with self._events.subscribe(keep=lambda event: _is_end(event, container)) as ends:
            self._signal(container, handling.stop_signal or _SIGTERM)
            try:
                async with asyncio.timeout(_GRACE_S if grace_s is None else max(0, grace_s)):
                    await anext(ends, None)
            except TimeoutError:
                self._signal(container, _SIGKILL)

    def _signal(self, container: Container, number: int) -> None:
        try:
            with self._containers.shim(container.id) as shim:
                shim.signal(number)
        except (NotFound, WrongState, Unavailable):  # it has ended
            return
        self._events.publish(of_container(container, "kill", signal=str(number)))


def check_of(container: Container) -> HealthCheck | None:
    """How a container is checked, with all values filled in; None for not at all."""
    return health_check(container.request.handling.health, container.image.config)


def _is_end(event: Event, container: Container) -> bool:
    return event.type == CONTAINER and event.id == container.id and event.action == "die"


def _wait_s(container: Container, check: HealthCheck) -> float:
    """Seconds until the next check, counted from the last one or the start."""
    state, now_ns = container.state, time.time_ns()
    health = state.health or HealthState()
    last_ns = health.probes[-1].ended_ns if health.probes else 0
    begun_ns = max(state.started_ns, last_ns)
    pause = pause_ns(health, check, now_ns - state.started_ns)
    return min(max(0, begun_ns + pause - now_ns), pause) / 1e9
