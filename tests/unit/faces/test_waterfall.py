"""Bars and sums of a trace on the screen."""

from __future__ import annotations

import io
import re

import pytest

from orlop.faces.cli.screen import Screen
from orlop.faces.cli.trace_ import document
from orlop.faces.cli.waterfall import bar, show_waterfall
from orlop.insight.timing import Timing, timing
from orlop.insight.trace import Trace
from tests.unit.insight.starts import start
from tests.unit.insight.test_timing import BEGAN, COUNT, EXPLAINED, report


@pytest.mark.parametrize(
    ("began", "took", "shown"),
    [
        (0, 100, "████"),
        (0, 50, "██  "),
        (50, 50, "  ██"),
        (0, 0, "▏   "),
        (99, 1, "   ▏"),
        (100, 0, "   ▏"),
        (25, 25, " █  "),
    ],
)
def test_a_bar_is_where_and_as_long_as_the_operation(began: int, took: int, shown: str) -> None:
    assert bar(began, took, 100, columns=4) == shown


def test_other_encodings_get_other_bars() -> None:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="ascii")
    show_waterfall(timing(EXPLAINED, report(running_ns=BEGAN + 15 * COUNT)), Screen(stream))
    stream.flush()
    assert re.search(rb"0\.00  +[-=]+ +launcher", raw.getvalue())


def test_a_bar_of_nothing_is_empty() -> None:
    assert bar(0, 0, 0, columns=4) == "    "


def shown(found: Timing) -> list[str]:
    stream = io.StringIO()
    show_waterfall(found, Screen(stream))
    return stream.getvalue().splitlines()


def test_every_operation_has_a_line_with_its_time() -> None:
    lines = shown(timing(EXPLAINED, report(running_ns=BEGAN + 15 * COUNT)))
    for line in EXPLAINED.lines:
        assert any(line.notation in text and line.side in text for text in lines)
    assert any(f"{15 * COUNT / 1e6:.2f} ms" in text for text in lines)
    assert sum(text[20:21] == "*" for text in lines) == 3
    assert not any("not performed" in text for text in lines)


def test_a_failed_start_says_where_it_ended() -> None:
    lines = shown(timing(EXPLAINED, report(done=3, failed=2)))
    assert any("did not end" in text for text in lines)
    assert f"  {COUNT - 3} operations were not performed" in lines
    assert any("to the failure" in text for text in lines)


def test_the_document_of_a_trace() -> None:
    made = document(Trace(timing(EXPLAINED, report(running_ns=BEGAN + 15 * COUNT)), 7))
    assert made["status"] == 7
    assert made["error"] is None
    assert made["totalNs"] == 15 * COUNT
    operations = made["operations"]
    assert isinstance(operations, list)
    assert len(operations) == len(start().lines)
    assert (operations[0]["beganNs"], operations[0]["tookNs"]) == (5, 10)
    assert operations[0]["group"] == "cgroup"
