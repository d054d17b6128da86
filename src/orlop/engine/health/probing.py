"""One check: a program in the container, what it writes, and its end in time."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time
from typing import TYPE_CHECKING

from orlop.engine.attachment import Attachment
from orlop.engine.container import Probe
from orlop.engine.exec_request import ExecRequest
from orlop.errors import OrlopError

if TYPE_CHECKING:
    from orlop.engine.background import Background
    from orlop.engine.container import Container
    from orlop.engine.execs import Execs

MOST_OUTPUT = 4096
"""Bytes of the output that are kept."""
TIMED_OUT = -1
"""The exit code of a check that took too long."""

_ENDS_WITHIN_S = 10.0
_LAST_OUTPUT_S = 0.1


async def probe(
    execs: Execs,
    container: Container,
    command: tuple[str, ...],
    timeout_ns: int,
    background: Background,
) -> Probe | None:
    """The result of a check; None if the container has ended or stands still.

    It is killed when it takes longer than it may, and waited for; also when nobody wants to know
    any more.
    """
    started_ns = time.time_ns()
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    output = _Output(ours)
    exec_id = ""
    try:
        try:
            exec_id = await execs.create(container.id, ExecRequest(command))
            given = Attachment(theirs.detach(), stdout=True, stderr=True, framed=False)
            await execs.start(exec_id, given)
        except OrlopError:
            return None
        code = await _end(execs, exec_id, timeout_ns)
        text = await output.text()
    except asyncio.CancelledError:
        if exec_id:
            background.start(execs.kill(exec_id), f"end a check of {container.name}")
        raise
    finally:
        theirs.close()
        output.close()
    if code == TIMED_OUT:
        text = f"Health check exceeded timeout ({timeout_ns / 1e9:g}s)"
    return Probe(started_ns, time.time_ns(), code, text)


async def _end(execs: Execs, exec_id: str, timeout_ns: int) -> int:
    """The exit code; TIMED_OUT of what had to be killed."""
    try:
        async with asyncio.timeout(timeout_ns / 1e9):
            code = (await execs.wait(exec_id)).exit_code
            return TIMED_OUT if code is None else code
    except TimeoutError:
        await execs.kill(exec_id)
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_ENDS_WITHIN_S):
            await execs.wait(exec_id)
    return TIMED_OUT


class _Output:
    """Takes what comes over a socket, so that nobody waits for it to be taken; keeps the first."""

    def __init__(self, ours: socket.socket) -> None:
        self._socket = ours
        self._kept = b""
        self._task = asyncio.ensure_future(self._take())

    async def _take(self) -> None:
        loop = asyncio.get_running_loop()
        while data := await loop.sock_recv(self._socket, 1 << 16):
            self._kept += data[: MOST_OUTPUT - len(self._kept)]

    async def text(self) -> str:
        """What was kept, when all has come or nothing more does."""
        await asyncio.wait((self._task,), timeout=_LAST_OUTPUT_S)
        return self._kept.decode("utf-8", "replace")

    def close(self) -> None:
        self._task.cancel()
        self._socket.close()
