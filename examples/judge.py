"""A small judge: runs programs that nobody has read, and says what became of each.

The task: read numbers, one a line, and print their sum. Each submission runs in a fresh sandbox for
every test, and gets the verdict of the first one that it does not pass. The submissions here are
what a judge has to live with: some are wrong, and some want to break it, or to get at its answers.

    python examples/judge.py

Needs root, and Python on this machine, which is what the sandboxes see of it.
"""

from __future__ import annotations

import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from orlop import Pool, Result, Verdict

TESTS = (("1\n2\n3\n", "6"), ("", "0"), ("-5\n" * 1000, "-5000"))
ACCEPTED, WRONG = "accepted", "wrong answer"


@dataclass(frozen=True)
class Submission:
    """A program in Python, and what a judge should find."""

    source: str
    expected: str


@dataclass(frozen=True)
class Finding:
    """What became of a submission, with the run that decided on it."""

    verdict: str
    result: Result


SUBMISSIONS = {
    "correct": Submission("import sys; print(sum(map(int, sys.stdin)))", ACCEPTED),
    "correct, with children": Submission(
        "import subprocess as s; print(s.run(['awk', '{n += $1} END {print n + 0}'],"
        " stdout=s.PIPE, text=True).stdout.strip())",
        ACCEPTED,
    ),
    "wrong": Submission("print(6)", WRONG),
    "crash": Submission("print([][0])", Verdict.NONZERO),
    "segmentation fault": Submission("import ctypes; ctypes.string_at(0)", Verdict.SIGNAL),
    "endless loop": Submission("while True: pass", Verdict.CPU_LIMIT),
    "sleeper": Submission("import time; time.sleep(1000)", Verdict.TIMEOUT),
    "fork bomb": Submission(
        "import os\nwhile True:\n  try: os.fork()\n  except OSError: pass", Verdict.PIDS_LIMIT
    ),
    "memory bomb": Submission(
        "x = [bytearray(1 << 20) for _ in range(1000)]", Verdict.MEMORY_LIMIT
    ),
    "output flood": Submission("while True: print('spam' * 1000)", Verdict.OUTPUT_LIMIT),
    "disk filler": Submission(
        "f = open('big', 'wb')\nwhile True: f.write(bytes(1 << 16)); f.flush()", Verdict.DISK_LIMIT
    ),
    "network": Submission(
        "import socket; socket.create_connection(('127.0.0.1', 22), 1)", Verdict.NONZERO
    ),
    "password thief": Submission("print(open('/etc/shadow').read())", Verdict.NONZERO),
    "answer thief": Submission("print(open('{answers}').read())", Verdict.NONZERO),
    "kernel poker": Submission(
        "import ctypes; ctypes.CDLL(None).unshare(1 << 28)", Verdict.REFUSED_SYSCALL
    ),
    "tracer of the box": Submission(
        "import ctypes, os\nprint(open('/proc/1/environ', 'rb').read())", Verdict.NONZERO
    ),
    "killer of the box": Submission(
        "import os; [os.kill(p, 9) for p in (1, -1)]; print(6)", Verdict.NONZERO
    ),
    "lurker": Submission(
        "import os, sys, time\n"
        "if os.fork() == 0:\n"
        "  os.setsid()\n"
        "  if os.fork() == 0: time.sleep(1000)\n"
        "  os._exit(0)\n"
        "print(sum(map(int, sys.stdin)))",
        ACCEPTED,
    ),
}


def judge(pool: Pool, source: str) -> Finding:
    """Runs a submission on the tests, up to the first that it does not pass."""
    finding = None
    for given, answer in TESTS:
        with pool.sandbox() as box:
            box.write("solution.py", source)
            result = box.run(["python3", "solution.py"], stdin=given)
        finding = Finding(_word(result, answer), result)
        if finding.verdict != ACCEPTED:
            break
    assert finding
    return finding


def _word(result: Result, answer: str) -> str:
    if not result.ok:
        return str(result.verdict)
    return ACCEPTED if result.stdout.decode(errors="replace").strip() == answer else WRONG


def judge_all() -> dict[str, Finding]:
    """The findings on all submissions; the answers lie in a file that anybody could read."""
    with tempfile.NamedTemporaryFile("w", prefix="answers-") as answers:
        answers.write(" ".join(answer for _, answer in TESTS))
        answers.flush()
        Path(answers.name).chmod(0o644)
        with Pool(
            4, memory="64m", pids=16, disk="16m", timeout_s=1, cpu_time_s=0.5, on_refused="kill"
        ) as pool:
            return {
                name: judge(pool, submission.source.replace("{answers}", answers.name))
                for name, submission in SUBMISSIONS.items()
            }


def main() -> int:
    """Prints the table; the exit status is 0 if everything was found that should be."""
    findings = judge_all()
    width = max(map(len, SUBMISSIONS))
    print(f"{'submission':<{width}}  {'verdict':<16}  {'CPU':>8}  {'memory':>8}")
    for name, finding in findings.items():
        usage = finding.result.usage
        print(
            f"{name:<{width}}  {finding.verdict:<16}  {usage.cpu_ns / 1e6:>5.0f} ms"
            f"  {usage.memory_peak_bytes / (1 << 20):>4.0f} MiB"
        )
    missed = [
        name for name, found in findings.items() if found.verdict != SUBMISSIONS[name].expected
    ]
    for name in missed:
        print(f"{name}: should be {SUBMISSIONS[name].expected}", file=sys.stderr)
    return len(missed) > 0


if __name__ == "__main__":
    sys.exit(main())
