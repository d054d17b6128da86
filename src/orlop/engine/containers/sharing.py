"""Files that containers share with their namespaces: shared memory, and the names of a network.

The shared memory of a container that others may join is a directory of the exec root, which is a
tmpfs on every usual host: what is mounted in a container's own mount namespace cannot be had by
another one. So its size is that of the exec root, and its memory counts as that of the container
that writes it.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from orlop.intent.docker_defaults import SHM
from orlop.intent.request import Bind, Host, OfContainer, Shareable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from orlop.engine.container import Container
    from orlop.engine.containers.roster import Roster
    from orlop.engine.settings import Settings
    from orlop.intent.request import Request

_NAMES = ("hosts", "hostname", "resolv.conf")


def with_shared_files(
    request: Request, container: Container, roster: Roster, settings: Settings
) -> Request:
    """The request with binds of what is shared, unless something else is mounted there."""
    binds = [*_shm(container, roster, settings), *_names(request, roster)]
    taken = {mount.target for mount in request.mounts}
    mounts = (*request.mounts, *(bind for bind in binds if bind.target not in taken))
    network = request.namespaces.networks[0]
    own_etc = request.own_etc and not isinstance(network, OfContainer)
    return request.replace(mounts=mounts, own_etc=own_etc)


def _shm(container: Container, roster: Roster, settings: Settings) -> Iterator[Bind]:
    """Of the container whose IPC namespace it is in the end, if it is not the host's."""
    owner = container
    while isinstance(mode := owner.request.namespaces.ipc, OfContainer):
        owner = roster.get(mode.ref)
    if isinstance(mode, Shareable):
        yield Bind(shm_directory(settings, owner.id), SHM)
    elif isinstance(mode, Host) and owner is not container:
        yield Bind(SHM, SHM)


def _names(request: Request, roster: Roster) -> Iterator[Bind]:
    """/etc/hosts and the like of the container whose network it has."""
    owner, mode = None, request.namespaces.networks[0]
    while isinstance(mode, OfContainer):
        owner = roster.get(mode.ref)
        mode = owner.request.namespaces.networks[0]
    if owner is not None and owner.request.own_etc:
        for name in _NAMES:
            yield Bind(f"{owner.directory}/{name}", f"/etc/{name}")


def shm_directory(settings: Settings, container: str) -> str:
    """The host directory of a container's shared memory, if others may share it."""
    return f"{settings.exec_root}/shm/{container}"


def make_shm(container: Container, settings: Settings) -> None:
    """The directory is there, if it has one."""
    if isinstance(container.request.namespaces.ipc, Shareable):
        directory = shm_directory(settings, container.id)
        os.makedirs(directory, exist_ok=True)
        os.chmod(directory, 0o1777)  # noqa: S103 - as /dev/shm
