"""linux.netDevices: network devices of the host that move into the container.

See: runtime-spec config-linux.md#network-devices.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pytest

from tests.integration.support.bundles import REMOVE, BundleFactory
from tests.integration.support.runtimes import Runtime, execute

pytestmark = [
    pytest.mark.requires_root,
    pytest.mark.requires_iproute2,
    pytest.mark.runc_lacks("1.4", "netDevices"),
]


def ip(*words: str) -> None:
    execute(["ip", *words]).ok()


@pytest.fixture
def device() -> Iterator[str]:
    """One end of a veth pair, with an address; the other end keeps what is left of it."""
    ip("link", "add", "orlop-a", "type", "veth", "peer", "orlop-b")
    ip("address", "add", "192.0.2.7/24", "dev", "orlop-a")
    yield "orlop-a"
    with contextlib.suppress(AssertionError):
        ip("link", "del", "orlop-b")


def test_moves_with_its_address(runtime: Runtime, bundle: BundleFactory, device: str) -> None:
    made = bundle(["ip", "-o", "addr", "show", device], linux={"netDevices": {device: {}}})
    result = runtime.run(made).ok()
    assert "192.0.2.7/24" in result.out


def test_is_up(runtime: Runtime, bundle: BundleFactory, device: str) -> None:
    made = bundle(["ip", "-o", "link", "show", device], linux={"netDevices": {device: {}}})
    assert "UP" in runtime.run(made).ok().out


def test_can_have_another_name(runtime: Runtime, bundle: BundleFactory, device: str) -> None:
    made = bundle(
        "ls /sys/class/net; ip -o addr show eth7",
        linux={"netDevices": {device: {"name": "eth7"}}},
    )
    result = runtime.run(made).ok()
    assert result.lines()[0:2] == ["eth7", "lo"]
    assert "192.0.2.7/24" in result.out


def test_has_left_the_host(runtime: Runtime, bundle: BundleFactory, device: str) -> None:
    runtime.start(bundle(linux={"netDevices": {device: {}}}))
    assert execute(["ip", "link", "show", device]).status != 0


def test_that_does_not_exist(runtime: Runtime, bundle: BundleFactory) -> None:
    made = bundle(["echo", "hello"], linux={"netDevices": {"no-such-dev": {}}})
    assert "hello" not in runtime.run(made).refused("no-such-dev").out
    assert runtime.ids() == []


@pytest.mark.parametrize("name", ["", "a/b", "x" * 16, ".", "..", "a b"])
def test_wrong_names(runtime: Runtime, bundle: BundleFactory, device: str, name: str) -> None:
    made = bundle(["echo", "hello"], linux={"netDevices": {device: {"name": name}}})
    if name:
        assert "hello" not in runtime.run(made).refused("netDevices").out
    else:
        assert runtime.run(made).ok().out == "hello\n"


def test_needs_a_network_namespace(runtime: Runtime, bundle: BundleFactory, device: str) -> None:
    made = bundle(
        ["echo", "hello"], namespaces={"network": REMOVE}, linux={"netDevices": {device: {}}}
    )
    made.config["mounts"] = [m for m in made.config["mounts"] if m["destination"] != "/sys"]
    made.save()
    assert "hello" not in runtime.run(made).refused("netDevices").out
