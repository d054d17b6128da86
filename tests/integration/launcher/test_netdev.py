"""Network devices: moved, renamed, configured."""

from __future__ import annotations

import errno
import socket
import struct
import subprocess

import pytest

from orlop.launch.plan import (
    CONTAINER,
    LAUNCHER,
    Clone,
    ConfigureNetDevice,
    MoveNetDevice,
)
from tests.integration.launcher.driver import (
    NEWNET,
    Steps,
    failure,
    output,
    sh,
)

pytestmark = [pytest.mark.requires_root, pytest.mark.requires_launcher]


def ip(words: str) -> None:
    subprocess.run(["ip", *words.split()], check=True)


@pytest.mark.requires_iproute2
def test_a_device_is_moved_renamed_and_configured() -> None:
    ip("link add launcher0 type veth peer name launcher1")
    ip("link set launcher0 up")
    four = struct.pack("<BBH", socket.AF_INET, 24, 0) + bytes([10, 1, 2, 3]).ljust(16, b"\0")
    six = struct.pack("<BBH", socket.AF_INET6, 64, 0) + socket.inet_pton(socket.AF_INET6, "fd00::2")
    steps: Steps = [
        (LAUNCHER, Clone(NEWNET)),
        (LAUNCHER, MoveNetDevice("launcher0", "lan7")),
        (CONTAINER, ConfigureNetDevice("lan7", four + six)),
        (CONTAINER, ConfigureNetDevice("lo")),
        *sh("ip -o link; ip -o addr"),
    ]
    try:
        shown = output(*steps)
    finally:
        ip("link del launcher1")
    assert " lan7" in shown
    assert "UP" in next(line for line in shown.splitlines() if " lan7" in line)
    assert "inet 10.1.2.3/24" in shown
    assert "inet6 fd00::2/64" in shown
    assert "tentative" not in next(line for line in shown.splitlines() if "fd00::2" in line)
    assert "inet 127.0.0.1/8" in shown


def test_a_device_that_is_not_there() -> None:
    error = failure((LAUNCHER, Clone(NEWNET)), (LAUNCHER, MoveNetDevice("nope0", "x")), *sh(""))
    assert (error.op, error.errno, error.path) == ("move_net_device", errno.ENODEV, "nope0")
