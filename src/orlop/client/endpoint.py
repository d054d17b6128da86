"""Where an engine listens, and how to get a connection there."""

from __future__ import annotations

import _socket
import errno
import os

from orlop.errors import InvalidArgument, PermissionDenied, Unavailable, Unsupported
from orlop.records import Record

_LONGEST_PATH = 107  # sun_path of unix(7), with the NUL that ends it


class UnixSocket(Record):
    """A socket's file on this machine, an absolute path."""

    path: str

    def __str__(self) -> str:
        return f"unix://{self.path}"


class TcpPort(Record):
    """A port of a machine, without TLS."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"tcp://{self.host}:{self.port}"


Endpoint = UnixSocket | TcpPort


def parse_endpoint(text: str) -> Endpoint:
    """What `-H`, ORLOP_HOST and contexts name: unix:///PATH, an absolute path, tcp://HOST:PORT.

    Raises:
        InvalidArgument: it is none of these.
        Unsupported: it is a kind of address that Docker knows, but not orlop.
    """
    kind, separator, rest = text.partition("://")
    if not separator and text.startswith("/"):
        kind, rest = "unix", text
    if kind == "unix" and rest.startswith("/"):
        return UnixSocket(rest)
    if kind == "tcp":
        return _tcp(text, rest)
    if kind in ("ssh", "npipe", "http", "https", "fd"):
        raise Unsupported(
            f"the address {text}",
            needs="unix:///PATH or tcp://HOST:PORT",
            hint=_HINTS.get(kind, ""),
        )
    raise InvalidArgument(f"the address {text!r} is neither unix:///PATH nor tcp://HOST:PORT")


_HINTS = {"ssh": "forward the socket: ssh -nNT -L /tmp/orlop.sock:/run/orlop/orlop.sock HOST"}


def _tcp(text: str, rest: str) -> TcpPort:
    host, _, port = rest.rstrip("/").rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not host or not (port.isascii() and port.isdigit()) or int(port) > 65535:
        raise InvalidArgument(f"the address {text!r} is not of the form tcp://HOST:PORT")
    return TcpPort(host, int(port))


def connect(endpoint: Endpoint) -> _socket.socket:
    """A connected stream socket, which belongs to the caller.

    Raises:
        PermissionDenied: the socket's file belongs to somebody else.
        Unavailable: nobody listens there.
    """
    try:
        return _unix(endpoint.path) if isinstance(endpoint, UnixSocket) else _tcp_socket(endpoint)
    except OSError as error:
        reason = f"cannot connect to the engine at {endpoint}: {error.strerror}"
        if error.errno in (errno.EACCES, errno.EPERM):
            hint = "be root or a member of the socket's group"
            raise PermissionDenied(reason, hint=hint) from None
        raise Unavailable(reason, hint="is it running? `orlop daemon` starts it") from None


def _unix(path: str) -> _socket.socket:
    if len(os.fsencode(path)) <= _LONGEST_PATH:
        return _connected(_socket.AF_UNIX, path)
    directory, _, name = path.rpartition("/")
    fd = os.open(directory or "/", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        return _connected(_socket.AF_UNIX, f"/proc/self/fd/{fd}/{name}")
    finally:
        os.close(fd)


def _connected(family: int, address: object) -> _socket.socket:
    sock = _socket.socket(family, _socket.SOCK_STREAM | _socket.SOCK_CLOEXEC)
    try:
        sock.connect(address)  # type: ignore[arg-type]
    except BaseException:
        sock.close()
        raise
    return sock


def _tcp_socket(endpoint: TcpPort) -> _socket.socket:
    failed: OSError | None = None
    found = _socket.getaddrinfo(endpoint.host, endpoint.port, 0, _socket.SOCK_STREAM)
    for family, _, _, _, address in found:
        try:
            sock = _connected(family, address)
        except OSError as error:
            failed = error
        else:
            sock.setsockopt(_socket.IPPROTO_TCP, _socket.TCP_NODELAY, 1)
            return sock
    raise failed or OSError(errno.EHOSTUNREACH, os.strerror(errno.EHOSTUNREACH))
