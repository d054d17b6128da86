"""A client that wants a container's streams, as it is given to the container's launcher."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from orlop.launch.shim import Attach
from orlop.records import Record

if TYPE_CHECKING:
    from collections.abc import Iterable

    from orlop.launch.shim import Shim


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


def hand_over(shim: Shim, attachment: Attachment, *, hold: bool = False) -> int:
    """Gives a client to a launcher; its descriptor stays open here.

    Args:
        shim: a connection to the launcher.
        attachment: who, and what is wanted.
        hold: the program waits when the client does not read on, as at a pipe; otherwise a client
            that is too slow is cut off.

    Returns:
        The number by which the launcher speaks of the client on this connection.
    """
    attach = Attach(
        stdin=attachment.stdin,
        stdout=attachment.stdout,
        stderr=attachment.stderr,
        framed=attachment.framed,
        hold=hold,
        detach_keys=attachment.detach_keys,
        first=attachment.first,
    )
    return shim.attach(attachment.fd, attach)


def close_all(attachments: Iterable[Attachment]) -> None:
    """Closes this process's descriptors of clients."""
    for attachment in attachments:
        os.close(attachment.fd)
