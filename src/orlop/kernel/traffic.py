"""Shaping of what a device sends and receives, as requests for `orlop.kernel.rtnetlink`.

A token bucket (tbf) holds what a device sends to a rate. What it receives cannot be queued, so it
is redirected to an intermediate device (ifb), which sends it on through a bucket of its own.

See: tc(8), tc-tbf(8), linux/pkt_sched.h, linux/pkt_cls.h.
"""

from __future__ import annotations

import struct

from orlop.kernel.links import add_device
from orlop.kernel.rtnetlink import (
    CREATE,
    DUMP,
    EXCLUSIVE,
    REPLACE,
    Message,
    Socket,
    attribute,
    attributes,
    nested,
    number,
    text,
)
from orlop.records import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

_NEWQDISC, _DELQDISC, _GETQDISC, _NEWTFILTER = 36, 37, 38, 44
_KIND, _OPTIONS = 1, 2
_ROOT, _INGRESS = 0xFFFFFFFF, 0xFFFFFFF1
_INGRESS_HANDLE = 0xFFFF0000
_TBF_PARMS, _TBF_RATE64, _TBF_BURST = 1, 4, 6
_ETHERNET = 1  # TC_LINKLAYER_ETHERNET: the kernel computes times itself
_U32_SEL, _U32_ACT = 5, 7
_TERMINAL = 1
_ACT_KIND, _ACT_OPTIONS, _MIRRED_PARMS = 1, 2, 2
_STOLEN, _EGRESS_REDIRECT = 4, 1
_ALL_PROTOCOLS = 0x0300  # ETH_P_ALL in network order
_FIRST, _SECOND = 1 << 16, 2 << 16
# A handle of its own: a queue whose handle stays keeps its kind.
_IMPAIRED, _BELOW_IMPAIRED = 3 << 16, 3 << 16 | 1
_NETEM_PACKETS, _NETEM_LATENCY64 = 1000, 10
_MOST_U32 = (1 << 32) - 1
_LATENCY_S = 0.05
_TICK_NS = 64  # PSCHED_SHIFT: of times in old structures

_TCMSG = struct.Struct("=BxxxiIII")
_RATESPEC = struct.Struct("=BBHhHI")
_TBF = struct.Struct("=12s12sIII")
_NETEM = struct.Struct("=IIIIII")
_SELECTOR = struct.Struct(">BBBxHHhh4s")
_KEY = struct.Struct(">IIii")
_MIRRED = struct.Struct("=IIiiiiI")


def limit_sending(
    index: int, bytes_per_second: int, burst_bytes: int, *, behind_impairment: bool = False
) -> Message:
    """The device sends no more than that; what is more waits up to 50 ms, and is then dropped."""
    queue = int(bytes_per_second * _LATENCY_S) + burst_bytes
    spec = _RATESPEC.pack(0, _ETHERNET, 0, 0, 0, min(bytes_per_second, _MOST_U32))
    parameters = _TBF.pack(spec, bytes(_RATESPEC.size), min(queue, _MOST_U32), 0, 0)
    options = attribute(_TBF_PARMS, parameters)
    options += attribute(_TBF_RATE64, struct.pack("=Q", bytes_per_second))
    options += number(_TBF_BURST, burst_bytes)
    handle, parent = (_SECOND, _BELOW_IMPAIRED) if behind_impairment else (_FIRST, _ROOT)
    body = _TCMSG.pack(0, index, handle, parent, 0) + text(_KIND, "tbf")
    body += nested(_OPTIONS, options)
    return Message(_NEWQDISC, CREATE | REPLACE, body, f"limit what the link {index} sends")


def impair_sending(index: int, delay_ns: int, loss_ppm: int) -> Message:
    """What the device sends is late, and some of it gets lost (netem).

    See: tc-netem(8).
    """
    loss = loss_ppm * _MOST_U32 // 10**6
    body = _TCMSG.pack(0, index, _IMPAIRED, _ROOT, 0) + text(_KIND, "netem")
    options = _NETEM.pack(0, _NETEM_PACKETS, loss, 0, 0, 0)
    options += attribute(_NETEM_LATENCY64, struct.pack("=q", delay_ns))
    body += attribute(_OPTIONS, options)
    return Message(_NEWQDISC, CREATE | REPLACE, body, f"impair what the link {index} sends")


def unlimited_sending(index: int) -> Message:
    """The device sends as much as it can."""
    body = _TCMSG.pack(0, index, 0, _ROOT, 0)
    return Message(_DELQDISC, 0, body, f"lift the limit of the link {index}")


def add_intermediate(name: str) -> Message:
    """A device (ifb) that takes what another one receives; it is up."""
    return add_device(name, "ifb")


def redirect_received(index: int, to: int) -> tuple[Message, Message]:
    """What the device receives goes through another one first."""
    queue = _TCMSG.pack(0, index, _INGRESS_HANDLE, _INGRESS, 0) + text(_KIND, "ingress")
    selector = _SELECTOR.pack(_TERMINAL, 0, 1, 0, 0, 0, 0, bytes(4)) + _KEY.pack(0, 0, 0, 0)
    mirred = _MIRRED.pack(0, 0, _STOLEN, 0, 0, _EGRESS_REDIRECT, to)
    action = nested(
        1, text(_ACT_KIND, "mirred"), nested(_ACT_OPTIONS, attribute(_MIRRED_PARMS, mirred))
    )
    options = nested(_OPTIONS, attribute(_U32_SEL, selector), nested(_U32_ACT, action))
    info = _FIRST | _ALL_PROTOCOLS
    rule = _TCMSG.pack(0, index, 0, _INGRESS_HANDLE, info) + text(_KIND, "u32") + options
    what = f"redirect what the link {index} receives"
    return (
        Message(_NEWQDISC, CREATE | EXCLUSIVE, queue, what),
        Message(_NEWTFILTER, CREATE | EXCLUSIVE, rule, what),
    )


def unredirected(index: int) -> Message:
    """What the device receives stays with it."""
    body = _TCMSG.pack(0, index, _INGRESS_HANDLE, _INGRESS, 0)
    return Message(_DELQDISC, 0, body, f"end the redirection of the link {index}")


# --- questions --------------------------------------------------------------------------------


class Sending(Record):
    """How what a device sends is held up; 0 is not at all.

    Attributes:
        kinds: of the queueing disciplines that do it, as "tbf"; the first is the device's own.
        bytes_per_second: at most.
        burst_bytes: how much may come at once.
        delay_ns: how late it is.
        loss_ppm: parts of a million that get lost.
        redirects: what the device receives may be sent another way first (it has an ingress).
    """

    kinds: tuple[str, ...] = ()
    bytes_per_second: int = 0
    burst_bytes: int = 0
    delay_ns: int = 0
    loss_ppm: int = 0
    redirects: bool = False


def sendings(socket: Socket) -> Mapping[int, Sending]:
    """How what devices send is held up, by their numbers; without those that are not.

    Raises:
        SyscallError: the kernel refuses.
    """
    question = Message(_GETQDISC, DUMP, _TCMSG.pack(0, 0, 0, 0, 0), "list queueing disciplines")
    found: dict[int, Sending] = {}
    for body in socket.ask(question):
        _, index, _, parent, _ = _TCMSG.unpack_from(body)
        more = attributes(body, _TCMSG.size)
        kind = more.get(_KIND, b"").rstrip(b"\0").decode(errors="replace")
        known = found.get(index, Sending())
        if parent == _INGRESS or kind == "noqueue":
            found[index] = known.replace(redirects=known.redirects or kind != "noqueue")
            continue
        kinds = (kind, *known.kinds) if parent == _ROOT else (*known.kinds, kind)
        found[index] = _held(kind, more.get(_OPTIONS, b""), known.replace(kinds=kinds))
    return found


def _held(kind: str, options: bytes, known: Sending) -> Sending:
    if kind == "tbf":
        return _bucket(attributes(options), known)
    if kind == "netem" and len(options) >= _NETEM.size:
        latency, _, loss, *_ = _NETEM.unpack_from(options)
        exact = attributes(options, _NETEM.size).get(_NETEM_LATENCY64)
        delay_ns = struct.unpack("=q", exact)[0] if exact else latency * _TICK_NS
        return known.replace(delay_ns=delay_ns, loss_ppm=round(loss * 10**6 / _MOST_U32))
    return known


def _bucket(options: Mapping[int, bytes], known: Sending) -> Sending:
    parameters = options.get(_TBF_PARMS, b"")
    if len(parameters) < _TBF.size:
        return known
    spec, _, _, buffer, _ = _TBF.unpack_from(parameters)
    *_, rate = _RATESPEC.unpack(spec)
    if _TBF_RATE64 in options:
        rate = int.from_bytes(options[_TBF_RATE64], "little")
    burst = round(buffer * _TICK_NS * rate / 10**9)
    return known.replace(bytes_per_second=rate, burst_bytes=burst)
