"""What tc(8) prints, as records."""

from __future__ import annotations

from orlop.insight.network.traffic import (
    QueueDiscipline,
    TrafficFilter,
    parse_disciplines,
    parse_filters,
)


def test_disciplines() -> None:
    tbf, ingress, inner = parse_disciplines(
        [
            {"kind": "noqueue", "handle": "0:", "dev": "lo", "root": True, "options": {}},
            {
                "kind": "tbf",
                "handle": "8004:",
                "dev": "eth0",
                "root": True,
                "refcnt": 3,
                "options": {"rate": 125000, "burst": 4096, "lat": 400000},
            },
            {"kind": "ingress", "dev": "eth0", "parent": "ffff:fff1", "options": {}},
            {"kind": "pfifo", "dev": "eth0", "parent": "1:10", "options": {"limit": "100p"}},
        ]
    )
    assert tbf == QueueDiscipline(
        "eth0", "tbf", "root", (("rate", "125000"), ("burst", "4096"), ("lat", "400000"))
    )
    assert tbf.rate == 125000
    assert tbf.text == "tbf rate 1 Mbit/s burst 4096 lat 400 ms"
    assert ingress == QueueDiscipline("eth0", "ingress", "ingress")
    assert (inner.parent, inner.rate, inner.text) == ("1:10", None, "pfifo limit 100p")


def test_rates() -> None:
    texts = [
        QueueDiscipline("a", "tbf", "root", (("rate", str(rate)),)).text
        for rate in (1, 1000, 187500, 1250000000)
    ]
    assert texts == [
        "tbf rate 8 bit/s",
        "tbf rate 8 kbit/s",
        "tbf rate 1.5 Mbit/s",
        "tbf rate 10 Gbit/s",
    ]


def test_filters() -> None:
    (found,) = parse_filters(
        "eth0",
        "root",
        [
            {"parent": "1:", "protocol": "ip", "pref": 1, "kind": "u32", "chain": 0},
            {
                "parent": "1:",
                "protocol": "ip",
                "pref": 1,
                "kind": "u32",
                "options": {"flowid": "1:1", "match": {"value": "50", "offmask": "", "off": 20}},
            },
        ],
    )
    assert found == TrafficFilter(
        "eth0", "root", "u32", "ip", "flowid 1:1 match value 50 offmask off 20"
    )
