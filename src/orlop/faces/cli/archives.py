"""Tar archives on their way through a command: files, standard input, standard output."""

from __future__ import annotations

import os

from orlop.errors import InvalidArgument, Unavailable
from orlop.faces.cli.streams import write_all

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Self

_CHUNK = 1 << 18


def write_archive(pieces: Iterable[bytes], path: str) -> None:
    """The archive is in a host file, or on standard output for ""; a file is there whole or not.

    Raises:
        InvalidArgument: it would go to a terminal.
        Unavailable: it cannot be written.
    """
    if path:
        _write_file(pieces, path)
        return
    refuse_terminal()
    for piece in pieces:
        write_all(1, piece)


def refuse_terminal() -> None:
    """Standard output is no terminal, which an archive would only confuse.

    Raises:
        InvalidArgument: it is one.
    """
    if os.isatty(1):
        raise InvalidArgument("an archive is nothing for a terminal", hint="-o FILE, or >FILE")


def _write_file(pieces: Iterable[bytes], path: str) -> None:
    fresh = f"{path}.{os.getpid()}.part"
    try:
        if os.path.exists(path) and not os.path.isfile(path):  # as /dev/null
            with open(path, "wb", buffering=0) as file:
                for piece in pieces:
                    write_all(file.fileno(), piece)
            return
        fd = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            for piece in pieces:
                write_all(fd, piece)
            os.rename(fresh, path)
        except BaseException:
            os.unlink(fresh)
            raise
        finally:
            os.close(fd)
    except OSError as error:
        raise Unavailable(f"cannot write {path}: {error.strerror}") from None


class read_archive:  # noqa: N801 - used as a function; contextlib costs 4 ms to import
    """The pieces of a host file, or of standard input for ""; used with `with`.

    Raises:
        InvalidArgument: standard input is a terminal.
        Unavailable: it cannot be read.
    """

    def __init__(self, path: str) -> None:
        self._fd = 0
        if not path:
            if os.isatty(0):
                raise InvalidArgument("an archive does not come from a terminal", hint="<FILE")
            return
        try:
            self._fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError as error:
            raise Unavailable(f"cannot read {path}: {error.strerror}") from None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._fd:
            os.close(self._fd)

    def __iter__(self) -> Iterator[bytes]:
        while data := os.read(self._fd, _CHUNK):
            yield data
