"""Starting containers: from what is stored to a launcher that supervises a program."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

from orlop.engine import events
from orlop.engine.attachment import close_all, hand_over
from orlop.engine.blocking import in_thread
from orlop.engine.container import CREATED, EXITED, RUNNING
from orlop.engine.containers.runs import Run
from orlop.engine.containers.sharing import make_shm
from orlop.engine.logs.options import attributes, choose
from orlop.errors import CommandNotExecutable, CommandNotFound, OrlopError
from orlop.intent.request import Log
from orlop.intent.start import begin
from orlop.launch.plan import STAY
from orlop.launch.supervision import DETACH_KEYS, LogFile, Supervision
from orlop.records import Record
from orlop.runtime.spec import Spec

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orlop.engine.attachment import Attachment
    from orlop.engine.container import Container
    from orlop.engine.containers.attaching import Clients
    from orlop.engine.containers.composing import Composer
    from orlop.engine.containers.roster import Roster
    from orlop.engine.containers.runs import Runs
    from orlop.engine.containers.storage import VolumesOf
    from orlop.engine.events import Events
    from orlop.engine.network import Endpoint
    from orlop.engine.networks import Networks
    from orlop.engine.settings import Settings
    from orlop.launch.executor import Launch
    from orlop.launch.shim import Shim
    from orlop.runtime.state import Store


class Launched(Record):
    """A launcher whose container's program runs; the PID is the host's."""

    launch: Launch
    shim: Shim
    pid: int
    started_ns: int
    spec: Spec
    warnings: tuple[str, ...]


class Starter:
    """Starts containers whose lock is held."""

    def __init__(
        self,
        roster: Roster,
        runs: Runs,
        store: Store,
        composer: Composer,
        volumes: VolumesOf,
        networks: Networks,
        clients: Clients,
        bus: Events,
        settings: Settings,
    ) -> None:
        self._roster = roster
        self._runs = runs
        self._store = store
        self._composer = composer
        self._volumes = volumes
        self._networks = networks
        self._clients = clients
        self._events = bus
        self._settings = settings

    async def start(self, container: Container, *, restarts: int = 0) -> Container:
        """The container's program runs, and the container is written down as running.

        Args:
            container: it has no process, and nothing of an earlier run is left.
            restarts: how often its policy has started it.

        Raises:
            OrlopError: it does not run; why is written down, too.
        """
        await self._clients.arrived(container.id)
        clients = self._clients.take(container.id)
        try:
            ends = self._networks.prepare(container)
            await self._volumes.mount(container)
            launched = await in_thread(self._launch, container, clients, ends)
        except OrlopError as error:
            await self._networks.release(container.id)
            await self._volumes.unmount(container.id)
            self._failed(container, error)
            raise
        finally:
            close_all(clients)
        run = Run(container.id, launched.shim, launched.launch, launched.spec)
        state = {
            "status": RUNNING,
            "pid": launched.pid,
            "exit_code": 0,
            "error": "",
            "oom": None,
            "started_ns": launched.started_ns,
            "restarts": restarts,
            "stopped_by_user": False,
        }
        try:
            started = self._roster.change_state(container.id, **state)
        finally:
            self._runs.watch(run)
        late = self._clients.take(container.id)  # those who came while it was being started
        for client in late:
            hand_over(launched.shim, client)
        close_all(late)
        await self._networks.started(started)
        for point in started.mounts:
            if point.name:
                self._events.publish(events.of_mount(started, point, "mount"))
        self._events.publish(events.of_container(started, "start"))
        return started

    def _failed(self, container: Container, error: OrlopError) -> None:
        """Writes down why a start went wrong; what never ran is still just created."""
        status = EXITED if container.state.started_ns else CREATED
        self._roster.change_state(
            container.id,
            status=status,
            pid=0,
            exit_code=exit_code_of(error),
            error=str(error),
        )

    def _launch(
        self,
        container: Container,
        clients: Sequence[Attachment],
        ends: tuple[Endpoint, ...],
    ) -> Launched:
        """Starts a launcher; blocks some milliseconds."""
        warnings: list[str] = []
        shims: list[Shim] = []

        def connected(shim: Shim) -> None:
            shims.append(shim)
            for client in clients:
                hand_over(shim, client, hold=True)

        make_shm(container, self._settings)
        try:
            with self._composer.composed(container, ends) as composed:
                launch = begin(
                    composed,
                    self._store,
                    warnings.append,
                    flags=STAY,
                    supervision=supervision_of(container, self._settings),
                    connected=connected,
                )
        except BaseException:
            for shim in shims:
                shim.close()
            raise
        process = self._store.open(container.id, lock=False).read().process
        pid = process.pid if process else 0
        return Launched(
            launch, shims[0], pid, time.time_ns(), _lean(composed.spec), tuple(warnings)
        )


def _lean(spec: Spec) -> Spec:
    """What has to be known of the configuration at the end of a run: hooks, mostly."""
    return Spec(spec.oci_version, hooks=spec.hooks, annotations=spec.annotations)


def supervision_of(container: Container, settings: Settings) -> Supervision:
    """What the launcher does with the container's streams."""
    handling = container.request.handling
    return Supervision(
        terminal=container.request.terminal,
        open_stdin=handling.interactive,
        stdin_once=handling.stdin_once,
        log=log_file(container, settings),
        detach_keys=handling.detach_keys or DETACH_KEYS,
    )


def log_file(container: Container, settings: Settings) -> LogFile | None:
    """Where its output is kept; None for nowhere."""
    default = Log(settings.log_driver, settings.log_options)
    choice = choose(container.request.handling.log, default)
    if not choice.is_kept:
        return None
    details = dict(attributes(container, default))
    text = json.dumps(details).encode() if details else b""
    return LogFile(container.log_path, choice.max_bytes, choice.max_files, text)


def exit_code_of(error: OrlopError) -> int:
    """What a container has as its exit code that could not be started, as with Docker."""
    match error:
        case CommandNotFound():
            return 127
        case CommandNotExecutable():
            return 126
        case _:
            return 128
