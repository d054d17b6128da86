"""Container paths as Docker's API takes them: which file is meant, and what it is called.

"/a/b" is the entry b, also if it is a symlink; "/a/b/" and "/a/b/." are the directory that it leads
to. ".." is taken back before anything is looked up.

See: docker-cp(1); moby's container/archive.go for what the API promises.
"""

from __future__ import annotations

import errno
import os
import posixpath
import stat

from orlop.errors import InvalidArgument, NotFound, SyscallError
from orlop.kernel.paths import open_in_root
from orlop.records import Record
from orlop.storage.file_modes import go_mode

_PLACE = os.O_PATH | os.O_CLOEXEC
_MOST_LINKS = 40


class Found(Record):
    """What is at a container path.

    Attributes:
        name: the last part of the path as it was asked for; "/" for the root.
        size: in bytes.
        mode: Go's bits.
        mtime_ns: since 1970.
        link_target: of a symlink the absolute container path that it leads to; else "".
    """

    name: str
    size: int
    mode: int
    mtime_ns: int
    link_target: str = ""


class Place:
    """An opened container path; closed as a context.

    Attributes:
        directory: descriptor of the directory that it is in.
        entry: its name there; "." where it is the directory itself.
        called: the last part of the path, "." for "DIR/.", "/" for the root.
    """

    def __init__(self, directory: int, entry: str, called: str) -> None:
        self.directory = directory
        self.entry = entry
        self.called = called

    def __enter__(self) -> Place:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self.directory)


def normal(path: str) -> str:
    """The absolute path without ".." and ".".

    Raises:
        InvalidArgument: it is empty, or has a NUL.
    """
    if not path or "\0" in path:
        raise InvalidArgument(f"{path!r} is no path")
    return "/" + posixpath.normpath("/" + path).lstrip("/")


def means_directory(path: str) -> bool:
    """Whether a path wants what it leads to, which has to be a directory."""
    return path.endswith(("/", "/.")) or path == "."


def find(root: int, path: str) -> Place:
    """The place that a container path means.

    Args:
        root: descriptor of the container's root.
        path: container path.

    Raises:
        NotFound: there is nothing.
        InvalidArgument: it is no path, or means a directory and is none.
    """
    wanted = normal(path)
    called = "." if path.endswith("/.") else posixpath.basename(wanted) or "/"
    if wanted == "/" or means_directory(path):
        return Place(_directory(root, wanted, path), ".", called)
    above, name = posixpath.split(wanted)
    directory = _directory(root, above, path)
    try:
        os.stat(name, dir_fd=directory, follow_symlinks=False)
    except OSError as error:
        os.close(directory)
        raise _missing(error.errno or 0, path) from None
    return Place(directory, name, called)


def find_directory(root: int, path: str) -> int:
    """A descriptor (the caller's to close) of the directory that a container path leads to.

    Raises:
        NotFound: there is nothing.
        InvalidArgument: it is no directory.
    """
    return _directory(root, normal(path), path)


def _directory(root: int, wanted: str, path: str) -> int:
    try:
        return open_in_root(root, wanted, os.O_RDONLY | os.O_DIRECTORY)
    except SyscallError as error:
        raise _missing(error.errno, path) from None


def _missing(number: int, path: str) -> Exception:
    if number == errno.ENOENT:
        return NotFound("path", path)
    if number == errno.ENOTDIR:
        return InvalidArgument(f"{path} is no directory, or leads through what is none")
    if number in (errno.ELOOP, errno.ENAMETOOLONG):
        return InvalidArgument(f"cannot look up {path}: {os.strerror(number)}")
    return SyscallError("open", number, path)


def look(root: int, path: str) -> Found:
    """What is at a container path.

    Raises:
        As `find`.
    """
    with find(root, path) as place:
        status = os.stat(place.entry, dir_fd=place.directory, follow_symlinks=False)
        target = ""
        if stat.S_ISLNK(status.st_mode):
            target = resolved(root, normal(path))
        name = posixpath.basename(normal(path)) or "/"
        return Found(name, status.st_size, go_mode(status.st_mode), status.st_mtime_ns, target)


def resolved(root: int, path: str) -> str:
    """The container path that a path leads to, links resolved as far as something is there.

    It is for showing: by the time somebody uses it, it may lead elsewhere.
    """
    done: list[str] = []
    left = [part for part in path.split("/") if part]
    links = 0
    while left:
        part = left.pop(0)
        if part == "..":
            done = done[:-1]
            continue
        target = _link(root, "/".join((*done, part)))
        if target is None or links >= _MOST_LINKS:
            done.append(part)
            continue
        links += 1
        if target.startswith("/"):
            done = []
        left = [piece for piece in target.split("/") if piece not in ("", ".")] + left
    return "/" + "/".join(done)


def _link(root: int, path: str) -> str | None:
    """Where a symlink leads, None if there is none."""
    try:
        place = open_in_root(root, path, _PLACE | os.O_NOFOLLOW)
    except SyscallError:
        return None
    try:
        return os.readlink("", dir_fd=place) if stat.S_ISLNK(os.fstat(place).st_mode) else None
    finally:
        os.close(place)
