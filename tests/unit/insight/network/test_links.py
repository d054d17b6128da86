"""What ip(8) prints, as records."""

from __future__ import annotations

from typing import Any

from orlop.insight.network.links import (
    ELSEWHERE,
    HERE,
    Interface,
    Link,
    Route,
    parse_interfaces,
    parse_routes,
)


def test_interfaces() -> None:
    loopback = {
        "ifindex": 1,
        "ifname": "lo",
        "flags": ["LOOPBACK", "UP", "LOWER_UP"],
        "mtu": 65536,
        "operstate": "UNKNOWN",
        "link_type": "loopback",
        "address": "00:00:00:00:00:00",
        "addr_info": [
            {"family": "inet", "local": "127.0.0.1", "prefixlen": 8, "scope": "host"},
            {"family": "inet6", "local": "::1", "prefixlen": 128, "scope": "host"},
        ],
    }
    veth = {
        "ifindex": 2,
        "link_index": 7,
        "ifname": "eth0",
        "flags": ["BROADCAST", "UP"],
        "mtu": 1500,
        "operstate": "LOWERLAYERDOWN",
        "link_type": "ether",
        "address": "02:42:ac:11:00:02",
        "link_netnsid": 0,
        "master": "br0",
        "linkinfo": {"info_kind": "veth"},
        "addr_info": [],
    }
    vlan = {
        "ifindex": 3,
        "link": "eth0",
        "ifname": "eth0.5",
        "flags": [],
        "mtu": 1500,
        "operstate": "DOWN",
        "link_type": "ether",
        "address": "02:42:ac:11:00:02",
        "linkinfo": {"info_kind": "vlan"},
    }
    assert parse_interfaces([loopback, veth, {}, vlan]) == (
        Interface("lo", 1, "loopback", "up", "", 65536, ("127.0.0.1/8", "::1/128")),
        Interface(
            "eth0",
            2,
            "veth",
            "lowerlayerdown",
            "02:42:ac:11:00:02",
            1500,
            master="br0",
            link=Link("", 7, ELSEWHERE, 0),
        ),
        Interface(
            "eth0.5", 3, "vlan", "down", "02:42:ac:11:00:02", 1500, link=Link("eth0", 2, HERE)
        ),
    )


def test_routes() -> None:
    document: list[dict[str, Any]] = [
        {"dst": "default", "gateway": "172.17.0.1", "dev": "eth0", "flags": []},
        {"dst": "172.17.0.0/16", "dev": "eth0", "protocol": "kernel", "prefsrc": "172.17.0.2"},
        {"type": "local", "dst": "172.17.0.2", "dev": "eth0", "table": "local"},
        {"type": "blackhole", "dst": "10.0.0.0/8", "table": "100", "metric": 7},
        {
            "dst": "10.9.0.0/16",
            "nexthops": [
                {"gateway": "172.17.0.3", "dev": "eth0", "weight": 1},
                {"via": {"family": "inet6", "host": "fe80::1"}, "dev": "eth1", "weight": 1},
            ],
        },
    ]
    found = tuple(parse_routes("inet", document))
    assert found[0] == Route("inet", "default", "172.17.0.1", "eth0")
    assert [route.text for route in found] == [
        "default via 172.17.0.1 dev eth0",
        "172.17.0.0/16 dev eth0 src 172.17.0.2",
        "blackhole 10.0.0.0/8 table 100",
        "10.9.0.0/16 via 172.17.0.3 dev eth0",
        "10.9.0.0/16 via fe80::1 dev eth1",
    ]
    assert found[2].metric == 7
