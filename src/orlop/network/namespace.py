"""Network namespaces that are made before there is a process in them.

Nothing but a descriptor holds one until a container runs in it: if the engine dies in between, the
namespace goes away, and with it its end of every pair of devices, and so the pair.
"""

from __future__ import annotations

import contextlib
import os
import socket as sockets
from typing import TYPE_CHECKING

from orlop.errors import SyscallError
from orlop.kernel import links, netns
from orlop.kernel.rtnetlink import Socket
from orlop.records import Record

if TYPE_CHECKING:
    from typing import Self

NAME_SERVER = "127.0.0.11"
"""Where a container finds the engine's name server, as with Docker."""

_LOOPBACK = 1  # its number in every namespace
_PORT = 53
_BACKLOG = 64
_ACCEPT = "/proc/sys/net/ipv6/conf/default/accept_ra"


class NameSockets(Record):
    """Sockets at the name server's address in a namespace; whoever has them closes them."""

    udp: sockets.socket
    tcp: sockets.socket

    def close(self) -> None:
        """Nobody is asked there any more."""
        self.udp.close()
        self.tcp.close()


class Namespace:
    """A network namespace with its loopback up, and a way to configure it. A context manager.

    Attributes:
        fd: of the namespace.
        socket: rtnetlink in it.
        names: where its processes ask for names; None once they were taken.
    """

    def __init__(self, fd: int, socket: Socket, names: NameSockets | None = None) -> None:
        self.fd = fd
        self.socket = socket
        self.names = names

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Lets go of it; without a process in it, it goes away."""
        self.socket.close()
        if self.names is not None:
            self.names.close()
        os.close(self.fd)

    def take_names(self) -> NameSockets | None:
        """The sockets of the name server, now the caller's."""
        taken, self.names = self.names, None
        return taken


def make() -> Namespace:
    """A new one.

    Raises:
        PermissionDenied: this process may not make one.
        SyscallError: the kernel refuses.
    """
    fd, (socket, names) = netns.make(_configured)
    return Namespace(fd, socket, names)


def _configured() -> tuple[Socket, NameSockets]:
    socket = Socket()
    try:
        socket.do(links.set_up(_LOOPBACK))
        _ignore_advertisements()
        return socket, _listen()
    except BaseException:
        socket.close()
        raise


def _ignore_advertisements() -> None:
    """Devices that come into this namespace take no router's word: any container could be it.

    See: CVE-2020-13401.
    """
    with contextlib.suppress(FileNotFoundError), open(_ACCEPT, "w", encoding="ascii") as file:
        file.write("0")


def _listen() -> NameSockets:
    udp, tcp = (
        sockets.socket(sockets.AF_INET, kind | sockets.SOCK_NONBLOCK)
        for kind in (sockets.SOCK_DGRAM, sockets.SOCK_STREAM)
    )
    try:
        tcp.setsockopt(sockets.SOL_SOCKET, sockets.SO_REUSEADDR, 1)
        for one in (udp, tcp):
            one.bind((NAME_SERVER, _PORT))
        tcp.listen(_BACKLOG)
    except OSError as error:
        udp.close()
        tcp.close()
        raise SyscallError("bind", error.errno or 0, f"{NAME_SERVER}:{_PORT}") from None
    return NameSockets(udp, tcp)


def listen_in(fd: int) -> NameSockets:
    """Sockets of a name server in a namespace that is there already; the descriptor is kept.

    Raises:
        PermissionDenied: this process may not enter it.
        SyscallError: a program there has the address.
    """
    return netns.within(fd, _listen)


def open_existing(fd: int) -> Namespace:
    """One that is there; the descriptor now belongs to the result.

    Raises:
        PermissionDenied: this process may not enter it.
    """
    return Namespace(fd, netns.within(fd, Socket))
