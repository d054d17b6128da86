"""`AsyncSandbox`: for asyncio."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from orlop.sandbox.core import Boxed
from orlop.sandbox.files import DEFAULT_LIMIT
from orlop.sandbox.waiting import wait_for_async

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Self, Unpack

    from orlop.sandbox.core import Core
    from orlop.sandbox.files import Entry
    from orlop.sandbox.options import RunOptions, Size
    from orlop.sandbox.result import Result


class AsyncSandbox(Boxed):
    """`Sandbox` for asyncio: the same, and its methods are awaited.

    Several tasks may use one box; what they do in it happens one after the other. If a task is
    cancelled, the program that it waits for is killed.
    """

    def adopt(self, core: Core) -> None:
        """As `Boxed.adopt`."""
        super().adopt(core)
        self._turn = asyncio.Lock()

    async def __aenter__(self) -> Self:
        """As `Sandbox.__enter__`."""
        async with self._turn:
            await wait_for_async(self._core.open())
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def run(self, command: Sequence[str], **options: Unpack[RunOptions]) -> Result:
        """As `Sandbox.run`."""
        async with self._turn:
            return await wait_for_async(self._core.run(command, options))

    async def write(self, path: str, data: bytes | str, mode: int = 0o644) -> None:
        """As `Sandbox.write`."""
        async with self._turn:
            await wait_for_async(self._core.write(path, data, mode))

    async def read(self, path: str, limit: Size = DEFAULT_LIMIT) -> bytes:
        """As `Sandbox.read`."""
        async with self._turn:
            return await wait_for_async(self._core.read(path, limit))

    async def listing(self, path: str = ".") -> tuple[Entry, ...]:
        """As `Sandbox.listing`."""
        async with self._turn:
            return await wait_for_async(self._core.listing(path))

    async def close(self) -> None:
        """As `Sandbox.close`."""
        if self._turn.locked():
            self._core.box.kill()  # another task waits for something in it
        async with self._turn:
            await wait_for_async(self._core.close())
