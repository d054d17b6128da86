"""How a transfer is shown: as bars, as lines, as JSON, or not at all."""

from __future__ import annotations

import sys

from orlop.client.failures import Refused
from orlop.faces.cli.progress import Progress

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from typing import Any

    from orlop.faces.cli.screen import Screen

    Show = Callable[[Mapping[str, Any]], None]


class transfer:  # noqa: N801 - used as a function; contextlib costs 4 ms to import
    """Gives a function that shows one message of an engine; used with `with`."""

    def __init__(self, screen: Screen, *, quiet: bool = False) -> None:
        self._screen = screen
        self._progress = Progress(sys.stdout, quiet=quiet)

    def __enter__(self) -> Show:
        self._progress.__enter__()
        return self._screen.json_line if self._screen.as_json else self._progress.show

    def __exit__(self, *reason: object) -> None:
        self._progress.__exit__(*reason)


def show_all(messages: Iterable[Mapping[str, Any]], show: Show) -> None:
    """Everything is shown.

    Raises:
        Refused: one of the messages is an error.
    """
    for message in messages:
        detail = message.get("errorDetail")
        text = detail.get("message") if isinstance(detail, dict) else message.get("error")
        if text:
            raise Refused(" ".join(str(text).split()))
        show(message)
