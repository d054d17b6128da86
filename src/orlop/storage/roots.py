"""The root file system of a container that does not run, put together for one piece of work.

An overlay that is attached nowhere, or, where there are several and volumes in it, mounts in a
namespace that one thread has for itself. In both cases nobody else sees them, and they are gone
with the work, however it ends.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import threading

from orlop.errors import NotFound, SyscallError, Unavailable
from orlop.kernel import new_mounts
from orlop.kernel.mounts import MOUNT_ATTR_RDONLY
from orlop.kernel.paths import open_in_root
from orlop.kernel.process import is_alive
from orlop.records import Record
from orlop.storage import overlay
from orlop.storage.places import resolved

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import Any, TypeVar

    from orlop.kernel.process import Identity

    _T = TypeVar("_T")

_PLACE = os.O_PATH | os.O_CLOEXEC


class Part(Record):
    """One overlay of a root, or a directory in place of one.

    Attributes:
        target: container path; that of the first part is "/".
        lowers: host directories, the uppermost first.
        upper: host directory of what was written; it may be missing.
        work: the directory beside it that the overlay has for itself.
        copy: host directory that is there in place of an overlay; "" for an overlay.
    """

    target: str
    lowers: tuple[str, ...]
    upper: str = ""
    work: str = ""
    copy: str = ""


class Attached(Record):
    """A host path that is mounted in a root."""

    source: str
    target: str
    read_only: bool = False


class StoppedRoot(Record):
    """What a root is made of.

    Attributes:
        parts: overlays, each after the one that it is in; the first is the root itself.
        attached: what is mounted in them, in order.
        read_only: of the root itself.
        place: an empty host directory, for mounts that nobody else sees.
    """

    parts: tuple[Part, ...]
    attached: tuple[Attached, ...] = ()
    read_only: bool = False
    place: str = ""


def in_stopped_root(root: StoppedRoot, work: Callable[[int], _T], *, writable: bool = False) -> _T:
    """What `work` returns or raises; it gets a descriptor of the root, which is valid in it only.

    Args:
        root: what it is made of.
        work: is called in a thread of its own.
        writable: it can be written to. Then no container may run on it meanwhile, nor anybody else
            write; without, nothing that it is made of is changed.

    Raises:
        NotFound: something that it is made of is gone.
        SyscallError: it cannot be mounted.
    """
    return _in_thread(lambda: _with_root(root, work, writable))


def in_running_root(process: Identity, work: Callable[[int], _T]) -> _T:
    """The same for the root of a running container: that of its first process, as this sees it.

    Raises:
        NotFound: the process is gone.
    """
    try:
        root = os.open(f"/proc/{process.pid}/root", _PLACE | os.O_DIRECTORY)
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ESRCH):
            raise NotFound("process", str(process.pid)) from None
        raise SyscallError("open", error.errno or 0, f"/proc/{process.pid}/root") from None
    try:
        if not is_alive(process):  # what was opened may be another's
            raise NotFound("process", str(process.pid))
        return work(root)
    finally:
        os.close(root)


def _with_root(root: StoppedRoot, work: Callable[[int], _T], writable: bool) -> _T:
    with contextlib.ExitStack() as open_:
        if len(root.parts) == 1 and not root.attached:
            only = _mounted(open_, root, root.parts[0], writable)
            if writable and root.read_only:
                new_mounts.set_attributes(only, MOUNT_ATTR_RDONLY)
            return work(only)
        new_mounts.leave_mount_namespace()
        place = os.open(root.place, _PLACE | os.O_DIRECTORY)
        open_.callback(os.close, place)
        sources = list(_sources(open_, root))
        if not writable:
            root = _with_targets(open_, root, sources)
        top = _mounted(open_, root, root.parts[0], writable)
        new_mounts.attach(top, place)
        overlays = [top]
        for part in root.parts[1:]:
            mount = _mounted(open_, root, part, writable)
            overlays.append(mount)
            _attach(top, mount, part.target, directory=True)
        for mount, target, directory in sources:
            _attach(top, mount, target, directory=directory)
        if writable and root.read_only:
            for mount in overlays:  # not before the places for the others were made
                new_mounts.set_attributes(mount, MOUNT_ATTR_RDONLY)
        return work(top)


def _mounted(open_: contextlib.ExitStack, root: StoppedRoot, part: Part, writable: bool) -> int:
    """A descriptor of the part's mount, closed with the stack."""
    if part.copy:
        mount = new_mounts.clone_tree(-100, part.copy, recursive=False)
        open_.callback(os.close, mount)
        if not writable:
            new_mounts.set_attributes(mount, MOUNT_ATTR_RDONLY)
        return mount
    for lower in part.lowers:
        if not os.path.isdir(lower):
            raise NotFound("layer", lower, hint="pull the image again")
    if writable:
        for own in (part.upper, part.work):
            os.makedirs(own, mode=0o755, exist_ok=True)
        mount = overlay.mount(part.lowers, upper=part.upper, work=part.work, place=root.place)
    else:
        # What was written is one layer more: so nothing is in use that a container may want.
        layers = (part.upper, *part.lowers) if os.path.isdir(part.upper) else part.lowers
        mount = overlay.mount(layers, place=root.place)
    open_.callback(os.close, mount)
    return mount


def _sources(open_: contextlib.ExitStack, root: StoppedRoot) -> Iterator[tuple[int, str, bool]]:
    """Copies of what is attached, where each goes, and whether it is a directory."""
    for attached in root.attached:
        try:
            mount = new_mounts.clone_tree(-100, attached.source)
        except SyscallError as error:
            if error.errno == errno.ENOENT:  # it is made when the container is started
                continue
            raise
        open_.callback(os.close, mount)
        if attached.read_only:
            new_mounts.set_attributes(mount, MOUNT_ATTR_RDONLY)
        yield mount, attached.target, stat.S_ISDIR(os.fstat(mount).st_mode)


def _with_targets(
    open_: contextlib.ExitStack, root: StoppedRoot, sources: Sequence[tuple[int, str, bool]]
) -> StoppedRoot:
    """The same root with places for what is attached, as a start would make them.

    Nothing is written to it: they are a layer below all others, in memory.
    """
    first = root.parts[0]
    with contextlib.ExitStack() as trial:
        top = _mounted(trial, root, first, writable=False)
        missing = [
            (resolved(top, target), directory)
            for _, target, directory in sources
            if not _exists(top, target)
        ]
    if not missing:
        return root
    memory = new_mounts.new_filesystem("tmpfs", ("mode=755",))
    open_.callback(os.close, memory)
    for target, directory in missing:
        os.close(_made(memory, target, directory=directory))
    below = f"/proc/thread-self/fd/{memory}"
    others = root.parts[1:]
    return root.replace(parts=(first.replace(lowers=(*first.lowers, below)), *others))


def _exists(top: int, target: str) -> bool:
    place = _found(top, target)
    if place is None:
        return False
    os.close(place)
    return True


def _attach(top: int, mount: int, target: str, *, directory: bool) -> None:
    place = _found(top, target)
    if place is None:
        place = _made(top, target, directory=directory)
    try:
        new_mounts.attach(mount, place)
    finally:
        os.close(place)


def _found(top: int, target: str) -> int | None:
    try:
        return open_in_root(top, target, _PLACE)
    except SyscallError as error:
        if error.errno != errno.ENOENT:
            raise
        return None


def _made(top: int, target: str, *, directory: bool) -> int:
    """A descriptor of the target, made as a start would make it."""
    parts = [part for part in target.split("/") if part]
    at = ""
    for index, part in enumerate(parts):
        above = open_in_root(top, at or "/", _PLACE | os.O_DIRECTORY)
        try:
            if directory or index < len(parts) - 1:
                os.mkdir(part, 0o755, dir_fd=above)
            else:
                flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC
                os.close(os.open(part, flags, 0o644, dir_fd=above))
        except FileExistsError:
            pass
        except OSError as error:
            raise SyscallError("make", error.errno or 0, f"{at}/{part}") from error
        finally:
            os.close(above)
        at = f"{at}/{part}"
    return open_in_root(top, target, _PLACE)


def _in_thread(function: Callable[[], _T]) -> _T:
    """What the function returns or raises in a thread that ends with it."""
    outcome: list[Any] = [None, None]

    def run() -> None:
        try:
            outcome[0] = function()
        except BaseException as error:  # noqa: BLE001 - it is raised again where it is waited for
            outcome[1] = error

    thread = threading.Thread(target=run, name="stopped-root", daemon=True)
    try:
        thread.start()
    except RuntimeError as error:
        raise Unavailable(f"cannot start a thread: {error}") from error
    thread.join()
    if outcome[1] is not None:
        raise outcome[1]
    result: _T = outcome[0]
    return result
