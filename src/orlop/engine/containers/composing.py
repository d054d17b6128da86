"""From a container as it is stored to the configuration of one run.

What was a name becomes a place here: the image its layers, a volume its directory on the host,
another container's namespace a descriptor of it.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from orlop.engine.containers.copies import copy_of
from orlop.engine.containers.joining import Joined, checked_namespaces
from orlop.engine.containers.networking import ANY, networked
from orlop.engine.containers.sharing import with_shared_files
from orlop.engine.networks import rates_of
from orlop.intent.compose import compose
from orlop.intent.request import Copied, Named, Network, Unpacked, Volume

if TYPE_CHECKING:
    from collections.abc import Iterator

    from orlop.engine.container import Container
    from orlop.engine.containers.roster import Roster
    from orlop.engine.containers.storage import VolumesOf
    from orlop.engine.host import Host
    from orlop.engine.network import Endpoint
    from orlop.engine.networks import Networks
    from orlop.engine.settings import Settings
    from orlop.intent.compose import Composed
    from orlop.intent.request import Image, Mount, Request
    from orlop.runtime.state import Store


class Composer:
    """Makes configurations of containers."""

    def __init__(
        self,
        roster: Roster,
        store: Store,
        volumes: VolumesOf,
        networks: Networks,
        host: Host,
        settings: Settings,
    ) -> None:
        self._networks = networks
        self._roster = roster
        self._store = store
        self._volumes = volumes
        self._host = host
        self._settings = settings

    @contextlib.contextmanager
    def composed(self, container: Container, ends: tuple[Endpoint, ...] = ()) -> Iterator[Composed]:
        """The configuration of a run that begins now; only within can it be started.

        Args:
            container: which.
            ends: its parts in networks, which are made now.

        Raises:
            As `orlop.intent.compose.compose`.
            NotFound, WrongState: another container that it wants to join is gone, or does not run.
        """
        with contextlib.ExitStack() as held:
            joined = held.enter_context(Joined(self._roster, self._store))
            request = self._placed(container, held)
            request = with_shared_files(request, container, self._roster, self._settings)
            wired = held.enter_context(
                self._networks.wired(ends, rates_of(container.request.limits))
            )
            request = networked(container.id, request, wired, self._networks.host_address)
            request = request.replace(namespaces=joined.namespaces(request.namespaces))
            yield self._compose(container, request)

    def check(self, container: Container) -> Composed:
        """The configuration of a run, but that other containers need not run: to find mistakes."""
        self._networks.check(container)
        with contextlib.ExitStack() as held:
            request = self._placed(container, held)
            wired = ANY if isinstance(request.namespaces.networks[0], Network) else None
            request = networked(container.id, request, wired, self._networks.host_address)
            namespaces = checked_namespaces(request.namespaces, self._roster)
            return self._compose(container, request.replace(namespaces=namespaces))

    def placed(self, container: Container) -> Request:
        """The request with the places of its image and volumes, to be explained."""
        with contextlib.ExitStack() as held:
            return self._placed(container, held)

    def _placed(self, container: Container, held: contextlib.ExitStack) -> Request:
        """The request with the places of its image and volumes."""
        request, image = container.request, container.request.image
        names = {point.target: point.name for point in container.mounts if point.name}

        def placed(mount: Mount) -> Mount:
            if isinstance(mount, Volume):
                return self._volumes.placed(mount, names[mount.target], held)
            return mount

        return request.replace(
            image=placed_image(container, image),
            mounts=tuple(map(placed, request.mounts)),
            volumes_from=(),  # they are among the mounts since the container was made
        )

    def _compose(self, container: Container, request: Request) -> Composed:
        settings = self._settings
        return compose(
            with_defaults(request, settings),
            self._host.facts(),
            container.id,
            data_root=settings.data_root,
            directory=container.directory,
        )


def with_defaults(request: Request, settings: Settings) -> Request:
    """The request with the engine's own values where it has none."""
    chosen = {limit.name for limit in request.ulimits}
    added = tuple(limit for limit in settings.ulimits if limit.name not in chosen)
    places = range(len(request.ulimits), len(request.ulimits) + len(added))
    causes = {f"ulimits[{place}]": "--default-ulimit of the engine" for place in places}
    return request.replace(
        cgroup_parent=request.cgroup_parent or settings.cgroup_parent,
        shm_bytes=settings.shm_bytes if request.shm_bytes is None else request.shm_bytes,
        ulimits=(*request.ulimits, *added),
        init=request.init or settings.init,
        written={**request.written, **causes},
    )


def placed_image(container: Container, image: Image) -> Image:
    """The directories that an image is, or the container's copy of them."""
    if copy := copy_of(container):
        return Copied(copy)
    return Unpacked(container.image.lowers) if isinstance(image, Named) else image
