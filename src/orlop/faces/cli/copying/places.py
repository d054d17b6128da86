"""What a path of `cp` means: where it is, and where a copy goes. Pure.

The rules are those of cp(1), as Docker has them: what goes to a directory keeps its name in it,
what goes to nothing gets that name, and `DIR/.` is what is in a directory without the directory.

See: docker-cp(1), "Corner cases".
"""

from __future__ import annotations

from posixpath import normpath, split

from orlop.errors import Conflict, InvalidArgument, NotFound
from orlop.records import Record

STREAM = "-"
"""In place of a path on the host: standard input or output, as a tar archive."""
CONTENT = ""
"""In place of a name: what is in a directory, without the directory."""


class Inside(Record):
    """A path in a container."""

    container: str
    path: str


class Outside(Record):
    """A path on the host, or `STREAM`."""

    path: str


Place = Inside | Outside


def place_of(word: str) -> Place:
    """`CONTAINER:PATH`, or a host path; one with a colon has to begin with / or a dot.

    Raises:
        InvalidArgument: the path in the container is missing.
    """
    container, colon, path = word.partition(":")
    if not colon or word.startswith("/") or container.startswith(".") or not container:
        return Outside(word)
    if not path:
        raise InvalidArgument(f"{word!r} names no path in the container")
    return Inside(container, path if path.startswith("/") else f"/{path}")


class Source(Record):
    """What is to be copied.

    Attributes:
        path: as it was given.
        is_directory: it is one.
    """

    path: str
    is_directory: bool

    @property
    def name(self) -> str:
        """What it is called in a directory that it is copied to; `CONTENT` for nothing."""
        return CONTENT if is_content(self.path) else split(normpath(self.path))[1]


class Target(Record):
    """Where it is to be copied to.

    Attributes:
        path: links followed; a slash at its end is kept.
        exists: something is there.
        is_directory: and that is one.
    """

    path: str
    exists: bool
    is_directory: bool


def is_content(path: str) -> bool:
    """Whether a path means what is in a directory, as `DIR/.` and / do."""
    return path == "." or path.endswith("/.") or normpath(path) in ("/", "//")


def destination(source: Source, target: Target) -> tuple[str, str]:
    """The directory that the copy goes to, and its name there; `CONTENT` for what is in it.

    Raises:
        Conflict: a directory would replace a file.
        NotFound: a file is to go to a directory that is not there.
    """
    if target.is_directory:
        return target.path, source.name
    if target.exists and source.is_directory:
        raise Conflict(f"cannot copy the directory {source.path} onto the file {target.path}")
    if not target.exists and not source.is_directory and target.path.endswith("/"):
        raise NotFound("directory", target.path)
    directory, name = split(normpath(target.path))
    return directory or ".", name
