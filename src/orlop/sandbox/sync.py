"""`Sandbox`: for threads."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from orlop.sandbox.core import Boxed
from orlop.sandbox.files import DEFAULT_LIMIT
from orlop.sandbox.waiting import wait_for

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Self, Unpack

    from orlop.sandbox.core import Core
    from orlop.sandbox.files import Entry
    from orlop.sandbox.options import RunOptions, Size
    from orlop.sandbox.result import Result


class Sandbox(Boxed):
    """A box in which programs that nobody trusts run, within hard limits.

        with Sandbox(memory="256m", cpus=1, pids=64, timeout_s=5) as box:
            box.write("/work/a.py", code)
            result = box.run(["python3", "/work/a.py"], stdin=b"3 4")
            print(result.verdict, result.stdout)

    It ends with `close`, at the end of a `with` block, and with this process, however that ends.
    Several threads may use one box; what they do in it happens one after the other.
    """

    def adopt(self, core: Core) -> None:
        """As `Boxed.adopt`."""
        super().adopt(core)
        self._turn = threading.Lock()

    def __enter__(self) -> Self:
        """Waits until the box is ready.

        Raises:
            LaunchError: the kernel refused a part of its start.
        """
        with self._turn:
            wait_for(self._core.open())
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def run(self, command: Sequence[str], **options: Unpack[RunOptions]) -> Result:
        """Runs a program to its end. When this returns, none of its processes is left.

        Args:
            command: the program and its arguments.
            options: see `RunOptions`.

        Raises:
            CommandNotFound, CommandNotExecutable: there is no such program in the box.
            LaunchError: the program could not be started for another reason.
            InvalidArgument: a value makes no sense.
            Unavailable: the box is closed, or has ended.
        """
        with self._turn:
            return wait_for(self._core.run(command, options))

    def write(self, path: str, data: bytes | str, mode: int = 0o644) -> None:
        """A file with this content is in the box, owned by its user.

        It replaces whatever was there. Missing directories are made; a relative path starts at the
        box's `cwd`.

        Raises:
            PermissionDenied: the box's user may not write there.
            Conflict: it cannot be done for another reason, such as no space.
        """
        with self._turn:
            wait_for(self._core.write(path, data, mode))

    def read(self, path: str, limit: Size = DEFAULT_LIMIT) -> bytes:
        """The content of a regular file of the box, of `limit` bytes at most.

        Raises:
            NotFound: there is none.
            PermissionDenied: the box's user may not read it.
            Conflict: it is something else than a regular file, or larger.
        """
        with self._turn:
            return wait_for(self._core.read(path, limit))

    def listing(self, path: str = ".") -> tuple[Entry, ...]:
        """What is in a directory of the box, sorted by name.

        Raises:
            NotFound, PermissionDenied, Conflict: as `read`.
        """
        with self._turn:
            return wait_for(self._core.listing(path))

    def close(self) -> None:
        """The box and everything in it is gone. What runs in it is killed."""
        if not self._turn.acquire(blocking=False):
            self._core.box.kill()  # another thread waits for something in it
            self._turn.acquire()
        try:
            wait_for(self._core.close())
        finally:
            self._turn.release()
