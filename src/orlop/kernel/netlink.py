"""Questions that the kernel answers through rtnetlink(7), and no tool does quickly or at all.

Only what a start and the insight into networks need; everything else about networks is done with
pyroute2, which would take longer to import than the whole start takes.
"""

from __future__ import annotations

import _socket
import struct

from orlop.errors import NotFound, SyscallError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_NLMSG_DONE = 3
_NLMSG_ERROR = 2
_RTM_GETADDR = 22
_RTM_GETNSID = 90
_REQUEST = 0x001  # NLM_F_REQUEST
_REQUEST_DUMP = 0x301  # NLM_F_REQUEST | NLM_F_DUMP
_IFA_ADDRESS, _IFA_LOCAL = 1, 2
_NETNSA_NSID, _NETNSA_FD = 1, 3
_SCOPE_UNIVERSE = 0
_TEMPORARY = 0x01  # IFA_F_SECONDARY on IPv4, IFA_F_TEMPORARY on IPv6

_HEADER = struct.Struct("=IHHII")
_ADDRESS = struct.Struct("=BBBBI")
_ATTRIBUTE = struct.Struct("=HH")
_ENTRY = struct.Struct("=BB2x16s")
_GENERAL = struct.Struct("=B3x")  # struct rtgenmsg, and padding


def global_addresses(device: str) -> bytes:
    """The permanent addresses of global scope of a device, as `ConfigureNetDevice` takes them.

    See: runtime-spec config-linux.md#network-devices.

    Raises:
        NotFound: there is no such device in the present network namespace.
        SyscallError: the kernel did not answer.
    """
    try:
        index = _socket.if_nametoindex(device)
    except OSError:
        raise NotFound("network device", device) from None
    request = _ADDRESS.pack(_socket.AF_UNSPEC, 0, 0, 0, 0)
    messages = _ask(_RTM_GETADDR, _REQUEST_DUMP, request, device)
    return b"".join(_global_entry(message, index) for message in messages)


def namespace_id(fd: int) -> int | None:
    """The number by which the present network namespace knows another one, None if it has none.

    Devices whose other half is there carry this number (IFLA_LINK_NETNSID).

    Args:
        fd: of the other namespace.

    Raises:
        SyscallError: the kernel did not answer, or this is no network namespace.
    """
    attribute = _ATTRIBUTE.pack(_ATTRIBUTE.size + 4, _NETNSA_FD) + struct.pack("=I", fd)
    (message,) = _ask(_RTM_GETNSID, _REQUEST, _GENERAL.pack(_socket.AF_UNSPEC) + attribute)
    (number,) = struct.unpack("=i", _attributes(message, _GENERAL.size)[_NETNSA_NSID])
    return None if number < 0 else int(number)


def _ask(kind: int, flags: int, request: bytes, about: str = "") -> list[bytes]:
    """The messages with which the kernel answers a request, without their headers."""
    header = _HEADER.pack(_HEADER.size + len(request), kind, flags, 1, 0)
    family = _socket.SOCK_RAW | _socket.SOCK_CLOEXEC
    socket = _socket.socket(_socket.AF_NETLINK, family, _socket.NETLINK_ROUTE)
    try:
        socket.send(header + request)
        return list(_messages(socket, one=flags == _REQUEST))
    except OSError as error:
        raise SyscallError("rtnetlink", error.errno or 0, about) from None
    finally:
        socket.close()


def _messages(socket: _socket.socket, one: bool) -> Iterator[bytes]:
    while True:
        data = socket.recv(1 << 16)
        while data:
            length, kind, _, _, _ = _HEADER.unpack_from(data)
            if kind == _NLMSG_DONE:
                return
            if kind == _NLMSG_ERROR:
                raise OSError(-struct.unpack_from("=i", data, _HEADER.size)[0], "rtnetlink")
            yield data[_HEADER.size : length]
            if one:
                return
            data = data[(length + 3) & ~3 :]


def _global_entry(message: bytes, index: int) -> bytes:
    family, prefix, flags, scope, device = _ADDRESS.unpack_from(message)
    if device != index or scope != _SCOPE_UNIVERSE or flags & _TEMPORARY:
        return b""
    found = _attributes(message, _ADDRESS.size)
    address = found.get(_IFA_LOCAL) or found.get(_IFA_ADDRESS, b"")
    return _ENTRY.pack(family, prefix, address)


def _attributes(message: bytes, at: int) -> dict[int, bytes]:
    found = {}
    while at + _ATTRIBUTE.size <= len(message):
        length, kind = _ATTRIBUTE.unpack_from(message, at)
        found[kind] = message[at + _ATTRIBUTE.size : at + length]
        at += max((length + 3) & ~3, _ATTRIBUTE.size)
    return found
