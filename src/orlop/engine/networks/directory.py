"""Which networks there are and who is in them: in memory, and in the database."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orlop.engine.documents import dumps, loads
from orlop.engine.network import BRIDGE, Endpoint, NetworkObject
from orlop.errors import AlreadyExists, InUse, InvalidArgument, NotFound
from orlop.network.names import View

if TYPE_CHECKING:
    from collections.abc import Iterator

    from orlop.engine.database import Database
    from orlop.engine.network import Binding

_SCHEMA = """
CREATE TABLE IF NOT EXISTS networks (
    id TEXT PRIMARY KEY,
    description TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS endpoints (
    container TEXT NOT NULL,
    network TEXT NOT NULL REFERENCES networks (id),
    description TEXT NOT NULL,
    PRIMARY KEY (container, network)
) WITHOUT ROWID;
"""


class Directory:
    """All networks, and the endpoints of the containers that run.

    What is changed here is in the database when it returns.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._networks: dict[str, NetworkObject] = {}
        self._endpoints: dict[tuple[str, str], Endpoint] = {}
        self._views: dict[str, View] = {}
        database.define(_SCHEMA)
        for (text,) in database.execute("SELECT description FROM networks"):
            network = loads(NetworkObject, str(text))
            self._networks[network.id] = network
        for (text,) in database.execute("SELECT description FROM endpoints"):
            endpoint = loads(Endpoint, str(text))
            self._endpoints[endpoint.container, endpoint.network.id] = endpoint

    def all(self) -> tuple[NetworkObject, ...]:
        """All networks, the oldest first."""
        return tuple(sorted(self._networks.values(), key=lambda network: network.created_ns))

    def get(self, ref: str) -> NetworkObject:
        """A network by its name, its id, or a unique beginning of it.

        Raises:
            NotFound: there is none.
            InvalidArgument: several ids begin so.
        """
        name = BRIDGE if ref == "default" else ref
        for network in self._networks.values():
            if name in (network.name, network.id):
                return network
        begun = [one for key, one in self._networks.items() if ref and key.startswith(ref)]
        if len(begun) > 1:
            raise InvalidArgument(f"{len(begun)} networks have ids that begin with {ref!r}")
        if not begun:
            raise NotFound("network", ref)
        return begun[0]

    def add(self, network: NetworkObject) -> None:
        """A new network.

        Raises:
            AlreadyExists: its name is taken.
        """
        self.check_free(network.name)
        self._database.execute("INSERT INTO networks VALUES (?, ?)", (network.id, dumps(network)))
        self._networks[network.id] = network

    def change(self, network: NetworkObject) -> None:
        """A network that is known by its id is otherwise from now on; nobody is in it."""
        text = dumps(network)
        self._database.execute(
            "UPDATE networks SET description = ? WHERE id = ?", (text, network.id)
        )
        self._networks[network.id] = network

    def check_free(self, name: str) -> None:
        """No network has that name.

        Raises:
            AlreadyExists: one has.
        """
        if any(name == other.name for other in self._networks.values()):
            raise AlreadyExists("network", name)

    def drop(self, network: NetworkObject) -> None:
        """It is gone.

        Raises:
            InUse: a container is in it.
        """
        inside = self.inside(network)
        if inside:
            names = ", ".join(endpoint.container[:12] for endpoint in inside)
            raise InUse(
                f"network {network.name} has active endpoints",
                hint=f"stop or disconnect the containers first: {names}",
            )
        self._database.execute("DELETE FROM networks WHERE id = ?", (network.id,))
        self._networks.pop(network.id, None)

    # --- endpoints ----------------------------------------------------------------------------

    def inside(self, network: NetworkObject) -> tuple[Endpoint, ...]:
        """The endpoints of a network."""
        return tuple(one for one in self._endpoints.values() if one.network.id == network.id)

    def of(self, container: str) -> tuple[Endpoint, ...]:
        """The endpoints of a running container."""
        found = (one for (who, _), one in self._endpoints.items() if who == container)
        return tuple(sorted(found, key=lambda endpoint: endpoint.inner))

    def everybody(self) -> tuple[Endpoint, ...]:
        """All endpoints."""
        return tuple(self._endpoints.values())

    def bindings(self) -> Iterator[tuple[str, Binding]]:
        """Ids of containers, and the ports of the host that they have."""
        for endpoint in self._endpoints.values():
            for binding in endpoint.bindings:
                yield endpoint.container, binding

    def join(self, *endpoints: Endpoint) -> None:
        """A container is in these networks; written down before anything is made."""
        with self._database.transaction():
            for endpoint in endpoints:
                self._database.execute(
                    "INSERT OR REPLACE INTO endpoints VALUES (?, ?, ?)",
                    (endpoint.container, endpoint.network.id, dumps(endpoint)),
                )
        for endpoint in endpoints:
            self._endpoints[endpoint.container, endpoint.network.id] = endpoint
        self._views.clear()

    def leave(self, endpoint: Endpoint) -> None:
        """The container is not in that network any more."""
        self._database.execute(
            "DELETE FROM endpoints WHERE container = ? AND network = ?",
            (endpoint.container, endpoint.network.id),
        )
        self._endpoints.pop((endpoint.container, endpoint.network.id), None)
        self._views.clear()

    def view(self, container: str) -> View:
        """Which containers a container can know by name: those of its networks, as they are now."""
        view = self._views.get(container)
        if view is None:
            view = self._views[container] = self._view(self.of(container))
        return view

    def _view(self, ends: tuple[Endpoint, ...]) -> View:
        addresses: dict[str, tuple[str, ...]] = {}
        names: dict[str, str] = {}
        for end in ends:
            inside = () if end.network.is_default else self.inside(end.network)
            for other in inside:
                own = tuple(one.address for one in other.addresses)
                for name in other.names:
                    for form in (name.lower(), f"{name}.{end.network.name}".lower()):
                        addresses[form] = tuple(dict.fromkeys((*addresses.get(form, ()), *own)))
                names |= dict.fromkeys(own, f"{other.names[0]}.{end.network.name}")
            for alias, target in end.links:
                addresses[alias.lower()] = tuple(
                    one.address for other in self.of(target) for one in other.addresses
                )
        return View(addresses, names, bool(ends) and all(end.network.internal for end in ends))
