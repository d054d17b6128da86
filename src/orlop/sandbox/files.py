"""Files in a box. The host sees bytes and never opens anything of the container's.

A child of the box's first process does the work, inside, with the rights of the box's programs,
and the bytes go through a pipe. So no path of the box is resolved outside, and whatever its
programs have left there (links, pipes, devices) can at most make an operation fail. Sizes are
bounded.
"""

from __future__ import annotations

import errno
import os
import stat
from typing import TYPE_CHECKING, Literal

from orlop.errors import Conflict, InvalidArgument, LaunchError, NotFound, PermissionDenied
from orlop.launch.plan import ListDirectory, Operation, ReceiveFile, SendFile
from orlop.records import Record
from orlop.sandbox.box import Task
from orlop.sandbox.options import RunLimits
from orlop.sandbox.runs import container_plan
from orlop.sandbox.streams import Budget, Stream, input_of, memory_file

if TYPE_CHECKING:
    from orlop.errors import OrlopError
    from orlop.sandbox.box import Box
    from orlop.sandbox.waiting import Steps

DEFAULT_LIMIT = 64 << 20
_LISTING_LIMIT = 16 << 20
_TAKES_S = 60.0

Kind = Literal["file", "directory", "symlink", "other"]
_KINDS: dict[int, Kind] = {
    stat.S_IFREG: "file",
    stat.S_IFDIR: "directory",
    stat.S_IFLNK: "symlink",
}


class Entry(Record):
    """What a directory of a box has under one name.

    Attributes:
        name: as the box's programs gave it; it may hold anything but "/" and NUL.
        kind: what it is.
        mode: permission bits.
        size: in bytes.
    """

    name: str
    kind: Kind
    mode: int
    size: int


def write(box: Box, path: str, data: bytes, mode: int) -> Steps[None]:
    """A file with this content and mode is in the box, owned by its user.

    It is a new one in place of whatever was there; missing directories are made.

    Raises:
        PermissionDenied: the box's user may not write there.
        Conflict: it cannot be done for another reason, such as no space.
    """
    operation = ReceiveFile(_clean(path), mode & 0o7777, len(data))
    yield from _do(box, operation, path, "write", memory_file(data), [])


def read(box: Box, path: str, limit: int) -> Steps[bytes]:
    """The content of a regular file of the box.

    Raises:
        NotFound: there is none.
        PermissionDenied: the box's user may not read it.
        Conflict: it is no regular file, or has more than `limit` bytes.
    """
    parts: list[bytes] = []
    operation = SendFile(_clean(path), limit)
    stream = Stream(parts.append, Budget(limit), box.template.owner)
    yield from _do(box, operation, path, "read", input_of(None), [stream])
    return b"".join(parts)


def listing(box: Box, path: str) -> Steps[tuple[Entry, ...]]:
    """What is in a directory of the box, by name.

    Raises:
        NotFound, PermissionDenied, Conflict: as `read`.
    """
    parts: list[bytes] = []
    operation = ListDirectory(_clean(path), _LISTING_LIMIT)
    stream = Stream(parts.append, Budget(_LISTING_LIMIT), box.template.owner)
    yield from _do(box, operation, path, "list", input_of(None), [stream])
    return entries_of(b"".join(parts))


def entries_of(text: bytes) -> tuple[Entry, ...]:
    """The entries of what `list_directory` writes."""
    found = []
    for line in text.split(b"\0")[:-1]:
        mode, size, name = line.split(b" ", 2)
        kind = _KINDS.get(stat.S_IFMT(int(mode)), "other")
        found.append(Entry(os.fsdecode(name), kind, int(mode) & 0o7777, int(size)))
    return tuple(sorted(found, key=lambda entry: entry.name))


def _do(
    box: Box, operation: Operation, path: str, verb: str, stdin: int, streams: list[Stream]
) -> Steps[None]:
    null = os.open("/dev/null", os.O_WRONLY | os.O_CLOEXEC)
    descriptors = [stdin, *(stream.far for stream in streams), null]
    if not streams:
        descriptors.append(os.dup(null))
    limits = RunLimits(timeout_s=_TAKES_S, output_bytes=None)
    task = Task(container_plan(operation), limits, keep_background=True)
    try:
        done = yield from box.perform(task, descriptors, streams)
    except LaunchError as error:
        raise _translated(error, path, verb) from None
    if done.stopped is not None or done.status != 0:
        raise Conflict(f"cannot {verb} {path} in the sandbox: it was killed")


def _translated(error: LaunchError, path: str, verb: str) -> OrlopError:
    match error.errno:
        case errno.ENOENT:
            return NotFound("file in the sandbox", path)
        case errno.EACCES | errno.EPERM | errno.EROFS:
            return PermissionDenied(
                f"cannot {verb} {path} in the sandbox: {os.strerror(error.errno).lower()}"
            )
        case errno.EINVAL:
            return Conflict(f"cannot {verb} {path} in the sandbox: it is no regular file")
        case errno.EFBIG:
            return Conflict(f"cannot {verb} {path} in the sandbox: it is larger than the limit")
        case _:
            return Conflict(
                f"cannot {verb} {path} in the sandbox: {os.strerror(error.errno).lower()}"
            )


def _clean(path: str) -> str:
    """A path as the box has it.

    Raises:
        InvalidArgument: it is not absolute, or has a NUL byte in it.
    """
    if not path.startswith("/") or "\0" in path:
        raise InvalidArgument(f"{path!r} is not an absolute path in the sandbox")
    return path
