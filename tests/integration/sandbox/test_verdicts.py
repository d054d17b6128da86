"""What is said of a run, and what it used."""

from __future__ import annotations

import signal

import pytest

from orlop import Sandbox, Verdict
from orlop.errors import CommandNotExecutable, CommandNotFound, LaunchError
from orlop.sandbox import RunOptions

pytestmark = [pytest.mark.requires_root, pytest.mark.requires_launcher]

FORK_BOMB = "import os\nwhile True:\n  try: os.fork()\n  except OSError: pass"
CASES: dict[str, tuple[str, RunOptions, Verdict]] = {
    "ok": ("echo hello", {}, Verdict.OK),
    "exit 3": ("exit 3", {}, Verdict.NONZERO),
    "a signal": ("kill -SEGV $$", {}, Verdict.SIGNAL),
    "a signal that shells report as 9": ("sh -c 'kill -9 $$'; exit $?", {}, Verdict.NONZERO),
    "sleeping": ("sleep 100", {"timeout_s": 0.1}, Verdict.TIMEOUT),
    "endless": ("while :; do :; done", {"cpu_time_s": 0.1}, Verdict.CPU_LIMIT),
    "endless, without a limit": ("while :; do :; done", {"timeout_s": 0.1}, Verdict.TIMEOUT),
    "endless children": (
        "(while :; do :; done) & (while :; do :; done) & wait",
        {"cpu_time_s": 0.1},
        Verdict.CPU_LIMIT,
    ),
    "flood": ("cat /dev/zero", {"output": 5000}, Verdict.OUTPUT_LIMIT),
    "flood of errors": ("cat /dev/zero >&2", {"output": 5000}, Verdict.OUTPUT_LIMIT),
    "one byte too much": ("head -c 5001 /dev/zero", {"output": 5000}, Verdict.OUTPUT_LIMIT),
    "all that it may write": ("head -c 5000 /dev/zero", {"output": 5000}, Verdict.OK),
    "memory": ("python3 -c 'bytearray(100 << 20)'", {}, Verdict.MEMORY_LIMIT),
    "memory of a child": ("python3 -c 'bytearray(100 << 20)'; exit 0", {}, Verdict.MEMORY_LIMIT),
    "fork bomb": (f'python3 -c "{FORK_BOMB}"', {"timeout_s": 0.5}, Verdict.PIDS_LIMIT),
    "too many processes": (
        "for i in 1 2 3 4 5 6 7 8 9 0; do sleep 9 & done; wait",
        {"timeout_s": 9},
        Verdict.PIDS_LIMIT,
    ),
    "full disk": ("head -c 50m /dev/zero >/work/big", {}, Verdict.DISK_LIMIT),
    "full disk, and emptied": ("head -c 50m /dev/zero >big; rm big; exit 1", {}, Verdict.NONZERO),
}


@pytest.mark.parametrize("case", CASES)
def test_verdict(case: str) -> None:
    script, options, verdict = CASES[case]
    with Sandbox(memory="64m", pids=8, disk="16m") as box:
        assert box.run(["sh", "-c", script], **options).verdict == verdict
        assert box.run(["true"]).ok, "the box is as good as before"


def test_status_of_a_signal(box: Sandbox) -> None:
    result = box.run(["sh", "-c", "kill -TERM $$"])
    assert (result.signal, result.exit_code, result.status) == (signal.SIGTERM, None, 143)
    result = box.run(["sh", "-c", "exit 7"])
    assert (result.signal, result.exit_code, result.status) == (None, 7, 7)


def test_a_forbidden_system_call() -> None:
    reboot = ["python3", "-c", "import ctypes; print(ctypes.CDLL(None).reboot(0))"]
    with Sandbox() as box:
        assert box.run(reboot).stdout == b"-1\n"
    with Sandbox(on_refused="kill") as box:
        assert box.run(["python3", "-c", "print(1)"]).ok
        result = box.run(reboot)
    assert (result.verdict, result.signal) == (Verdict.REFUSED_SYSCALL, signal.SIGSYS)


def test_output_is_kept_up_to_the_limit(box: Sandbox) -> None:
    result = box.run(["sh", "-c", "echo first; cat /dev/zero"], output=1000)
    assert len(result.stdout) == 1000
    assert result.stdout.startswith(b"first\n")


def test_a_program_that_there_is_not(box: Sandbox) -> None:
    with pytest.raises(CommandNotFound, match="nope"):
        box.run(["nope"])
    with pytest.raises(CommandNotFound):
        box.run(["/nope"])
    with pytest.raises(CommandNotExecutable):
        box.run(["/etc/passwd"])
    with pytest.raises(LaunchError, match="/nowhere"):
        box.run(["true"], cwd="/nowhere")
    assert box.run(["true"]).ok


def test_usage_is_that_of_all_processes(box: Sandbox) -> None:
    burn = "python3 -c 'import time\nwhile time.process_time() < 0.1: sum(range(9999))'"
    usage = box.run(["sh", "-c", f"{burn} & {burn} & wait"]).usage
    assert usage.cpu_ns > 200e6
    assert abs(usage.user_ns + usage.system_ns - usage.cpu_ns) < 0.1 * usage.cpu_ns
    assert usage.user_ns > usage.system_ns
    assert usage.wall_ns > 100e6


def test_usage_does_not_add_up_over_runs(box: Sandbox) -> None:
    big = box.run(["python3", "-c", "x = bytearray(40 << 20)"]).usage
    small = box.run(["true"]).usage
    assert 40 << 20 < big.memory_peak_bytes < 80 << 20
    assert small.cpu_ns < big.cpu_ns
    assert (small.oom_kills, small.refused_forks) == (0, 0)


@pytest.mark.requires_cgroup_v1  # v2 has that since Linux 6.12 only
def test_the_peak_is_that_of_the_run(box: Sandbox) -> None:
    box.run(["python3", "-c", "x = bytearray(40 << 20)"])
    assert box.run(["true"]).usage.memory_peak_bytes < 10 << 20


def test_usage_of_the_disk(box: Sandbox) -> None:
    before = box.run(["true"]).usage.disk_bytes
    after = box.run(["sh", "-c", "head -c 3m /dev/zero >/work/file"]).usage.disk_bytes
    assert after - before == 3 << 20
    box.run(["rm", "/work/file"])
    assert box.run(["true"]).usage.disk_bytes == before
