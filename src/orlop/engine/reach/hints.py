"""What to do to open or close a port; for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orlop.engine.reach.model import From

if TYPE_CHECKING:
    from collections.abc import Iterable

    from orlop.engine.reach.model import ReachedPort, Way

_OUTSIDE = (From.LAN, From.INTERNET)
_LOOPBACKS = ("127.0.0.1", "::1")


def hint(container: str, port: ReachedPort, own: str) -> str:
    """The most useful thing that can be said of a port, "" if nothing comes to mind.

    Args:
        container: its name.
        port: with all ways to it.
        own: the name of the engine's table.
    """
    named = f"{port.port}" if port.protocol == "tcp" else f"{port.port}/{port.protocol}"
    if port.listens is not None and not port.listens:
        return f"nobody in the container listens at {named}"
    if port.listens and all(_is_loopback(one) for one in port.listens):
        return f"the container listens at {port.listens[0]} only, where nobody else reaches it"
    outside = [one for one in port.ways if one.origin in _OUTSIDE]
    by_rules = next((one.hint for way in port.ways for one in way.outcomes if one.hint), "")
    if not port.bindings:
        return f"to open it: orlop port add {container} {named}:{named}" if outside else by_rules
    if any(_is_open(way) for way in outside):
        (binding, *_) = port.bindings
        own = f"127.0.0.1:{binding.host_port}:{named}"
        return (
            f"to close it for other machines: orlop port rm {container} {binding.host_port}:{named}"
            f" && orlop port add {container} {own}"
        )
    if all(_is_loopback(one.host_ip) for one in port.bindings):
        host_port = port.bindings[0].host_port
        return f"to open it for other machines: orlop port add {container} {host_port}:{named}"
    return by_rules or _by_firewall(outside, own)


def _by_firewall(outside: Iterable[Way], own: str) -> str:
    """What to do where the host's own rules refuse a published port."""
    for way in outside:
        for outcome in way.outcomes:
            rule = outcome.rule
            if rule is not None and outcome.reaches == "no" and rule.table != own:
                place = f"{rule.family} {rule.table} {rule.chain}"
                return f"the host's firewall refuses it: allow port {way.port} in {place}"
    return ""


def _is_open(way: Way) -> bool:
    return way.reaches != "no"


def _is_loopback(address: str) -> bool:
    return address in _LOOPBACKS or address.startswith("127.")
