"""Signals as clients write them."""

from __future__ import annotations

from orlop.errors import InvalidArgument
from orlop.intent.forms import process


def number_of(text: str, default: int = 0) -> int:
    """The number of a signal, by number or name with or without SIG; `default` for nothing.

    Raises:
        InvalidArgument: there is none.
    """
    try:
        return process.signal(text.strip()) if text.strip() else default
    except InvalidArgument:
        raise InvalidArgument(f"invalid signal: {text}") from None
