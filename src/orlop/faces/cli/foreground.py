"""A container or exec in the foreground: streams, signals and end, waited for at once."""

from __future__ import annotations

from orlop import jsontext
from orlop.errors import InvalidArgument, OrlopError, Unavailable
from orlop.faces.cli.signals import ENDING, INSISTING, WINDOW_CHANGED, Caught, forwardable
from orlop.faces.cli.streams import Loop, Streams
from orlop.faces.cli.terminal import Raw, end_by, size_of_terminal
from orlop.records import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Self

    from orlop.client import Client, Hijacked, Response
    from orlop.faces.cli.streams import Wishes

_RETRY_MS = 10
_RETRIES = 10
_INSISTING_ENOUGH = 3


class Ended(Record):
    """The end of a container: its exit status, and an error of the engine's, "" for none."""

    status: int
    error: str = ""


class Foreground:
    """This process stands for something that runs in a container, while it is entered.

    Args:
        client: the engine.
        path: of the container or exec in the API, as "/containers/ID".
        terminal: it has a terminal; this process's own one is raw then if its input goes there.
        forward: signals to this process are the container's.

    Attributes:
        left: somebody has left it by the detach keys.
    """

    def __init__(self, client: Client, path: str, *, terminal: bool, forward: bool) -> None:
        self.left = False
        self._client = client
        self._path = path
        self._terminal = terminal
        self._forward = forward
        self._raw = Raw()
        self._loop = Loop()
        self._end: Ended | None = None
        own = (*ENDING, WINDOW_CHANGED) if terminal else ()
        self._signals = Caught(forwardable() if forward else own)
        self._resizes_left = 0
        self._insisted = 0

    def __enter__(self) -> Self:
        self._signals.__enter__()
        return self

    def __exit__(self, *reason: object) -> None:
        self._raw.restore()
        self._signals.__exit__(*reason)

    def follow(
        self, connection: Hijacked | None, wishes: Wishes | None, ending: Response | None
    ) -> Ended | None:
        """Copies the streams, and waits for the end.

        Args:
            connection: to the streams, None if there is nothing to copy.
            wishes: how to copy them.
            ending: the answer to `wait`, which comes when the container has ended; None for execs.

        Returns:
            How it has ended; None if somebody has left it, or if nobody waits for that.
        """
        self._loop.watch(self._signals.fileno(), self._on_signals)
        if connection is None or wishes is None:
            return self._wait(ending)
        if wishes.terminal and wishes.stdin:
            self._raw.__enter__()
        if wishes.terminal:
            self._resizes_left = _RETRIES
            self._resize()
        streams = Streams(self._loop, connection, wishes)
        streams.begin()
        while not (streams.ended or streams.left):
            self._turn()
        self._raw.restore()
        self.left = streams.left
        return None if streams.left or not wishes.output else self._wait(ending)

    def _wait(self, ending: Response | None) -> Ended | None:
        if ending is None:
            return None
        if ending.has_more:
            return ended_of(ending)
        self._loop.watch(ending.fileno(), lambda _: self._on_end(ending))
        while self._end is None:
            self._turn()
        return self._end

    def _turn(self) -> None:
        self._loop.turn(_RETRY_MS if self._resizes_left else None)
        if self._resizes_left:
            self._resize()

    def _on_end(self, ending: Response) -> None:
        self._loop.forget(ending.fileno())
        self._end = ended_of(ending)

    def _on_signals(self, _: int) -> None:
        for number in self._signals.read():
            if number == WINDOW_CHANGED and self._terminal:
                self._resizes_left = _RETRIES
                self._resize()
            elif self._forward:
                self._send(number)
                self._count(number)
            else:
                self._raw.restore()
                end_by(number)

    def _count(self, number: int) -> None:
        """Who asks for the end again and again is let go, also if the container is deaf to it."""
        self._insisted += number in INSISTING
        if self._insisted == _INSISTING_ENOUGH:
            raise KeyboardInterrupt

    def _send(self, number: int) -> None:
        try:
            self._client.post(f"{self._path}/kill", query={"signal": number})
        except OrlopError:  # it has ended, or is paused: as Docker, nobody is told
            return

    def _resize(self) -> None:
        """The container's terminal is as large as this one; tried again if it is not there yet."""
        size = size_of_terminal()
        self._resizes_left -= 1
        if size is None:
            self._resizes_left = 0
            return
        try:
            self._client.post(f"{self._path}/resize", query={"h": size[0], "w": size[1]})
        except OrlopError:
            return
        self._resizes_left = 0


def ended_of(ending: Response) -> Ended:
    """What an answer to `wait` says.

    Raises:
        Unavailable: the engine has gone before.
    """
    try:
        document = jsontext.loads(ending.read())
    except InvalidArgument as bad:
        raise Unavailable(f"the engine's answer is broken: {bad.message}") from None
    if not isinstance(document, dict):
        raise Unavailable("the engine's answer is broken: it is no object")
    error = document.get("Error")
    text = error.get("Message") if isinstance(error, dict) else ""
    return Ended(int(document.get("StatusCode", 0)), str(text or ""))
