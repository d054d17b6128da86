"""Want of memory is noticed at once, with who was killed and at which limit."""

from __future__ import annotations

import pytest

from orlop.engine.container import RUNNING
from orlop.engine.events import Event
from orlop.engine.exec_request import ExecRequest
from orlop.kernel import kernel_log
from tests.integration.support.engines import Live

pytestmark = [pytest.mark.requires_root, pytest.mark.requires_busybox]

GREEDY = "x=xxxxxxxx; while :; do x=$x$x; done"
LIMIT = "-m 16m --memory-swap 16m --network none"


def told(live: Live, key: str) -> list[Event]:
    return [e for e in live.engine.events.history() if (e.id, e.action) == (key, "oom")]


def test_the_end_of_the_first_process(live: Live) -> None:
    key = live.run(GREEDY, LIMIT)
    assert live.end(key) == 137
    oom = live.get(key).state.oom
    assert oom is not None
    assert (oom.kills, oom.limit_bytes) == (1, 16 << 20)
    actions = live.actions(key)
    assert actions.count("oom") == 1, actions
    assert actions.index("oom") < actions.index("die")


def test_a_child_is_killed_and_the_container_goes_on(live: Live) -> None:
    key = live.run(f"while :; do sh -c '{GREEDY}'; echo killed; sleep 100; done", LIMIT)
    live.until(lambda: told(live, key))
    container = live.get(key)
    assert container.state.status == RUNNING
    assert container.state.oom is not None
    assert container.state.oom.limit_bytes == 16 << 20
    (event,) = told(live, key)
    assert event.attribute("limit") == str(16 << 20)
    live(live.containers.kill(key))
    live.end(key)
    assert len(told(live, key)) == 1
    assert live.get(key).state.oom == container.state.oom


def test_the_victim_is_named_where_the_kernel_says_who_it_was(live: Live) -> None:
    key = live.run(GREEDY, LIMIT)
    live.end(key)
    oom = live.get(key).state.oom
    lines = kernel_log.read_lines() or ()
    if not any(key in kill.group for kill in kernel_log.oom_kills(lines)):
        pytest.skip("the kernel's log is limited, or cannot be read")
    assert oom is not None
    assert oom.victim == "sh"
    assert told(live, key)[0].attribute("victim") == "sh"
    assert "killed 1 process of it: sh (process" in live(live.engine.why.explain(key)).summary


def test_another_engine_goes_on_watching(live: Live) -> None:
    key = live.run(f"while [ ! -e /go ]; do sleep 0.01; done; sh -c '{GREEDY}'; sleep 100", LIMIT)
    live.restart()

    async def go() -> None:
        exec_id = await live.engine.execs.create(key, ExecRequest(("/bin/sh", "-c", ": > /go")))
        await live.engine.execs.start(exec_id)

    live(go())
    live.until(lambda: told(live, key))


def test_a_new_run_begins_without(live: Live) -> None:
    key = live.run(f"[ -e /again ] && sleep 100; : > /again; {GREEDY}", LIMIT)
    live.end(key)
    live(live.containers.start(key))
    assert live.get(key).state.oom is None
