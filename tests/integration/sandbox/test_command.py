"""`orlop sandbox`."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.integration.support.faults import Watch

pytestmark = [pytest.mark.requires_root, pytest.mark.requires_launcher]

ORLOP = Path(sys.executable).parent / "orlop"


def sandbox(*words: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    command = [str(ORLOP), "sandbox", *words]
    return subprocess.run(command, input=stdin, capture_output=True, text=True, check=False)


def test_streams_and_status_are_the_programs() -> None:
    done = sandbox("--", "sh", "-c", "cat; echo err >&2; exit 7", stdin="through")
    assert (done.stdout, done.stderr, done.returncode) == ("through", "err\n", 7)
    assert sandbox("sh", "-c", "kill -SEGV $$").returncode == 128 + signal.SIGSEGV


@pytest.mark.parametrize(
    ("words", "status", "verdict"),
    [
        (("--timeout", "0.1", "sleep", "60"), 137, "timeout"),
        (("--cpu-time=0.1", "sh", "-c", "while :; do :; done"), 137, "cpu-limit"),
        (("-m", "32m", "python3", "-c", "bytearray(1 << 30)"), 137, "memory-limit"),
        (("--output", "5", "--", "echo", "123456"), 1, "output-limit"),
        (("--disk", "1m", "--", "sh", "-c", "cat /dev/zero >x"), 1, "disk-limit"),
        (("--on-refused", "kill", "mount", "-t", "tmpfs", "x", "/tmp"), 159, "refused-syscall"),
    ],
)
def test_limits(words: tuple[str, ...], status: int, verdict: str) -> None:
    done = sandbox(*words)
    assert done.returncode == status
    assert done.stderr.splitlines()[-1] == f"orlop: sandbox: {verdict}"


def test_options_reach_the_program() -> None:
    script = "id -u; pwd; echo $A; hostname; ls /proc/self/fd | wc -l"
    done = sandbox("-u", "12:34", "-e", "A=b c", "-w", "/tmp", "--", "sh", "-c", script)
    assert done.stdout.split("\n")[:4] == ["12", "/tmp", "b c", "sandbox"]


def test_json() -> None:
    done = sandbox("--json", "--", "sh", "-c", "printf 'a\\377'; exit 3")
    document = json.loads(done.stdout)
    assert (document["verdict"], document["exit_code"], done.returncode) == ("nonzero", 3, 3)
    assert (document["stdout"], document["signal"]) == ("a�", None)
    assert document["usage"]["cpu_ns"] > 0


def test_usage_goes_to_stderr() -> None:
    done = sandbox("--usage", "true")
    assert done.stdout == ""
    assert done.stderr.splitlines()[0].split() == ["verdict", "ok"]


@pytest.mark.parametrize(
    ("words", "status", "message"),
    [
        (("nope",), 127, "executable file not found"),
        (("/etc/passwd",), 126, "permission denied"),
        (("--memory", "much", "true"), 125, "memory 'much'"),
        (("--cpus", "x", "true"), 125, "--cpus 'x' is not a number"),
        (("--env", "A", "true"), 125, "is not NAME=VALUE"),
        (("--network", "bridge", "true"), 125, "none, host"),
        (("--root", "/nowhere", "true"), 125, "directory"),
        (("--colour", "true"), 125, "unknown option"),
        ((), 125, "usage"),
    ],
)
def test_mistakes(words: tuple[str, ...], status: int, message: str) -> None:
    done = sandbox(*words)
    assert (done.returncode, done.stdout) == (status, "")
    assert message in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_signal_ends_it(number: signal.Signals) -> None:
    watch = Watch("orlop-box-", "/run/none")
    command = subprocess.Popen(
        [ORLOP, "sandbox", "--", "sh", "-c", "echo ready; sleep 100"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    assert command.stdout is not None
    assert command.stderr is not None
    assert command.stdout.readline() == b"ready\n"
    if number == signal.SIGINT:
        os.killpg(command.pid, number)
    else:
        command.send_signal(number)
    status = command.wait()
    assert status == (130 if number == signal.SIGINT else -number)
    assert command.stderr.read() == b""
    command.stdout.close()
    command.stderr.close()
    assert watch.left() == []
