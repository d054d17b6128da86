"""The sockets of a network namespace that wait for somebody, and the processes that hold them.

/proc/PID/net has the sockets of that process's network namespace; nothing has to be entered.

See: proc_pid_net(5), the kernel's networking/proc_net_tcp.rst.
"""

from __future__ import annotations

import os
import sys

from orlop.kernel.netns import read_file
from orlop.records import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator

_LISTEN, _CLOSE = 10, 7  # TCP_LISTEN; TCP_CLOSE is what a UDP socket without a peer is in
_ACCEPTS = 0x10000  # __SO_ACCEPTCON, of a Unix socket
_UNIX_TYPES = {1: "stream", 2: "dgram", 5: "seqpacket"}


class WaitingSocket(Record):
    """A socket to which others can send or connect.

    Attributes:
        protocol: "tcp", "tcp6", "udp", "udp6", "udplite", "udplite6", "raw", "raw6", "unix-stream",
            "unix-dgram", "unix-seqpacket" or "packet".
        address: the local one, "0.0.0.0" or "::" for all. Of a Unix socket, its path in the mount
            namespace of whoever has bound it, or its name with an "@" in front, which every process
            of the network namespace can use: text from a container. "" for a packet socket.
        port: of tcp and udp; the IP protocol's number of a raw socket, that of the Ethernet
            protocol of a packet socket (3 is all).
        device: the index of the interface that a packet socket is bound to, 0 for all.
        inode: its number in the file system of sockets.
    """

    protocol: str
    address: str
    port: int
    inode: int
    device: int = 0


def waiting(pid: int) -> tuple[WaitingSocket, ...]:
    """The sockets of a process's network namespace that listen, or receive from anybody.

    Raises:
        NotFound: there is no such process, or it has ended.
        SyscallError: its files may not be read.
    """
    found: list[WaitingSocket] = []
    for name, parse in _FILES.items():
        found += parse(name, read_file(pid, name) or "")
    return tuple(found)


def parse_internet(name: str, text: str) -> Iterator[WaitingSocket]:
    """Those of /proc/PID/net/tcp and its like: listening, or without a peer."""
    state = _LISTEN if name.startswith("tcp") else _CLOSE
    for row in _rows(text):
        local, remote = row[1], row[2]
        if int(row[3], 16) == state and int(remote.partition(":")[2], 16) == 0:
            address, _, port = local.partition(":")
            yield WaitingSocket(name, _address(address), int(port, 16), int(row[9]))


def parse_unix(name: str, text: str) -> Iterator[WaitingSocket]:
    """Those of /proc/PID/net/unix that accept connections, or have a name to be sent to."""
    for line in text.split("\n")[1:]:  # not splitlines(): a path may hold anything but "\n"
        row = line.split(maxsplit=7)
        if len(row) < 8:
            continue
        try:
            flags, kind, inode = int(row[3], 16), int(row[4], 16), int(row[6])
        except ValueError:  # the rest of a path that holds a "\n"
            continue
        if flags & _ACCEPTS or kind == 2:
            protocol = f"{name}-{_UNIX_TYPES.get(kind, str(kind))}"
            yield WaitingSocket(protocol, row[7], 0, inode)


def parse_packet(name: str, text: str) -> Iterator[WaitingSocket]:
    """Those of /proc/PID/net/packet, which see what passes an interface."""
    for row in _rows(text):
        yield WaitingSocket(name, "", int(row[3], 16), int(row[8]), device=int(row[4]))


_INTERNET = ("tcp", "tcp6", "udp", "udp6", "udplite", "udplite6", "raw", "raw6")
_FILES: dict[str, Callable[[str, str], Iterator[WaitingSocket]]] = {
    **dict.fromkeys(_INTERNET, parse_internet),
    "unix": parse_unix,
    "packet": parse_packet,
}


def _rows(text: str) -> Iterator[list[str]]:
    return (line.split() for line in text.splitlines()[1:])


def _address(digits: str) -> str:
    """An address from words of 32 bits in the host's byte order, as the kernel prints them."""
    import _socket

    words = [bytes.fromhex(digits[at : at + 8]) for at in range(0, len(digits), 8)]
    packed = b"".join(word[::-1] if sys.byteorder == "little" else word for word in words)
    return _socket.inet_ntop(_socket.AF_INET if len(words) == 1 else _socket.AF_INET6, packed)


def holders(inodes: Collection[int], pids: Iterable[int]) -> dict[int, tuple[int, ...]]:
    """Which of these processes hold sockets open, by inode number.

    Processes that have ended, or may not be looked at, hold none.
    """
    wanted = {f"socket:[{inode}]": inode for inode in inodes}
    found: dict[int, tuple[int, ...]] = {}
    for pid in pids:
        for inode in _held(pid, wanted):
            found[inode] = (*found.get(inode, ()), pid)
    return found


def _held(pid: int, wanted: dict[str, int]) -> set[int]:
    held = set()
    try:
        with os.scandir(f"/proc/{pid}/fd") as entries:
            for entry in entries:
                inode = wanted.get(_target(entry.path))
                if inode is not None:
                    held.add(inode)
    except OSError:
        pass
    return held


def _target(link: str) -> str:
    try:
        return os.readlink(link)
    except OSError:
        return ""
