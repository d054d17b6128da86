"""A client that wants a container's streams, as it is given to the container's launcher."""

from __future__ import annotations

from orlop.records import Record


class Attachment(Record):
    """Somebody's connection, and what is to go over it.

    Attributes:
        fd: a connected stream socket, given away: the one who takes the attachment closes it.
        stdin: what comes over it goes to the program.
        stdout: the program's output goes over it.
        stderr: and what it writes to its stderr.
        stream: from now on; False for the past only.
        logs: what was written before comes first.
        framed: output has Docker's eight-byte headers, so that both streams stay apart; False for
            plain bytes, as of a terminal.
        detach_keys: as "ctrl-p,ctrl-q"; "" for the container's.
        first: what the client had sent already, to come before what is read from the socket.
    """

    fd: int
    stdin: bool = False
    stdout: bool = True
    stderr: bool = True
    stream: bool = True
    logs: bool = False
    framed: bool = True
    detach_keys: str = ""
    first: bytes = b""
