"""Network: what is in the target's namespace, and what of the host's concerns it."""

from __future__ import annotations

from orlop.insight.network.traffic import scaled
from orlop.insight.proof.rows import UNREADABLE, Row, Section, compared
from orlop.insight.quantities import plural
from orlop.network.rates import UNLIMITED, differences

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from orlop.insight.network import (
        Chain,
        Interface,
        Listener,
        Network,
        QueueDiscipline,
        TrafficFilter,
    )
    from orlop.insight.proof.facts import Facts
    from orlop.network.rates import Rates
    from orlop.runtime.spec import Spec

NAME = "network"

_ON_HOST = "on the host: "


def section(facts: Facts, asked: Spec | None, rates: Rates | None = None) -> Section:
    """Interfaces, routes, sockets, firewall, traffic control; of orlop's own network only a sum."""
    network = facts.network
    if network is None:
        return Section(NAME, ())
    rows = [Row("network", _shared(network))] if network.shared else [*_own(network, asked)]
    rows += _rates(facts.rates, rates)
    rows += (
        Row(f"problem {n}", str(p), verdict=UNREADABLE) for n, p in enumerate(network.problems, 1)
    )
    return Section(NAME, tuple(rows))


def _shared(network: Network) -> str:
    interfaces = plural(len(network.interfaces), "interface")
    listeners = plural(len(network.listeners), "socket")
    return f"that of orlop: {interfaces}, {listeners} that others can send to"


def _own(network: Network, asked: Spec | None) -> Iterator[Row]:
    yield from _interfaces(network, asked)
    if network.routes:
        yield Row("routes", "; ".join(route.text for route in network.routes))
    yield from map(_listener, _unique(network.listeners))
    yield from _filtering("", network.chains, network.disciplines, network.filters)
    outside = network.outside
    yield from (Row(f"{_ON_HOST}{found.name}", _described(found)) for found in outside.interfaces)
    yield from _filtering(_ON_HOST, outside.chains, outside.disciplines, outside.filters)


# --- interfaces -----------------------------------------------------------------------------


def _interfaces(network: Network, asked: Spec | None) -> Iterator[Row]:
    """Those that there are, and those that were to be moved in."""
    devices = asked.linux.net_devices if asked is not None else {}
    wanted = {device.name or name: name for name, device in devices.items()}
    for found in network.interfaces:
        what, observed = f"interface {found.name}", _described(found)
        if found.name in wanted:
            moved = f"{wanted.pop(found.name)} of the host"
            yield compared(what, observed, moved, same=True)
        else:
            yield Row(what, observed)
    for name, source in wanted.items():
        yield compared(f"interface {name}", "not there", f"{source} of the host", same=False)


def _described(found: Interface) -> str:
    """An interface in one line."""
    words = [word for word in (found.kind, found.state, found.mac, *found.addresses) if word]
    if found.master:
        words.append(f"in {found.master}")
    link = found.link
    if link is not None:
        words.append(f"other end {link.name or f'number {link.index}'}, {link.where}")
    return ", ".join(words)


# --- rates ----------------------------------------------------------------------------------


def _rates(found: Mapping[str, Rates], asked: Rates | None) -> Iterator[Row]:
    """What each device is held to, where anything is asked or so."""
    for device, held in found.items():
        if held == UNLIMITED and asked in (None, UNLIMITED):
            continue
        what = f"rates of {device}"
        if asked is None:
            yield Row(what, _held(held))
            continue
        same = not differences(asked, held)
        shown = held if asked.burst_bytes else held.replace(burst_bytes=0)
        yield compared(what, _held(shown), _held(asked), same=same)


def _held(rates: Rates) -> str:
    """As "in 10 Mbit/s, out no limit"."""
    words = [f"in {_rate(rates.received)}", f"out {_rate(rates.sent)}"]
    if rates.burst_bytes:
        words.append(f"burst {rates.burst_bytes} bytes")
    if rates.delay_ns:
        words.append(f"delay {rates.delay_ns / 10**6:g} ms")
    if rates.loss_ppm:
        words.append(f"loss {rates.loss_ppm / 10**4:g} %")
    return ", ".join(words)


def _rate(bits: int) -> str:
    return f"{scaled(bits)}bit/s" if bits else "no limit"


# --- sockets --------------------------------------------------------------------------------


def _unique(listeners: Collection[Listener]) -> tuple[tuple[str, tuple[Listener, ...]], ...]:
    """Sockets of the same address together: several processes can listen at one."""
    found: dict[str, tuple[Listener, ...]] = {}
    for listener in listeners:
        name = _address(listener)
        found[name] = (*found.get(name, ()), listener)
    return tuple(found.items())


def _address(listener: Listener) -> str:
    socket = listener.socket
    if socket.protocol.startswith("unix"):
        return f"{socket.protocol} {socket.address or 'without a name'}"
    place = f"[{socket.address}]" if ":" in socket.address else socket.address
    return f"{socket.protocol} {place}:{socket.port}"


def _listener(entry: tuple[str, tuple[Listener, ...]]) -> Row:
    what, listeners = entry
    holders = {holder.pid: holder.name for each in listeners for holder in each.holders}
    names = ", ".join(f"{name} ({pid})" for pid, name in holders.items())
    return Row(f"listens: {what}", names or "nobody who can be seen holds it")


# --- firewall and traffic control -----------------------------------------------------------


def _filtering(
    where: str,
    chains: Collection[Chain],
    disciplines: Collection[QueueDiscipline],
    filters: Collection[TrafficFilter],
) -> Iterator[Row]:
    for chain in chains:
        policy = f"policy {chain.policy}; " if chain.policy else ""
        rules = "; ".join(chain.rules) or "no rule"
        what = f"{where}{chain.backend} {chain.family} {chain.table} {chain.name}"
        yield Row(what, f"{policy}{rules}")
    for number, queue in enumerate(disciplines, 1):
        classes = "".join(f"; {each}" for each in queue.classes)
        yield Row(f"{where}tc {number}, {queue.device} {queue.parent}", f"{queue.text}{classes}")
    for number, sorter in enumerate(filters, 1):
        what = f"{where}tc filter {number}, {sorter.device} {sorter.direction}"
        yield Row(what, f"{sorter.kind} {sorter.protocol} {sorter.text}")
