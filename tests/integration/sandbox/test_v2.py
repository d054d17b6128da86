"""Limits and verdicts with cgroup v2, where other files tell them."""

from __future__ import annotations

import pytest

from orlop import Sandbox, Verdict

pytestmark = [
    pytest.mark.requires_root,
    pytest.mark.requires_launcher,
    pytest.mark.requires_cgroup_cpuset,
    pytest.mark.vm,
]


def test_verdicts_from_the_control_group() -> None:
    with Sandbox(memory="64m", pids=8, timeout_s=60) as box:
        assert box.run(["sh", "-c", "echo hi; sleep 100 &"]).ok
        memory = box.run(["python3", "-c", "bytearray(100 << 20)"])
        assert memory.verdict == Verdict.MEMORY_LIMIT
        assert memory.usage.oom_kills > 0
        assert memory.usage.memory_peak_bytes > 60 << 20
        pids = box.run(["sh", "-c", "for i in 1 2 3 4 5 6 7 8 9; do sleep 99 & done; wait"])
        assert pids.verdict == Verdict.PIDS_LIMIT
        loop = box.run(["sh", "-c", "while :; do :; done"], cpu_time_s=0.3)
        assert loop.verdict == Verdict.CPU_LIMIT
        assert loop.usage.cpu_ns >= 300e6
        assert box.run(["true"]).ok
