"""What is read of a container's files. Everything here blocks."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from orlop.engine.archives.answers import Change, PathStat
from orlop.engine.containers.copies import copy_of
from orlop.errors import NotFound
from orlop.intent.request import InMemory
from orlop.kernel.mounts import read_mountinfo
from orlop.records import values
from orlop.storage import archive as archives
from orlop.storage import changes as layers
from orlop.storage import copying, places
from orlop.storage.comparison import compare
from orlop.storage.roots import StoppedRoot, in_stopped_root

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from orlop.engine.container import Container
    from orlop.engine.roots import Roots
    from orlop.storage.roots import Part

    Write = Callable[[bytes], None]

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_KERNEL_TYPES = frozenset(
    (
        "bpf",
        "cgroup",
        "cgroup2",
        "debugfs",
        "devpts",
        "mqueue",
        "proc",
        "securityfs",
        "sysfs",
        "tracefs",
    )
)


def stat(roots: Roots, container: Container, path: str) -> PathStat:
    """What is at a container path; see `Archives.stat`."""
    return roots.work(container, lambda root: PathStat(*values(places.look(root, path))))


def archive(roots: Roots, container: Container, path: str, write: Write) -> None:
    """Writes an archive of what is at a container path; see `Archives.get`."""

    def work(root: int) -> None:
        with places.find(root, path) as place:
            keep = _without_kernel(roots, container)
            for portion in archives.archived(place.directory, place.entry, place.called, keep):
                write(portion)

    roots.work(container, work)


def _without_kernel(roots: Roots, container: Container) -> archives.Keep:
    """Of file systems in which the kernel shows itself, the directory without what is in it."""
    process = roots.process(container)
    if process is None:
        return archives.everything
    try:
        mounts = read_mountinfo(process.pid)
    except OSError:  # it is gone, or has no mounts any more
        raise NotFound("process", str(process.pid)) from None
    devices = {os.makedev(m.major, m.minor) for m in mounts if m.type in _KERNEL_TYPES}
    directories: set[bytes] = set()

    def keep(path: bytes, status: os.stat_result) -> bool:
        if status.st_dev not in devices:
            return True
        if path.rpartition(b"/")[0] in directories:
            return False
        directories.add(path)
        return True

    return keep


def export(roots: Roots, container: Container, write: Write) -> None:
    """Writes an archive of the container's own files; see `Archives.export`."""

    def work(root: int) -> None:
        for portion in archives.archived(root, ".", "", _without(mounted)):
            write(portion)

    mounted = _mount_points(container)
    if _is_in_memory(container) and container.is_running:
        roots.work(container, work)
    else:
        roots.own(container, work)


def changes(roots: Roots, container: Container) -> tuple[Change, ...]:
    """What the container has changed; see `Archives.changes`."""
    if _is_in_memory(container):
        return _changes_in_memory(roots, container)
    if copy := copy_of(container):
        return tuple(Change(c.path, c.kind) for c in _changes_of_copy(container, copy))
    found: list[Change] = []
    for part in roots.parts(container):
        prefix = part.target.rstrip("/")
        found += (Change(c.path, c.kind) for c in _changes_of(roots, container, part, prefix))
    return tuple(sorted(set(found), key=lambda change: change.path))


def _changes_of(
    roots: Roots, container: Container, part: Part, prefix: str
) -> tuple[layers.Change, ...]:
    try:
        upper = os.open(part.upper, _DIRECTORY)
    except FileNotFoundError:  # it was never started
        return ()
    try:
        lower = part.replace(target="/", upper="", work="")
        root = StoppedRoot((lower,), place=roots.place)
        unseen = frozenset(f"/{path}" for path in _made_by_starts(container))
        return in_stopped_root(
            root, lambda below: layers.changes(upper, below, prefix, unseen=unseen)
        )
    finally:
        os.close(upper)


def _changes_of_copy(container: Container, copy: str) -> tuple[layers.Change, ...]:
    unseen = frozenset(f"/{path}" for path in _made_by_starts(container))
    scratch = f"{container.directory}/compared"
    return copying.changes(container.image.lowers, copy, scratch, unseen)


def _changes_in_memory(roots: Roots, container: Container) -> tuple[Change, ...]:
    """Those of a container whose changes nobody sees but itself; none once it has ended."""
    if not container.is_running:
        return ()

    def against(image: int) -> tuple[Change, ...]:
        left_out = _mount_points(container)
        return roots.work(
            container,
            lambda root: tuple(Change(c.path, c.kind) for c in compare(image, root, left_out)),
        )

    return roots.image(container, against)


def layer(roots: Roots, container: Container) -> Iterator[bytes]:
    """An archive of the container's changes, as a layer of images."""
    if copy := copy_of(container):
        yield from copying.layer(copy, _changes_of_copy(container, copy))
        yield archives.END
        return
    for part in roots.parts(container):
        prefix = part.target.strip("/").encode()
        try:
            upper = os.open(part.upper, _DIRECTORY)
        except FileNotFoundError:
            continue
        try:
            mounted, made = _mount_points(container), _made_by_starts(container)
            yield from archives.members(upper, ".", prefix, _without(mounted, made), layer=True)
        finally:
            os.close(upper)
    yield archives.END


def _is_in_memory(container: Container) -> bool:
    return isinstance(container.request.writable, InMemory)


def _mount_points(container: Container) -> frozenset[str]:
    """Container paths of what is no part of the container's own files, without leading slash."""
    own = ("proc", "sys", "dev")
    return frozenset((*own, *(point.target.strip("/") for point in container.mounts)))


def _made_by_starts(container: Container) -> frozenset[str]:
    """Container paths, without slash, of what a start makes for the mounts of every container."""
    etc = ("etc/hostname", "etc/hosts", "etc/resolv.conf") if container.request.own_etc else ()
    return frozenset(("dev", "proc", "sys", *etc))


def _without(mounted: frozenset[str], made: frozenset[str] = frozenset()) -> archives.Keep:
    """Of mount points, the directories without what is in them; and nothing of `made`."""

    def keep(path: bytes, _status: os.stat_result) -> bool:
        above = os.fsdecode(path.rpartition(b"/")[0])
        return (above not in mounted or not above) and os.fsdecode(path) not in made

    return keep
