"""What is known of a container becomes sentences that say why."""

from __future__ import annotations

import pytest

from orlop.engine.container import (
    EXITED,
    PAUSED,
    RESTARTING,
    RUNNING,
    UNHEALTHY,
    Container,
    HealthState,
    OomKill,
    Probe,
    ResolvedImage,
    State,
)
from orlop.engine.stats import CpuReading, StatsSample
from orlop.engine.why import Facts, Signal, Victim, Weight, Why, judge
from orlop.intent.request import Request
from orlop.kernel.cgroup.stats import (
    BlockIoStats,
    CpuStats,
    MemoryEntry,
    MemoryStats,
    PidsStats,
    Pressure,
    PressureLine,
    Stats,
)

SECOND = 10**9
START, END = 1000 * SECOND, 1010 * SECOND
MIB = 1 << 20


def container(**state: object) -> Container:
    made = State(status=EXITED, started_ns=START, finished_ns=END).replace(**state)
    return Container("c" * 64, "web", 1, Request(), ResolvedImage("host", ""), state=made)


def ended(exit_code: int, signals: tuple[Signal, ...] = (), **more: object) -> Facts:
    facts = Facts(container(exit_code=exit_code), END, signals=signals, victims=())
    return facts.replace(**more)


def sent(*pairs: tuple[int, float]) -> tuple[Signal, ...]:
    """Signals with the seconds before the end."""
    return tuple(Signal(number, END - int(before * SECOND)) for number, before in pairs)


OOM = OomKill(END, 64 * MIB, 1)
UNWELL = HealthState(UNHEALTHY, 3, (Probe(1, 2, 1, "no answer\nconnection refused\n"),))

ENDS = [
    (ended(0), "ended with success"),
    (ended(1), "status 1, which most programs use for any failure"),
    (ended(2), "wrong arguments"),
    (ended(42), "its program ended with status 42"),
    (ended(126), "could not be executed"),
    (ended(127), "a command was not found"),
    (ended(255), "was not seen"),
    (ended(139), "signal 11 (SIGSEGV): it touched memory that is not its own"),
    (ended(134), "(SIGABRT)"),
    (ended(159), "filter of system calls ended it"),
    (ended(143, sent((15, 0.1))), "(SIGTERM), sent through the engine: it was asked to end"),
    (ended(143), "(SIGTERM): it was asked to end"),
    (ended(130), "(SIGINT)"),
    (ended(128 + 40), "SIGRTMIN+6"),
    (ended(137, sent((15, 10), (9, 0.01))), "did not within its time, and was killed"),
    (ended(137, sent((9, 0.01))), "somebody has killed it through the engine"),
    (ended(137), "nor from the kernel"),
    (ended(137, victims=None), "is not known here"),
    (
        Facts(container(exit_code=137, oom=OOM), END),
        "its memory limit of 64 MiB was reached, and the kernel killed 1 process of it",
    ),
    (
        Facts(container(exit_code=137, oom=OOM), END, victims=(Victim("py", 7, END, 60 * MIB),)),
        "killed 1 process of it: py (process 7, 60 MiB of its own)",
    ),
    (
        Facts(container(exit_code=1), END, victims=(Victim("db", 7, END), Victim("db2", 8, END))),
        "its memory limit was reached, and the kernel killed 2 processes of it: db (process 7)",
    ),
    (
        Facts(container(exit_code=137), END, victims=(Victim("db", 7, END, by_limit=False),)),
        "the machine had no memory left",
    ),
    (
        Facts(container(exit_code=137, stopped_by_user=True), END, victims=()),
        "somebody has stopped it through the engine",
    ),
    (
        Facts(
            container(exit_code=137, health=UNWELL),
            END,
            signals=sent((15, 10), (9, 0)),
            victims=(),
        ),
        "it was unhealthy, was asked to end (SIGTERM) and did not",
    ),
    (
        Facts(container(exit_code=143, health=UNWELL), END, signals=sent((15, 0))),
        "since it was unhealthy",
    ),
    (
        Facts(container(exit_code=127, error="no such program", finished_ns=0), END),
        "its last start has failed: no such program",
    ),
    (
        Facts(container(exit_code=137, error="its launcher was killed"), END, victims=()),
        "its launcher was killed",
    ),
]


@pytest.mark.parametrize(("facts", "text"), ENDS)
def test_ends_have_reasons(facts: Facts, text: str) -> None:
    why = judge(facts)
    everything = "\n".join((why.summary, *(finding.text for finding in why.findings)))
    assert text in everything
    assert why.summary.startswith("web is exited: ")


def test_memory_comes_first() -> None:
    why = judge(Facts(container(exit_code=137, oom=OOM), END))
    assert why.findings[0].subject == "memory"
    assert "memory limit" in why.summary
    assert "--memory" in why.findings[0].hint


def test_a_container_that_was_never_started() -> None:
    made = container(status="created", started_ns=0, finished_ns=0)
    why = judge(Facts(made, END))
    assert why.summary == "web is created: it was never started"


def test_success_is_no_cause() -> None:
    why = judge(ended(0))
    assert why.findings[0].weight is Weight.NOTE


def test_an_unknown_refusal_is_said_to_be_unknown() -> None:
    assert any("is not known" in finding.text for finding in judge(ended(1)).findings)
    facts = ended(1, refused=("mount", "ptrace"))
    assert any("mount, ptrace" in finding.text for finding in judge(facts).findings)
    unfiltered = ended(1, filtered=False)
    assert not any(f.subject == "system calls" for f in judge(unfiltered).findings)


def test_restarts_are_told() -> None:
    facts = Facts(container(status=RESTARTING, restarts=3, exit_code=1), END)
    assert any("will start it again (restart 4)" in f.text for f in judge(facts).findings)
    facts = Facts(container(restarts=3, exit_code=1), END)
    assert any("started it again 3 times" in f.text for f in judge(facts).findings)


def test_the_last_lines_come_along() -> None:
    assert judge(ended(1, lines=("boom",))).lines == ("boom",)


# --- slow -------------------------------------------------------------------------------------


def running(usage: Stats = Stats(), **more: object) -> Why:  # noqa: B008 - a frozen value
    now = CpuReading(END, usage.cpu, 0, 2)
    sample = StatsSample(
        "c", "web", now=now, before=CpuReading(START), usage=usage, memory_limit_bytes=100 * MIB
    )
    state = container(status=RUNNING, finished_ns=0, **more)
    return judge(Facts(state, END, sample=sample, victims=()))


def memory(usage: int, failures: int = 0, **more: object) -> Stats:
    entry = MemoryEntry(usage=usage, failures=failures)
    return Stats(memory=MemoryStats(usage=entry).replace(**more))


PRESSED = Pressure(PressureLine(avg60=55.0), PressureLine(avg60=40.0))
SLOW = [
    (
        Stats(cpu=CpuStats(periods=100, throttled_periods=50, throttled_time=4 * SECOND)),
        "held it back in 50 % of the periods of the last 10 s, for 4 s",
        Weight.CAUSE,
    ),
    (
        Stats(cpu=CpuStats(periods=100, throttled_periods=10, throttled_time=SECOND)),
        "in 10 % of the periods",
        Weight.WARNING,
    ),
    (memory(95 * MIB), "it uses 95 % of the 100 MiB of memory", Weight.CAUSE),
    (memory(50 * MIB, 7), "limit of 100 MiB was reached 7 times", Weight.WARNING),
    (memory(5, oom_kills=2), "has killed 2 processes of it for want of memory", Weight.CAUSE),
    (memory(5, pressure=PRESSED), "everything in it waited for memory 40 %", Weight.CAUSE),
    (Stats(pids=PidsStats(10, 10, 3)), "3 processes or threads could not be made", Weight.CAUSE),
    (Stats(pids=PidsStats(95, 100)), "95 processes and threads of the 100", Weight.WARNING),
    (
        Stats(block_io=BlockIoStats(pressure=Pressure(PressureLine(avg60=20.0)))),
        "something in it waited for disks 20 %",
        Weight.WARNING,
    ),
]


@pytest.mark.parametrize(("usage", "text", "weight"), SLOW)
def test_what_holds_it_up_is_found(usage: Stats, text: str, weight: Weight) -> None:
    why = running(usage)
    assert text in why.findings[0].text
    assert why.findings[0].weight is weight
    assert why.summary.startswith("web runs, but ")


def test_nothing_holds_up_what_is_well() -> None:
    assert running().summary == "web runs, and nothing holds it up"
    assert running(memory(50 * MIB)).findings == ()


def test_a_paused_container_stands_still() -> None:
    state = container(status=PAUSED, finished_ns=0)
    assert "it is paused" in judge(Facts(state, END)).summary


def test_failing_checks_are_told_with_what_they_said() -> None:
    why = running(health=UNWELL)
    assert "its last 3 health checks failed: connection refused" in why.summary
