"""Containers of an engine, and what can be asked and reached from inside of them."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator
from typing import Any

import dns.message
import dns.query

from orlop.kernel import netns
from orlop.network.namespace import open_existing
from tests.integration.network.places import Place
from tests.integration.support.engine import Engine


def run(engine: Engine, *words: str) -> str:
    """The id of a container that goes on running."""
    return engine.docker("run", "-d", *words, "host", "sleep", "1000").ok().out.strip()


def inspect(engine: Engine, name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(engine.docker("inspect", name).ok().out)[0]
    return found


def address(engine: Engine, name: str, network: str, *, ipv6: bool = False) -> str:
    end = inspect(engine, name)["NetworkSettings"]["Networks"][network]
    return str(end["GlobalIPv6Address" if ipv6 else "IPAddress"])


def ask(engine: Engine, name: str, question: str, kind: str = "A", *, tcp: bool = False) -> Any:
    """What the name server in a container says, asked over its network by dnspython."""
    fd = namespace_of(engine, name)
    try:
        query = dns.message.make_query(question, kind)
        send = dns.query.tcp if tcp else dns.query.udp
        return netns.within(fd, lambda: send(query, "127.0.0.11", timeout=5))
    finally:
        os.close(fd)


def answers(response: Any) -> list[str]:
    return sorted(record.to_text() for rrset in response.answer for record in rrset)


@contextlib.contextmanager
def place_of(engine: Engine, name: str, *addresses: str) -> Iterator[Place]:
    """A running container's network, as a place to ask from."""
    with open_existing(namespace_of(engine, name)) as namespace:
        yield Place(namespace, *addresses)


def namespace_of(engine: Engine, name: str) -> int:
    """A descriptor of a running container's network namespace."""
    return os.open(f"/proc/{inspect(engine, name)['State']['Pid']}/ns/net", os.O_RDONLY)
