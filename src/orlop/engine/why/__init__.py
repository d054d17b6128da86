"""`why`: in plain words, why a container has ended or is slow.

What is known comes from the container's state, its control groups, the engine's last events and
the kernel's log; what to make of it is pure (`judge`).
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from orlop.engine.blocking import in_thread
from orlop.engine.container import RESTARTING, UNHEALTHY
from orlop.engine.events import CONTAINER
from orlop.engine.logs import LogQuery
from orlop.engine.victims import CLOCK_NS, last_run, victims
from orlop.engine.why import ending, slowness
from orlop.engine.why.facts import Facts, Finding, Signal, Victim, Weight, Why
from orlop.errors import OrlopError, Unsupported
from orlop.insight.quantities import plural
from orlop.intent.request import Unconfined
from orlop.kernel import kernel_log

if TYPE_CHECKING:
    from collections.abc import Iterator

    from orlop.engine.container import Container
    from orlop.engine.events import Events
    from orlop.engine.known import Known
    from orlop.engine.logs import Logs
    from orlop.engine.stats import StatsService

__all__ = ["Facts", "Finding", "Signal", "Victim", "Weight", "Why", "Whys", "judge"]

_LINES = 10
_LONGEST_LINE = 500
_BY_SIGSYS = 128 + 31
_ORDER = tuple(Weight)


class Whys:
    """Answers why containers are as they are."""

    def __init__(self, containers: Known, events: Events, logs: Logs, stats: StatsService) -> None:
        self._containers = containers
        self._events = events
        self._logs = logs
        self._stats = stats

    async def explain(self, ref: str) -> Why:
        """The answer for one container.

        Raises:
            NotFound: there is no such container.
        """
        return judge(await self.facts(ref))

    async def facts(self, ref: str) -> Facts:
        """What is known about one container.

        Raises:
            NotFound: there is no such container.
        """
        container = self._containers.get(ref)
        sample = await self._stats.read(container.id) if container.is_running else None
        lines = await in_thread(kernel_log.read_lines)
        return Facts(
            container,
            time.time_ns(),
            sample=sample if sample and sample.now.at_ns else None,
            signals=self._signals(container),
            victims=None if lines is None else _victims(container, lines),
            refused=None if lines is None else await in_thread(_refused, container, lines),
            filtered=_is_filtered(container),
            lines=await self._last_lines(container),
        )

    def _signals(self, container: Container) -> tuple[Signal, ...]:
        """Those of its last run that are remembered."""
        history = self._events.history(since_ns=container.state.started_ns)
        return tuple(
            Signal(int(event.attribute("signal", "0")), event.at_ns)
            for event in history
            if (event.type, event.id, event.action) == (CONTAINER, container.id, "kill")
            and event.attribute("signal").isdecimal()
        )

    async def _last_lines(self, container: Container) -> tuple[str, ...]:
        try:
            found = [line async for line in self._logs.read(container.id, LogQuery(tail=_LINES))]
        except OrlopError:  # it has no log
            return ()
        text = b"".join(line.data for line in found).decode("utf-8", "replace")
        return tuple(line[:_LONGEST_LINE] for line in text.splitlines())


def judge(facts: Facts) -> Why:
    """What follows from the facts."""
    container = facts.container
    found = list(_findings(facts))
    found.sort(key=lambda finding: _ORDER.index(finding.weight))  # stable
    return Why(
        container.id,
        container.name,
        container.state.status,
        _summary(facts, found),
        tuple(found),
        facts.lines,
    )


def _findings(facts: Facts) -> Iterator[Finding]:
    if facts.container.is_running:
        yield from slowness.findings(facts)
    else:
        yield from ending.findings(facts)
    yield from _restarts(facts.container)
    yield from _calls(facts)


def _summary(facts: Facts, found: list[Finding]) -> str:
    container = facts.container
    first = next((finding for finding in found if finding.weight is not Weight.NOTE), None)
    if container.is_running:
        if first is None:
            return f"{container.name} runs, and nothing holds it up"
        return f"{container.name} runs, but {first.text}"
    if not found:
        return f"{container.name} is {container.state.status}"
    return f"{container.name} is {container.state.status}: {(first or found[0]).text}"


def _restarts(container: Container) -> Iterator[Finding]:
    state = container.state
    if state.status == RESTARTING:
        text = f"its restart policy will start it again (restart {state.restarts + 1})"
        yield Finding("restarts", Weight.NOTE, text)
    elif state.restarts:
        text = f"its restart policy has started it again {plural(state.restarts, 'time')}"
        yield Finding("restarts", Weight.WARNING if state.restarts > 2 else Weight.NOTE, text)
    if state.health is not None and state.health.status == UNHEALTHY and not container.is_running:
        yield Finding("health", Weight.NOTE, "it was unhealthy when it ended")


def _calls(facts: Facts) -> Iterator[Finding]:
    if facts.refused:
        text = f"its filter has refused the system calls {', '.join(facts.refused)}"
        yield Finding("system calls", Weight.WARNING, text, "allow them in a profile of its own")
    elif facts.filtered and _may_have_been_refused(facts.container):
        text = "whether its filter refused a system call is not known: the kernel logs deadly ones"
        hint = "try it with --security-opt seccomp=unconfined to find out"
        yield Finding("system calls", Weight.NOTE, text, hint)


def _may_have_been_refused(container: Container) -> bool:
    """It ended as programs do whose calls fail."""
    return not container.is_running and 0 < container.state.exit_code < 125


def _victims(container: Container, lines: tuple[kernel_log.Line, ...]) -> tuple[Victim, ...]:
    return tuple(
        Victim(kill.victim, kill.pid, kill.at_ns, kill.anonymous_bytes, kill.by_limit)
        for kill in victims(container, lines)
    )


def _refused(container: Container, lines: tuple[kernel_log.Line, ...]) -> tuple[str, ...]:
    """Names of calls that its first process made, or that ended it."""
    state = container.state
    begun, ended = last_run(container)
    calls = [
        (call.arch, call.number)
        for call in kernel_log.refused_calls(lines)
        if (call.pid == state.pid and begun <= call.at_ns <= ended)
        or (state.exit_code == _BY_SIGSYS and abs(call.at_ns - state.finished_ns) < CLOCK_NS)
    ]
    return tuple(sorted({_call_name(*call) for call in calls}))


def _call_name(arch: int, number: int) -> str:
    from orlop.kernel import seccomp_library

    try:
        return seccomp_library.load().name_of(arch, number)
    except Unsupported:
        return f"number {number}"


def _is_filtered(container: Container) -> bool:
    privileges = container.request.privileges
    return not privileges.privileged and privileges.seccomp != Unconfined()
