"""A launcher that stays as the container's shim: streams, log, and what is counted at the end."""

from __future__ import annotations

import posixpath

from orlop.launch.detach_keys import parse_detach_keys
from orlop.launch.plan import HAS_TERMINAL, OPEN_STDIN, STDIN_ONCE, Supervise
from orlop.launch.supervision import SOCKET, LogFile

TYPE_CHECKING = False
if TYPE_CHECKING:
    from orlop.launch.supervision import Supervision
    from orlop.runtime.planner.builder import Builder
    from orlop.runtime.planner.situation import Situation

# The numbers that the report has room for, in its order: kills, limit hits, peak, limit.
_V1 = (
    ("memory.oom_control", "oom_kill"),
    ("memory.failcnt", ""),
    ("memory.max_usage_in_bytes", ""),
    ("memory.limit_in_bytes", ""),
)
_V2 = (
    ("memory.events", "oom_kill"),
    ("memory.events", "max"),
    ("memory.peak", ""),
    ("memory.max", ""),
)


def plan_supervision(b: Builder, situation: Situation) -> None:
    """Comes first, so that no other process keeps descriptors of the launcher's."""
    wanted, handed = situation.supervision, situation.handed
    if wanted is None:
        return
    log = wanted.log or LogFile("", 0, 0)
    op = Supervise(
        socket=handed.slot("shim_socket"),
        directory=handed.slot("shim_directory"),
        name=SOCKET,
        stdin=handed.slot("shim_stdin"),
        stdout=handed.slot("shim_stdout"),
        stderr=handed.slot("shim_stderr"),
        log=handed.slot("log_directory"),
        log_name=posixpath.basename(log.path),
        max_bytes=log.max_bytes,
        max_files=log.max_files,
        attributes=log.attributes,
        flags=_flags(wanted),
        detach_keys=parse_detach_keys(wanted.detach_keys),
        counters=_counters(situation),
    )
    b.launcher(op, "the launcher keeps the streams, whoever else ends")


def _flags(wanted: Supervision) -> int:
    chosen = (
        (wanted.terminal, HAS_TERMINAL),
        (wanted.open_stdin, OPEN_STDIN),
        (wanted.stdin_once, STDIN_ONCE),
    )
    return sum(flag for is_wanted, flag in chosen if is_wanted)


def _counters(situation: Situation) -> tuple[str, ...]:
    """Files of the container's own memory control group, each with the key in it."""
    memory = situation.layout.of("memory")
    if memory is None or situation.cgroup is None:
        return ()
    directory = situation.cgroup.paths.get(memory.mount)
    if directory is None:
        return ()
    rows = _V2 if memory.v2 else _V1
    return tuple(text for file, key in rows for text in (f"{directory}/{file}", key))
