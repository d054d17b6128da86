"""Clients that want a container's streams: given to its launcher, or kept until there is one."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from typing import TYPE_CHECKING

from orlop.engine.attachment import close_all, hand_over
from orlop.engine.logs.query import LogQuery
from orlop.launch.detach_keys import parse_detach_keys

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

    from orlop.engine.attachment import Attachment
    from orlop.engine.container import Container
    from orlop.engine.containers.runs import Runs

    History = Callable[[str, LogQuery, bool], AsyncIterator[bytes]]
    Take = Callable[[Attachment], Awaitable[None]]

_PATIENCE_S = 30.0
_ARRIVAL_S = 1.0  # clients are on their way for a few milliseconds


class Clients:
    """Clients of containers that do not run yet, in the order in which they came."""

    def __init__(self) -> None:
        self._waiting: dict[str, list[Attachment]] = {}
        self._coming: dict[str, set[asyncio.Future[None]]] = {}

    @contextlib.contextmanager
    def coming(self, container: str) -> Iterator[asyncio.Future[None]]:
        """Until the block ends, or what it gets is done, a client is on its way."""
        arrival = asyncio.get_running_loop().create_future()
        arrivals = self._coming.setdefault(container, set())
        arrivals.add(arrival)
        try:
            yield arrival
        finally:
            _arrive(arrival)
            arrivals.discard(arrival)
            if not arrivals:
                self._coming.pop(container, None)

    async def arrived(self, container: str) -> None:
        """Nobody is on his way to it any more, or it took him longer than anybody needs."""
        if arrivals := self._coming.get(container):
            await asyncio.wait(arrivals, timeout=_ARRIVAL_S)

    def keep(self, container: str, attachment: Attachment) -> None:
        """The client gets the container's next run."""
        self._waiting.setdefault(container, []).append(attachment)

    def take(self, container: str) -> tuple[Attachment, ...]:
        """Those of a container, which are the caller's to close now."""
        return tuple(self._waiting.pop(container, ()))

    def send_away(self, container: str) -> None:
        """Closes the connections of those who wait for a container that will not run."""
        close_all(self.take(container))

    def close(self) -> None:
        """Closes the connections of all of them."""
        for container in tuple(self._waiting):
            self.send_away(container)


class Attacher:
    """Gives clients to containers that run, or keeps them for those that will.

    Args:
        runs: what runs.
        clients: who waits.
        history: what a container has written so far, framed or not.
    """

    def __init__(self, runs: Runs, clients: Clients, history: History) -> None:
        self._runs = runs
        self._clients = clients
        self._history = history

    @contextlib.contextmanager
    def coming(self, container: Container) -> Iterator[Take]:
        """A client is about to be told that it is attached, and does what comes next at once.

        If that is the container's start, this waits until the client is there: else it would miss
        the beginning, or wait for another run when the container has ended meanwhile.

        Yields:
            What `attach` does, for that client.
        """
        is_late = self._runs.find(container.id) is not None
        with self._clients.coming(container.id) as arrival:

            async def take(attachment: Attachment) -> None:
                try:
                    await self.attach(container, attachment, to_next=not is_late)
                finally:
                    _arrive(arrival)

            yield take

    async def attach(
        self, container: Container, attachment: Attachment, *, to_next: bool = True
    ) -> None:
        """The client has the container's streams, or will have them; its descriptor is given away.

        Args:
            container: which may have ended meanwhile.
            attachment: who, and what is wanted.
            to_next: if it does not run, the client waits for its next run; else that was all.

        Raises:
            InvalidArgument: its detach keys are none.
            Unavailable: the launcher has ended.
        """
        kept = False
        try:
            parse_detach_keys(attachment.detach_keys)
            if attachment.logs and container.log_path:
                await self._replay(container, attachment)
            run = self._runs.find(container.id)
            if not attachment.stream:
                return
            if run is not None:
                hand_over(run.shim, attachment)
            elif to_next:
                self._clients.keep(container.id, attachment)
                kept = True
        finally:
            if not kept:
                os.close(attachment.fd)

    async def _replay(self, container: Container, attachment: Attachment) -> None:
        """What the container has written so far goes to the client first."""
        query = LogQuery(attachment.stdout, attachment.stderr)
        loop = asyncio.get_running_loop()
        with socket.socket(fileno=os.dup(attachment.fd)) as client:
            client.setblocking(False)
            try:
                async for piece in self._history(container.id, query, attachment.framed):
                    async with asyncio.timeout(_PATIENCE_S):
                        await loop.sock_sendall(client, piece)
            except (ConnectionError, TimeoutError):  # it has left, or does not read
                return


def _arrive(arrival: asyncio.Future[None]) -> None:
    if not arrival.done():
        arrival.set_result(None)
