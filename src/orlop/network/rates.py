"""How much a container's device may send and receive.

Both limits are on the host's end of its pair, where the container cannot lift them whatever it may
do in its own namespace.
"""

from __future__ import annotations

from orlop.errors import NotFound, SyscallError, Unsupported
from orlop.kernel import links, traffic
from orlop.kernel.traffic import Sending
from orlop.records import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from orlop.kernel.rtnetlink import Socket

_LEAST_BURST = 16 << 10
_BURSTS_A_SECOND = 250
_ENOENT, _EOPNOTSUPP = 2, 95


class Rates(Record):
    """What the container may receive and send, in bits per second; 0 is no limit.

    Attributes:
        received: by the container.
        sent: by the container.
        burst_bytes: how much may come at once, 0 for what the rate needs.
        delay_ns: of what it receives.
        loss_ppm: parts of a million that get lost of what it receives.
    """

    received: int = 0
    sent: int = 0
    burst_bytes: int = 0
    delay_ns: int = 0
    loss_ppm: int = 0


UNLIMITED = Rates()


def read(socket: Socket, devices: Iterable[str]) -> dict[str, Rates]:
    """What the kernel holds containers to, by their devices on the host.

    A device that is not there is not in it.

    Raises:
        SyscallError: the kernel refuses.
    """
    held = traffic.sendings(socket)
    by_name = {link.name: link.index for link in links.all_links(socket)}
    found = {}
    for device in devices:
        if device in by_name:
            own = held.get(by_name[device], Sending())
            through = by_name.get(intermediate_name(device), 0) if own.redirects else 0
            found[device] = _rates(own, held.get(through, Sending()))
    return found


def _rates(received: Sending, sent: Sending) -> Rates:
    """What the container receives is what the host's end sends."""
    return Rates(
        received.bytes_per_second * 8,
        sent.bytes_per_second * 8,
        received.burst_bytes or sent.burst_bytes,
        received.delay_ns,
        received.loss_ppm,
    )


def differences(asked: Rates, found: Rates) -> tuple[str, ...]:
    """The fields in which devices are not held to what was asked.

    The kernel counts in whole bytes per second, and bursts in ticks of a clock.
    """
    both = ("received", "sent")
    wrong = [name for name in both if getattr(asked, name) // 8 != getattr(found, name) // 8]
    if asked.burst_bytes and not _close(asked.burst_bytes, found.burst_bytes):
        wrong.append("burst_bytes")
    if asked.delay_ns != found.delay_ns:
        wrong.append("delay_ns")
    if abs(asked.loss_ppm - found.loss_ppm) > 1:
        wrong.append("loss_ppm")
    return tuple(wrong)


def _close(one: int, other: int) -> bool:
    return abs(one - other) <= max(one, other) // 100 + 1


def intermediate_name(device: str) -> str:
    """The name of the device through which goes what a container sends."""
    return f"oi{device[2:]}"


def apply(socket: Socket, device: str, rates: Rates) -> None:
    """The device on the host holds its container to these rates, and to no others.

    Raises:
        NotFound: there is no such device.
        Unsupported: this kernel has no token bucket or no intermediate device.
        SyscallError: the kernel refuses.
    """
    index = links.link_by_name(socket, device).index
    try:
        _limit_received(socket, index, rates)
        _limit_sent(socket, device, index, rates)
    except SyscallError as error:
        if error.errno in (_ENOENT, _EOPNOTSUPP):
            raise Unsupported(
                "a limit of a network's rate", needs="the kernel's sch_tbf, ifb and act_mirred"
            ) from None
        raise


def _limit_received(socket: Socket, index: int, rates: Rates) -> None:
    """What the container receives is what the host's end sends."""
    if not (rates.delay_ns or rates.loss_ppm):
        _limit(socket, index, rates.received, rates.burst_bytes)
        return
    _lift(socket, index)
    try:
        socket.do(traffic.impair_sending(index, rates.delay_ns, rates.loss_ppm))
    except SyscallError as error:
        if error.errno in (_ENOENT, _EOPNOTSUPP):
            raise Unsupported(
                "--net-delay and --net-loss", needs="the kernel's sch_netem"
            ) from None
        raise
    if rates.received:
        burst = rates.burst_bytes or _usual_burst(rates.received // 8)
        limit = traffic.limit_sending(index, rates.received // 8, burst, behind_impairment=True)
        socket.do(limit)


def _usual_burst(bytes_per_second: int) -> int:
    return max(bytes_per_second // _BURSTS_A_SECOND, _LEAST_BURST)


def _limit_sent(socket: Socket, device: str, index: int, rates: Rates) -> None:
    """What the container sends is what the host's end receives."""
    name = intermediate_name(device)
    if not rates.sent:
        remove(socket, device)
        return
    try:
        through = links.link_by_name(socket, name).index
    except NotFound:
        socket.do(traffic.add_intermediate(name))
        through = links.link_by_name(socket, name).index
        socket.do(*traffic.redirect_received(index, through))
    _limit(socket, through, rates.sent, rates.burst_bytes)


def _limit(socket: Socket, index: int, bits_per_second: int, burst_bytes: int) -> None:
    if bits_per_second:
        rate = max(bits_per_second // 8, 1)
        socket.do(traffic.limit_sending(index, rate, burst_bytes or _usual_burst(rate)))
    else:
        _lift(socket, index)


def _lift(socket: Socket, index: int) -> None:
    try:
        socket.do(traffic.unlimited_sending(index))
    except SyscallError:  # there was no limit
        return


def remove(socket: Socket, device: str) -> None:
    """No intermediate device of this one is left."""
    try:
        through = links.link_by_name(socket, intermediate_name(device)).index
    except NotFound:
        return
    _unredirect(socket, device)
    socket.do(links.delete(through))


def _unredirect(socket: Socket, device: str) -> None:
    try:
        socket.do(traffic.unredirected(links.link_by_name(socket, device).index))
    except (NotFound, SyscallError):  # the device has gone before
        return
