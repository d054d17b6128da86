"""Addresses of network devices, asked through rtnetlink(7).

Only what a start needs; everything else about networks is done with pyroute2, which would take
longer to import than the whole start takes.
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
_REQUEST_DUMP = 0x301  # NLM_F_REQUEST | NLM_F_DUMP
_IFA_ADDRESS, _IFA_LOCAL = 1, 2
_SCOPE_UNIVERSE = 0
_TEMPORARY = 0x01  # IFA_F_SECONDARY on IPv4, IFA_F_TEMPORARY on IPv6

_HEADER = struct.Struct("=IHHII")
_ADDRESS = struct.Struct("=BBBBI")
_ATTRIBUTE = struct.Struct("=HH")
_ENTRY = struct.Struct("=BB2x16s")


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
    request = _HEADER.pack(_HEADER.size + _ADDRESS.size, _RTM_GETADDR, _REQUEST_DUMP, 1, 0)
    kind = _socket.SOCK_RAW | _socket.SOCK_CLOEXEC
    socket = _socket.socket(_socket.AF_NETLINK, kind, _socket.NETLINK_ROUTE)
    try:
        socket.send(request + _ADDRESS.pack(_socket.AF_UNSPEC, 0, 0, 0, 0))
        return b"".join(_global_entry(message, index) for message in _messages(socket))
    except OSError as error:
        raise SyscallError("rtnetlink", error.errno or 0, device) from None
    finally:
        socket.close()


def _messages(socket: _socket.socket) -> Iterator[bytes]:
    while True:
        data = socket.recv(1 << 16)
        while data:
            length, kind, _, _, _ = _HEADER.unpack_from(data)
            if kind == _NLMSG_DONE:
                return
            if kind == _NLMSG_ERROR:
                raise OSError(-struct.unpack_from("=i", data, _HEADER.size)[0], "rtnetlink")
            yield data[_HEADER.size : length]
            data = data[(length + 3) & ~3 :]


def _global_entry(message: bytes, index: int) -> bytes:
    family, prefix, flags, scope, device = _ADDRESS.unpack_from(message)
    if device != index or scope != _SCOPE_UNIVERSE or flags & _TEMPORARY:
        return b""
    found = {}
    at = _ADDRESS.size
    while at + _ATTRIBUTE.size <= len(message):
        length, kind = _ATTRIBUTE.unpack_from(message, at)
        found[kind] = message[at + _ATTRIBUTE.size : at + length]
        at += max((length + 3) & ~3, _ATTRIBUTE.size)
    address = found.get(_IFA_LOCAL) or found.get(_IFA_ADDRESS, b"")
    return _ENTRY.pack(family, prefix, address)
