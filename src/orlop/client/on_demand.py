"""An engine that is started because somebody wants to talk to it."""

from __future__ import annotations

import os
import sys

from orlop.errors import DeadlineExceeded, Unavailable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

READY = b"ready"
_PATIENCE_S = 30
_KEPT = ("PATH", "HOME", "LANG", "TMPDIR", "XDG_RUNTIME_DIR", "XDG_DATA_HOME", "DOCKER_CONFIG")
_KEPT_ENDS = ("_proxy", "_PROXY")


def start_engine(words: Sequence[str], log: str) -> None:
    """An engine runs in the background and takes connections.

    It is the same one for clients that want one at the same time: the daemon itself sees to that.

    Args:
        words: options of `orlop daemon`, where they are not the default.
        log: host path of what it writes once it is in the background.

    Raises:
        Unavailable: it cannot start; the message says what it says.
        DeadlineExceeded: it says nothing.
    """
    ready, told = os.pipe()
    errors, stderr = os.pipe()
    os.set_inheritable(told, True)
    command = [program(), "daemon", "--on-demand", "--ready-fd", str(told), *words]
    try:
        pid = os.posix_spawn(command[0], command, _environment(), file_actions=_streams(stderr))
    except OSError as error:
        os.close(ready)
        os.close(errors)
        raise _failed(f"{command[0]}: {os.strerror(error.errno or 0)}") from None
    finally:
        os.close(told)
        os.close(stderr)
    try:
        said = _first_line(ready)
        os.waitpid(pid, 0)
        if said != READY:
            reason = said or _first_line(errors) or _last_line(log) or b"it ended without a word"
            raise _failed(reason.decode(errors="replace").removeprefix("orlop: "))
    finally:
        os.close(ready)
        os.close(errors)


def _failed(reason: str) -> Unavailable:
    hint = "`orlop daemon` shows what it does"
    return Unavailable(f"cannot start an engine: {reason}", hint=hint)


def _last_line(log: str) -> bytes:
    try:
        with open(log, "rb") as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - 4096))
            lines = file.read().split(b"\n")
    except OSError:
        return b""
    return next((line for line in reversed(lines) if line.strip()), b"")


def program() -> str:
    """The `orlop` command that belongs to this interpreter, a host path."""
    return f"{os.path.dirname(sys.executable)}/orlop"


def _environment() -> dict[str, str]:
    """What an engine has of its starter's environment, so that it does not matter who that is."""
    return {
        name: value
        for name, value in os.environ.items()
        if name in _KEPT or name.endswith(_KEPT_ENDS)
    }


def _streams(stderr: int) -> list[Any]:
    """No stream of the client's: who waits for the end of its output must not wait for ever."""
    nothing = [(os.POSIX_SPAWN_OPEN, fd, "/dev/null", os.O_RDWR, 0) for fd in (0, 1)]
    return [*nothing, (os.POSIX_SPAWN_DUP2, stderr, 2)]


def _first_line(fd: int) -> bytes:
    """The first line that the daemon says, or what it says before it closes its end."""
    import select
    from time import monotonic

    deadline = monotonic() + _PATIENCE_S
    poll = select.poll()
    poll.register(fd, select.POLLIN)
    said = b""
    while b"\n" not in said:
        left = deadline - monotonic()
        if left <= 0 or not poll.poll(left * 1000):
            raise DeadlineExceeded(f"an engine was started, and is not ready after {_PATIENCE_S} s")
        data = os.read(fd, 4096)
        if not data:
            break
        said += data
    return said.partition(b"\n")[0].strip()
