"""Containers that are started again, and those that are not."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from orlop.engine.container import EXITED, RESTARTING, HealthState
from orlop.engine.containers import WaitCondition
from tests.integration.support.engines import Live

pytestmark = [pytest.mark.requires_root, pytest.mark.requires_busybox]


def test_so_many_times(live: Live) -> None:
    key = live.run("exit 5", "--restart on-failure:2")
    live.until(lambda: live.actions(key).count("die") == 3)
    live.until(lambda: live.get(key).state.status == EXITED)
    state = live.get(key).state
    assert (state.restarts, state.exit_code) == (2, 5)
    delay = state.started_ns - first(live, key, "die")
    assert delay > 0.25e9  # 100 and 200 ms


def first(live: Live, key: str, action: str) -> int:
    return next(e.at_ns for e in live.engine.events.history() if e.id == key and e.action == action)


def test_a_success_is_none(live: Live) -> None:
    key = live.run("true", "--restart on-failure")
    live.end(key)
    assert live.get(key).state.status == EXITED


@pytest.mark.parametrize("policy", ["always", "unless-stopped"])
def test_until_somebody_stops_it(live: Live, policy: str) -> None:
    key = live.run("exec sleep 0.01", f"--restart {policy}")
    live.until(lambda: live.get(key).state.restarts >= 2)
    live(live.containers.stop(key))
    state = live.get(key).state
    assert (state.status, state.stopped_by_user) == (EXITED, True)
    count = len(live.actions(key))
    live(asyncio.sleep(0.3))
    assert len(live.actions(key)) == count


def test_while_it_waits_for_its_next_start(live: Live) -> None:
    key = live.run("exit 1", "--restart always")
    live.until(lambda: live.get(key).state.status == RESTARTING)
    live(live.containers.update(key, live.get(key).request.limits))
    live(live.containers.remove(key, force=True))
    assert live.containers.all() == ()


def test_starting_it_by_hand_does_not_wait(live: Live) -> None:
    key = live.run("test -e /go && exec sleep 100; exit 1", "--restart always")
    live.until(lambda: live.get(key).state.restarts >= 2)
    live.until(lambda: live.get(key).state.status == RESTARTING)
    Path(live.get(key).directory, "layers", "root.upper", "go").touch()
    assert live(live.containers.start(key)) in (True, False)
    assert live.get(key).is_running


def test_each_end_is_told(live: Live) -> None:
    key = live.create("exit 3", "--restart on-failure:1")

    async def work() -> tuple[int, int]:
        one = live.containers.wait(key, WaitCondition.NEXT_EXIT)
        await live.containers.start(key)
        status = (await one).status
        return status, (await live.containers.wait(key, WaitCondition.NEXT_EXIT)).status

    assert live(work()) == (3, 3)


def test_unhealthy_is_a_failure(live: Live) -> None:
    flags = "--restart on-failure -l io.orlop.restart-unhealthy=true"
    key = live.run("trap 'exit 0' TERM; echo ready; while :; do sleep 0.01; done", flags)
    live.until(lambda: "ready" in live.log(key))
    live.containers.set_health(key, HealthState(status="unhealthy"))
    with live.containers.shim(key) as shim:
        shim.signal(15)
    live.until(lambda: live.get(key).state.restarts == 1)
