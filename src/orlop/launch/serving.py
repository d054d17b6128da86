"""Talks to the first process of a container that serves: it starts programs, one after the other.

The protocol is docs/launch-plan.md#serving. The other end is in the container and has its rights
only, so nothing that it says is more than a claim of the container's about itself.
"""

from __future__ import annotations

import _socket
import os
import struct

from orlop.launch import report as reports
from orlop.launch.executor import plan_memfd
from orlop.records import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from orlop.launch.report import Report

KEEP_THE_REST = 1  # what a program leaves behind goes on

_RUN, _KILL = 1, 2
_FAILED = 3
_REQUEST = struct.Struct("<III")
_ANSWER = struct.Struct("<IIiI 7Q")


class Answer(Record):
    """What became of a request; the numbers are of all processes of the program.

    Attributes:
        number: of the request.
        failure: why the program could not be started, if so; then the rest means nothing.
        status: as waitpid(2) has it.
        processes: how many were reaped.
        user_us, system_us: CPU time.
        max_rss_kib: the largest resident set of one process.
        read_bytes, written_bytes: from and to block devices.
        disk_used, disk_free: bytes of the file system that the plan's `serve` names.
    """

    number: int
    failure: Report | None
    status: int
    processes: int
    user_us: int
    system_us: int
    max_rss_kib: int
    read_bytes: int
    written_bytes: int
    disk_used: int
    disk_free: int


class Server:
    """The connection to such a process.

    `theirs` goes to the container with its plan (`Handed.server`), and is then closed here.
    """

    def __init__(self) -> None:
        kind = _socket.SOCK_SEQPACKET | _socket.SOCK_CLOEXEC
        self._socket, self.theirs = _socket.socketpair(_socket.AF_UNIX, kind)

    def fileno(self) -> int:
        """The descriptor that is readable when there is an answer, or the process has ended."""
        return self._socket.fileno()

    def close(self) -> None:
        """Hangs up. The process ends then, and with it everything in the container."""
        self._socket.close()
        self.theirs.close()

    def run(self, number: int, plan: bytes, descriptors: Sequence[int], flags: int = 0) -> None:
        """Asks for a program: a plan's encoding, with the descriptors for its inherited slots.

        Raises:
            OSError: the process has ended (EPIPE, ECONNRESET).
        """
        fd = plan_memfd(plan)
        try:
            packed = struct.pack(f"{1 + len(descriptors)}i", fd, *descriptors)
            self._socket.sendmsg(
                [_REQUEST.pack(_RUN, number, flags)],
                [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, packed)],
            )
        finally:
            os.close(fd)

    def kill(self, number: int) -> None:
        """Ends a request's program, and everything else that runs; the answer comes all the same.

        Raises:
            OSError: the process has ended (EPIPE, ECONNRESET).
        """
        self._socket.send(_REQUEST.pack(_KILL, number, 0))

    def receive(self) -> Answer | None:
        """The next answer; waits for it. None if the process has ended."""
        try:
            data = self._socket.recv(_ANSWER.size + reports.FAILURE_SIZE)
        except ConnectionResetError:
            data = b""
        if len(data) < _ANSWER.size:
            return None
        kind, number, status, processes, *numbers = _ANSWER.unpack_from(data)
        failure = reports.parse_failure(data[_ANSWER.size :]) if kind == _FAILED else None
        return Answer(number, failure, status, processes, *numbers)
