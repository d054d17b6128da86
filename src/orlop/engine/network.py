"""Networks and the containers in them, as values: what is stored, and what faces show."""

from __future__ import annotations

from orlop.records import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from orlop.intent.request import Network, Pairs

BRIDGE, HOST, NONE, MACVLAN = "bridge", "host", "none", "macvlan"
NULL = "null"
"""The driver of the network `none`."""

# Options of a bridge, by the names that Docker has for them.
BRIDGE_NAME = "com.docker.network.bridge.name"
ICC = "com.docker.network.bridge.enable_icc"
MASQUERADE = "com.docker.network.bridge.enable_ip_masquerade"
HOST_IP = "com.docker.network.bridge.host_binding_ipv4"
MTU = "com.docker.network.driver.mtu"
PARENT, MACVLAN_MODE = "parent", "macvlan_mode"
USUAL_MACVLAN_MODE = "bridge"


class Subnet(Record):
    """A subnet of a network, in the forms that people write.

    Attributes:
        subnet: as "10.5.0.0/16".
        gateway: the host's address in it.
        ip_range: what of it containers get, "" for all.
        reserved: names and addresses that nobody gets.
    """

    subnet: str
    gateway: str = ""
    ip_range: str = ""
    reserved: Pairs = ()


class NetworkRequest(Record):
    """A network as somebody wants it.

    Attributes:
        name: of the network.
        driver: "" for a bridge.
        subnets: empty for what is free.
        internal: nothing leaves or enters it.
        attachable: accepted; all networks can be joined by hand.
        ipv6: None for IPv6 where the host has it.
        ipv4: containers get IPv4 addresses.
        labels: names with values.
        options: of the driver.
    """

    name: str
    driver: str = ""
    subnets: tuple[Subnet, ...] = ()
    internal: bool = False
    attachable: bool = False
    ipv6: bool | None = None
    ipv4: bool = True
    labels: Pairs = ()
    options: Pairs = ()


class NetworkObject(Record):
    """A network.

    Attributes:
        id: 64 hexadecimal digits.
        name: unique.
        driver: "bridge", "macvlan", "host" or "null".
        created_ns: when, in ns since 1970.
        labels: names with values.
        options: of the driver.
        subnets: its own; none with `host` and `none`.
        internal: nothing leaves or enters it.
        attachable: as it was asked.
        device: name of its bridge on the host, "" without one.
        asks_ipv6: somebody has asked for IPv6, and not only got it.
    """

    id: str
    name: str
    driver: str
    created_ns: int
    labels: Pairs = ()
    options: Pairs = ()
    subnets: tuple[Subnet, ...] = ()
    internal: bool = False
    attachable: bool = False
    device: str = ""
    asks_ipv6: bool = False

    @property
    def has_ipv6(self) -> bool:
        """Whether containers get IPv6 addresses."""
        return any(":" in subnet.subnet for subnet in self.subnets)

    @property
    def has_ipv4(self) -> bool:
        """Whether containers get IPv4 addresses."""
        return not self.subnets or any(":" not in subnet.subnet for subnet in self.subnets)

    @property
    def is_builtin(self) -> bool:
        """Whether it is one that every engine has."""
        return self.name in (BRIDGE, HOST, NONE)

    @property
    def is_default(self) -> bool:
        """Whether it is the network of those who do not choose, where names do not resolve."""
        return self.name == BRIDGE

    def option(self, name: str, default: str = "") -> str:
        """The value of an option of the driver."""
        return dict(self.options).get(name, default)


class Binding(Record):
    """A port of the container that is reached by one of the host's; a `host_ip` of "" is any."""

    port: int
    protocol: str
    host_ip: str
    host_port: int


class Address(Record):
    """An address of a container, with the length of its prefix, and the gateway of its subnet."""

    address: str
    prefix: int
    gateway: str


class Endpoint(Record):
    """A container's part in a network.

    Attributes:
        network: which.
        container: id of the container.
        id: 64 hexadecimal digits, "" while the container does not run.
        asked: how it was asked for; None where nothing can be asked (host, none).
        inner: name of the device in the container.
        device: name of its other end on the host.
        mac: hardware address.
        addresses: at most one of each family.
        is_gateway: by this network everything else is reached.
        bindings: published ports, of the one by which everything else is reached.
        names: by which other containers of the network find this one.
        links: names by which only this one finds other containers, with their ids.
    """

    network: NetworkObject
    container: str
    id: str = ""
    asked: Network | None = None
    inner: str = ""
    device: str = ""
    mac: str = ""
    addresses: tuple[Address, ...] = ()
    is_gateway: bool = False
    bindings: tuple[Binding, ...] = ()
    names: tuple[str, ...] = ()
    links: Pairs = ()

    def address(self, *, ipv6: bool) -> Address | None:
        """Its address of a family."""
        return next((one for one in self.addresses if (":" in one.address) == ipv6), None)
