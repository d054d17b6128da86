"""Signals as clients write them."""

from __future__ import annotations

import contextlib

from orlop.errors import InvalidArgument
from orlop.intent.forms import process


def number_of(text: str, default: int = 0) -> int:
    """The number of a signal, by number or name with or without SIG; `default` for nothing.

    Raises:
        InvalidArgument: there is none.
    """
    if not text.strip():
        return default
    with contextlib.suppress(InvalidArgument):
        if number := process.signal(text.strip()):  # 0 only asks whether there is a process
            return number
    raise InvalidArgument(f"invalid signal: {text}")
