"""What others do to the host's packet filter, as the kernel tells of it: nobody has to look."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from orlop.errors import OrlopError
from orlop.kernel.nftables import Changes

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

_PAUSE_S = 0.05  # between two looks, however often the rules change
_RETRY_S = 2.0
_log = logging.getLogger(__name__)


async def follow_rules(follow: Callable[[], Awaitable[None]]) -> None:
    """Calls a function whenever somebody, the engine included, has changed rules; until cancelled.

    Args:
        follow: what to do then; if it raises an OrlopError, it is called again after a while.
    """
    try:
        changes = Changes()
    except OrlopError as error:
        _log.warning("changes of the host's firewall go unnoticed: %s", error)
        return
    changed = asyncio.Event()

    def heard() -> None:
        changes.drain()
        changed.set()

    loop = asyncio.get_running_loop()
    loop.add_reader(changes.fileno(), heard)
    try:
        while True:
            await changed.wait()
            changed.clear()
            try:
                await follow()
            except OrlopError as error:
                _log.warning("cannot follow a change of the host's firewall: %s", error)
                loop.call_later(_RETRY_S, changed.set)
            await asyncio.sleep(_PAUSE_S)
    finally:
        loop.remove_reader(changes.fileno())
        changes.close()
