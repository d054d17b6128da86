"""Who reaches a container's ports, as values."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING

from orlop.records import Record

if TYPE_CHECKING:
    from orlop.engine.network import Binding


class From(enum.Enum):
    """Where connections come from."""

    HOST = "host"
    LAN = "lan"
    INTERNET = "internet"
    NETWORK = "network"


class RuleText(Record):
    """A rule as people find it again; of a policy, the handle is 0.

    Attributes:
        family, table, chain, handle: where it is.
        verdict: "accept", "drop", "reject", "redirect" or "unknown".
        comment: of whoever has made it.
        text: in nft's language.
        copy: which copy of it is at work, "" if it is itself.
    """

    family: str
    table: str
    chain: str
    handle: int
    verdict: str
    comment: str
    text: str
    copy: str = ""


class Outcome(Record):
    """What becomes of connections from some sources.

    Attributes:
        reaches: "yes", "no" or "depends".
        sources: networks; empty for all that there are.
        rule: the one that says most about it, None if no rule does.
        depends: rules of which it cannot be told whether they fit.
        reason: what else decides, "" if rules do; for people.
        hint: what to do about it, "" if nothing comes to mind.
    """

    reaches: str
    sources: tuple[str, ...]
    rule: RuleText | None = None
    depends: tuple[RuleText, ...] = ()
    reason: str = ""
    hint: str = ""


class Way(Record):
    """One way to a port, and what becomes of connections that take it.

    Attributes:
        origin: what kind of place they come from.
        name: of the device or network, "" for the host itself.
        version: 4 or 6.
        address, port: by which they ask for it.
        reaches: "yes", "no", "partly" or "depends".
        outcomes: what becomes of them, by source.
    """

    origin: From
    name: str
    version: int
    address: str
    port: int
    reaches: str
    outcomes: tuple[Outcome, ...]


class ReachedPort(Record):
    """A port of the container.

    Attributes:
        port, protocol: which.
        bindings: ports of the host that lead to it.
        listens: addresses in the container at which somebody listens there; None if unknown.
        ways: all ways to it.
        hint: how to open or close it; for people.
    """

    port: int
    protocol: str
    bindings: tuple[Binding, ...]
    listens: tuple[str, ...] | None
    ways: tuple[Way, ...]
    hint: str = ""


class Reached(Record):
    """The answer.

    Attributes:
        id, name: of the container.
        network: "bridge" for networks with a bridge, "host", "none" or "macvlan".
        table: the name of the engine's table of nftables.
        ports: that were asked for.
        notes: what else is to be known; for people.
    """

    id: str
    name: str
    network: str
    table: str
    ports: tuple[ReachedPort, ...]
    notes: tuple[str, ...] = ()
