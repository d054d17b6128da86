"""Ports of the host: which are free, and who has one that is not."""

from __future__ import annotations

import os
import socket
from typing import TYPE_CHECKING

from orlop.errors import InvalidArgument
from orlop.kernel.process import command_line, everybody

if TYPE_CHECKING:
    from collections.abc import Iterator

_TYPES = {
    "tcp": (socket.SOCK_STREAM, socket.IPPROTO_TCP),
    "udp": (socket.SOCK_DGRAM, socket.IPPROTO_UDP),
    "sctp": (socket.SOCK_STREAM, socket.IPPROTO_SCTP),
}
_LISTENING = ("0A", "07")  # TCP that listens; UDP that is not connected


def is_free(protocol: str, host_ip: str, port: int) -> bool:
    """Whether no program of the host has the port at that address ("": at any).

    Raises:
        InvalidArgument: the host does not have that address.
    """
    addresses = (host_ip,) if host_ip else ("0.0.0.0", "::")  # noqa: S104 - nobody listens
    return all(_can_bind(protocol, address, port) for address in addresses)


def _can_bind(protocol: str, address: str, port: int) -> bool:
    kind, number = _TYPES[protocol]
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        with socket.socket(family, kind, number) as probe:
            if family == socket.AF_INET6:
                probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            if kind == socket.SOCK_STREAM:  # connections that wait to be forgotten do not count
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((address, port))
    except OSError as error:
        import errno

        if error.errno == errno.EADDRNOTAVAIL and address not in ("0.0.0.0", "::"):  # noqa: S104
            raise InvalidArgument(f"the host does not have the address {address}") from None
        return error.errno in (errno.EAFNOSUPPORT, errno.EPROTONOSUPPORT, errno.EADDRNOTAVAIL)
    return True


def holder(protocol: str, port: int) -> str:
    """The process that has the port, for people: "nginx (PID 80)"; "" if that is not known."""
    inodes = set(_inodes(protocol, port))
    if not inodes:
        return ""
    for pid in everybody():
        if inodes.intersection(_sockets(pid)):
            words = command_line(pid)
            return f"{os.path.basename(words[0]) if words else 'a process'} (PID {pid})"
    return ""


def _inodes(protocol: str, port: int) -> Iterator[str]:
    for name in (protocol, f"{protocol}6"):
        try:
            with open(f"/proc/net/{name}", encoding="ascii") as file:
                rows = [line.split() for line in file][1:]
        except FileNotFoundError:
            continue
        for row in rows:
            if int(row[1].rpartition(":")[2], 16) == port and row[3] in _LISTENING:
                yield row[9]


def _sockets(pid: int) -> Iterator[str]:
    directory = f"/proc/{pid}/fd"
    try:
        for name in os.listdir(directory):
            link = os.readlink(f"{directory}/{name}")
            if link.startswith("socket:["):
                yield link[8:-1]
    except OSError:  # it has ended
        return
