"""A launcher that stays as a shim, and its init in the container (launch/supervise.c, init.c)."""

from __future__ import annotations

from orlop.insight.notation.syntax import Calls, aside, call, descriptor, quoted
from orlop.launch.plan import NO_SLOT, BecomeInit, Supervise

TYPE_CHECKING = False
if TYPE_CHECKING:
    from orlop.insight.notation.scene import Notations, Scene

_LOG = "O_RDWR|O_APPEND|O_CREAT|O_NOFOLLOW|O_NOCTTY|O_NONBLOCK|O_CLOEXEC"


def _supervise(op: Supervise, s: Scene) -> Calls:
    listening = aside("fcntl", s.slot(op.socket), "F_SETFL", "O_RDWR|O_NONBLOCK")
    session = call("setsid", note="from now on it takes commands and clients, and keeps the log")
    if op.log == NO_SLOT:
        return (listening, session)
    log = descriptor(op.log_name)
    opened = call("openat", s.slot(op.log), quoted(op.log_name), _LOG, "0640", result=log)
    return (listening, session, opened, aside("fstat", log))


def _become_init(_op: BecomeInit, _: Scene) -> Calls:
    return (
        aside("rt_sigprocmask", "SIG_SETMASK", "~[faults]", "NULL"),
        call("clone", "SIGCHLD", result="PROGRAM", note="which goes on; its parent is the init"),
    )


CALLS: Notations = {
    Supervise: _supervise,
    BecomeInit: _become_init,
}
