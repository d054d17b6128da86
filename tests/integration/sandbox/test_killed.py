"""The caller is killed (-9), at any moment: nothing is left of its boxes."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import textwrap
import time

import pytest

from orlop.kernel.cgroup.detect import detect
from orlop.sandbox.leftovers import name_of, sweep
from tests.integration.support.cgroups import hierarchies
from tests.integration.support.faults import Watch
from tests.preconditions import ROOT

pytestmark = [pytest.mark.requires_root, pytest.mark.requires_launcher]

ROUNDS = 12

SCRIPTS = {
    "one after the other": """
        while True:
            with Sandbox() as box:
                box.write("file", "x")
                box.run(["sh", "-c", "sleep 100 & cat file"])
        """,
    "threads": """
        def work():
            while True:
                with Sandbox() as box:
                    box.run(["sh", "-c", "setsid sleep 100 & true"])

        for _ in range(4):
            threading.Thread(target=work).start()
        """,
    "a pool": """
        with Pool(4) as pool:
            while True:
                with pool.sandbox() as box:
                    box.run(["true"])
        """,
}


@pytest.mark.parametrize("script", SCRIPTS)
def test_nothing_is_left(script: str) -> None:
    watch = Watch("orlop-box-", "/run/none")
    for _ in range(ROUNDS):
        caller = begin(script)
        assert caller.stdout is not None
        assert caller.stdout.readline() == b"ready\n"
        time.sleep(random.uniform(0, 0.03))  # the moment is what is tried
        assert caller.poll() is None
        caller.kill()
        caller.wait()
        caller.stdout.close()
        assert watch.left() == []


def test_the_next_process_removes_what_a_killed_launcher_has_left() -> None:
    gone = _dead_process()
    mine, other = name_of(os.getpid(), 1 << 20), name_of(gone, 1)
    roots = [hierarchy.root for hierarchy in hierarchies()]
    for root in roots:
        (root / mine).mkdir()
        (root / other).mkdir()
    sweep(detect())
    assert all((root / other).exists() for root in roots), "they are young"
    sweep(detect(), older_than_s=-1)
    assert not any((root / other).exists() for root in roots)
    for root in roots:
        (root / mine).rmdir()


def _dead_process() -> int:
    process = subprocess.Popen(["true"])
    process.wait()
    return process.pid


def begin(script: str) -> subprocess.Popen[bytes]:
    """A process that uses boxes for ever, once it has said that it is ready."""
    source = "import threading\nfrom orlop import Pool, Sandbox\n"
    source += "with Sandbox() as box: box.run(['true'])\nprint('ready', flush=True)\n"
    source += textwrap.dedent(SCRIPTS[script])
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    return subprocess.Popen([sys.executable, "-c", source], stdout=subprocess.PIPE, env=environment)


def test_interrupting_the_whole_group_leaves_nothing() -> None:
    """Ctrl-C reaches the caller and its launchers at once."""
    watch = Watch("orlop-box-", "/run/none")
    source = "from orlop import Sandbox\nwith Sandbox(timeout_s=None) as box:\n"
    source += "  box.run(['sh', '-c', 'echo ready; sleep 100'], stdout=1)\n"
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    caller = subprocess.Popen(
        [sys.executable, "-c", source],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=environment,
        start_new_session=True,
    )
    assert caller.stdout is not None
    assert caller.stdout.readline() == b"ready\n"
    os.killpg(caller.pid, signal.SIGINT)
    assert caller.wait() == -signal.SIGINT
    caller.stdout.close()
    assert watch.left() == []
