"""Sockets that wait for somebody: the kernel's tables, and our own sockets in them."""

from __future__ import annotations

import os
import socket
import sys

import pytest

from orlop.errors import NotFound
from orlop.kernel import sockets
from orlop.kernel.sockets import WaitingSocket, holders, parse_internet, parse_packet, parse_unix

little_endian = pytest.mark.skipif(sys.byteorder != "little", reason="tables of a PC")

ANY = "0.0.0.0"  # noqa: S104 - what the kernel says

TCP = """\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 301 1 0
   1: 00000000:0016 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 302 1 0
   2: 0100007F:1F90 0100007F:A001 01 00000000:00000000 00:00000000 00000000  1000        0 303 1 0
"""
TCP6 = """\
  sl  local_address                         remote_address                        st more
   0: 00000000000000000000000000000000:0050 00000000000000000000000000000000:0000 0A 0:0 0:0 0 0 0 7
   1: B80D0120000000000000000001000000:0051 00000000000000000000000000000000:0000 0A 0:0 0:0 0 0 0 8
"""
UDP = """\
   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
  100: 00000000:0035 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 9 2 0 0
  101: 0100007F:9C40 0100007F:0035 01 00000000:00000000 00:00000000 00000000     0        0 10 2 0 0
"""
UNIX = """\
Num       RefCount Protocol Flags    Type St Inode Path
0000000000000001: 00000002 00000000 00010000 0001 01   11 /run/a b.sock
0000000000000002: 00000002 00000000 00010000 0005 01   12 @name@
0000000000000003: 00000003 00000000 00000000 0001 03   13 /run/a b.sock
0000000000000004: 00000002 00000000 00000000 0002 01   14 /dev/log
0000000000000005: 00000002 00000000 00000000 0002 01   15
0000000000000006: 00000002 00000000 00010000 0001 01   16 /run/line
broken over two lines of seven or more words
"""
PACKET = """\
sk               RefCnt Type Proto  Iface R Rmem   User   Inode
0000000000000001 3      3    0003   2     1 0      0      17
"""


@little_endian
def test_tcp_that_listens() -> None:
    assert list(parse_internet("tcp", TCP)) == [
        WaitingSocket("tcp", "127.0.0.1", 8080, 301),
        WaitingSocket("tcp", ANY, 22, 302),
    ]


@little_endian
def test_ipv6() -> None:
    assert list(parse_internet("tcp6", TCP6)) == [
        WaitingSocket("tcp6", "::", 80, 7),
        WaitingSocket("tcp6", "2001:db8::1", 81, 8),
    ]


def test_udp_without_a_peer() -> None:
    assert list(parse_internet("udp", UDP)) == [WaitingSocket("udp", ANY, 53, 9)]


def test_unix() -> None:
    assert list(parse_unix("unix", UNIX)) == [
        WaitingSocket("unix-stream", "/run/a b.sock", 0, 11),
        WaitingSocket("unix-seqpacket", "@name@", 0, 12),
        WaitingSocket("unix-dgram", "/dev/log", 0, 14),
        WaitingSocket("unix-stream", "/run/line", 0, 16),
    ]


def test_packet() -> None:
    assert list(parse_packet("packet", PACKET)) == [WaitingSocket("packet", "", 3, 17, device=2)]


def test_our_own() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as tcp,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp,
        socket.socket(socket.AF_UNIX) as local,
    ):
        udp.bind(("127.0.0.1", 0))
        local.bind(f"\0orlop-test-{os.getpid()}")
        local.listen()
        found = {it.inode: it for it in sockets.waiting(os.getpid())}
        for ours, protocol, port in (
            (tcp, "tcp", tcp.getsockname()[1]),
            (udp, "udp", udp.getsockname()[1]),
        ):
            inode = os.fstat(ours.fileno()).st_ino
            assert found[inode] == WaitingSocket(protocol, "127.0.0.1", port, inode)
        inode = os.fstat(local.fileno()).st_ino
        assert found[inode].address == f"@orlop-test-{os.getpid()}"
        assert holders([inode, 1], [os.getpid(), 1 << 22]) == {inode: (os.getpid(),)}


def test_a_process_that_does_not_exist() -> None:
    with pytest.raises(NotFound):
        sockets.waiting(1 << 22)


def test_one_that_has_ended() -> None:
    child = os.fork()
    if child == 0:
        os._exit(0)
    os.waitid(os.P_PID, child, os.WEXITED | os.WNOWAIT)
    try:
        with pytest.raises(NotFound):
            sockets.waiting(child)
    finally:
        os.waitpid(child, 0)
