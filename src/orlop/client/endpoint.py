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
        return (
            f"tcp://[{self.host}]:{self.port}"
            if ":" in self.host
            else f"tcp://{self.host}:{self.port}"
        )


class SshHost(Record):
    """A machine that ssh(1) reaches.

    Attributes:
        name: as ssh takes it, with or without USER@ in front.
        port: 0 for ssh's own choice.
        socket: path of the engine's there, "" for the usual one.
        program: which command is there.
    """

    name: str
    port: int = 0
    socket: str = ""
    program: str = "orlop"

    def __str__(self) -> str:
        return f"ssh://{self.name}{f':{self.port}' if self.port else ''}{self.socket}"


Endpoint = UnixSocket | TcpPort | SshHost


def parse_endpoint(text: str) -> Endpoint:
    """What `-H`, ORLOP_HOST and contexts name.

    That is unix:///PATH, an absolute path, tcp://HOST:PORT, ssh://[USER@]HOST[:PORT][/PATH].

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
    if kind == "ssh":
        return _ssh(text, rest)
    if kind in ("npipe", "http", "https", "fd"):
        raise Unsupported(f"the address {text}", needs=_FORMS)
    raise InvalidArgument(f"the address {text!r} is none of {_FORMS}")


_FORMS = "unix:///PATH, tcp://HOST:PORT and ssh://[USER@]HOST"


def _tcp(text: str, rest: str) -> TcpPort:
    host, _, port = rest.rstrip("/").rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not host or not _is_port(port):
        raise InvalidArgument(f"the address {text!r} is not of the form tcp://HOST:PORT")
    return TcpPort(host, int(port))


def _ssh(text: str, rest: str) -> SshHost:
    name, slash, path = rest.partition("/")
    host, _, port = name.rpartition(":") if _has_port(name) else (name, "", "0")
    user, at, machine = host.rpartition("@")
    machine = machine.removeprefix("[").removesuffix("]")
    words = (user, machine) if at else (machine,)
    if not all(words) or host.startswith("-") or not host.isprintable() or not _is_port(port):
        raise InvalidArgument(f"the address {text!r} is not of the form ssh://[USER@]HOST[:PORT]")
    return SshHost("@".join(words), int(port), f"{slash}{path}" if path else "")


def _has_port(name: str) -> bool:
    """A host of IPv6 has colons too, in brackets."""
    return ":" in name.rpartition("]")[2]


def _is_port(text: str) -> bool:
    return text.isascii() and text.isdigit() and int(text) <= 65535


def connect(endpoint: Endpoint) -> _socket.socket:
    """A connected stream socket, which belongs to the caller.

    Raises:
        PermissionDenied: the socket's file belongs to somebody else.
        Unavailable: nobody listens there.
    """
    try:
        if isinstance(endpoint, SshHost):
            from orlop.client import ssh

            return ssh.connect(endpoint)
        return _unix(endpoint.path) if isinstance(endpoint, UnixSocket) else _tcp_socket(endpoint)
    except OSError as error:
        reason = f"cannot connect to the engine at {endpoint}: {error.strerror}"
        if error.errno in (errno.EACCES, errno.EPERM):
            hint = "be root or a member of the socket's group"
            raise PermissionDenied(reason, hint=hint) from None
        hint = "is it running? `orlop daemon` starts it" if isinstance(endpoint, UnixSocket) else ""
        raise Unavailable(reason, hint=hint) from None


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
