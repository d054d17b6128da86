"""What blocks, in threads: the one way from the event loop to the synchronous layers.

- A call starts at once, in a thread of its own for as long as it takes: one that hangs in the
  kernel takes nothing away from others.
- Threads that have finished wait for the next call, the last one first, and end after a while.
- They are daemons: one that hangs does not keep the engine from ending.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import threading
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from orlop.errors import DeadlineExceeded

if TYPE_CHECKING:
    from collections.abc import Callable

_P = ParamSpec("_P")
_T = TypeVar("_T")

_IDLE_S = 10.0
_idle: list[_Worker] = []
_numbers = itertools.count(1)


async def in_thread(
    function: Callable[_P, _T],
    *args: _P.args,
    **kwargs: _P.kwargs,
) -> _T:
    """What the function returns or raises; it runs in another thread.

    If the waiting task is cancelled, the function goes on to its end all the same.
    """
    future: asyncio.Future[_T] = asyncio.get_running_loop().create_future()
    _worker().take(_Call(future, function, args, kwargs))
    return await future


async def by_deadline(
    seconds: float, what: str, function: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs
) -> _T:
    """The same, unless it takes longer than so many seconds; then it goes on unheeded.

    Args:
        seconds: to wait.
        what: what is being done, for the error: "remove the control groups of web".
        function: what to call.
        args: with what.
        kwargs: and what.

    Raises:
        DeadlineExceeded: it has not finished.
    """
    try:
        async with asyncio.timeout(seconds):
            return await in_thread(function, *args, **kwargs)
    except TimeoutError:
        raise DeadlineExceeded(f"cannot {what}: it takes longer than {seconds:g} s") from None


class _Call:
    """One call and where its result goes."""

    __slots__ = ("_args", "_function", "_future", "_kwargs", "_loop")

    def __init__(
        self,
        future: asyncio.Future[Any],
        function: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> None:
        self._future = future
        self._loop = future.get_loop()
        self._function = function
        self._args = args
        self._kwargs = kwargs

    def perform(self) -> None:
        """Calls the function and has the event loop told."""
        try:
            done: tuple[Any, BaseException | None] = (
                self._function(*self._args, **self._kwargs),
                None,
            )
        except BaseException as error:  # noqa: BLE001 - it belongs to the one who waits
            done = (None, error)
        with contextlib.suppress(RuntimeError):  # the loop has ended, and with it whoever waited
            self._loop.call_soon_threadsafe(self._tell, *done)

    def _tell(self, result: Any, error: BaseException | None) -> None:
        if self._future.done():  # cancelled
            return
        if error is None:
            self._future.set_result(result)
        elif isinstance(error, StopIteration):
            self._future.set_exception(RuntimeError(f"it raised {error!r}"))
        else:
            self._future.set_exception(error)


class _Worker:
    """A thread that performs one call after the other."""

    def __init__(self) -> None:
        self._call: _Call | None = None
        self._ready = threading.Lock()
        self._ready.acquire()
        name = f"blocking-{next(_numbers)}"
        threading.Thread(target=self._run, name=name, daemon=True).start()

    def take(self, call: _Call) -> None:
        """The call is performed; the worker was idle."""
        self._call = call
        self._ready.release()

    def _run(self) -> None:
        while self._ready.acquire(timeout=_IDLE_S) or not self._retire():
            if self._call is None:
                continue
            call, self._call = self._call, None
            call.perform()
            del call  # and with it whatever it holds
            _idle.append(self)

    def _retire(self) -> bool:
        """Whether nobody will give it another call: a thread that did has taken it off the list."""
        try:
            _idle.remove(self)
        except ValueError:
            return False
        return True


def _worker() -> _Worker:
    try:
        return _idle.pop()
    except IndexError:
        return _Worker()
