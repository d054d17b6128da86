"""Counters of network devices are read from net/dev."""

from __future__ import annotations

from orlop.kernel.netdev import Counters, parse

TEXT = """\
Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
    lo:       0       0    0    0    0     0          0         0        0       0    0    0    0     0       0          0
  eth0: 1500000    1000    1    2    0     0          0         0   250000     500    3    4    0     0       0          0
a:b:1: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16
"""  # noqa: E501


def test_devices_have_their_counters() -> None:
    assert parse(TEXT) == (
        Counters("lo"),
        Counters("eth0", 1500000, 1000, 1, 2, 250000, 500, 3, 4),
        Counters("a:b:1", 1, 2, 3, 4, 9, 10, 11, 12),
    )
