"""Boxes that are started before somebody wants one."""

from __future__ import annotations

import os
import threading
from collections import deque
from typing import TYPE_CHECKING

from orlop.errors import InvalidArgument, OrlopError, Unavailable
from orlop.sandbox.box import Box
from orlop.sandbox.core import Core
from orlop.sandbox.options import environment_of, habits_of
from orlop.sandbox.sync import Sandbox
from orlop.sandbox.template import template_of
from orlop.sandbox.waiting import wait_for

if TYPE_CHECKING:
    from typing import Self, Unpack

    from orlop.sandbox.asynchronous import AsyncSandbox
    from orlop.sandbox.options import BoxOptions, Habits
    from orlop.sandbox.waiting import Steps

_FIRST_TARGET = 2
_IDLE_S = 5.0


class Pool:
    """Prepared boxes of one kind. Each is used once, so each sandbox is a fresh one.

        with Pool(8, memory="128m", timeout_s=2) as pool:
            with pool.sandbox() as box:
                result = box.run(["python3", "-c", code])

    How many boxes wait follows the demand, up to the pool's size: it doubles when somebody had to
    wait for one to start, and halves when nobody has come for a while. Any thread may use a
    pool, and asyncio's tasks by `async_sandbox`.
    """

    def __init__(self, size: int = 4, **options: Unpack[BoxOptions]) -> None:
        """Starts the first boxes.

        Args:
            size: how many boxes wait at most.
            options: see `BoxOptions`.

        Raises:
            InvalidArgument: a value makes no sense.
            Unsupported: this host cannot do it.
        """
        if size < 1:
            raise InvalidArgument(f"size {size} of a pool is less than 1")
        self._size = size
        self._habits = habits_of(options)
        self._template = template_of(environment_of(options))
        self._owner = os.getpid()
        self._changed = threading.Condition()
        self._waiting: deque[Box] = deque()
        self._used: deque[Box] = deque()
        self._target = min(size, _FIRST_TARGET)
        self._closed = False
        self._keeper = threading.Thread(target=self._keep, name="orlop-pool", daemon=True)
        self._keeper.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def sandbox(self) -> Sandbox:
        """A fresh sandbox, to be closed (or used in a `with` block) as any other.

        `close` does not wait until everything of it is gone; the pool's own `close` does.

        Raises:
            Unavailable: the pool is closed, or belongs to another process.
        """
        return Sandbox.of(self._core())

    def async_sandbox(self) -> AsyncSandbox:
        """As `sandbox`, for asyncio."""
        from orlop.sandbox.asynchronous import AsyncSandbox

        return AsyncSandbox.of(self._core())

    def close(self) -> None:
        """All boxes that wait are gone, and those that were closed; the others stay in use."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        if self._owner == os.getpid():
            self._keeper.join()

    def _core(self) -> Core:
        return _PooledCore(self._take(), self._habits, self)

    def _take(self) -> Box:
        if self._owner != os.getpid():
            raise Unavailable("the pool belongs to another process", hint="make one after fork(2)")
        with self._changed:
            if self._closed:
                raise Unavailable("the pool is closed")
            box = self._next()
            if box is None:
                self._target = min(self._size, max(1, 2 * self._target))
            if not self._waiting:
                self._changed.notify()  # else there is time for that when a box is given back
        return box or Box(self._template)

    def _next(self) -> Box | None:
        """A box that waits, and has not ended meanwhile."""
        while self._waiting:
            box = self._waiting.popleft()
            if not box.has_ended():
                return box
            self._used.append(box)
        return None

    def discard(self, box: Box) -> None:
        """A box that was taken here is not needed any more, and ends."""
        box.hang_up()
        with self._changed:
            if not self._closed:
                self._used.append(box)
                self._changed.notify()
                return
        wait_for(box.close())

    # --- the keeper's thread ----------------------------------------------------------------

    def _keep(self) -> None:
        """Starts boxes and buries used ones, until the pool is closed and nothing is left."""
        while True:
            with self._changed:
                task = self._next_task()
            if task is None:
                return
            if isinstance(task, Box):
                wait_for(task.close())
            else:
                self._start_one()

    def _next_task(self) -> Box | _StartOne | None:
        """What is to be done next, which is waited for: a box to bury, or None at the end."""
        while True:
            if self._closed:
                self._used.extend(self._waiting)
                self._waiting.clear()
                return self._used.popleft() if self._used else None
            if self._target and not self._waiting:
                return _StartOne()
            if self._used:
                return self._used.popleft()
            if len(self._waiting) < self._target:
                return _StartOne()
            if not self._changed.wait(_IDLE_S):
                self._shrink()

    def _start_one(self) -> None:
        try:
            box = Box(self._template)
        except (OSError, OrlopError):
            with self._changed:
                self._target = 0  # whoever comes next tries it, and gets the error
            return
        with self._changed:
            self._waiting.append(box)

    def _shrink(self) -> None:
        self._target = max(1, self._target // 2)
        while len(self._waiting) > self._target:
            self._used.append(self._waiting.pop())


class _StartOne:
    """A box more is needed."""


class _PooledCore(Core):
    """A box that its pool buries."""

    def __init__(self, box: Box, habits: Habits, pool: Pool) -> None:
        super().__init__(box, habits)
        self._pool: Pool | None = pool

    def close(self) -> Steps[None]:
        """The box ends, and nobody waits for that here."""
        pool, self._pool = self._pool, None
        if pool is not None:
            pool.discard(self.box)
        yield from ()
