"""The descriptors of a launcher that supervises: the program's ends of them, and its own."""

from __future__ import annotations

import fcntl
import os

from orlop.errors import SyscallError
from orlop.launch import sockets
from orlop.launch.plan import STAY, SUBREAPER
from orlop.launch.shim import Shim
from orlop.launch.supervision import REPORT, SOCKET
from orlop.records import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from orlop.launch.supervision import Supervision
    from orlop.runtime.lifecycle.handover import Opened
    from orlop.runtime.planner.situation import Handed

FLAGS = STAY | SUBREAPER
"""Plan flags of a launcher that supervises: it also adopts what nobody else reaps."""

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_BACKLOG = 64
_PIPE_BYTES = 1 << 18  # larger than the default of 64 KiB: fewer turns between writer and launcher


class Prepared(Record):
    """What a launch gets in addition.

    Attributes:
        handed: with the launcher's own descriptors.
        stdio: the program's stdin, stdout and stderr.
        report: the file that gets the report.
    """

    handed: Handed
    stdio: tuple[int, int, int]
    report: int


def prepare(
    opened: Opened,
    supervision: Supervision,
    handed: Handed,
    connected: Callable[[Shim], None] | None,
) -> Prepared:
    """Makes the directory's socket and report, and the pipes.

    `connected` gets a connection to the launcher that does not run yet: what is sent over it is
    the first that the launcher hears, before it looks at any output.

    Raises:
        SyscallError: something cannot be made.
        Unavailable: neither can the socket.
    """
    try:
        os.makedirs(supervision.directory, mode=0o700, exist_ok=True)
        directory = opened.descriptor(os.open(supervision.directory, _DIRECTORY))
        report = opened.descriptor(_report_file(directory))
        stdio, ends = _streams(opened, supervision)
        log = _log_directory(opened, supervision)
    except OSError as error:
        path = error.filename if isinstance(error.filename, str) else supervision.directory
        raise SyscallError("open", error.errno or 0, path) from error
    path = os.path.join(supervision.directory, SOCKET)
    listener = opened.listening(path, sockets.PACKETS, backlog=_BACKLOG)
    if connected is not None:
        connected(Shim.connect(supervision.directory))
    stdin, stdout, stderr = ends
    handed = handed.replace(
        shim_socket=listener,
        shim_directory=directory,
        shim_stdin=stdin,
        shim_stdout=stdout,
        shim_stderr=stderr,
        log_directory=log,
    )
    return Prepared(handed, stdio, report)


def clean_up(supervision: Supervision) -> None:
    """Nothing is left in the directory of a start that went wrong."""
    for name in (SOCKET, REPORT):
        path = os.path.join(supervision.directory, name)
        if os.path.lexists(path):
            os.unlink(path)


def _report_file(directory: int) -> int:
    flags = os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
    return os.open(REPORT, flags, 0o600, dir_fd=directory)


_Ends = tuple[int | None, int | None, int | None]


def _streams(opened: Opened, supervision: Supervision) -> tuple[tuple[int, int, int], _Ends]:
    """The program's descriptors, and the other ends, which do not block."""
    null = opened.descriptor(os.open("/dev/null", os.O_RDWR | os.O_CLOEXEC))
    if supervision.terminal:
        return (null, null, null), (None, None, None)
    stdin, ours = _pipe(opened) if supervision.open_stdin else (null, None)
    stdout, out = _pipe(opened)
    stderr, err = _pipe(opened)
    if ours is not None:
        os.set_blocking(ours, False)
    os.set_blocking(stdout, False)
    os.set_blocking(stderr, False)
    return (stdin, out, err), (ours, stdout, stderr)


def _pipe(opened: Opened) -> tuple[int, int]:
    """A pipe: the end to read from, and the other."""
    source, sink = os.pipe2(os.O_CLOEXEC)
    opened.descriptor(source)
    opened.descriptor(sink)
    try:  # noqa: SIM105 - contextlib would take longer to import than all of this
        fcntl.fcntl(sink, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
    except OSError:  # EPERM: this user has enough of them, see pipe(7)
        pass
    return source, sink


def _log_directory(opened: Opened, supervision: Supervision) -> int | None:
    if supervision.log is None:
        return None
    return opened.descriptor(os.open(os.path.dirname(supervision.log.path), _DIRECTORY))
