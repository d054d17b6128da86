"""The network of a namespace that the test has made, as it is read back."""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from orlop.errors import NotFound, OrlopError, PermissionDenied, SyscallError, Unsupported
from orlop.insight.network import Holder, Network, read_network, tools
from orlop.insight.network.firewall import IPTABLES, NFTABLES
from orlop.insight.network.links import ELSEWHERE, HERE, HOST, Interface, Route
from orlop.kernel import netlink, netns
from orlop.kernel.sockets import WaitingSocket
from tests.integration.support.filtered import Filtered, libc

pytestmark = [pytest.mark.requires_root, pytest.mark.requires_iproute2]

CLONE_NEWNET = 0x40000000
ANY = "0.0.0.0"  # noqa: S104 - what the kernel says
_kept: list[socket.socket] = []


def own_network() -> None:
    """In a new namespace, with sockets that listen."""
    assert libc.unshare(CLONE_NEWNET) == 0
    tcp = socket.create_server(("", 8080))
    idle = socket.socket()
    udp = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    udp.bind(("::", 53))
    local = socket.socket(socket.AF_UNIX)
    local.bind("\0orlop-listener")
    local.listen()
    _kept.extend((tcp, idle, udp, local))


def sh(script: str, inside: int = 0) -> None:
    """Runs commands, in the network namespace of a process or in the tests' own."""
    enter = ["nsenter", f"--net=/proc/{inside}/ns/net"] if inside else []
    subprocess.run([*enter, "sh", "-euc", script], check=True)


@pytest.fixture
def box() -> Iterator[Filtered]:
    with Filtered(first=own_network) as subject:
        yield subject


@pytest.fixture
def wired(box: Filtered) -> Iterator[Filtered]:
    """The box, on a bridge of ours."""
    sh(f"""
        ip link add br-live type bridge
        ip link set br-live up
        ip link add live0 mtu 1400 type veth peer name eth0 netns {box.pid}
        ip link set live0 master br-live up
        """)
    sh(
        """
        ip link set lo up
        ip link set eth0 address 02:00:00:00:00:05 mtu 1400
        ip address add 10.77.0.2/24 dev eth0
        ip address add fd77::2/64 dev eth0 nodad
        ip link set eth0 up
        ip route add default via 10.77.0.1
        ip route add blackhole 192.0.2.0/24
        """,
        box.pid,
    )
    yield box
    sh("ip link del live0; ip link del br-live")


def named(network: Network, name: str) -> Interface:
    (found,) = (it for it in network.interfaces if it.name == name)
    return found


class TestInside:
    def test_a_namespace_with_nothing_in_it(self, box: Filtered) -> None:
        network = read_network(box.identity)
        assert network.problems == ()
        assert not network.shared
        assert network.inode == os.stat(f"/proc/{box.pid}/ns/net").st_ino
        assert [(it.name, it.kind, it.state) for it in network.interfaces] == [
            ("lo", "loopback", "down")
        ]
        assert network.routes == network.chains == network.disciplines == ()

    def test_interfaces_and_routes(self, wired: Filtered) -> None:
        network = read_network(wired.identity)
        assert network.problems == ()
        eth0 = named(network, "eth0")
        assert (eth0.kind, eth0.state, eth0.mtu, eth0.mac) == (
            "veth",
            "up",
            1400,
            "02:00:00:00:00:05",
        )
        assert {"10.77.0.2/24", "fd77::2/64"} <= set(eth0.addresses)
        assert Route("inet", "default", "10.77.0.1", "eth0") in network.routes
        assert Route("inet", "192.0.2.0/24", kind="blackhole") in network.routes
        assert any(
            (route.family, route.destination) == ("inet6", "fd77::/64") for route in network.routes
        )

    def test_sockets_and_who_holds_them(self, box: Filtered) -> None:
        found = {
            (it.socket.protocol, it.socket.address, it.socket.port): it
            for it in read_network(box.identity).listeners
        }
        assert set(found) == {
            ("tcp", ANY, 8080),
            ("udp6", "::", 53),
            ("unix-stream", "@orlop-listener", 0),
        }
        name = Path(f"/proc/{box.pid}/comm").read_text().strip()
        for it in found.values():
            assert isinstance(it.socket, WaitingSocket)
            assert it.holders == (Holder(box.pid, name),)

    def test_a_socket_that_is_held_from_outside(self, box: Filtered) -> None:
        fd = os.open(f"/proc/{box.pid}/ns/net", os.O_RDONLY)
        with netns.within(fd, lambda: socket.create_server(("", 8081))):
            os.close(fd)
            (it,) = (it for it in read_network(box.identity).listeners if it.socket.port == 8081)
            assert os.getpid() in {holder.pid for holder in it.holders}

    @pytest.mark.requires_nftables
    def test_rules(self, box: Filtered) -> None:
        sh(
            """
            nft add table inet mine
            nft 'add chain inet mine in { type filter hook input priority 0; policy drop; }'
            nft 'add rule inet mine in tcp dport 22 counter accept comment "# handle 9"'
            nft add chain inet mine other
            """,
            box.pid,
        )
        network = read_network(box.identity)
        assert network.problems == ()
        first, second = network.chains
        assert (first.backend, first.family, first.table, first.name) == (
            NFTABLES,
            "inet",
            "mine",
            "in",
        )
        assert (first.hook, first.policy) == ("input", "drop")
        assert first.rules == ('tcp dport 22 counter accept comment "# handle 9"',)
        assert (second.name, second.hook, second.rules) == ("other", "", ())

    def test_rules_of_older_iptables(self, box: Filtered) -> None:
        if subprocess.run(["which", "iptables-legacy"], check=False).returncode:
            pytest.skip("no iptables-legacy on PATH")
        sh("iptables-legacy -A INPUT -s 192.0.2.1 -j DROP; rm /run/xtables.lock", box.pid)
        found = {
            (it.table, it.name): it
            for it in read_network(box.identity).chains
            if it.backend == IPTABLES
        }
        chain = found["filter", "INPUT"]
        assert (chain.hook, chain.policy) == ("input", "accept")
        assert chain.rules == ("-A INPUT -s 192.0.2.1/32 -j DROP",)

    def test_traffic_control(self, wired: Filtered) -> None:
        sh(
            """
            tc qdisc add dev eth0 root handle 1: htb default 1
            tc class add dev eth0 parent 1: classid 1:1 htb rate 1mbit
            tc filter add dev eth0 parent 1: protocol ip u32 match ip dport 80 0xffff classid 1:1
            tc qdisc add dev eth0 ingress
            tc filter add dev eth0 ingress protocol ip u32 match ip sport 9 0xffff flowid :1
            """,
            wired.pid,
        )
        network = read_network(wired.identity)
        assert network.problems == ()
        htb, ingress = network.disciplines
        assert (htb.device, htb.kind, htb.parent) == ("eth0", "htb", "root")
        assert "rate 1Mbit" in htb.classes[0]
        assert (ingress.kind, ingress.parent) == ("ingress", "ingress")
        assert {(it.direction, it.kind, it.protocol) for it in network.filters} == {
            ("root", "u32", "ip"),
            ("ingress", "u32", "ip"),
        }
        assert any("1:1" in it.text for it in network.filters)


class TestOutside:
    def test_the_other_end(self, wired: Filtered) -> None:
        network = read_network(wired.identity)
        link = named(network, "eth0").link
        assert link is not None
        assert (link.name, link.where) == ("live0", HOST)
        assert link.index == socket.if_nametoindex("live0")
        assert {it.name for it in network.outside.interfaces} == {"live0", "br-live"}

    def test_two_namespaces_that_look_alike(self, wired: Filtered) -> None:
        """The same indices on both sides, but of different pairs."""
        with Filtered(first=own_network) as other, Filtered(first=own_network) as third:
            sh(f"ip link add live1 type veth peer name eth0 netns {other.pid}")
            index = socket.if_nametoindex("live1")
            # This pair has the indices of the other one, but we are none of its ends.
            sh(
                f"ip link add eth1 index {index} type veth peer name twin netns {third.pid}",
                other.pid,
            )
            eth0 = named(read_network(other.identity), "eth0")
            twin = named(read_network(third.identity), "twin")
            assert eth0.link is not None
            assert twin.link is not None
            assert (twin.index, twin.link.index) == (eth0.index, eth0.link.index)
            assert (eth0.link.name, eth0.link.where) == ("live1", HOST)
            assert (twin.link.name, twin.link.where) == ("", ELSEWHERE)
            sh("ip link del live1")

    def test_both_ends_inside(self, box: Filtered) -> None:
        sh("ip link add one type veth peer name two", box.pid)
        link = named(read_network(box.identity), "one").link
        assert link is not None
        assert (link.name, link.where) == ("two", HERE)

    @pytest.mark.requires_nftables
    def test_rules_of_the_host(self, wired: Filtered) -> None:
        sh("""
            nft add table ip live
            nft 'add chain ip live way { type filter hook forward priority 0; }'
            nft add rule ip live way iifname live0 drop
            nft add rule ip live way ip daddr 10.77.0.2 tcp dport 80 accept
            nft add rule ip live way ip saddr 10.78.0.0/16 drop
            nft add chain ip live unrelated
            nft add rule ip live unrelated tcp dport 1 drop
            """)
        try:
            network = read_network(wired.identity)
            assert network.chains == ()
            (chain,) = network.outside.chains
            assert (chain.table, chain.name, chain.hook) == ("live", "way", "forward")
            assert chain.rules == (
                'iifname "live0" drop',
                "ip daddr 10.77.0.2 tcp dport 80 accept",
            )
        finally:
            sh("nft delete table ip live")

    def test_traffic_control_at_the_other_end(self, wired: Filtered) -> None:
        sh("tc qdisc add dev live0 root tbf rate 8mbit burst 32kbit latency 400ms")
        network = read_network(wired.identity)
        assert network.disciplines == ()
        (tbf,) = network.outside.disciplines
        assert (tbf.device, tbf.kind, tbf.rate) == ("live0", "tbf", 1_000_000)
        assert tbf.text.startswith("tbf rate 8 Mbit/s ")

    def test_a_shared_network(self) -> None:
        with Filtered() as subject:
            network = read_network(subject.identity)
            assert network.shared
            assert network.outside.interfaces == ()
            assert named(network, "lo").state == "up"


class TestWhatIsMissing:
    def test_no_tools(
        self, wired: Filtered, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(tools, "PATH", str(tmp_path))
        network = read_network(wired.identity)
        needs = {it.needs for it in network.problems if isinstance(it, Unsupported)}
        assert needs == {"iproute2", "nftables"}
        assert {it.name for it in network.interfaces} == {"lo", "eth0"}
        assert len(network.listeners) == 3

    def test_no_rights(self, wired: Filtered) -> None:
        def look() -> None:
            os.setuid(65534)
            network = read_network(wired.identity)
            assert network.inode == 0
            assert [type(it) for it in network.problems] == [SyscallError]
            assert {it.name for it in network.interfaces} == {"lo", "eth0"}
            assert {it.socket.port for it in network.listeners} == {8080, 53, 0}

        assert in_child(look) == 0

    def test_no_right_to_enter(self, wired: Filtered) -> None:
        fd = netns.open_network(wired.identity)

        def enter() -> None:
            os.setuid(65534)
            with pytest.raises(PermissionDenied):
                netns.within(fd, lambda: None)

        assert in_child(enter) == 0
        os.close(fd)

    def test_a_process_that_has_ended(self, box: Filtered) -> None:
        box.kill()
        with pytest.raises(NotFound):
            read_network(box.identity)

    def test_another_process_of_that_id(self, box: Filtered) -> None:
        former = box.identity.replace(start_ticks=box.identity.start_ticks - 1)
        with pytest.raises(NotFound):
            read_network(former)


def in_child(work: Callable[[], object]) -> int:
    """The exit status of a child that does something: 0 if that raised nothing."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            work()
            status = 0
        finally:
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


class TestWithin:
    def test_only_that_work_is_inside(self, box: Filtered) -> None:
        fd = netns.open_network(box.identity)
        own = os.stat("/proc/thread-self/ns/net").st_ino
        inside = netns.within(fd, lambda: os.stat("/proc/thread-self/ns/net").st_ino)
        assert inside == os.stat(f"/proc/{box.pid}/ns/net").st_ino != own
        assert os.stat("/proc/thread-self/ns/net").st_ino == own
        program = netns.within(
            fd, lambda: subprocess.check_output(["readlink", "/proc/self/ns/net"], text=True)
        )
        assert program == f"net:[{inside}]\n"
        os.close(fd)

    def test_errors_come_out(self, box: Filtered) -> None:
        def fail() -> None:
            raise OrlopError("no")

        fd = netns.open_network(box.identity)
        with pytest.raises(OrlopError, match="no"):
            netns.within(fd, fail)
        os.close(fd)

    def test_how_namespaces_number_each_other(self, box: Filtered, wired: Filtered) -> None:
        fd = netns.open_network(wired.identity)
        assert isinstance(netlink.namespace_id(fd), int)
        with Filtered(first=own_network) as stranger:
            other = netns.open_network(stranger.identity)
            assert netlink.namespace_id(other) is None
            os.close(other)
        os.close(fd)
        with pytest.raises(SyscallError):
            netlink.namespace_id(fd)
