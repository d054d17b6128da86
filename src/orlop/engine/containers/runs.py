"""The containers that run: the engine's connection to the launcher of each.

A connection that has something to read tells of the container's end, or, closed, of the
launcher's own; nothing is polled. Whoever deals with ends is called once for each run.
"""

from __future__ import annotations

import asyncio
import os
import select
import time
from typing import TYPE_CHECKING

from orlop.errors import NotFound, Unavailable
from orlop.kernel.process import open_pidfd
from orlop.launch.shim import Detached, Exited

if TYPE_CHECKING:
    from collections.abc import Callable

    from orlop.launch.executor import Launch
    from orlop.launch.shim import Shim
    from orlop.runtime.spec import Spec


class Run:
    """One run of a container.

    Attributes:
        container: its id.
        shim: the connection to its launcher.
        launch: of this process's own launcher; None of one that an engine before has started.
        spec: its configuration, if this engine has made it.
        began_s: by time.monotonic().
        is_over: done when the end is written down and nothing of the run is left.
    """

    def __init__(
        self,
        container: str,
        shim: Shim,
        launch: Launch | None = None,
        spec: Spec | None = None,
    ) -> None:
        self.container = container
        self.shim = shim
        self.launch = launch
        self.spec = spec
        self.began_s = time.monotonic()
        self.is_over: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def lived_s(self) -> float:
        """How long it has been."""
        return time.monotonic() - self.began_s

    def await_launcher(self, seconds: float) -> bool:
        """Waits for the launcher's own end, which comes soon after the container's; blocks.

        Returns:
            False if it has not ended: a client is still taking what was written for it.
        """
        poll = select.poll()
        if self.launch is None:  # of an engine before: its connection is closed when it ends
            poll.register(self.shim.fileno(), 0)  # POLLHUP always counts
            return bool(poll.poll(seconds * 1000))
        try:
            pidfd = open_pidfd(self.launch.pid)
        except NotFound:
            return True
        try:
            poll.register(pidfd, select.POLLIN)
            return bool(poll.poll(seconds * 1000))
        finally:
            os.close(pidfd)


class Runs:
    """All runs by the container's id.

    Args:
        on_end: gets a run whose container has ended, or whose launcher is gone.
        on_detach: gets a run whenever a client has left it with its detach keys.
    """

    def __init__(self, on_end: Callable[[Run], None], on_detach: Callable[[Run], None]) -> None:
        self._on_end = on_end
        self._on_detach = on_detach
        self._runs: dict[str, Run] = {}

    def find(self, container: str) -> Run | None:
        """The run of a container, None if it does not run."""
        return self._runs.get(container)

    def watch(self, run: Run) -> None:
        """Has the end of a run dealt with."""
        self._runs[run.container] = run
        asyncio.get_running_loop().add_reader(run.shim.fileno(), self._read, run)

    def _read(self, run: Run) -> None:
        try:
            while (event := run.shim.next_event()) is not None:
                if isinstance(event, Exited):
                    self._end(run)
                    return
                if isinstance(event, Detached):
                    self._on_detach(run)
        except Unavailable:  # the launcher is gone
            self._end(run)

    def _end(self, run: Run) -> None:
        asyncio.get_running_loop().remove_reader(run.shim.fileno())
        del self._runs[run.container]
        self._on_end(run)

    def close(self) -> None:
        """Lets go of all of them; they go on."""
        for run in self._runs.values():
            asyncio.get_running_loop().remove_reader(run.shim.fileno())
            if run.launch is not None:
                reap(run.launch)
            let_go(run)
        self._runs.clear()


def let_go(run: Run) -> None:
    """Closes the connections to a launcher."""
    run.shim.close()
    if run.launch is not None:
        run.launch.close()


def reap(launch: Launch) -> None:
    """Has a launcher of this process leave no zombie, whenever it ends."""
    if launch.has_ended():
        return
    try:
        pidfd = open_pidfd(launch.pid)
    except NotFound:
        return
    loop = asyncio.get_running_loop()

    def ended() -> None:
        loop.remove_reader(pidfd)
        os.close(pidfd)
        launch.reap()

    loop.add_reader(pidfd, ended)
