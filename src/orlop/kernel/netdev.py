"""Counters of the network devices that a process sees.

See: proc_pid_net(5), net/dev.
"""

from __future__ import annotations

from orlop.errors import NotFound
from orlop.records import Record


class Counters(Record):
    """What has gone through one network device."""

    device: str
    received_bytes: int = 0
    received_packets: int = 0
    received_errors: int = 0
    received_dropped: int = 0
    sent_bytes: int = 0
    sent_packets: int = 0
    sent_errors: int = 0
    sent_dropped: int = 0


def counters(pid: int) -> tuple[Counters, ...]:
    """Those of all devices in the process's network namespace, the loopback too.

    Raises:
        NotFound: there is no such process.
    """
    try:
        with open(f"/proc/{pid}/net/dev") as file:
            return parse(file.read())
    except OSError:  # also EINVAL, of one that has ended and is not reaped
        raise NotFound("process", str(pid)) from None


def parse(text: str) -> tuple[Counters, ...]:
    """The content of net/dev."""
    found = []
    for line in text.splitlines()[2:]:
        device, _, rest = line.rpartition(":")
        numbers = [int(word) for word in rest.split()]
        found.append(Counters(device.strip(), *numbers[0:4], *numbers[8:12]))
    return tuple(found)
