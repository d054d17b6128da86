"""Having containers end, and having them stand still.

Signals go through a pidfd rather than the launcher, so that they arrive whatever state it is in.
Nothing here holds the container's lock while it waits for the end, which takes the lock itself.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from typing import TYPE_CHECKING

from orlop.engine import events
from orlop.engine.blocking import by_deadline
from orlop.engine.container import EXITED, PAUSED, RESTARTING, RUNNING
from orlop.errors import DeadlineExceeded, NotFound, WrongState
from orlop.runtime.lifecycle import kill as runtime

if TYPE_CHECKING:
    from orlop.engine.container import Container
    from orlop.engine.containers.policies import Policies
    from orlop.engine.containers.roster import Roster
    from orlop.engine.containers.runs import Run, Runs
    from orlop.engine.events import Events
    from orlop.engine.settings import Settings
    from orlop.runtime.state import Store

SIGKILL, SIGTERM = 9, 15
KILL_DEADLINE_S = 10.0
"""How long a container may take to end that was killed."""
_STEP_DEADLINE_S = 15.0


class Stopper:
    """Ends, pauses and continues containers."""

    def __init__(
        self,
        roster: Roster,
        runs: Runs,
        store: Store,
        policies: Policies,
        bus: Events,
        settings: Settings,
    ) -> None:
        self._roster = roster
        self._runs = runs
        self._store = store
        self._policies = policies
        self._events = bus
        self._settings = settings

    async def stop(self, container: Container, timeout_s: int | None, signal: int) -> bool:
        """It has ended, and its policy will not start it again; False if it had ended before.

        Raises:
            DeadlineExceeded: it does not end, even killed.
        """
        if self._policies.cancel(container.id):
            self._roster.change_state(container.id, status=EXITED, stopped_by_user=True)
            return True
        run = self._runs.find(container.id)
        if run is None:
            return False
        self._roster.change_state(container.id, stopped_by_user=True)
        await self.end(container, run, timeout_s, signal)
        if self._roster.find(container.id) is not None:
            self._events.publish(events.of_container(container, "stop"))
        return True

    async def end(
        self, container: Container, run: Run, timeout_s: int | None = None, signal: int = 0
    ) -> None:
        """A run is over: the container was asked to end, and killed when it did not."""
        handling = container.request.handling
        if timeout_s is None:
            timeout_s = handling.stop_timeout_s
        if timeout_s is None:
            timeout_s = self._settings.stop_timeout_s
        asked = signal or handling.stop_signal or SIGTERM
        await self._signal(container, asked)
        if container.state.status == PAUSED:
            await self._thaw(container)
        if asked != SIGKILL and not await _is_over(run, None if timeout_s < 0 else timeout_s):
            await self._signal(container, SIGKILL)
        await self.await_killed(container, run)

    async def kill_run(self, container: Container, run: Run) -> None:
        """A run is over: the container was killed at once."""
        await self._signal(container, SIGKILL)
        await self.await_killed(container, run)

    async def await_killed(self, container: Container, run: Run) -> None:
        """A run whose container was killed is over; if its launcher is in the way, it goes, too.

        Raises:
            DeadlineExceeded: the kernel does not end a process.
        """
        if await _is_over(run, KILL_DEADLINE_S):
            return
        if run.launch is not None:  # stopped, or it hangs
            os.kill(run.launch.pid, SIGKILL)
            if await _is_over(run, KILL_DEADLINE_S):
                return
        raise DeadlineExceeded(
            f"container {container.name!r} was killed and does not end",
            hint="a process of it waits in the kernel; it will end when the kernel lets it",
        )

    async def kill(self, container: Container, signal: int) -> None:
        """Its first process gets a signal; one that is to end it keeps its policy from starting it.

        Raises:
            WrongState: it does not run.
        """
        if container.state.status == RESTARTING and self._policies.cancel(container.id):
            self._roster.change_state(container.id, status=EXITED, stopped_by_user=True)
            return
        if self._runs.find(container.id) is None:
            raise WrongState("kill", container.name, state=container.state.status, needs=RUNNING)
        ends = signal in (SIGKILL, container.request.handling.stop_signal or SIGTERM)
        if ends:
            self._roster.change_state(container.id, stopped_by_user=True)
        await self._signal(container, signal)
        if ends and container.state.status == PAUSED:
            await self._thaw(container)

    async def _signal(self, container: Container, signal: int) -> None:
        """Sends it; a container that has just ended does not mind."""
        what = f"send signal {signal} to container {container.name!r}"
        try:
            await by_deadline(
                _STEP_DEADLINE_S, what, runtime.kill, self._store, container.id, signal
            )
        except (NotFound, WrongState):  # it has just ended
            return
        self._events.publish(events.of_container(container, "kill", signal=str(signal)))

    # --- standing still -----------------------------------------------------------------------

    async def pause(self, container: Container) -> None:
        """All its processes stand still; holds its lock.

        Raises:
            WrongState: it does not run, or is paused already.
            DeadlineExceeded: one of them cannot be stopped; all go on.
        """
        _check("pause", container, RUNNING)
        what = f"pause container {container.name!r}"
        await by_deadline(_STEP_DEADLINE_S, what, runtime.pause, self._store, container.id)
        self._roster.change_state(container.id, status=PAUSED)
        self._events.publish(events.of_container(container, "pause"))

    async def unpause(self, container: Container) -> None:
        """They go on.

        Raises:
            WrongState: it is not paused.
        """
        _check("unpause", container, PAUSED)
        await self._thaw(container)

    async def _thaw(self, container: Container) -> None:
        """Its processes go on, unless it has just ended, or a signal has made them."""
        what = f"unpause container {container.name!r}"
        with contextlib.suppress(NotFound, WrongState):
            await by_deadline(_STEP_DEADLINE_S, what, runtime.resume, self._store, container.id)
        now = self._roster.find(container.id)
        if now is None or now.state.status != PAUSED:
            return
        self._roster.change_state(container.id, status=RUNNING)
        self._events.publish(events.of_container(container, "unpause"))


def _check(action: str, container: Container, needs: str) -> None:
    if container.state.status != needs:
        raise WrongState(action, container.name, state=container.state.status, needs=needs)


async def _is_over(run: Run, seconds: float | None) -> bool:
    done, _ = await asyncio.wait((run.is_over,), timeout=seconds)
    return bool(done)
