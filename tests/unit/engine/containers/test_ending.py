"""What the end of a run changes."""

from __future__ import annotations

import pytest

from orlop.engine.container import EXITED, OomKill
from orlop.engine.containers.ending import KILLED, _oom, ended_state, exit_code
from orlop.launch.shim import ExitRecord


@pytest.mark.parametrize(
    ("status", "code"), [(0, 0), (3 << 8, 3), (9, 137), (15, 143), (11 | 0x80, 139)]
)
def test_exit_codes(status: int, code: int) -> None:
    assert exit_code(status) == code


def test_of_a_record() -> None:
    found = ended_state(ExitRecord(3 << 8, 77, 5, 6, 1000))
    assert found["status"] == EXITED
    assert (found["exit_code"], found["finished_ns"], found["user_us"]) == (3, 77, 5)


def test_the_kernels_kills() -> None:
    record = ExitRecord(9, 77, 0, 0, 0, oom_kills=2, memory_limit=64)
    assert _oom(record, None) == OomKill(77, 64, 2)


def test_without_a_record() -> None:
    found = ended_state(None)
    assert found["exit_code"] == KILLED
    assert "launcher" in found["error"]
    assert found["finished_ns"] > 0
