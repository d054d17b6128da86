"""Further processes in containers that live.

Each has a launcher of its own, which keeps its streams and writes down how it ended; the client's
connection is given to that, so the engine is not in the way of a byte. The engine hears from the
launcher over a connection of its own, and finds it again after a restart.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import time
from typing import TYPE_CHECKING

from orlop.engine.blocking import in_thread
from orlop.engine.containers.ending import exit_code
from orlop.engine.containers.runs import reap
from orlop.engine.events import CONTAINER, of_container
from orlop.engine.exec_request import Exec, ExecRequest
from orlop.engine.execs.kept import Kept
from orlop.engine.execs.launching import close, kill_session, launch_exec, say
from orlop.engine.execs.process import check
from orlop.errors import (
    CommandNotFound,
    Conflict,
    InvalidArgument,
    NotFound,
    OrlopError,
    Unavailable,
    WrongState,
)
from orlop.launch import shim as shims

if TYPE_CHECKING:
    from orlop.engine.attachment import Attachment
    from orlop.engine.background import Background
    from orlop.engine.container import Container
    from orlop.engine.events import Event, Events
    from orlop.engine.known import Known
    from orlop.engine.running import LiveContainer, LiveContainers
    from orlop.intent.request import Size
    from orlop.launch.executor import Launch

__all__ = ["Exec", "ExecRequest", "Execs"]

KEEP_ENDED_S = 300.0
"""How long one can still be asked how it ended, as with Docker."""
KEEP_UNSTARTED_S = 3600.0
MOST_PER_CONTAINER = 4096
"""How many of a container's execs are known at once."""

_NOT_EXECUTABLE, _NOT_FOUND = 126, 127
_KILLED, _SIGKILL = 137, 9


class _Entry:
    """An exec that the engine knows, and while it runs, who is connected."""

    def __init__(self, exec_: Exec) -> None:
        self.exec = exec_
        self.shim: shims.Shim | None = None
        self.launch: Launch | None = None
        self.is_starting = False
        self.over = asyncio.Event()


class Execs:
    """All further processes of an engine. To be closed; used in one event loop.

    Args:
        containers: who is there.
        live: those that run, as the kernel and the runtime have them.
        events: gets what happens, and tells which containers have ended.
        background: for what goes on after a client has left.
        directory: host path for what has to be found again after a restart of the engine.
    """

    def __init__(
        self,
        containers: Known,
        live: LiveContainers,
        events: Events,
        background: Background,
        directory: str,
    ) -> None:
        self._containers = containers
        self._live = live
        self._events = events
        self._kept = Kept(directory)
        self._entries: dict[str, _Entry] = {}
        self._of: dict[str, set[str]] = {}
        self._background = background
        self._listening = events.subscribe(keep=self._note)

    async def open(self) -> None:
        """Takes over those that an engine before has started."""
        for found in await in_thread(self._kept.read):
            self._adopt(found)

    def close(self) -> None:
        """Nothing is listened to any more; the processes go on."""
        self._listening.close()
        for entry in self._entries.values():
            self._disconnect(entry)
            _let_go(entry)

    # --- who is there -------------------------------------------------------------------------

    def get(self, exec_id: str) -> Exec:
        """The exec of that id, or of a unique beginning of it.

        Raises:
            NotFound: there is none.
        """
        entry = self._find(exec_id)
        # A client asks as soon as its connection ends; the launcher has told us before that.
        self._listen(entry)
        return entry.exec

    def of(self, container: str) -> tuple[str, ...]:
        """The ids of the execs of a container (its full id) that have not ended, sorted."""
        ids = self._of.get(container, ())
        return tuple(sorted(name for name in ids if self._entries[name].exec.exit_code is None))

    def _find(self, exec_id: str) -> _Entry:
        found = self._entries.get(exec_id)
        if found is None and exec_id:
            several = [name for name in self._entries if name.startswith(exec_id)]
            found = self._entries[several[0]] if len(several) == 1 else None
        if found is None:
            raise NotFound("exec instance", exec_id)
        return found

    # --- create and start ---------------------------------------------------------------------

    async def create(self, ref: str, request: ExecRequest) -> str:
        """Notes what is to be started in a container; returns its id.

        Raises:
            NotFound: there is no such container.
            WrongState: it does not run, or is paused.
            InvalidArgument: the request is wrong.
            Conflict: too many were asked for and not started.
        """
        container = self._containers.get(ref)
        check(request)
        _check_running(container)
        self._make_room(container)
        made = Exec(secrets.token_hex(32), container.id, request, created_ns=time.time_ns())
        self._entries[made.id] = _Entry(made)
        self._of.setdefault(container.id, set()).add(made.id)
        self._tell(container, made, f"exec_create: {' '.join(request.command)}")
        return made.id

    def check_start(self, exec_id: str) -> None:
        """Whether `start` makes sense now: to be asked before a connection is upgraded.

        Raises:
            NotFound: there is no such exec.
            Conflict: it was started already, or its container does not live.
        """
        self._startable(self._find(exec_id))

    def _startable(self, entry: _Entry) -> Container:
        if entry.exec.started_ns:
            raise Conflict(f"cannot start exec {entry.exec.id[:12]}: it was started already")
        container = self._containers.get(entry.exec.container)
        _check_running(container)
        return container

    async def start(
        self, exec_id: str, attachment: Attachment | None = None, size: Size | None = None
    ) -> None:
        """The program runs; the client of the attachment, if there is one, has its streams.

        What goes wrong with the program is written to the client of an attachment as text; the exec
        has ended then, with status 126 or 127. The attachment's descriptor is closed in any case.
        Once it has begun, a start is not undone by being cancelled.

        Args:
            exec_id: the exec's.
            attachment: whom to connect; None for a detached start.
            size: of its terminal.

        Raises:
            NotFound: there is no such exec.
            Conflict: it was started already, or its container does not live.
            OrlopError: only without attachment: the program could not be started.
        """
        try:
            entry = self._find(exec_id)
            container = self._startable(entry)
            live = self._live.of(container, "exec in")
        except OrlopError:
            close(attachment)
            raise
        request = entry.exec.request
        if size is not None:
            request = request.replace(size=size)
        entry.exec = entry.exec.replace(request=request, running=True, started_ns=time.time_ns())
        self._tell(container, entry.exec, f"exec_start: {' '.join(request.command)}")
        work = self._start(entry, container, live, attachment)
        await asyncio.shield(self._background.start(work, f"exec {entry.exec.id[:12]}"))

    async def _start(
        self,
        entry: _Entry,
        container: Container,
        live: LiveContainer,
        attachment: Attachment | None,
    ) -> None:
        def connected(shim: shims.Shim) -> None:
            entry.shim = shim  # whose end may be told before this thread's, see `get`

        entry.is_starting = True
        try:
            entry.launch = await in_thread(
                launch_exec, container, live, entry.exec, attachment, self._kept, connected
            )
        except BaseException as error:
            self._disconnect(entry)
            is_missing = isinstance(error, CommandNotFound)
            self._has_ended(entry, _NOT_FOUND if is_missing else _NOT_EXECUTABLE, time.time_ns())
            if attachment is None or not isinstance(error, OrlopError):
                raise
            say(attachment, error)
        else:
            entry.is_starting = False
            self._watch(entry)
        finally:
            close(attachment)

    # --- while it runs ------------------------------------------------------------------------

    async def resize(self, exec_id: str, rows: int, columns: int) -> None:
        """Its terminal has that size.

        Raises:
            NotFound: there is no such exec.
            Conflict: it does not live.
            InvalidArgument: that is no size.
        """
        if not (0 <= rows < 1 << 16 and 0 <= columns < 1 << 16):
            raise InvalidArgument(f"cannot resize a terminal to {rows} rows, {columns} columns")
        entry = self._find(exec_id)
        self._listen(entry)
        if entry.shim is None:
            raise Conflict(f"cannot resize exec {entry.exec.id[:12]}: it does not run")
        try:
            entry.shim.resize(rows, columns)
        except Unavailable:
            self._listen(entry)
            raise Conflict(f"cannot resize exec {entry.exec.id[:12]}: it has ended") from None

    async def wait(self, exec_id: str) -> Exec:
        """The exec, once it has ended.

        Raises:
            NotFound: there is none of that id.
        """
        entry = self._find(exec_id)
        self._listen(entry)
        await entry.over.wait()
        return entry.exec

    async def kill(self, exec_id: str) -> None:
        """Its first process and all of its session have SIGKILL pending, if it runs.

        Raises:
            NotFound: there is no such exec.
        """
        entry = self._find(exec_id)
        self._listen(entry)
        if entry.shim is None or not entry.exec.running:
            return
        with contextlib.suppress(WrongState, NotFound):
            live = self._live.of(self._containers.get(entry.exec.container), "kill an exec in")
            await in_thread(kill_session, live.cgroup, entry.exec.pid)
        with contextlib.suppress(Unavailable):
            if entry.shim is not None:
                entry.shim.signal(_SIGKILL)

    def _watch(self, entry: _Entry) -> None:
        """Listens to its launcher from now on."""
        if entry.shim is not None:
            asyncio.get_running_loop().add_reader(entry.shim.fileno(), self._listen, entry)
            self._listen(entry)

    def _listen(self, entry: _Entry) -> None:
        """Takes what the launcher has said. Does not wait."""
        try:
            while entry.shim is not None and (event := entry.shim.next_event()) is not None:
                self._heard(entry, event)
        except Unavailable:
            if not entry.is_starting:
                self._launcher_has_ended(entry)

    def _heard(self, entry: _Entry, event: shims.Event) -> None:
        match event:
            case shims.Running(pid):
                entry.exec = entry.exec.replace(pid=pid)
            case shims.Exited(status):
                self._has_ended(entry, exit_code(status), time.time_ns())
            case shims.Detached():
                with contextlib.suppress(NotFound):
                    container = self._containers.get(entry.exec.container)
                    self._tell(container, entry.exec, "exec_detach")
            case _:
                pass

    def _has_ended(self, entry: _Entry, status: int, at_ns: int) -> None:
        if entry.exec.exit_code is not None:
            return
        entry.exec = entry.exec.replace(running=False, exit_code=status, pid=0, ended_ns=at_ns)
        entry.over.set()
        with contextlib.suppress(NotFound):
            container = self._containers.get(entry.exec.container)
            self._tell(container, entry.exec, "exec_die", exitCode=str(status))

    def _launcher_has_ended(self, entry: _Entry) -> None:
        record = shims.read_record(self._kept.path(entry.exec.id))
        if record is not None:
            self._has_ended(entry, exit_code(record.status), record.ended_ns)
        else:
            self._has_ended(entry, _KILLED, time.time_ns())
        self._disconnect(entry)
        _let_go(entry)
        work = in_thread(self._kept.remove, entry.exec.id)
        self._background.start(work, f"remove what exec {entry.exec.id[:12]} has left")

    def _disconnect(self, entry: _Entry) -> None:
        if entry.shim is not None:
            asyncio.get_running_loop().remove_reader(entry.shim.fileno())
            entry.shim.close()
            entry.shim = None

    def _adopt(self, found: Exec) -> None:
        """One of an engine before: it runs, or has ended in the meantime."""
        entry = _Entry(found)
        self._entries[found.id] = entry
        self._of.setdefault(found.container, set()).add(found.id)
        try:
            entry.shim = shims.Shim.connect(self._kept.path(found.id))
        except Unavailable:
            self._launcher_has_ended(entry)
        else:
            self._watch(entry)

    # --- the end ------------------------------------------------------------------------------

    def _note(self, event: Event) -> bool:
        """Looks at every event; none has to wait in a queue."""
        if event.type == CONTAINER and event.action in ("die", "destroy"):
            for exec_id in tuple(self._of.get(event.id, ())):
                entry = self._entries[exec_id]
                if not entry.exec.started_ns or event.action == "destroy":
                    self._forget(entry)
        return False

    def _make_room(self, container: Container) -> None:
        """Forgets what is old; of what has ended also what is not, if there is too much."""
        now_ns = time.time_ns()
        entries = [self._entries[exec_id] for exec_id in self._of.get(container.id, ())]
        entries.sort(key=lambda entry: (entry.exec.exit_code is None, entry.exec.ended_ns))
        too_many = len(entries) - MOST_PER_CONTAINER + 1
        for index, entry in enumerate(entries):
            has_ended = entry.exec.exit_code is not None
            if _is_old(entry.exec, now_ns) or (has_ended and index < too_many):
                self._forget(entry)
        if len(self._of.get(container.id, ())) >= MOST_PER_CONTAINER:
            raise Conflict(
                f"container {container.name!r} has {MOST_PER_CONTAINER} execs that have not ended"
            )

    def _forget(self, entry: _Entry) -> None:
        self._disconnect(entry)
        _let_go(entry)
        del self._entries[entry.exec.id]
        ids = self._of[entry.exec.container]
        ids.discard(entry.exec.id)
        if not ids:
            del self._of[entry.exec.container]

    def _tell(self, container: Container, about: Exec, action: str, **more: str) -> None:
        self._events.publish(of_container(container, action, execID=about.id, **more))


def _let_go(entry: _Entry) -> None:
    """Its launcher goes on if it has not ended; if it does, it leaves no zombie."""
    if entry.launch is not None:
        reap(entry.launch)
        entry.launch.close()
        entry.launch = None


def _check_running(container: Container) -> None:
    state = container.state.status
    if state == "paused":
        raise WrongState("exec in", container.name, state=state, needs="running")
    if not container.is_running:
        raise WrongState("exec in", container.name, state=state, needs="running")


def _is_old(one: Exec, now_ns: int) -> bool:
    if one.exit_code is not None:
        return now_ns - one.ended_ns > KEEP_ENDED_S * 1e9
    return not one.started_ns and now_ns - one.created_ns > KEEP_UNSTARTED_S * 1e9
