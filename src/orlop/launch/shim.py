"""A living launcher that supervises a container, as others see it: attach, commands, events.

The protocol is docs/launch-plan.md#supervision. Any number of connections can be open, of any
process of the same user or of root; nothing depends on them.
"""

from __future__ import annotations

import _socket
import os
import struct

from orlop.errors import InvalidArgument, Unavailable
from orlop.launch import report as reports
from orlop.launch import sockets
from orlop.launch.detach_keys import parse_detach_keys
from orlop.launch.supervision import REPORT, SOCKET
from orlop.records import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Self

MOST_FIRST_BYTES = 65536

_SIGNAL, _RESIZE, _CLOSE_STDIN, _ATTACH, _STATE = 2, 3, 4, 5, 6
_COMMAND = struct.Struct("<III")
_EVENT = struct.Struct("<IiI")

_STDIN, _STDOUT, _STDERR, _FRAMED, _HOLD = 1, 2, 4, 8, 16


class Attach(Record):
    """How a client is attached.

    Attributes:
        stdin: what it sends goes to the program.
        stdout: it gets the program's stdout, or the terminal's output.
        stderr: it gets the program's stderr.
        framed: as Docker's multiplexed stream, with eight bytes before each piece; else raw.
        hold: the program is held back when the client does not read on, as by a pipe; otherwise a
            client that is too slow is cut off when 1 MiB waits for it.
        detach_keys: of a terminal, see `orlop.launch.detach_keys`; "" for the container's own.
        first: what the client has sent already, at most `MOST_FIRST_BYTES`.
    """

    stdin: bool = False
    stdout: bool = False
    stderr: bool = False
    framed: bool = False
    hold: bool = False
    detach_keys: str = ""
    first: bytes = b""


class Starting(Record):
    """The start is under way: the answer to `Shim.ask_state` before anything else was told."""


class Created(Record):
    """The container's first process waits for its start."""

    pid: int


class Running(Record):
    """The program runs; the PID is the host's."""

    pid: int


class Failed(Record):
    """The start has failed, with this errno; the report says more."""

    errno: int


class Exited(Record):
    """The first process has ended, with this status as waitpid(2) has it.

    All that it has written is in the log. Attached clients may still be taking their part.
    """

    status: int


class Detached(Record):
    """A client has left with its detach keys. The number is the one that `Shim.attach` gave."""

    client: int


class Gone(Record):
    """A client is gone.

    Attributes:
        client: the number that `Shim.attach` gave.
        reason: one of the constants below.
    """

    client: int
    reason: int


HUNG_UP, TOO_SLOW, REFUSED = 1, 2, 3
"""Why a client is gone: it has closed its socket, it did not read on, there are too many."""

Event = Starting | Created | Running | Failed | Exited | Detached | Gone


class ExitRecord(Record):
    """How a container's first process ended, and what the launcher found of it.

    Attributes:
        status: as waitpid(2) has it.
        ended_ns: CLOCK_REALTIME.
        user_us, system_us: CPU time of it and of what it has waited for.
        max_rss_kib: the largest resident set of one of these processes.
        oom_kills: processes of the control group that the kernel killed for want of memory.
        limit_hits: how often the memory limit was reached.
        memory_peak: most bytes that the control group has used, None if the kernel does not say.
        memory_limit: bytes, None without a limit.
    """

    status: int
    ended_ns: int
    user_us: int
    system_us: int
    max_rss_kib: int
    oom_kills: int = 0
    limit_hits: int = 0
    memory_peak: int | None = None
    memory_limit: int | None = None


class Shim:
    """A connection to a launcher that supervises. Closing it changes nothing for the container.

    Nothing here blocks, whatever has become of the launcher: one that was stopped, say, is
    `Unavailable` as soon as some hundred commands wait for it.
    """

    def __init__(self, socket: _socket.socket) -> None:
        self._socket = socket  # which does not block
        self._clients = 0

    @classmethod
    def connect(cls, directory: str) -> Self:
        """A connection to the launcher of this directory (host path; `Supervision.directory`).

        The first event tells what has been so far: `Created`, `Running` or `Exited`; there is none
        while the start is under way.

        Raises:
            Unavailable: there is none, or it has ended.
        """
        path = os.path.join(directory, SOCKET)
        return cls(sockets.connect(path, sockets.PACKETS, wait=False))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def fileno(self) -> int:
        """The descriptor that is readable when there is an event, or the launcher has ended."""
        return self._socket.fileno()

    def close(self) -> None:
        """Gives up the connection."""
        self._socket.close()

    def attach(self, fd: int, attach: Attach) -> int:
        """Gives a client's connected stream socket to the launcher.

        The caller closes its own descriptor then (with `os.close`; shutdown(2) would end the
        client's connection). Before the program runs, no byte is lost.

        Returns:
            The number by which `Detached` and `Gone` on this connection name the client.

        Raises:
            InvalidArgument: the detach keys are none, or `first` is too long.
            Unavailable: the launcher has ended.
        """
        if len(attach.first) > MOST_FIRST_BYTES:
            raise InvalidArgument(f"more than {MOST_FIRST_BYTES} bytes were sent before attaching")
        keys = parse_detach_keys(attach.detach_keys)
        self._clients += 1
        head = _COMMAND.pack(_ATTACH, self._clients, _flags(attach))
        message = head + bytes([len(keys)]) + keys + attach.first
        self._send(message, fd)
        return self._clients

    def signal(self, number: int) -> None:
        """Sends a signal to the container's first process.

        Raises:
            Unavailable: the launcher has ended.
        """
        self._send(_COMMAND.pack(_SIGNAL, number, 0))

    def resize(self, rows: int, columns: int) -> None:
        """Sets the size of the container's terminal, if it has one.

        Raises:
            Unavailable: the launcher has ended.
        """
        self._send(_COMMAND.pack(_RESIZE, rows, columns))

    def close_stdin(self) -> None:
        """Closes the program's stdin, once everything that clients have sent was taken.

        Raises:
            Unavailable: the launcher has ended.
        """
        self._send(_COMMAND.pack(_CLOSE_STDIN, 0, 0))

    def ask_state(self) -> None:
        """Has the launcher tell once more what has been so far, as the next event.

        Raises:
            Unavailable: the launcher has ended.
        """
        self._send(_COMMAND.pack(_STATE, 0, 0))

    def next_event(self) -> Event | None:
        """The next event; None if there is none yet. Does not block.

        Raises:
            Unavailable: the launcher has ended; `read_record` says whether the container has.
        """
        try:
            message = self._receive()
        except BlockingIOError:
            return None
        if len(message) < _EVENT.size:
            raise Unavailable("the container's launcher has ended")
        return _event(*_EVENT.unpack(message))

    def _receive(self) -> bytes:
        try:
            return self._socket.recv(_EVENT.size)
        except ConnectionResetError:
            # The launcher has ended without having read everything. That is told once, before what
            # is still there to be read: the events that came before.
            return self._socket.recv(_EVENT.size)

    def _send(self, message: bytes, *fds: int) -> None:
        ancillary = [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, struct.pack(f"{len(fds)}i", *fds))]
        try:
            self._socket.sendmsg([message], ancillary if fds else [], _socket.MSG_NOSIGNAL)
        except (BrokenPipeError, ConnectionResetError) as error:
            raise Unavailable("the container's launcher has ended") from error
        except BlockingIOError as error:
            raise Unavailable("the container's launcher takes no more commands") from error


def read_record(directory: str) -> ExitRecord | None:
    """The exit record in a launcher's directory (host path), whether the launcher lives or not.

    None if the first process has not ended, or if the launcher was killed before it did.
    """
    try:
        with open(os.path.join(directory, REPORT), "rb", buffering=0) as file:
            data = file.read(reports.HEAD_SIZE)
    except FileNotFoundError:
        return None
    if len(data) < reports.HEAD_SIZE:
        return None
    found = reports.parse(data)
    end, use = found.exit, found.memory
    if end is None:
        return None
    return ExitRecord(
        end.status,
        end.at_ns,
        end.user_us,
        end.system_us,
        end.max_rss_kib,
        use.oom_kills,
        use.limit_hits,
        use.peak,
        use.limit,
    )


def _flags(attach: Attach) -> int:
    chosen = (
        (attach.stdin, _STDIN),
        (attach.stdout, _STDOUT),
        (attach.stderr, _STDERR),
        (attach.framed, _FRAMED),
        (attach.hold, _HOLD),
    )
    return sum(flag for wanted, flag in chosen if wanted)


def _event(kind: int, value: int, client: int) -> Event | None:
    match kind:
        case 0:
            return Starting()
        case 1:
            return Created(value)
        case 2:
            return Running(value)
        case 3:
            return Failed(value)
        case 4:
            return Exited(value)
        case 5:
            return Detached(client)
        case 6:
            return Gone(client, value)
        case _:
            return None
