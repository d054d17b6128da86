"""The `orlop` command, and processes in namespaces for it to look at."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from tests.integration.support.deadlines import wait_exit
from tests.integration.support.processes import children
from tests.integration.support.runtimes import Result, execute
from tests.isolation import unmount

PROGRAM = Path(sys.executable).with_name("orlop")


def orlop(*words: str | Path | int, **options: Any) -> Result:
    """Run a command of `orlop` to its end; `options` are those of `execute`."""
    return execute([str(PROGRAM), *map(str, words)], **options)


@contextlib.contextmanager
def process_in(*words: str, depth: int = 0) -> Iterator[int]:
    """The PID of a shell that waits below `words` (`unshare --net`), as the host sees it.

    `depth` says how many processes below the started one it is.
    """
    with process_running([*words, "sh", "-c", "echo ready; read line"], depth) as pid:
        yield pid


@contextlib.contextmanager
def process_running(argv: Sequence[str], depth: int = 0) -> Iterator[int]:
    """The PID of a program that says a line and then waits for the end of its input."""
    started = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert started.stdin is not None
    assert started.stdout is not None
    try:
        assert started.stdout.readline() == b"ready\n"
        pid = started.pid
        for _ in range(depth):
            (pid,) = children(pid)
        yield pid
    finally:
        started.stdin.close()
        wait_exit(started.pid)
        started.stdout.close()
        started.wait()


@contextlib.contextmanager
def named_namespaces() -> Iterator[None]:
    """Afterwards the directories for names are gone, which `orlop ns` and `ip netns` leave."""
    try:
        yield
    finally:
        for path in ("/run/netns", "/run/orlop/ns"):
            with contextlib.suppress(OSError):
                while True:
                    unmount(path)
        for directory in ("/run/netns", "/run/orlop"):
            shutil.rmtree(directory, ignore_errors=True)
