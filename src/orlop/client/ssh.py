"""Engines of other machines, through ssh(1): a command there passes on what it is told.

It is `orlop system dial-stdio`, or Docker's command of the same name.
"""

from __future__ import annotations

import _socket
import os

from orlop.errors import Unavailable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from orlop.client.endpoint import SshHost

_PROGRAM = "ssh"
_OPTIONS = ("-T", "-o", "ConnectTimeout=30")
_CHOICES = ("ORLOP_HOST", "ORLOP_CONTEXT", "DOCKER_HOST", "DOCKER_CONTEXT")
_started: list[int] = []


def connect(host: SshHost) -> _socket.socket:
    """A stream socket whose other end is that machine's engine; it belongs to the caller.

    Whatever ssh has to ask or to say goes to the terminal. It ends with the connection.

    Raises:
        Unavailable: there is no ssh.
    """
    _reap()
    ours, theirs = _socket.socketpair(_socket.AF_UNIX, _socket.SOCK_STREAM)
    for sock in (ours, theirs):
        os.set_inheritable(sock.fileno(), False)
    streams = [(os.POSIX_SPAWN_DUP2, theirs.fileno(), fd) for fd in (0, 1)]
    try:
        pid = os.posix_spawnp(_PROGRAM, command(host), _environment(), file_actions=streams)
        _started.append(pid)
    except OSError as error:
        ours.close()
        raise Unavailable(f"cannot start {_PROGRAM}: {os.strerror(error.errno or 0)}") from None
    finally:
        theirs.close()
    return ours


def _environment() -> dict[str, str]:
    """This process's own; what chooses an engine here must not choose one there, too."""
    return {name: value for name, value in os.environ.items() if name not in _CHOICES}


def command(host: SshHost) -> list[str]:
    """The words of the whole command."""
    port = ("-p", str(host.port)) if host.port else ()
    at = ("--host", f"unix://{host.socket}") if host.socket else ()
    return [_PROGRAM, *_OPTIONS, *port, "--", host.name, host.program, *at, "system", "dial-stdio"]


def _reap() -> None:
    """Those that have ended are no zombies any more."""
    _started[:] = [pid for pid in _started if os.waitpid(pid, os.WNOHANG) == (0, 0)]
