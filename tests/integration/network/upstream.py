"""A name server beside the engine's: knows a few names, and remembers who was asked for."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from collections.abc import Iterator
from typing import Self

_HEADER, _KIND = struct.Struct(">2sHHHHH"), struct.Struct(">H")
_A, _KINDS = 1, {1: "A", 12: "PTR", 28: "AAAA"}
_ANSWERED, _NXDOMAIN = 0x8180, 3
_ADDRESS = struct.pack(">HHHIH4s", 0xC00C, _A, 1, 60, 4, bytes((192, 0, 2, 1)))
"""The record: of the name that is asked for, for a minute."""
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

    def _answer(self, query: bytes) -> bytes:
        """Made by hand: whoever has asked for hundreds of names does not wait long (RFC 1035)."""
        labels, at = [], _HEADER.size
        while length := query[at]:
            labels.append(query[at + 1 : at + 1 + length].decode().lower())
            at += 1 + length
        (kind,) = _KIND.unpack_from(query, at + 1)
        self.asked.append((".".join(labels), _KINDS.get(kind, str(kind))))
        is_known = labels[-1:] == ["outside"]
        answer = _ADDRESS if is_known and kind == _A else b""
        flags = _ANSWERED if is_known else _ANSWERED | _NXDOMAIN
        head = _HEADER.pack(query[:2], flags, 1, bool(answer), 0, 0)
        return head + query[_HEADER.size : at + 5] + answer


@contextlib.contextmanager
def upstreams(*addresses: str) -> Iterator[list[Upstream]]:
    """Several of them."""
    with contextlib.ExitStack() as open_ones:
        yield [open_ones.enter_context(Upstream(address)) for address in addresses]
