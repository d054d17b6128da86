"""What a program reads and writes: pipes, memory and the caller's own descriptors."""

from __future__ import annotations

import fcntl
import os
from typing import TYPE_CHECKING, Protocol

from orlop.errors import InvalidArgument

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_CHUNK = 1 << 16
_MOST_IN_A_PIPE = 1 << 20  # pipe(7): /proc/sys/fs/pipe-max-size
_NOTHING, _FITS, _TOO_MUCH = range(3)
_F_ADD_SEALS = 1033
_SEAL_ALL = 0x1 | 0x2 | 0x4 | 0x8  # SEAL, SHRINK, GROW, WRITE


class HasFileno(Protocol):
    """A file, socket or the like."""

    def fileno(self) -> int:
        """Its descriptor."""


class Budget:
    """How many bytes may still be written, by all streams together."""

    def __init__(self, limit: int | None) -> None:
        self._left = limit

    def take(self, wanted: int) -> int:
        """How many of so many bytes there is room for."""
        if self._left is None:
            return wanted
        taken = min(wanted, self._left)
        self._left -= taken
        return taken


class Stream:
    """The near end of a pipe that a program writes to, until it is closed.

    Attributes:
        fd: the descriptor, -1 when the end was seen.
        far: the program's end, to be handed over.
    """

    def __init__(self, sink: Callable[[bytes], object], budget: Budget, owner: tuple[int, int]):
        self.fd, self.far = os.pipe2(os.O_CLOEXEC)
        os.set_blocking(self.fd, False)
        os.fchown(self.far, *owner)  # the program may open its /dev/stdout again
        self._sink = sink
        self._budget = budget

    def read(self) -> bool:
        """Takes what is there; whether there was room for all of it."""
        return self._take() in (_NOTHING, _FITS)

    def drain(self) -> bool:
        """Takes all that was written so far; whether there was room for it.

        More than a pipe can hold was not: a process that was left behind goes on writing.
        """
        for _ in range(_MOST_IN_A_PIPE // _CHUNK):
            taken = self._take()
            if taken != _FITS or self.fd < 0:
                return taken != _TOO_MUCH
        return True

    def _take(self) -> int:
        try:
            data = os.read(self.fd, _CHUNK) if self.fd >= 0 else b""
        except BlockingIOError:
            return _NOTHING
        if not data:
            self.close()
            return _NOTHING
        room = self._budget.take(len(data))
        if room:
            self._sink(data[:room])
        return _FITS if room == len(data) else _TOO_MUCH

    def close(self) -> None:
        """Nothing more is taken."""
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1


def take(actions: Iterable[Callable[[], bool]]) -> bool:
    """Does all of them; whether there was room for everything."""
    return sum(not action() for action in actions) == 0


def memory_file(data: bytes) -> int:
    """A descriptor of these bytes in memory, which nobody can change; the caller's to close."""
    fd = os.memfd_create("stdin", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]
    os.lseek(fd, 0, os.SEEK_SET)
    fcntl.fcntl(fd, _F_ADD_SEALS, _SEAL_ALL)
    return fd


def input_of(given: bytes | str | int | HasFileno | None) -> int:
    """A descriptor for a program's stdin, the caller's to close.

    Raises:
        InvalidArgument: this is no stdin.
    """
    match given:
        case None:
            return os.open("/dev/null", os.O_RDONLY | os.O_CLOEXEC)
        case bytes():
            return memory_file(given)
        case str():
            return memory_file(given.encode())
        case _:
            return duplicate(given)


def duplicate(given: int | HasFileno) -> int:
    """A copy of the caller's descriptor, close-on-exec.

    Raises:
        InvalidArgument: it is none.
    """
    fd = given if isinstance(given, int) else given.fileno()
    try:
        return fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 3)
    except (OSError, ValueError) as error:
        raise InvalidArgument(f"descriptor {fd} cannot be used: {error}") from None
