"""Listening sockets, and the server behind them."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from aiohttp.web_log import AccessLogger

from orlop.faces.api.application import Api
from orlop.faces.api.connection import Connections

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterable

    from orlop.engine.engine import Engine

_access = logging.getLogger("orlop.api.access")


class Serving:
    """An API that is being served."""

    def __init__(self, engine: Engine) -> None:
        self._api = Api(engine)
        self._connections = Connections(
            self._api,
            handler_cancellation=True,
            access_log=_access if _access.isEnabledFor(logging.DEBUG) else None,
            access_log_class=AccessLogger,
            max_line_size=64 << 10,
            max_field_size=64 << 10,
        )
        self._servers: list[asyncio.Server] = []

    async def listen(self, sockets: Iterable[socket.socket]) -> None:
        """Clients that connect to these listening sockets are answered; the sockets are its own."""
        loop = asyncio.get_running_loop()
        for sock in sockets:
            server = await loop.create_unix_server(self._connections, sock=sock, backlog=512)
            self._servers.append(server)

    async def close(self, within_s: float) -> None:
        """No one is answered any more; what was begun has ended, or is given up (-1: never)."""
        for server in self._servers:
            server.close()
        self._connections.pre_shutdown()
        await self._api.finish(within_s if within_s >= 0 else None)
        await self._connections.shutdown(timeout=0.1)
