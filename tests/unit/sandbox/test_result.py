"""From facts to a verdict."""

from __future__ import annotations

import pytest

from orlop.sandbox import Result, Usage, Verdict
from orlop.sandbox.result import End, verdict_of

EXIT_3, SIGSEGV, SIGKILL, SIGSYS, SIGXCPU = 3 << 8, 11, 9, 31, 24
NOTHING = End(0, None, 0, 0, disk_full=False)


@pytest.mark.parametrize(
    ("end", "verdict"),
    [
        (NOTHING, Verdict.OK),
        (NOTHING.replace(status=EXIT_3), Verdict.NONZERO),
        (NOTHING.replace(status=SIGSEGV), Verdict.SIGNAL),
        (NOTHING.replace(status=SIGSEGV | 0x80), Verdict.SIGNAL),
        (NOTHING.replace(status=SIGSYS), Verdict.REFUSED_SYSCALL),
        (NOTHING.replace(status=SIGXCPU), Verdict.CPU_LIMIT),
        (NOTHING.replace(status=SIGKILL, stopped=Verdict.TIMEOUT), Verdict.TIMEOUT),
        (NOTHING.replace(status=SIGKILL, stopped=Verdict.CPU_LIMIT), Verdict.CPU_LIMIT),
        (NOTHING.replace(stopped=Verdict.OUTPUT_LIMIT), Verdict.OUTPUT_LIMIT),
        (NOTHING.replace(oom_kills=1), Verdict.MEMORY_LIMIT),
        (
            NOTHING.replace(status=SIGKILL, oom_kills=1, stopped=Verdict.TIMEOUT),
            Verdict.MEMORY_LIMIT,
        ),
        (NOTHING.replace(refused_forks=3), Verdict.OK),
        (NOTHING.replace(refused_forks=3, status=EXIT_3), Verdict.PIDS_LIMIT),
        (NOTHING.replace(refused_forks=3, stopped=Verdict.TIMEOUT), Verdict.PIDS_LIMIT),
        (NOTHING.replace(disk_full=True), Verdict.OK),
        (NOTHING.replace(disk_full=True, status=EXIT_3), Verdict.DISK_LIMIT),
        (NOTHING.replace(disk_full=True, stopped=Verdict.TIMEOUT), Verdict.TIMEOUT),
    ],
)
def test_verdict(end: End, verdict: Verdict) -> None:
    assert verdict_of(end) is verdict


def test_verdicts_are_words() -> None:
    assert str(Verdict.CPU_LIMIT) == "cpu-limit"
    assert Verdict("memory-limit") is Verdict.MEMORY_LIMIT


def test_status_as_shells_have_it() -> None:
    by_signal = Result(Verdict.SIGNAL, None, 9, b"", b"", Usage())
    by_itself = Result(Verdict.NONZERO, 3, None, b"", b"", Usage())
    assert (by_signal.status, by_itself.status) == (137, 3)
    assert not by_itself.ok
    assert by_itself.replace(verdict=Verdict.OK).ok
