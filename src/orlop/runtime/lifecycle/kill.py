"""kill, pause and resume."""

from __future__ import annotations

from orlop.errors import InvalidArgument, NotFound, WrongState
from orlop.kernel.process import open_pidfd, send_signal
from orlop.runtime.lifecycle.status import CREATED, PAUSED, RUNNING, STOPPED, look

TYPE_CHECKING = False
if TYPE_CHECKING:
    from orlop.runtime.state import Store

_SIGKILL = 9

SIGNALS = {
    name: number
    for number, name in enumerate(
        [
            "HUP",
            "INT",
            "QUIT",
            "ILL",
            "TRAP",
            "ABRT",
            "BUS",
            "FPE",
            "KILL",
            "USR1",
            "SEGV",
            "USR2",
            "PIPE",
            "ALRM",
            "TERM",
            "STKFLT",
            "CHLD",
            "CONT",
            "STOP",
            "TSTP",
            "TTIN",
            "TTOU",
            "URG",
            "XCPU",
            "XFSZ",
            "VTALRM",
            "PROF",
            "WINCH",
            "IO",
            "PWR",
            "SYS",
        ],
        start=1,
    )
}
"""Signal numbers of x86-64 and arm64 by their names without SIG, signal(7)."""
_SYNONYMS = {"IOT": "ABRT", "CLD": "CHLD", "POLL": "IO"}
_LAST_SIGNAL = 64
_RTMIN, _RTMAX = 34, 64


def parse_signal(text: str) -> int:
    """The number of a signal given as `9`, `KILL`, `SIGKILL`, `RTMIN+1` or `rtmax-2`.

    Raises:
        InvalidArgument: there is no such signal.
    """
    if text.isascii() and text.isdecimal() and int(text) <= _LAST_SIGNAL:
        return int(text)
    name = text.upper().removeprefix("SIG")
    for base, number in (("RTMIN", _RTMIN), ("RTMAX", _RTMAX)):
        offset = name.removeprefix(base)
        if offset != name and (not offset or (offset[0] in "+-" and offset[1:].isdecimal())):
            realtime = number + int(offset or 0)
            if _RTMIN <= realtime <= _RTMAX:
                return realtime
    name = _SYNONYMS.get(name, name)
    if name in SIGNALS:
        return SIGNALS[name]
    raise InvalidArgument(f"there is no signal {text!r}")


def kill(store: Store, container: str, signal: int, *, everyone: bool = False) -> None:
    """Sends a signal to the container's first process, or with `everyone` to all its processes.

    Raises:
        NotFound: there is no such container.
        WrongState: it is stopped (with `everyone`: and none of its processes are left).
    """
    found = look(store.open(container, lock=False))
    if everyone and found.state.cgroup:
        cgroup = found.cgroup()
        if cgroup.processes() or found.status != STOPPED:
            cgroup.kill_all(signal)
            return
    if found.status == STOPPED or found.state.process is None:
        raise WrongState("kill", container, state=found.status, needs="running")
    import os

    try:
        pidfd = open_pidfd(found.state.process)
    except NotFound:
        raise WrongState("kill", container, state=STOPPED, needs="running") from None
    try:
        send_signal(pidfd, signal)
    except NotFound:
        raise WrongState("kill", container, state=STOPPED, needs="running") from None
    finally:
        os.close(pidfd)
    if signal == _SIGKILL and found.status == PAUSED:
        found.cgroup().thaw()  # on v1 a frozen task does not even take SIGKILL


def pause(store: Store, container: str) -> None:
    """All processes of the container stand still.

    Raises:
        WrongState: it is neither created nor running.
        Unsupported: the host has no freezer for it.
    """
    with store.open(container) as directory:
        found = look(directory)
        if found.status not in (CREATED, RUNNING):
            raise WrongState("pause", container, state=found.status, needs=RUNNING)
        found.cgroup().freeze()


def resume(store: Store, container: str) -> None:
    """The processes of a paused container go on.

    Raises:
        WrongState: it is not paused.
    """
    with store.open(container) as directory:
        found = look(directory)
        if found.status != PAUSED:
            raise WrongState("resume", container, state=found.status, needs=PAUSED)
        found.cgroup().thaw()
