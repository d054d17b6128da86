"""Progress as lines: when an error is a status, and when it is a line."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from orlop.engine.images import Progress
from orlop.errors import NotFound, OrlopError
from orlop.faces.api import progress
from tests.unit.faces.api.serving import FakeEngine, ask

STEPS = [Progress("Pulling from x", "1"), Progress("Downloading", "ab", 5, 10), Progress("Done")]


class FakeImages:
    """Reports some steps, and then fails or not."""

    def __init__(self, count: int, error: OrlopError | None) -> None:
        self._count = count
        self._error = error

    async def pull(self, ref: str, *, progress: Callable[[Progress], None], **_: Any) -> tuple[()]:
        for step in STEPS[: self._count]:
            progress(step)
            await asyncio.sleep(0)
        if self._error:
            raise self._error
        return ()


def pull(directory: Path, count: int, error: OrlopError | None = None) -> tuple[int, list[Any]]:
    engine = FakeEngine()
    engine.images = FakeImages(count, error)  # type: ignore[attr-defined]
    status, answer = ask(directory, engine, "POST", "/images/create?fromImage=x&tag=1", raw=True)
    return status, [json.loads(line) for line in answer.splitlines()]


@pytest.mark.parametrize("count", [0, 1, 2, 3])
def test_all_lines_come(tmp_path: Path, count: int) -> None:
    status, lines = pull(tmp_path, count)
    assert status == 200
    assert [line["status"] for line in lines] == [step.status for step in STEPS[:count]]


@pytest.mark.parametrize("count", [0, 1])
def test_an_early_error_is_a_status(tmp_path: Path, count: int) -> None:
    status, lines = pull(tmp_path, count, NotFound("manifest", "x"))
    assert (status, list(lines[0])) == (404, ["message"])


@pytest.mark.parametrize("count", [2, 3])
def test_a_late_error_is_a_line(tmp_path: Path, count: int) -> None:
    status, lines = pull(tmp_path, count, NotFound("image", "x"))
    assert status == 200
    text = "No such image: x"
    assert lines[-1] == {"errorDetail": {"message": text}, "error": text}
    assert len(lines) == count + 1


def test_lines() -> None:
    assert progress.document(STEPS[0]) == {
        "status": "Pulling from x",
        "id": "1",
        "progressDetail": {},
    }
    line = progress.document(STEPS[1])
    assert line["progressDetail"] == {"current": 5, "total": 10}
    assert line["progress"].startswith("[========================>")
    assert progress.document(STEPS[2]) == {"status": "Done"}
