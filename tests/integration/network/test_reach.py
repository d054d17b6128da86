"""Who reaches whom over bridges, with real packets."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path

import pytest

from orlop.kernel import links
from orlop.network import bridge, firewall
from orlop.network.addresses import make_range
from orlop.network.bridge import Bridge
from orlop.network.firewall import Published
from tests.integration.network.places import TABLE, Place, Site

OUTSIDE = "10.51.0.0/24"
pytestmark = [pytest.mark.requires_root, pytest.mark.requires_nftables]


@pytest.fixture
def site() -> Iterator[Site]:
    made = Site()
    yield made
    made.close()


def tcp(host_port: int, address: str, port: int, host_ip: str = "") -> Published:
    return Published(
        "tcp", ip_address(host_ip) if host_ip else None, host_port, ip_address(address), port
    )


def test_containers_of_one_network_and_the_host(site: Site) -> None:
    net = site.network("olt-a", "10.50.0.0/24", "fd50::/64")
    one, two = site.container(net, 2), site.container(net, 3)
    with two.serving(80, "two"):
        for address in ("10.50.0.3", "fd50::3"):
            assert one.reaches(address, 80).startswith("two")
            assert site.host.reaches(address, 80).startswith("two")
    with site.host.serving(81, "host"):
        assert one.reaches("10.50.0.1", 81) == "host 10.50.0.2"
        assert one.reaches("fd50::1", 81) == "host fd50::2"


def test_networks_are_apart(site: Site) -> None:
    one = site.container(site.network("olt-a", "10.50.0.0/24", "fd50::/64"), 2)
    two = site.container(site.network("olt-b", "10.51.0.0/24", "fd51::/64"), 2)
    with two.serving(80, "two"):
        assert site.host.reaches("10.51.0.2", 80)
        assert one.cannot_reach("10.51.0.2", 80)
        assert one.cannot_reach("fd51::2", 80)


def test_the_outside(site: Site) -> None:
    """A container reaches it with the host's address; nobody out there reaches a container."""
    one = site.container(site.network("olt-a", "10.50.0.0/24", "fd50::/64"), 2)
    lan = site.lan()
    with lan.serving(80, "lan"), one.serving(81, "one"):
        assert one.reaches("10.200.0.2", 80) == "lan 10.200.0.1"
        assert one.reaches("fd20::2", 80) == "lan fd20::1"
        assert lan.cannot_reach("10.50.0.2", 81)
        assert lan.cannot_reach("fd50::2", 81)


def test_without_masquerade(site: Site) -> None:
    one = site.container(site.network("olt-a", "10.50.0.0/24", masquerade=False), 2)
    lan = site.lan()
    with lan.serving(80, "lan"):
        assert one.reaches("10.200.0.2", 80) == "lan 10.50.0.2"


def test_internal_networks(site: Site) -> None:
    net = site.network("olt-a", "10.50.0.0/24", internal=True)
    one, two = site.container(net, 2), site.container(net, 3)
    lan = site.lan()
    with lan.serving(80, "lan"), two.serving(80, "two"):
        assert one.reaches("10.50.0.3", 80)
        assert one.cannot_reach("10.200.0.2", 80)


def test_internal_networks_and_published_ports(site: Site) -> None:
    """Nothing leaves or enters one, but for what the host itself asks."""
    inner = site.network("olt-a", "10.50.0.0/24", internal=True)
    inside, outside = site.container(inner, 2), site.container(site.network("olt-b", OUTSIDE), 2)
    site.publish(tcp(8080, "10.50.0.2", 80))
    site.publish(tcp(8081, "10.51.0.2", 80))
    with inside.serving(80, "inside"), outside.serving(80, "outside"):
        assert site.host.reaches("127.0.0.1", 8080) == "inside 10.50.0.1"
        assert outside.cannot_reach("10.51.0.1", 8080)
        assert site.host.reaches("127.0.0.1", 8081)
        assert inside.cannot_reach("10.50.0.1", 8081)


def test_isolated_containers(site: Site) -> None:
    net = site.network("olt-a", "10.50.0.0/24")
    one, two = (site.container(net, number, isolated=True) for number in (2, 3))
    with two.serving(80, "two"):
        assert site.host.reaches("10.50.0.3", 80)
        assert one.cannot_reach("10.50.0.3", 80)


class TestPublishedPorts:
    @pytest.fixture
    def one(self, site: Site) -> Iterator[Place]:
        net = site.network("olt-a", "10.50.0.0/24", "fd50::/64")
        one = site.container(net, 2)
        with one.serving(80, "one"):
            yield one

    def test_from_everywhere(self, site: Site, one: Place) -> None:
        neighbour = site.container(site.network("olt-b", "10.51.0.0/24", "fd51::/64"), 2)
        lan = site.lan()
        site.publish(tcp(8080, "10.50.0.2", 80))
        site.publish(tcp(8080, "fd50::2", 80))
        assert lan.reaches("10.200.0.1", 8080) == "one 10.200.0.2"
        assert lan.reaches("fd20::1", 8080) == "one fd20::2"
        assert site.host.reaches("127.0.0.1", 8080) == "one 10.50.0.1"
        assert site.host.reaches("10.200.0.1", 8080)
        assert neighbour.reaches("10.51.0.1", 8080)
        assert neighbour.reaches("10.200.0.1", 8080)
        assert neighbour.reaches("fd51::1", 8080)
        assert one.reaches("10.50.0.1", 8080) == "one 10.50.0.1"  # a hairpin
        assert one.reaches("fd50::1", 8080)

    @pytest.mark.parametrize("bound", ["", "::1"])
    def test_from_the_hosts_loopback6(self, site: Site, one: Place, bound: str) -> None:
        lan = site.lan()
        site.publish(tcp(8080, "fd50::2", 80, bound))
        with bridges_filter_by_themselves():
            assert site.host.reaches("::1", 8080) == "one fd50::1"
        with bridges_filter_by_themselves(early=True):
            assert site.host.cannot_reach("::1", 8080)
        if bound:
            assert lan.cannot_reach("fd20::1", 8080)
        else:
            assert lan.reaches("fd20::1", 8080)

    def test_two_networks_have_the_hosts_loopback6(self, site: Site, one: Place) -> None:
        two = site.container(site.network("olt-b", "fd51::/64"), 2)
        site.publish(tcp(8080, "fd50::2", 80))
        site.publish(tcp(8081, "fd51::2", 80))
        with two.serving(80, "two"), bridges_filter_by_themselves():
            assert site.host.reaches("::1", 8080) == "one fd50::1"
            assert site.host.reaches("::1", 8081) == "two fd51::1"

    def test_of_one_address(self, site: Site, one: Place) -> None:
        lan = site.lan()
        site.publish(tcp(8080, "10.50.0.2", 80, "127.0.0.1"))
        assert site.host.reaches("127.0.0.1", 8080)
        assert site.host.cannot_reach("10.200.0.1", 8080)
        assert lan.cannot_reach("10.200.0.1", 8080)

    def test_loopback_is_out_of_reach_of_the_wire(self, site: Site, one: Place) -> None:
        """CVE-2020-8558: route_localnet must not let anybody in."""
        lan = site.lan()
        with site.host.serving(90, "secret", address="127.0.0.1"):
            for place, gateway in ((lan, "10.200.0.1"), (one, "10.50.0.1")):
                _route_to_loopback(place, gateway)
                assert place.cannot_reach("127.0.0.1", 90, source=str(place.addresses[0]))

    @pytest.mark.parametrize("early", [True, False])
    def test_loopback6_is_out_of_reach_of_the_wire(
        self, site: Site, one: Place, early: bool
    ) -> None:
        """The bridge has a route to ::1, by which only answers come."""
        lan = site.lan()
        with (
            site.host.serving(90, "secret", address="::1"),
            bridges_filter_by_themselves(early=early),
        ):
            assert site.host.reaches("::1", 90) == "secret ::1"
            for place, gateway in ((lan, "fd20::1"), (one, "fd50::1")):
                _route_to_loopback6(place, gateway)
                assert place.cannot_reach("::1", 90, source=str(place.addresses[1]))

    def test_taken_back(self, site: Site, one: Place) -> None:
        port = tcp(8080, "10.50.0.2", 80)
        site.publish(port)
        assert site.host.reaches("127.0.0.1", 8080)
        assert site.nftables.run("\n".join(firewall.delete_ports(TABLE, [port]))) is None
        assert site.host.cannot_reach("127.0.0.1", 8080)

    def test_ten_thousand(self, site: Site, one: Place) -> None:
        ports = [tcp(20000 + step, "10.50.0.2", 80) for step in range(10_000)]
        assert site.nftables.run("\n".join(firewall.add_ports(TABLE, ports))) is None
        assert site.host.reaches("127.0.0.1", 29_999)


def _route_to_loopback6(place: Place, gateway: str) -> None:
    """The same of ::1."""
    import subprocess

    def change() -> None:
        for command in (
            "ip -6 route del local ::1 dev lo table local",
            f"ip -6 route add ::1 via {gateway}",
        ):
            subprocess.run(command.split(), check=True, capture_output=True)

    place.do(change)


@contextlib.contextmanager
def bridges_filter_by_themselves(*, early: bool = False) -> Iterator[None]:
    """Frames in a bridge are not shown to the packet filter, or are (br_netfilter)."""
    setting = Path("/proc/sys/net/bridge/bridge-nf-call-ip6tables")
    if not setting.exists():
        if early:
            pytest.skip("this kernel has no br_netfilter, or it is not loaded")
        yield
        return
    before = setting.read_text()
    setting.write_text("1" if early else "0")
    try:
        yield
    finally:
        setting.write_text(before)


def _route_to_loopback(place: Place, gateway: str) -> None:
    """The place sends 127.0.0.1 to the host instead of itself, as an attacker would."""
    import subprocess

    def change() -> None:
        for command in (
            "ip route del local 127.0.0.0/8 dev lo table local",
            "ip route del local 127.0.0.1 dev lo table local",
            f"ip route add 127.0.0.1 via {gateway}",
            "sysctl -qw net.ipv4.conf.all.route_localnet=1",
        ):
            subprocess.run(command.split(), check=False, capture_output=True)

    place.do(change)


def test_forged_addresses(site: Site) -> None:
    """A container cannot send with an address that is not its network's."""
    one = site.container(site.network("olt-a", "10.50.0.0/24"), 2)
    lan = site.lan()

    def forge() -> None:
        import subprocess

        subprocess.run(["ip", "addr", "add", "10.99.0.9/32", "dev", "eth0"], check=True)

    one.do(forge)
    with lan.serving(80, "lan"), site.host.serving(81, "host"):
        assert one.reaches("10.200.0.2", 80)
        assert one.cannot_reach("10.200.0.2", 80, source="10.99.0.9")


def test_a_bridge_that_was_there_before_stays(site: Site) -> None:
    name = Bridge("olt-own", (make_range("10.55.0.0/24"),))
    site.socket.do(links.add_bridge(name.device))
    bridge.ensure(site.socket, name)
    assert not bridge.remove(site.socket, name)
    site.socket.do(links.delete(links.link_by_name(site.socket, name.device).index))
    bridge.ensure(site.socket, name)
    assert bridge.remove(site.socket, name)


def test_a_lost_rule_set_is_made_again(site: Site) -> None:
    net = site.network("olt-a", "10.50.0.0/24")
    one = site.container(net, 2)
    site.publish(tcp(8080, "10.50.0.2", 80))
    site.nftables.run("flush ruleset")
    with one.serving(80, "one"):
        assert site.host.cannot_reach("127.0.0.1", 8080)
        site.apply()
        assert site.host.reaches("127.0.0.1", 8080)
