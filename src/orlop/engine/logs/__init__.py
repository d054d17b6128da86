"""What containers have written, from their log files.

Reading costs memory for a block, not for a log: it goes on when the client has taken what it has.
Following means to be woken by the kernel when a file changes, until the container ends and
everything is read.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from typing import TYPE_CHECKING, Protocol, TypeVar

from orlop.engine.blocking import in_thread
from orlop.engine.events import CONTAINER
from orlop.engine.file_watch import FileWatch
from orlop.engine.logs.beginning import find_beginning
from orlop.engine.logs.entries import Frames, Lines, Wanted, parse
from orlop.engine.logs.files import Reader
from orlop.engine.logs.query import STDERR, STDOUT, LogLine, LogQuery
from orlop.errors import InvalidArgument, Unsupported

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Sequence

    from orlop.engine.container import Container
    from orlop.engine.events import Event, Events
    from orlop.engine.known import Known
    from orlop.engine.logs.entries import Entry

__all__ = ["STDERR", "STDOUT", "LogLine", "LogQuery", "Logs"]

_T = TypeVar("_T")
_T_co = TypeVar("_T_co", covariant=True)
_ENDS = ("die", "destroy")


class _Form(Protocol[_T_co]):
    """What entries become."""

    def of(self, entries: list[Entry]) -> Sequence[_T_co]: ...


class Logs:
    """The logs of an engine's containers. To be closed."""

    def __init__(self, containers: Known, events: Events) -> None:
        self._containers = containers
        self._events = events
        self._watch = FileWatch()

    def close(self) -> None:
        """Nothing is watched any more."""
        self._watch.close()

    def read(self, ref: str, query: LogQuery) -> AsyncIterator[LogLine]:
        """The lines, in the order in which they were written.

        Raises:
            NotFound: there is no such container.
            InvalidArgument: neither stream is wanted.
            Unsupported: its log driver keeps nothing that could be read.
        """
        return self._pieces(self._check(ref, query), query, Lines())

    def render(
        self,
        ref: str,
        query: LogQuery,
        *,
        timestamps: bool = False,
        details: bool = False,
        framed: bool = True,
    ) -> AsyncIterator[bytes]:
        """The same as bytes for a client, in large pieces; much faster than line by line.

        Args:
            ref: of the container.
            query: which lines.
            timestamps: each begins with its time (RFC 3339 with nanoseconds) and a space.
            details: then follow what the log options `labels`, `env` and `tag` add, and a space.
            framed: each is one of Docker's frames; false for a container with a terminal.

        Raises:
            As `read`.
        """
        form = Frames(timestamps=timestamps, details=details, framed=framed)
        return self._pieces(self._check(ref, query), query, form)

    def _check(self, ref: str, query: LogQuery) -> Container:
        container = self._containers.get(ref)
        if not query.stdout and not query.stderr:
            raise InvalidArgument("cannot read logs: choose at least one stream, stdout or stderr")
        if not container.log_path:
            raise Unsupported(
                f"reading the logs of container {container.name!r}",
                needs="a log driver that keeps them, as json-file",
                hint="what it writes now can be seen with attach",
            )
        return container

    async def _pieces(
        self, container: Container, query: LogQuery, form: _Form[_T]
    ) -> AsyncIterator[_T]:
        wanted = Wanted(query)
        follower = _Follower(self._containers, container, query) if query.follow else None
        with contextlib.ExitStack() as stack:
            if follower is not None:
                stack.enter_context(follower.listening(self._events, self._watch))
            reader = await in_thread(
                Reader, container.log_path, lambda files: find_beginning(files, wanted, query.tail)
            )
            try:
                while True:
                    is_over = follower is None or follower.is_over()
                    while (pieces := await in_thread(_next, reader, wanted, form)) is not None:
                        for piece in pieces:
                            yield piece
                    if is_over or follower is None or wanted.is_over:
                        return
                    await follower.wait()
            finally:
                await in_thread(reader.close)


def _next(reader: Reader, wanted: Wanted, form: _Form[_T]) -> Sequence[_T] | None:
    """What comes next; None if there is nothing more now."""
    block = b"" if wanted.is_over else reader.read()
    return form.of(wanted.among(parse(block))) if block else None


class _Follower:
    """Waits for more of a log, as long as more can come."""

    def __init__(self, containers: Known, container: Container, query: LogQuery) -> None:
        self._containers = containers
        self._container = container
        self._until_ns = query.until_ns
        self._ended = False
        self._news = asyncio.Event()

    @contextlib.contextmanager
    def listening(self, events: Events, watch: FileWatch) -> Iterator[None]:
        """While the block lasts, changes and the end are noticed."""
        directory = os.path.dirname(self._container.log_path)
        subscription = events.subscribe(keep=self._note)
        try:
            with watch.changes(directory) as self._news:
                self._ended = not self._containers.get(self._container.id).is_running
                yield
        finally:
            subscription.close()

    def _note(self, event: Event) -> bool:
        """Looks at every event; none has to wait in a queue."""
        if event.type == CONTAINER and event.id == self._container.id and event.action in _ENDS:
            self._ended = True
            self._news.set()
        return False

    def is_over(self) -> bool:
        """Whether everything that is to come has been written."""
        return self._ended or bool(self._until_ns and time.time_ns() > self._until_ns)

    async def wait(self) -> None:
        """Until something may have changed."""
        left_s = max(0.0, (self._until_ns - time.time_ns()) / 1e9) if self._until_ns else None
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(left_s):
                await self._news.wait()
        self._news.clear()
