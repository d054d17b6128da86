"""The other side of SCMP_ACT_NOTIFY: answers the system calls of a container.

See: seccomp_unotify(2), runtime-spec config-linux.md#containerprocessstate.
"""

from __future__ import annotations

import fcntl
import struct
from dataclasses import dataclass

from tests.integration.support.deadlines import Deadline

_RECV = 0xC0502100
_SEND = 0xC0182101
_REQUEST = struct.Struct("=QII iI Q6Q")
_RESPONSE = struct.Struct("=Qq iI")


@dataclass(frozen=True)
class Notification:
    """A system call that waits for an answer."""

    id: int
    pid: int
    number: int
    arguments: tuple[int, ...]


def receive(listener: int) -> Notification:
    """The next system call that the filter behind `listener` stopped."""
    Deadline().readable(listener, "a notified system call")
    buffer = bytearray(_REQUEST.size)
    fcntl.ioctl(listener, _RECV, buffer)
    number, pid, _, syscall, _, _, *arguments = _REQUEST.unpack(buffer)
    return Notification(number, pid, syscall, tuple(arguments))


def answer(listener: int, to: Notification, *, value: int = 0, errno: int = 0) -> None:
    """Let the call return `value`, or fail with `errno`."""
    response = bytearray(_RESPONSE.pack(to.id, value, -errno, 0))
    fcntl.ioctl(listener, _SEND, response)
