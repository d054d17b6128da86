"""The volumes of an engine: made, found, filled, used, removed.

    volumes = Volumes(settings, database, events, fill)

A volume's row in the database is there before its directory, and goes after it, so that a crash
leaves nothing that nobody knows of. What was half done is put right by `open`.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import time
from typing import TYPE_CHECKING

from orlop.engine import events
from orlop.engine.blocking import in_thread
from orlop.engine.container import MountPoint
from orlop.engine.volumes import memory
from orlop.engine.volumes import options as local
from orlop.engine.volumes.answers import (
    ALL,
    ANONYMOUS_LABEL,
    LOCAL,
    PrunedVolumes,
    Volume,
    VolumeFilter,
)
from orlop.engine.volumes.places import make, names_in, open_subpath, remove_files
from orlop.engine.volumes.table import FILLING, FRESH, READY, REMOVING, Table
from orlop.errors import Conflict, NotFound
from orlop.intent.request import Bind
from orlop.storage.trees import size_of

if TYPE_CHECKING:
    import contextlib
    from collections.abc import Callable, Iterable

    from orlop.engine.container import Container
    from orlop.engine.database import Database
    from orlop.engine.events import Events
    from orlop.engine.settings import Settings
    from orlop.intent import request
    from orlop.intent.request import Pairs

    Fill = Callable[[Container, str, str], bool]

__all__ = [
    "ALL",
    "ANONYMOUS_LABEL",
    "LOCAL",
    "PrunedVolumes",
    "Volume",
    "VolumeFilter",
    "Volumes",
]

_DIGITS = 32


class Volumes:
    """All volumes of an engine.

    Args:
        settings: where they are.
        database: for their rows.
        bus: is told what happens.
        fill: copies what a container's image has at a container path into a host directory, and
            says whether there was something; blocks.
    """

    def __init__(self, settings: Settings, database: Database, bus: Events, fill: Fill) -> None:
        self._directory = f"{settings.data_root}/volumes"
        self._table = Table(database, self._directory)
        self._events = bus
        self._fill = fill
        self._locks: dict[str, asyncio.Lock] = {}
        self._in_memory = memory.Users()

    async def open(self, containers: Iterable[str]) -> None:
        """What a dead engine has left half done is put right.

        Directories without a row become volumes, rows without a directory get one, what was being
        removed goes, and what was being filled is emptied, to be filled at its next use.

        Args:
            containers: ids of all that there are.

        Raises:
            SyscallError: the directory of volumes cannot be used.
        """
        await in_thread(os.makedirs, self._directory, 0o711, True)
        for container in set(self._table.holders()) - set(containers):
            self._table.let_go(container)
        for name, state in self._table.states().items():
            if state == REMOVING:
                await in_thread(remove_files, self._directory, name)
                self._table.drop(name)
                continue
            if state == FILLING:
                await in_thread(remove_files, self._directory, name)
                self._table.set_state(name, FRESH)
            await in_thread(make, self._directory, name)
        known = self._table.states()
        for name in await in_thread(names_in, self._directory):
            if name not in known:
                self._table.add(Volume(name, "", time.time_ns()), READY)

    # --- looking ------------------------------------------------------------------------------

    def get(self, name: str) -> Volume:
        """The volume of that name.

        Raises:
            NotFound: there is none.
        """
        found = self._table.find(name)
        if found is None:
            raise NotFound("volume", name)
        return found

    def all(self, wanted: VolumeFilter = ALL) -> tuple[Volume, ...]:
        """Those that somebody wants to see, by name."""
        used = self._table.used() if wanted.dangling is not None else frozenset()
        return tuple(v for v in self._table.all() if _matches(v, wanted, v.name in used))

    def users(self, name: str) -> tuple[str, ...]:
        """The ids of the containers that have the volume, running or not."""
        return self._table.users(name)

    async def sizes(self) -> dict[str, int]:
        """Bytes of the files in each volume, by name; -1 where they are not on this machine."""
        found = {}
        for volume in self._table.all():
            found[volume.name] = await self._size(volume)
        return found

    async def _size(self, volume: Volume) -> int:
        return -1 if volume.options else await in_thread(size_of, volume.mountpoint)

    # --- making and removing ------------------------------------------------------------------

    async def create(
        self, name: str = "", *, driver: str = "", options: Pairs = (), labels: Pairs = ()
    ) -> Volume:
        """The volume exists; one that did already stays as it is.

        Args:
            name: "" for an anonymous one.
            driver: "" or "local".
            options: `type`, `device` and `o` as mount(8) takes them: bind, tmpfs, nfs, ...
            labels: names with values.

        Raises:
            InvalidArgument: the name or an option is none.
            NotFound: there is no such driver (kind "volume driver").
            Unsupported: an option asks for a quota.
            SyscallError: it cannot be made.
        """
        local.check_driver(driver)
        local.check_options(options)
        anonymous = not name
        name = name or secrets.token_hex(_DIGITS)
        local.check_name(name)
        if anonymous:
            labels = (*labels, (ANONYMOUS_LABEL, ""))
        async with self._lock(name):
            return await self._made(name, options, labels, anonymous)

    async def _made(self, name: str, options: Pairs, labels: Pairs, anonymous: bool) -> Volume:
        """The volume, which is made if it is not there; its lock is held."""
        known = self._table.find(name)
        if known is not None:
            return known
        now = time.time_ns()
        self._table.add(Volume(name, "", now, tuple(sorted(labels)), options, anonymous))
        try:
            await in_thread(make, self._directory, name)
        except BaseException:
            self._table.drop(name)
            raise
        self._events.publish(events.of_volume(name, "create"))
        return self.get(name)

    async def remove(self, name: str, *, force: bool = False) -> None:
        """The volume and its files are gone; with `force` also if it was not there.

        Raises:
            NotFound: there is none.
            Conflict: containers have it.
            SyscallError: its files cannot be removed; the next start of the engine tries again.
        """
        async with self._lock(name):
            if self._table.find(name) is None:
                if force:
                    return
                raise NotFound("volume", name)
            users = self._table.users(name)
            if users:
                shown = ", ".join(user[:12] for user in users)
                raise Conflict(
                    f"cannot remove volume {name!r}: it is in use by {shown}",
                    hint="remove these containers first",
                )
            await self._removed(name)

    async def _removed(self, name: str) -> None:
        self._table.set_state(name, REMOVING)
        await self._unmounted_unless_used(name)
        await in_thread(remove_files, self._directory, name)
        self._table.drop(name)
        self._locks.pop(name, None)
        self._events.publish(events.of_volume(name, "destroy"))

    async def prune(
        self, wanted: Callable[[Volume], bool] = lambda _: True, *, named: bool = False
    ) -> PrunedVolumes:
        """Volumes that no container has are gone: anonymous ones, with `named` others too.

        Args:
            wanted: which of them.
            named: also those that somebody has given a name.
        """
        names: list[str] = []
        size = 0
        for volume in self.all(VolumeFilter(dangling=True)):
            if not (volume.anonymous or named) or not wanted(volume):
                continue
            async with self._lock(volume.name):
                if self._table.users(volume.name) or self._table.find(volume.name) is None:
                    continue
                size += max(await self._size(volume), 0)
                await self._removed(volume.name)
                names.append(volume.name)
        pruned = (("reclaimed", str(size)),)
        self._events.publish(events.Event(events.VOLUME, "prune", "", pruned))
        return PrunedVolumes(tuple(names), size)

    # --- for containers -----------------------------------------------------------------------

    async def use(self, container: Container, asked: request.Volume) -> MountPoint:
        """A new container has the volume, which is made and filled if nobody had it before.

        To be called once for each of its volumes, when the container is made.

        Args:
            container: with its image; it need not be known to anybody yet.
            asked: which volume, and where. A name of "" makes an anonymous one.

        Raises:
            InvalidArgument: the name or an option is none.
            NotFound: there is no such driver, or no such subpath (kind "subpath").
            SyscallError: it cannot be made or filled.
        """
        local.check_driver(asked.driver)
        local.check_options(asked.driver_options)
        anonymous = not asked.name
        name = asked.name or secrets.token_hex(_DIGITS)
        local.check_name(name)
        labels = asked.labels if asked.name else (*asked.labels, (ANONYMOUS_LABEL, ""))
        async with self._lock(name):
            volume = await self._made(name, asked.driver_options, labels, anonymous)
            self._table.hold(name, container.id)
            await self._filled(volume, container, asked)
        source = volume.mountpoint
        if asked.subpath:
            os.close(await in_thread(open_subpath, source, asked.subpath))
            source = f"{source}/{asked.subpath.strip('/')}"
        return MountPoint(
            "volume",
            asked.target,
            name,
            source,
            LOCAL,
            "ro" if asked.read_only else "z" if not asked.name else "",
            not asked.read_only,
        )

    async def _filled(self, volume: Volume, container: Container, asked: request.Volume) -> None:
        """What the image has at the target is in the volume, if that is empty; its lock is held."""
        name = volume.name
        if self._table.state(name) != FRESH or volume.options or not asked.copy or asked.subpath:
            return
        if await in_thread(os.listdir, volume.mountpoint):  # somebody has written to it himself
            self._table.set_state(name, READY)
            return
        self._table.set_state(name, FILLING)
        try:
            filled = await in_thread(self._fill, container, asked.target, volume.mountpoint)
        except BaseException:
            await in_thread(remove_files, self._directory, name)
            await in_thread(make, self._directory, name)
            self._table.set_state(name, FRESH)
            raise
        self._table.set_state(name, READY if filled else FRESH)

    def placed(self, asked: request.Volume, name: str, held: contextlib.ExitStack) -> request.Mount:
        """What is mounted for a volume, in terms that need no volumes: at each start.

        Args:
            asked: how it is to be mounted.
            name: of the volume; see `MountPoint.name`.
            held: closes what has to stay open until the container's process has mounted it.

        Raises:
            NotFound: the volume, or its subpath, is gone.
            InvalidArgument: the subpath leads out of the volume.
            Unsupported: the kernel does not have its type of file system.
        """
        volume = self.get(name)
        source = volume.mountpoint
        shared = memory.is_in_memory(volume.options) and memory.is_mounted(source)
        if volume.options and not shared:
            return local.placed(volume.options, asked)
        if asked.subpath:
            # A descriptor: what is below a volume, containers can change until the mount is made.
            fd = open_subpath(source, asked.subpath)
            held.callback(os.close, fd)
            source = f"/proc/{os.getpid()}/fd/{fd}"
        return Bind(source, asked.target, asked.read_only)

    async def mount(self, container: Container) -> None:
        """A container that is about to run, or runs, finds its volumes in memory as others do.

        Raises:
            NotFound: a volume is gone.
            SyscallError: the kernel does not like a volume's options.
        """
        for name in dict.fromkeys(point.name for point in container.mounts if point.name):
            volume = self._table.find(name)
            if volume is None or not memory.is_in_memory(volume.options):
                continue
            async with self._lock(name):
                await in_thread(memory.mount, volume.mountpoint, volume.options)
                self._in_memory.add(name, container.id)

    async def unmount(self, container: str) -> None:
        """A container does not run any more: what only it had in memory is gone."""
        for name in self._in_memory.names_of(container):
            async with self._lock(name):
                self._in_memory.drop(name, container)
                await self._unmounted_unless_used(name)

    async def unmount_unused(self) -> None:
        """No volume is in memory that no running container has; to be called when all are known."""
        for volume in self._table.all():
            if memory.is_in_memory(volume.options):
                async with self._lock(volume.name):
                    await self._unmounted_unless_used(volume.name)

    async def _unmounted_unless_used(self, name: str) -> None:
        """Its lock is held."""
        volume = self._table.find(name)
        if volume is not None and not self._in_memory.has(name):
            await in_thread(memory.unmount, volume.mountpoint)

    async def release(self, container: Container, *, anonymous: bool = False) -> tuple[str, ...]:
        """A container has no volumes any more; returns the names of those that went with it.

        Args:
            container: which one.
            anonymous: its anonymous volumes go too, if no other container has them.
        """
        had = self._table.used_by(container.id)
        self._table.let_go(container.id)
        gone = []
        for name in had if anonymous else ():
            async with self._lock(name):
                volume = self._table.find(name)
                if volume is None or not volume.anonymous or self._table.users(name):
                    continue
                await self._removed(name)
                gone.append(name)
        return tuple(gone)

    def _lock(self, name: str) -> asyncio.Lock:
        return self._locks.setdefault(name, asyncio.Lock())


def _matches(volume: Volume, wanted: VolumeFilter, used: bool) -> bool:
    labels = dict(volume.labels)
    return (
        (not wanted.names or any(part in volume.name for part in wanted.names))
        and (not wanted.drivers or volume.driver in wanted.drivers)
        and (wanted.dangling is None or wanted.dangling != used)
        and all(key in labels and value in (None, labels[key]) for key, value in wanted.labels)
    )
