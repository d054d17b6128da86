"""Starts the launcher of an exec, with its client connected. Everything here blocks."""

from __future__ import annotations

import contextlib
import os
import socket
import struct
from typing import TYPE_CHECKING

from orlop.engine.attachment import hand_over
from orlop.engine.execs.process import process_of
from orlop.errors import OrlopError
from orlop.kernel.process import open_pidfd, send_signal
from orlop.launch.supervision import DETACH_KEYS, Supervision
from orlop.runtime.lifecycle.execute import ExecChoices, execute

if TYPE_CHECKING:
    from collections.abc import Callable

    from orlop.engine.attachment import Attachment
    from orlop.engine.container import Container
    from orlop.engine.exec_request import Exec
    from orlop.engine.execs.kept import Kept
    from orlop.engine.running import LiveContainer
    from orlop.kernel.cgroup.live import Cgroup
    from orlop.launch.executor import Launch
    from orlop.launch.shim import Shim

_FRAME = struct.Struct(">BxxxL")
_STDOUT, _STDERR = 1, 2
_SIGKILL = 9


def launch_exec(
    container: Container,
    live: LiveContainer,
    started: Exec,
    attachment: Attachment | None,
    kept: Kept,
    connected: Callable[[Shim], None],
) -> Launch:
    """The program runs, and the client has its streams; the result is the caller's to close.

    `connected` gets a connection to the launcher, the caller's to close, too, before it runs.

    Raises:
        NotFound: the container has no such user or group.
        WrongState: the container has ended.
        LaunchError: the program could not be started.
    """
    request = started.request
    process = process_of(container, live.spec, request)
    supervision = Supervision(
        directory=kept.write(started),
        terminal=request.terminal,
        open_stdin=attachment is not None and attachment.stdin,
        stdin_once=True,
        detach_keys=request.detach_keys or DETACH_KEYS,
    )

    def attach(connection: Shim) -> None:
        connected(connection)
        if attachment is not None:
            hand_over(connection, attachment, hold=True)

    try:
        return execute(
            live.found,
            live.spec,
            process,
            ExecChoices(),
            _nobody,
            supervision=supervision,
            connected=attach,
        )
    except BaseException:
        kept.remove(started.id)
        raise


def _nobody(_warning: str) -> None:
    """Takes warnings: they concern what the container has, and were given at its start."""


def kill_session(cgroup: Cgroup, first: int) -> None:
    """The processes of a container that are in one session, but not its first, get SIGKILL.

    Each is held by a descriptor and looked at again before: its id may be another's by now.

    Args:
        cgroup: of the container; only what is in it can be meant.
        first: host PID of the session's first process.
    """
    for pid in cgroup.processes():
        with contextlib.suppress(OSError, OrlopError):
            if pid == first or os.getsid(pid) != first:
                continue
            pidfd = open_pidfd(pid)
            try:
                if os.getsid(pid) == first and pid in cgroup.processes():
                    send_signal(pidfd, _SIGKILL)
            finally:
                os.close(pidfd)


def say(attachment: Attachment, error: Exception) -> None:
    """Tells the client why there is no program, where it would have seen its output."""
    text = f"{error}\r\n".encode()
    stream = _STDOUT if attachment.stdout or not attachment.stderr else _STDERR
    data = _FRAME.pack(stream, len(text)) + text if attachment.framed else text
    with socket.socket(fileno=os.dup(attachment.fd)) as client, contextlib.suppress(OSError):
        client.setblocking(False)
        client.send(data, socket.MSG_NOSIGNAL)


def close(attachment: Attachment | None) -> None:
    """The descriptor is closed here; whoever got it has a copy."""
    if attachment is not None:
        os.close(attachment.fd)
