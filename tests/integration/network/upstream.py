"""A name server beside the engine's: knows a few names, and remembers who was asked for."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from typing import Self

import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset

_TTL_S = 60
_SO_RCVBUFFORCE = 33  # socket(7)


class Upstream:
    """Names that end in `.outside` have the address 192.0.2.1 (and no other), all others none.

    Attributes:
        address: where it listens, at port 53.
        asked: name and type of all questions that came, without the last dot.
    """

    def __init__(self, address: str) -> None:
        self.address = address
        self.asked: list[tuple[str, str]] = []
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, 16 << 20)
        self._socket.bind((address, 53))
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Nobody is answered any more."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as last:
            last.sendto(b"", (self.address, 53))
        self._thread.join()
        self._socket.close()

    def _serve(self) -> None:
        while True:
            data, peer = self._socket.recvfrom(4096)
            if not data:
                return
            with contextlib.suppress(OSError):
                self._socket.sendto(self._answer(data), peer)

    def _answer(self, data: bytes) -> bytes:
        query = dns.message.from_wire(data)
        question = query.question[0]
        name = question.name.to_text(omit_final_dot=True).lower()
        self.asked.append((name, dns.rdatatype.to_text(question.rdtype)))
        response = dns.message.make_response(query, recursion_available=True)
        if not name.endswith(".outside"):
            response.set_rcode(dns.rcode.NXDOMAIN)
        elif question.rdtype == dns.rdatatype.A:
            response.answer.append(
                dns.rrset.from_text(question.name, _TTL_S, "IN", "A", "192.0.2.1")
            )
        return response.to_wire()


@contextlib.contextmanager
def upstreams(*addresses: str) -> Iterator[list[Upstream]]:
    """Several of them."""
    with contextlib.ExitStack() as open_ones:
        yield [open_ones.enter_context(Upstream(address)) for address in addresses]
