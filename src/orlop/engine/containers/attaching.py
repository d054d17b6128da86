"""Clients that want a container's streams: given to its launcher, or kept until there is one."""

from __future__ import annotations

import asyncio
import os
import socket
from typing import TYPE_CHECKING

from orlop.engine.attachment import close_all, hand_over
from orlop.engine.logs.query import LogQuery
from orlop.launch.detach_keys import parse_detach_keys

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from orlop.engine.attachment import Attachment
    from orlop.engine.container import Container
    from orlop.engine.containers.runs import Runs

    History = Callable[[str, LogQuery, bool], AsyncIterator[bytes]]

_PATIENCE_S = 30.0


class Clients:
    """Clients of containers that do not run yet, in the order in which they came."""

    def __init__(self) -> None:
        self._waiting: dict[str, list[Attachment]] = {}

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

    async def attach(self, container: Container, attachment: Attachment) -> None:
        """The client has the container's streams, or will have them; its descriptor is given away.

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
            if run is None:
                self._clients.keep(container.id, attachment)
                kept = True
            else:
                hand_over(run.shim, attachment)
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
