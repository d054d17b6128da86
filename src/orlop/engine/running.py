"""What the runtime knows of containers that run, read once for each of their runs."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from orlop.errors import NotFound, WrongState
from orlop.kernel.cgroup.live import Cgroup
from orlop.runtime.lifecycle import status

if TYPE_CHECKING:
    from orlop.engine.container import Container
    from orlop.kernel.process import Identity
    from orlop.runtime.spec import Spec
    from orlop.runtime.state import Store


class LiveContainer:
    """One run of a container.

    Attributes:
        found: the container as the runtime has it.
        process: its first process.
        cgroup: its control groups.
        has_own_network: it does not use the host's network.
    """

    def __init__(self, found: status.Container, process: Identity) -> None:
        self.found = found
        self.process = process
        self.cgroup = Cgroup.stored(found.state.cgroup)
        self.has_own_network = _network(process.pid) != _network(os.getpid())
        self._spec: Spec | None = None

    @property
    def spec(self) -> Spec:
        """The configuration that it was made from."""
        if self._spec is None:
            self._spec = self.found.spec()
        return self._spec


def _network(pid: int) -> int:
    """The inode of a process's network namespace, 0 if it has ended."""
    try:
        return os.stat(f"/proc/{pid}/ns/net").st_ino
    except OSError:
        return 0


class LiveContainers:
    """The present runs of an engine's containers.

    Args:
        store: of the runtime.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._live: dict[str, tuple[tuple[int, int], LiveContainer]] = {}

    def of(self, container: Container, action: str) -> LiveContainer:
        """The run of a container that has a process (it may be paused).

        Args:
            container: as it is now.
            action: what it is wanted for, for the error: "exec in".

        Raises:
            WrongState: it has none.
        """
        state = container.state
        if not container.is_running:
            self._live.pop(container.id, None)
            raise WrongState(action, container.name, state=state.status, needs="running")
        key = (state.pid, state.started_ns)
        known = self._live.get(container.id)
        if known is None or known[0] != key:
            known = key, self._read(container, action)
            self._live[container.id] = known
        return known[1]

    def keep_only(self, containers: set[str]) -> None:
        """Forgets all but those with these ids."""
        for gone in self._live.keys() - containers:
            del self._live[gone]

    def _read(self, container: Container, action: str) -> LiveContainer:
        ending = WrongState(action, container.name, state="ending", needs="running")
        try:
            directory = self._store.open(container.id, lock=False)
            state = directory.read()
        except NotFound:
            raise ending from None
        if state.process is None:
            raise ending
        return LiveContainer(status.Container(directory, state, status.RUNNING), state.process)
