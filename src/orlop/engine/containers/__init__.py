"""The containers of an engine: everything that can be done to one, and who is there.

Each operation locks its container for as long as it takes, and no other: what hangs with one is
nobody else's trouble. Reading (`get`, `all`) never waits.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from typing import TYPE_CHECKING, TypeVar

from orlop.engine import events
from orlop.engine.blocking import in_thread
from orlop.engine.container import (
    DEAD,
    EXITED,
    PAUSED,
    REMOVING,
    RESTARTING,
    RUNNING,
    UNHEALTHY,
)
from orlop.engine.containers.answers import (
    Created,
    Ended,
    LastStart,
    Pruned,
    Size,
    WaitCondition,
)
from orlop.engine.containers.attaching import Attacher, Clients
from orlop.engine.containers.composing import Composer
from orlop.engine.containers.creation import Creator
from orlop.engine.containers.ending import Endings
from orlop.engine.containers.names import check_name
from orlop.engine.containers.networking import Connector
from orlop.engine.containers.policies import Policies
from orlop.engine.containers.removal import Remover
from orlop.engine.containers.restarting import restarts_when_unhealthy, wants_restart
from orlop.engine.containers.runs import Run, Runs
from orlop.engine.containers.sizes import measure
from orlop.engine.containers.starting import Starter
from orlop.engine.containers.stopping import Stopper
from orlop.engine.containers.updating import Updater
from orlop.engine.containers.waiting import Waiters
from orlop.engine.host import HOST
from orlop.engine.reconcile import Reconciler
from orlop.errors import InvalidArgument, NotFound, OrlopError, Unavailable, WrongState
from orlop.launch.shim import Shim

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from orlop.engine.attachment import Attachment
    from orlop.engine.background import Background
    from orlop.engine.container import Container, HealthState, OomKill
    from orlop.engine.containers.attaching import History, Take
    from orlop.engine.containers.roster import Roster
    from orlop.engine.containers.storage import ImagesOf, VolumesOf
    from orlop.engine.events import Events
    from orlop.engine.networks import Networks
    from orlop.engine.settings import Settings
    from orlop.intent.request import Limits, Network, Port, Request, RestartPolicy
    from orlop.runtime.state import Store

__all__ = ["Containers", "Created", "Ended", "LastStart", "Pruned", "Size", "WaitCondition"]

_T = TypeVar("_T")
_DEADLINE_S = 120.0
_STARTING_S = 10.0
_log = logging.getLogger(__name__)


class Containers:
    """All containers of an engine.

    Attributes:
        store: what is running, as the runtime keeps it.
    """

    def __init__(
        self,
        settings: Settings,
        roster: Roster,
        store: Store,
        bus: Events,
        images: ImagesOf,
        volumes: VolumesOf,
        networks: Networks,
        history: History,
        background: Background,
    ) -> None:
        self.store = store
        self._events = bus
        self._background = background
        self._roster = roster
        self._waiters = Waiters()
        self._clients = Clients()
        self._runs = Runs(self._ended, self._detached)
        self._attacher = Attacher(self._runs, self._clients, history)
        self._policies = Policies(self._restart_is_due)
        composer = Composer(roster, store, volumes, networks, HOST, settings)
        self._composer = composer
        self._creator = Creator(self._roster, images, volumes, composer, bus, settings)
        self._starter = Starter(
            self._roster,
            self._runs,
            self.store,
            composer,
            volumes,
            networks,
            self._clients,
            bus,
            settings,
        )
        self._endings = Endings(
            self._roster, self.store, self._waiters, volumes, networks, bus, self._after_end
        )
        self._volumes = volumes
        self._networks = networks
        self._connector = Connector(self._roster, self.store, networks)
        self._stopper = Stopper(self._roster, self._runs, self.store, self._policies, bus, settings)
        self._updater = Updater(self._roster, self.store, composer, networks, bus)
        self._settings = settings
        self._remover = Remover(
            self._roster,
            self.store,
            self._waiters,
            self._clients,
            self._policies,
            volumes,
            bus,
            background,
            settings,
        )

    async def open(self) -> None:
        """What an engine before has left is put right; to be done once, before anything else."""
        reconciler = Reconciler(
            self._roster,
            self.store,
            self._runs,
            self._endings,
            self._remover,
            self._policies,
            self._volumes,
            self._networks,
            self._background,
            self._settings,
        )
        await reconciler.reconcile()

    def close(self) -> None:
        """Lets go of all containers; they go on."""
        self._policies.close()
        self._clients.close()
        self._runs.close()

    # --- who is there -------------------------------------------------------------------------

    def get(self, ref: str) -> Container:
        """A container by its id, a unique beginning of it, or its name, as it is now.

        Raises:
            NotFound: there is none.
            InvalidArgument: several ids begin so.
        """
        return self._roster.get(ref)

    def all(self) -> tuple[Container, ...]:
        """All of them, the newest first."""
        return self._roster.all()

    def placed(self, ref: str) -> Request:
        """What was asked of a container, with its image and volumes as directories of the host.

        Raises:
            NotFound: there is no such container.
        """
        return self._composer.placed(self._roster.get(ref))

    async def foreseen(self, request: Request) -> Request:
        """What would be asked of a new container, with its image as directories of the host.

        Raises:
            NotFound: there is no such image.
        """
        return await self._creator.foreseen(request)

    def shim(self, ref: str) -> Shim:
        """A new connection to the launcher of a running container, the caller's to close.

        Raises:
            NotFound: there is no such container.
            WrongState: it does not run.
            Unavailable: its launcher does not answer.
        """
        container = self._roster.get(ref)
        if not container.is_running:
            raise _does_not_run("reach", container)
        return Shim.connect(self.store.open(container.id, lock=False).path)

    def last_start(self, ref: str) -> LastStart:
        """How a container that runs was started.

        Raises:
            NotFound: there is no such container.
            WrongState: it does not run.
            Unavailable: an engine before has started it, and taken the plan along.
        """
        container = self._roster.get(ref)
        run = self._runs.find(container.id)
        if run is None:
            raise _does_not_run("trace", container)
        if run.launch is None or run.spec is None:
            raise Unavailable(
                f"nothing is known of the start of container {container.name!r}",
                hint="an engine before has started it; restart it",
            )
        return LastStart(run.launch.plan, run.launch.read_report(), run.spec)

    # --- life ---------------------------------------------------------------------------------

    async def create(self, request: Request, *, name: str = "", platform: str = "") -> Created:
        """Makes a container that can be started.

        Args:
            request: what is asked.
            name: "" for one that is made up.
            platform: of the image, "" for the host's.

        Raises:
            NotFound: there is no such image.
            AlreadyExists: the name is taken.
            InvalidArgument: the request contradicts itself, or names what is not there.
            Unsupported: this host, or orlop, cannot do it.
        """
        work = self._creator.create(request, name, platform)
        return await self._background.finish(work, f"create container {name}", _DEADLINE_S)

    async def start(self, ref: str) -> bool:
        """The container's program runs; False if it did already.

        Raises:
            NotFound: there is no such container.
            WrongState: it is paused, or being removed.
            CommandNotFound, CommandNotExecutable: the program cannot be executed.
            LaunchError: the kernel refused a step.
        """
        return await self._finish("start", self._start, self._roster.get(ref))

    async def stop(self, ref: str, *, timeout_s: int | None = None, signal: int = 0) -> bool:
        """The container has ended, killed if it took longer than it may; False if it had already.

        Args:
            ref: which one.
            timeout_s: to end by itself; None for the container's own, -1 for no limit.
            signal: to ask with, 0 for the container's own.

        Raises:
            NotFound: there is no such container.
            DeadlineExceeded: the kernel does not end it.
        """
        container = self._roster.get(ref)
        return await self._stopper.stop(container, timeout_s, signal)

    async def restart(self, ref: str, *, timeout_s: int | None = None, signal: int = 0) -> None:
        """It is stopped, if it runs, and started."""
        container = self._roster.get(ref)
        await self._stopper.stop(container, timeout_s, signal)
        await self._finish("restart", self._start, container)
        self._events.publish(events.of_container(self._roster.get(container.id), "restart"))

    async def kill(self, ref: str, signal: int = 9) -> None:
        """Its first process gets a signal; a start that is underway is waited for.

        Its program may have said something before the start has ended, and whoever heard that may
        take it to run.

        Raises:
            NotFound: there is no such container.
            WrongState: it does not run.
        """
        container = self._roster.get(ref)
        lock = self._roster.lock(container.id)
        if self._runs.find(container.id) is None and lock.locked():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_STARTING_S), lock:
                    pass
        await self._stopper.kill(self._roster.get(container.id), signal)

    async def pause(self, ref: str) -> None:
        """Its processes stand still.

        Raises:
            WrongState: it does not run, or is paused already.
        """
        await self._finish("pause", self._stopper.pause, self._roster.get(ref))

    async def unpause(self, ref: str) -> None:
        """Its processes go on.

        Raises:
            WrongState: it is not paused.
        """
        await self._finish("unpause", self._stopper.unpause, self._roster.get(ref))

    async def rename(self, ref: str, name: str) -> None:
        """It has another name.

        Raises:
            AlreadyExists: that is taken.
            InvalidArgument: that is none.
        """
        before = self._roster.get(ref)
        new = check_name(name)
        if new == before.name:
            raise InvalidArgument(f"container {new!r} has that name already")
        self._roster.check_free(new)
        after = self._roster.change(before.id, name=new)
        self._events.publish(events.of_container(after, "rename", oldName=f"/{before.name}"))

    async def connect(self, ref: str, network: Network) -> None:
        """It is in one more network, at once if it runs; see `Connector.connect`."""

        async def work(container: Container) -> None:
            await self._connector.connect(container, network)

        await self._finish("connect", work, self._roster.get(ref))

    async def disconnect(self, ref: str, network: str) -> None:
        """It has left a network; see `Connector.disconnect`."""

        async def work(container: Container) -> None:
            await self._connector.disconnect(container, network)

        await self._finish("disconnect", work, self._roster.get(ref))

    async def publish(self, ref: str, ports: tuple[Port, ...]) -> None:
        """Further ports of it are published; see `Connector.publish`."""

        async def work(container: Container) -> None:
            await self._connector.publish(container, ports)

        await self._finish("publish ports of", work, self._roster.get(ref))

    async def unpublish(self, ref: str, ports: tuple[Port, ...]) -> None:
        """Ports of it are not published any more; see `Connector.unpublish`."""

        async def work(container: Container) -> None:
            await self._connector.unpublish(container, ports)

        await self._finish("take back ports of", work, self._roster.get(ref))

    async def update(
        self, ref: str, limits: Limits, restart: RestartPolicy | None = None
    ) -> tuple[str, ...]:
        """Other limits, at once if it runs; what is None stays. Returns warnings."""

        async def work(container: Container) -> tuple[str, ...]:
            return await self._updater.update(container, limits, restart)

        return await self._finish("update", work, self._roster.get(ref))

    async def remove(self, ref: str, *, force: bool = False, volumes: bool = False) -> None:
        """Nothing is left of it.

        Args:
            ref: which one.
            force: even if it runs.
            volumes: its anonymous volumes go with it.

        Raises:
            NotFound: there is no such container.
            WrongState: it runs, and `force` was not given.
        """
        container = self._roster.get(ref)
        if container.state.status == RESTARTING and force:
            await self._stopper.stop(container, 0, 0)
        run = self._runs.find(container.id)
        if run is not None and not force:
            raise WrongState(
                "remove",
                container.name,
                state=container.state.status,
                needs=EXITED,
                hint="stop it first, or force it",
            )
        if run is not None:
            self._roster.change_state(container.id, stopped_by_user=True)
            await self._stopper.kill_run(container, run)

        async def work(container: Container) -> None:
            await self._removed(container, volumes=volumes)

        try:
            await self._finish("remove", work, container)
        except NotFound:  # it was to be removed at its end, and now is
            if run is None:
                raise

    async def prune(self, keep: Callable[[Container], bool]) -> Pruned:
        """All that do not run are removed, but those to keep."""
        ids, freed = [], 0
        for container in self._roster.all():
            if container.is_running or container.state.status == RESTARTING or keep(container):
                continue
            try:
                size = await self.size(container.id)
                await self.remove(container.id)
            except (NotFound, WrongState):  # somebody else was faster
                continue
            ids.append(container.id)
            freed += size.writable_bytes
        return Pruned(tuple(ids), freed)

    def lock(self, container: str) -> asyncio.Lock:
        """Held by whoever changes the container of this id, or its files while it does not run."""
        return self._roster.lock(container)

    # --- from outside -------------------------------------------------------------------------

    def wait(self, ref: str, condition: WaitCondition) -> asyncio.Future[Ended]:
        """The end that somebody waits for; what happens after the call is not missed.

        Raises:
            NotFound: there is no such container.
        """
        return self._waiters.wait(self._roster.get(ref), condition)

    async def attach(self, ref: str, attachment: Attachment) -> None:
        """The client has the container's streams, or will have them when it is started.

        Its socket belongs to the launcher afterwards, and is closed here also after a failure.
        """
        try:
            container = self._roster.get(ref)
        except BaseException:
            os.close(attachment.fd)
            raise
        await self._attacher.attach(container, attachment)
        self._events.publish(events.of_container(container, "attach"))

    @contextlib.contextmanager
    def attaching(self, ref: str) -> Iterator[Take]:
        """The same for a client that is told of it before: what it does then comes after it.

        Yields:
            What is to be called with the attachment, once.

        Raises:
            NotFound: there is no such container.
        """
        container = self._roster.get(ref)
        with self._attacher.coming(container) as attach:

            async def take(attachment: Attachment) -> None:
                await attach(attachment)
                self._events.publish(events.of_container(container, "attach"))

            yield take

    async def resize(self, ref: str, rows: int, columns: int) -> None:
        """Its terminal has another size.

        Raises:
            WrongState: it does not run.
        """
        container = self._roster.get(ref)
        run = self._runs.find(container.id)
        if run is None:
            raise _does_not_run("resize", container)
        run.shim.resize(rows, columns)
        size = {"height": str(rows), "width": str(columns)}
        self._events.publish(events.of_container(container, "resize", **size))

    async def size(self, ref: str) -> Size:
        """What its files take on the disk."""
        container = self._roster.get(ref)
        return await in_thread(measure, container)

    def set_health(self, ref: str, health: HealthState) -> None:
        """Remembers what its checks have found; the container may have ended in the meantime.

        The end of one that has become unhealthy is a failure to its restart policy, if it is to be
        started again then.
        """
        container = self._roster.find(ref)
        if container is None:
            return
        container = self._roster.change_state(ref, health=health)
        if health.status == UNHEALTHY and restarts_when_unhealthy(container):
            self._policies.count_as_failed(ref)

    def set_oom(self, ref: str, oom: OomKill) -> None:
        """Remembers and tells that processes of a container were killed for want of memory."""
        container = self._roster.find(ref)
        if container is not None and container.is_running:
            container = self._roster.change_state(ref, oom=oom)
            self._events.publish(events.of_oom(container, oom))

    # --- with the container's lock ------------------------------------------------------------

    async def _finish(
        self, action: str, work: Callable[[Container], Awaitable[_T]], container: Container
    ) -> _T:
        """Does some work with the container's lock, to its end whatever becomes of the caller."""

        async def locked() -> _T:
            async with self._roster.lock(container.id):
                return await work(self._roster.get(container.id))

        name = f"{action} container {container.name!r}"
        return await self._background.finish(locked(), name, _DEADLINE_S)

    async def _start(self, container: Container, restarts: int = 0) -> bool:
        status = container.state.status
        if status == RUNNING:
            return False
        if status in (PAUSED, REMOVING, DEAD):
            hint = "unpause it" if status == PAUSED else ""
            raise WrongState("start", container.name, state=status, needs=EXITED, hint=hint)
        self._policies.cancel(container.id) if not restarts else None
        try:
            await self._starter.start(container, restarts=restarts)
        except OrlopError:
            if container.request.handling.remove:
                await self._remover.remove(self._roster.get(container.id), volumes=True)
            raise
        return True

    async def _removed(self, container: Container, *, volumes: bool) -> None:
        if self._runs.find(container.id) is not None:
            needs = EXITED
            raise WrongState("remove", container.name, state=container.state.status, needs=needs)
        await self._remover.remove(container, volumes=volumes)

    # --- ends ---------------------------------------------------------------------------------

    def _ended(self, run: Run) -> None:
        self._background.start(self._endings.ended(run), f"end of {run.container}")

    def _detached(self, run: Run) -> None:
        container = self._roster.find(run.container)
        if container is not None:
            self._events.publish(events.of_container(container, "detach"))

    async def _after_end(self, container: Container, lived_s: float) -> None:
        """What follows when nothing is left of a run: the next one, or removal, or nothing."""
        handling = container.request.handling
        if wants_restart(container, failed=self._policies.has_failed(container.id)):
            self._roster.change_state(container.id, status=RESTARTING)
            self._policies.schedule(container.id, lived_s)
        elif handling.remove:
            await self._remover.remove_at_end(container)

    def _restart_is_due(self, container: str) -> None:
        self._background.start(self._restart(container), f"restart of {container}")

    async def _restart(self, ref: str) -> None:
        """The next run that a policy wants; when it cannot be had, the policy tries again."""
        async with self._roster.lock(ref):
            container = self._roster.find(ref)
            if container is None or container.state.status != RESTARTING:
                return
            restarts = container.state.restarts + 1
            try:
                await self._start(container, restarts)
            except OrlopError as error:
                _log.warning("cannot restart container %s: %s", container.name, error)
                failed = self._roster.change_state(ref, restarts=restarts)
                if wants_restart(failed):
                    self._roster.change_state(ref, status=RESTARTING)
                    self._policies.schedule(ref, 0)


def _does_not_run(action: str, container: Container) -> WrongState:
    return WrongState(action, container.name, state=container.state.status, needs=RUNNING)
