"""Requests to the kernel's network configuration, several in one system call.

A `Socket` belongs to the network namespace in which it was opened, wherever its thread goes later.
pyroute2 would take 200 ms and 20 MB to import, and about a millisecond a request; wiring a
container takes seven of them (docs/decisions/0011-own-rtnetlink.md).

See: rtnetlink(7), netlink(7), linux/rtnetlink.h.
"""

from __future__ import annotations

import _socket
import struct

from orlop.errors import SyscallError
from orlop.records import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Self

REQUEST, ACK, DUMP = 0x1, 0x4, 0x300
EXCLUSIVE, REPLACE, CREATE, APPEND = 0x200, 0x100, 0x400, 0x800
_ERROR, _DONE = 2, 3
_NESTED = 0x8000

_HEADER = struct.Struct("=IHHII")
_ATTRIBUTE = struct.Struct("=HH")
_NUMBER = struct.Struct("=i")
_MOST = 1 << 16


class Message(Record):
    """One request.

    Attributes:
        kind: as RTM_NEWLINK.
        flags: besides those that every request has.
        body: the structure of its kind and its attributes.
        about: what it does, for errors: "add the link orlop0".
    """

    kind: int
    flags: int
    body: bytes
    about: str = ""


def attribute(kind: int, value: bytes) -> bytes:
    """An attribute, padded to a multiple of four bytes."""
    return _ATTRIBUTE.pack(_ATTRIBUTE.size + len(value), kind) + value + bytes(-len(value) % 4)


def nested(kind: int, *attributes: bytes) -> bytes:
    """An attribute made of attributes."""
    return attribute(kind | _NESTED, b"".join(attributes))


def text(kind: int, value: str) -> bytes:
    """An attribute with a string."""
    return attribute(kind, value.encode() + b"\0")


def number(kind: int, value: int) -> bytes:
    """An attribute with a number of 32 bits."""
    return attribute(kind, struct.pack("=I", value))


def attributes(data: bytes, at: int = 0) -> dict[int, bytes]:
    """The attributes behind a structure of that size, by their kinds."""
    found = {}
    while at + _ATTRIBUTE.size <= len(data):
        length, kind = _ATTRIBUTE.unpack_from(data, at)
        found[kind & ~_NESTED] = data[at + _ATTRIBUTE.size : at + length]
        at += max((length + 3) & ~3, _ATTRIBUTE.size)
    return found


class Socket:
    """A netlink socket in the calling thread's network namespace; a context manager.

    Args:
        protocol: what it asks: NETLINK_ROUTE (0), or another NETLINK_ number.

    Raises:
        SyscallError: it cannot be made.
    """

    def __init__(self, protocol: int = _socket.NETLINK_ROUTE) -> None:
        family = _socket.SOCK_RAW | _socket.SOCK_CLOEXEC
        try:
            self._socket = _socket.socket(_socket.AF_NETLINK, family, protocol)
            self._socket.setsockopt(_socket.SOL_SOCKET, _socket.SO_RCVBUF, 1 << 20)
        except OSError as error:
            raise SyscallError("socket", error.errno or 0, "rtnetlink") from None
        self._sequence = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Gives it up."""
        self._socket.close()

    def do(self, *messages: Message) -> None:
        """All requests are performed, in their order, by one system call.

        Raises:
            SyscallError: one has failed (the first that did; the others were tried as well).
        """
        for batch in _batches(messages):
            self._do(batch)

    def _do(self, messages: tuple[Message, ...]) -> None:
        first = self._sequence + 1
        self._send(messages, ACK)
        failed: dict[int, int] = {}
        answered = 0
        while answered < len(messages):
            for sequence, kind, body in self._receive():
                if kind == _ERROR and first <= sequence <= self._sequence:
                    answered += 1
                    failed[sequence - first] = -_NUMBER.unpack_from(body)[0]
        for place, message in enumerate(messages):
            if failed[place]:
                raise SyscallError("rtnetlink", failed[place], message.about)

    def ask(self, message: Message) -> list[bytes]:
        """The answers to a question, without their headers: all there are of a dump, else one.

        Raises:
            SyscallError: the kernel refuses.
        """
        self._send((message,), 0)
        found: list[bytes] = []
        while True:
            for sequence, kind, body in self._receive():
                if sequence != self._sequence:
                    continue
                if kind == _DONE:
                    return found
                if kind == _ERROR:
                    raise SyscallError("rtnetlink", -_NUMBER.unpack_from(body)[0], message.about)
                found.append(body)
            if found and not message.flags & DUMP:
                return found

    def _send(self, messages: tuple[Message, ...], flags: int) -> None:
        parts = []
        for message in messages:
            self._sequence += 1
            body = message.body
            length = _HEADER.size + len(body)
            every = message.flags | REQUEST | flags
            parts.append(_HEADER.pack(length, message.kind, every, self._sequence, 0))
            parts.append(body + bytes(-len(body) % 4))
        try:
            self._socket.send(b"".join(parts))
        except OSError as error:
            raise SyscallError("rtnetlink", error.errno or 0, messages[0].about) from None

    def _receive(self) -> Iterator[tuple[int, int, bytes]]:
        """Sequence number, kind and body of the messages in the next datagram."""
        try:
            data = self._socket.recv(_MOST)
        except OSError as error:
            raise SyscallError("rtnetlink", error.errno or 0, "receive") from None
        at = 0
        while at + _HEADER.size <= len(data):
            length, kind, _, sequence, _ = _HEADER.unpack_from(data, at)
            yield sequence, kind, data[at + _HEADER.size : at + length]
            at += max((length + 3) & ~3, _HEADER.size)


def _batches(messages: tuple[Message, ...]) -> Iterator[tuple[Message, ...]]:
    """Groups that fit into a socket's buffers."""
    for start in range(0, len(messages), 64):
        yield messages[start : start + 64]
