"""What the engine remembers of its host for a moment, and when it looks again.

A start needs these facts, and some take longer to find out than all the rest of its preparation.
They are the same for all engines of a process.
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from orlop.intent.host_facts import Lookup, read_host_facts
from orlop.intent.host_image import read_host_image

if TYPE_CHECKING:
    from collections.abc import Iterator

    from orlop.intent.host_facts import HostFacts
    from orlop.intent.host_image import HostImageFacts

_UNCHECKED_S = 0.1
_GOOD_FOR_S = 2.0
_FACTS_S = 1.0


class RememberingLookup(Lookup):
    """What the image `host` is made of is known for a moment: to find out takes some milliseconds.

    It is looked at again when anything was added to, removed from or renamed in a directory of
    /etc, and after two seconds in any case, since the modes of files can have changed.
    """

    def __init__(self) -> None:
        self._facts: HostImageFacts | None = None
        self._stamps: tuple[tuple[str, int], ...] = ()
        self._read_at = self._checked_at = -_GOOD_FOR_S

    def host_image(self) -> HostImageFacts:  # noqa: D102 - as in the class above
        now = time.monotonic()
        if self._facts is None or not self._is_fresh(now):
            self._facts = read_host_image()
            self._stamps = tuple(_stamps())
            self._read_at = now
        self._checked_at = now
        return self._facts

    def _is_fresh(self, now: float) -> bool:
        if now - self._checked_at < _UNCHECKED_S:
            return True
        if now - self._read_at > _GOOD_FOR_S:
            return False
        return all(_stamp(path) == stamp for path, stamp in self._stamps)


def _stamps() -> Iterator[tuple[str, int]]:
    for path, _, _ in os.walk("/etc"):
        yield path, _stamp(path)


def _stamp(path: str) -> int:
    try:
        return os.stat(path).st_ctime_ns
    except OSError:
        return 0


class Host:
    """The facts that composing needs, at most a second old."""

    def __init__(self) -> None:
        self.lookup = RememberingLookup()
        self._facts: HostFacts | None = None
        self._read_at = 0.0

    def facts(self) -> HostFacts:
        """The host as it is now."""
        now = time.monotonic()
        if self._facts is None or now - self._read_at > _FACTS_S:
            self._facts = read_host_facts().replace(lookup=self.lookup)
            self._read_at = now
        return self._facts


HOST = Host()
"""The host that this process runs on."""
