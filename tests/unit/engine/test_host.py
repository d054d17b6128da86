"""What is remembered of the host, and for how long."""

from __future__ import annotations

from pathlib import Path

import pytest

from orlop.engine import host
from orlop.engine.host import RememberingLookup
from orlop.engine.images.host import summary
from orlop.intent.host_image import HostImageFacts, read_host_image

FACTS = HostImageFacts()


def test_the_image_host_is_as_old_as_the_last_change_of_it() -> None:
    changed = max(Path(f"/{name}").stat().st_mtime_ns for name in read_host_image().shared)
    assert summary().created_ns == changed


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time, which a test moves."""
    now = [100.0]
    monkeypatch.setattr("orlop.engine.host.time.monotonic", lambda: now[0])
    return now


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Each time the host was read."""
    found: list[str] = []

    def read() -> HostImageFacts:
        found.append("read")
        return FACTS

    monkeypatch.setattr(host, "read_host_image", read)
    return found


def test_for_a_moment(clock: list[float], reads: list[str]) -> None:
    lookup = RememberingLookup()
    for step in (0.0, 0.05, 0.5, 1.0):
        clock[0] += step
        assert lookup.host_image() is FACTS
    assert len(reads) == 1


def test_not_for_long(clock: list[float], reads: list[str]) -> None:
    lookup = RememberingLookup()
    lookup.host_image()
    clock[0] += 2.1
    lookup.host_image()
    assert len(reads) == 2


def test_not_when_etc_has_changed(
    clock: list[float], reads: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    lookup = RememberingLookup()
    lookup.host_image()
    clock[0] += 0.2
    monkeypatch.setattr(host, "_stamp", lambda _: 1)
    lookup.host_image()
    assert len(reads) == 2
