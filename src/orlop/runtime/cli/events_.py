"""orlop-runtime events"""

from __future__ import annotations

import os
import time

from orlop import jsontext
from orlop.errors import InvalidArgument, WrongState
from orlop.kernel.process import open_pidfd
from orlop.options import FLAG, TEXT, Option
from orlop.runtime.lifecycle.status import STOPPED, look
from orlop.runtime.stats_document import stats_document

TYPE_CHECKING = False
if TYPE_CHECKING:
    from orlop.kernel.cgroup.live import Cgroup
    from orlop.options import Values
    from orlop.runtime.cli.log import Log
    from orlop.runtime.state import Store

USAGE = "[OPTIONS] CONTAINER"
WORDS = (1, 1)
OPTIONS = (
    Option(("--stats",), FLAG, "show the use of resources once"),
    Option(("--interval",), TEXT, "time between two readings, as 5s (default) or 500ms", "TIME"),
)


_UNITS_S = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "ns": 1e-9}


def run(store: Store, values: Values, _: Log) -> int:
    """Prints a line of JSON for each event, until the container ends."""
    found = look(store.open(values.words[0], lock=False))
    if found.status == STOPPED or found.state.process is None:
        raise WrongState("show events of", found.state.id, state=STOPPED, needs="running")
    cgroup = found.cgroup()
    if values.flag("stats"):
        _print(found.state.id, "stats", stats_document(cgroup.stats()))
        return 0
    interval_s = parse_duration(values.text("interval", "5s"))
    pidfd = open_pidfd(found.state.process)
    try:
        _follow(found.state.id, cgroup, pidfd, interval_s)
    finally:
        os.close(pidfd)
    return 0


def parse_duration(text: str) -> float:
    """Seconds of a duration in Go's form, as `1m30s` or `500ms`.

    Raises:
        InvalidArgument: it is none, or not above 0.
    """
    rest, seconds = text, 0.0
    while rest:
        number = rest[: len(rest) - len(rest.lstrip("0123456789."))]
        rest = rest[len(number) :]
        unit = rest[: len(rest) - len(rest.lstrip("hmsuµn"))]
        rest = rest[len(unit) :]
        try:
            seconds += float(number) * _UNITS_S[unit]
        except (ValueError, KeyError):
            raise InvalidArgument(f"{text!r} is not a duration such as 5s or 500ms") from None
    if seconds <= 0:
        raise InvalidArgument(f"the duration {text!r} has to be above 0")
    return seconds


def _follow(container: str, cgroup: Cgroup, pidfd: int, interval_s: float) -> None:
    """Stats at every interval, and an event for each time that memory ran out."""
    import select

    with cgroup.oom_watch() as watch:
        poll = select.poll()
        poll.register(pidfd, select.POLLIN)
        poll.register(watch.fileno(), select.POLLIN | select.POLLPRI)
        due = time.monotonic() + interval_s
        while True:
            ready = dict(poll.poll(max(0.0, due - time.monotonic()) * 1000))
            if pidfd in ready:
                return
            if watch.fileno() in ready and watch.wait(0):
                _print(container, "oom", None)
            if time.monotonic() >= due:
                _print(container, "stats", stats_document(cgroup.stats()))
                due += interval_s


def _print(container: str, kind: str, data: object) -> None:
    event = {"type": kind, "id": container}
    print(jsontext.dumps(event if data is None else event | {"data": data}), flush=True)
