"""Why a container has ended, or did not start, in words."""

from __future__ import annotations

import signal as signals
from typing import TYPE_CHECKING

from orlop.engine.container import CREATED, UNHEALTHY
from orlop.engine.why.facts import Finding, Weight
from orlop.insight.quantities import plural, quantity
from orlop.kernel.cgroup.limits import BYTES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from orlop.engine.why.facts import Facts, Victim

_END = "end"
_BY_SIGNAL = 128
_SIGKILL, _SIGTERM, _SIGSYS = 9, 15, 31
_NEAR_NS = 3 * 10**9  # a signal this close before the end has caused it

_MEANINGS = {
    0: ("its program has done its work and ended with success", ""),
    1: ("its program ended with status 1, which most programs use for any failure", ""),
    2: (
        "its program ended with status 2, which shells and many programs use for wrong arguments",
        "look at the command and its options",
    ),
    125: ("its program ended with status 125, by which engines say that a start has failed", ""),
    126: (
        "its program ended with status 126: a command was found, but could not be executed",
        "look for a file without execute permission, or for another machine type",
    ),
    127: (
        "its program ended with status 127: a command was not found",
        "look for what the container's shell tried to run, and at PATH",
    ),
    255: ("its end was not seen, or its program ended with status 255", ""),
}
_SIGNALS = {
    "SIGSEGV": ("it touched memory that is not its own, a mistake in the program", ""),
    "SIGABRT": ("it gave up by itself, as after a failed assertion", "read its last lines"),
    "SIGBUS": (
        "it touched memory that is not there, as of a file that was cut or a full /dev/shm",
        "give it a larger --shm-size",
    ),
    "SIGILL": (
        "it executed an instruction that this CPU does not have",
        "look whether it was built for another CPU",
    ),
    "SIGFPE": ("it divided by zero, or the like", ""),
    "SIGPIPE": ("it wrote to a pipe that nobody reads any more", ""),
    "SIGSYS": (
        "its filter of system calls ended it for a call that is not allowed",
        "find the call with `orlop trace`, and allow it in a profile",
    ),
    "SIGXCPU": ("it used more CPU time than its limit allows", "raise --ulimit cpu"),
    "SIGXFSZ": ("it wrote a file larger than its limit allows", "raise --ulimit fsize"),
    "SIGHUP": ("its terminal was closed", ""),
    "SIGINT": ("somebody has interrupted it, as with Ctrl-C", ""),
    "SIGTERM": ("it was asked to end, and did", ""),
    "SIGQUIT": ("it was asked to end, and did", ""),
}


def findings(facts: Facts) -> Iterator[Finding]:
    """What is known of the end of a container that does not run; the first one is the reason."""
    state = facts.container.state
    if not state.started_ns and not state.error:
        if state.status == CREATED:
            yield Finding(_END, Weight.NOTE, "it was never started", "start it")
        return
    if state.error and not state.pid and state.finished_ns <= state.started_ns:
        yield Finding("start", Weight.CAUSE, f"its last start has failed: {state.error}")
        return
    yield from _memory(facts)
    yield _status(facts)
    if state.error:
        yield Finding(_END, Weight.CAUSE, state.error)


def _memory(facts: Facts) -> Iterator[Finding]:
    oom, victims = facts.container.state.oom, facts.victims or ()
    if oom is None and not victims:
        return
    names = [_victim(victim) for victim in victims[-3:]]
    if not names and oom is not None and oom.victim:
        names = [f"{oom.victim} (process {oom.victim_pid})"]
    kills = max(oom.kills if oom else 0, len(victims))
    limit = oom.limit_bytes if oom else None
    machine = any(not victim.by_limit for victim in victims)
    reason = "the machine had no memory left" if machine else "its memory limit was reached"
    if limit and not machine:
        reason = f"its memory limit of {quantity(limit, BYTES)} was reached"
    who = f": {', '.join(names)}" if names else ""
    hint = "give the machine more memory, or its containers limits"
    yield Finding(
        "memory",
        Weight.CAUSE,
        f"{reason}, and the kernel killed {plural(kills, 'process', 'processes')} of it{who}",
        hint if machine else "raise --memory, or find what it needs so much for",
    )


def _victim(victim: Victim) -> str:
    own = quantity(victim.anonymous_bytes, BYTES) if victim.anonymous_bytes else ""
    return f"{victim.name} (process {victim.pid}{f', {own} of its own' if own else ''})"


def _status(facts: Facts) -> Finding:
    code = facts.container.state.exit_code
    number = code - _BY_SIGNAL
    if not 0 < number < signals.NSIG or code == 255:
        text, hint = _MEANINGS.get(code, (f"its program ended with status {code}", ""))
        return Finding(_END, Weight.NOTE if code == 0 else Weight.CAUSE, text, hint)
    return _signalled(facts, number)


def _signalled(facts: Facts, number: int) -> Finding:
    name = _name(number)
    if number == _SIGKILL:
        return Finding(_END, Weight.CAUSE, *_killed(facts))
    text, hint = _SIGNALS.get(name, ("it was ended by it", ""))
    weight = Weight.NOTE if facts.container.state.stopped_by_user else Weight.CAUSE
    if number in (_SIGTERM, signals.SIGINT, signals.SIGQUIT, signals.SIGHUP):
        who = _who(facts, number)
        return Finding(_END, weight, f"it ended by signal {number} ({name}){who}: {text}", hint)
    return Finding(_END, Weight.CAUSE, f"it ended by signal {number} ({name}): {text}", hint)


def _killed(facts: Facts) -> tuple[str, str]:
    """Who has sent SIGKILL, which nobody sees but the kernel."""
    state = facts.container.state
    if state.oom is not None or facts.victims:
        return "it ended by signal 9 (SIGKILL), from the kernel", ""
    if asked := _asked_before(facts):
        if _was_unhealthy(facts):
            return f"it was unhealthy, was asked to end ({asked}) and did not, so it was killed", ""
        return (
            f"it was asked to end with {asked}, did not within its time, and was killed",
            "its first process ignores the signal: use --init, another --stop-signal, or `exec`"
            " in its start script",
        )
    if _sent(facts, _SIGKILL):
        return "somebody has killed it through the engine (SIGKILL)", ""
    if state.stopped_by_user:
        return "somebody has stopped it through the engine, and it was killed (SIGKILL)", ""
    text = "it ended by signal 9 (SIGKILL), which did not come through the engine"
    if facts.victims is None:
        return f"{text}; whether it was the kernel for want of memory is not known here", ""
    return f"{text}, nor from the kernel: a process of the container or of the host sent it", ""


def _asked_before(facts: Facts) -> str:
    """The signal that asked it to end before it was killed, "" if none did."""
    kill = next((s.at_ns for s in reversed(facts.signals) if s.number == _SIGKILL), None)
    asked = [s for s in facts.signals if s.number != _SIGKILL and (not kill or s.at_ns <= kill)]
    return _name(asked[-1].number) if kill and asked else ""


def _was_unhealthy(facts: Facts) -> bool:
    health = facts.container.state.health
    return (
        health is not None
        and health.status == UNHEALTHY
        and not facts.container.state.stopped_by_user
    )


def _who(facts: Facts, number: int) -> str:
    if not _sent(facts, number):
        return ""
    return ", since it was unhealthy" if _was_unhealthy(facts) else ", sent through the engine"


def _sent(facts: Facts, number: int) -> bool:
    end_ns = facts.container.state.finished_ns
    return any(s.number == number and abs(end_ns - s.at_ns) < _NEAR_NS for s in facts.signals)


def _name(number: int) -> str:
    try:
        return signals.Signals(number).name
    except ValueError:
        return f"SIGRTMIN+{number - signals.SIGRTMIN}" if number >= signals.SIGRTMIN else "unknown"
