"""Progress as Docker's JSON lines, and errors in them.

An error that comes before the second line is an ordinary answer; later the status has been sent, so
it is a line: {"errorDetail": {"message": ...}, "error": ...}.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, TypeVar

from orlop.errors import OrlopError
from orlop.faces.api import answers, failures
from orlop.faces.sizes import decimal

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    from aiohttp.web_request import BaseRequest
    from aiohttp.web_response import StreamResponse

    from orlop.engine.images import Progress

T = TypeVar("T")

_BAR = 50


async def stream(
    request: BaseRequest,
    work: Callable[[Callable[[Progress], None]], Awaitable[T]],
    last: Callable[[T], Iterable[dict[str, Any]]],
) -> StreamResponse:
    """An answer of lines: those of the work's progress, and at the end those of its result.

    If the client goes away, the work is cancelled.

    Raises:
        OrlopError: of the work, if it has told no more than one line before.
    """
    queue: asyncio.Queue[Progress | None] = asyncio.Queue()
    task = asyncio.ensure_future(work(queue.put_nowait))
    task.add_done_callback(lambda _: queue.put_nowait(None))
    try:
        begun = await _beginning(queue)
        is_over = begun[-1] is None
        end = await _end(task, last, is_late=False) if is_over else b""
        answer = await answers.stream(request, answers.JSON)
        await answer.write(_lines(begun) + end)
        if not is_over:
            while lines := await _next(queue):
                await answer.write(lines)
            await answer.write(await _end(task, last, is_late=True))
    finally:
        task.cancel()
    return answer


async def _beginning(queue: asyncio.Queue[Progress | None]) -> list[Progress | None]:
    """The first two lines, or all if there are fewer, and then None.

    One alone says what is going to be tried; if that fails at once, it is no progress.
    """
    first = await queue.get()
    return [first] if first is None else [first, await queue.get()]


async def _next(queue: asyncio.Queue[Progress | None]) -> bytes:
    """All lines that are there, at least one; b"" at the end."""
    items = [await queue.get()]
    while items[-1] is not None and not queue.empty():
        items.append(queue.get_nowait())
    if items[-1] is None and len(items) > 1:
        queue.put_nowait(None)
    return _lines(items)


def _lines(items: Iterable[Progress | None]) -> bytes:
    return b"".join(_line(document(item)) for item in items if item is not None)


async def _end(
    task: Awaitable[T], last: Callable[[T], Iterable[dict[str, Any]]], *, is_late: bool
) -> bytes:
    try:
        return b"".join(_line(one) for one in last(await task))
    except OrlopError as error:
        if not is_late:
            raise
        text = failures.message_of(error)
        return _line({"errorDetail": {"message": text}, "error": text})


def _line(value: dict[str, Any]) -> bytes:
    return answers.encode(value) + b"\r\n"


def document(progress: Progress) -> dict[str, Any]:
    """One line."""
    line: dict[str, Any] = {"status": progress.status}
    if progress.id:
        line["id"] = progress.id
    if progress.current is not None:
        detail = {"current": progress.current}
        if progress.total is not None:
            detail["total"] = progress.total
        line |= {"progressDetail": detail, "progress": bar(progress.current, progress.total)}
    elif progress.id:
        line["progressDetail"] = {}
    return line


def bar(current: int, total: int | None) -> str:
    """For clients that show what they get: "[=====>     ]  1.2MB/3.4MB"."""
    if not total:
        return decimal(current)
    done = min(_BAR, current * _BAR // total)
    drawn = "=" * done if done == _BAR else "=" * max(0, done - 1) + ">"
    return f"[{drawn:<{_BAR}}]  {decimal(current):>6}/{decimal(total)}"
