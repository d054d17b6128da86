"""Checks begin and end with the container, one at a time, and their results are told."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable

import pytest

from orlop.engine.attachment import Attachment
from orlop.engine.background import Background
from orlop.engine.container import (
    EXITED,
    RUNNING,
    Container,
    HealthState,
    Probe,
    ResolvedImage,
    State,
)
from orlop.engine.events import Event, Events, of_container
from orlop.engine.exec_request import Exec, ExecRequest
from orlop.engine.health import Health
from orlop.engine.health.probing import MOST_OUTPUT
from orlop.errors import NotFound, WrongState
from orlop.intent.request import Handling, Request
from orlop.intent.request import Health as Wanted

MS = 10**6
CHECK = Wanted(
    test=("CMD", "check"), interval_ns=2 * MS, timeout_ns=50 * MS, start_interval_ns=1, retries=2
)


class Containers:
    """One container in memory: what health checks need of the real ones, without a kernel."""

    def __init__(self, health: Wanted = CHECK) -> None:
        handling = Handling(health=health)
        request = Request(handling=handling)
        image = ResolvedImage("host", "")
        self.one = Container("c" * 64, "web", 1, request, image, state=State(RUNNING))

    def get(self, ref: str) -> Container:
        return self.one

    def all(self) -> tuple[Container, ...]:
        return (self.one,)

    def set_health(self, ref: str, health: HealthState) -> None:
        self.one = self.one.replace(state=self.one.state.replace(health=health))

    @property
    def health(self) -> HealthState:
        assert self.one.state.health is not None
        return self.one.state.health


class Execs:
    """Ends each exec with the next of some results; an exit code of None hangs until killed."""

    def __init__(self, *results: tuple[int | None, bytes]) -> None:
        self.results = list(results)
        self.commands: list[tuple[str, ...]] = []
        self.at_once = self.most_at_once = 0
        self.killed = asyncio.Event()
        self.is_stopped = False

    async def create(self, ref: str, request: ExecRequest) -> str:
        if self.is_stopped:
            raise WrongState("exec in", ref, state=EXITED, needs=RUNNING)
        self.commands.append(request.command)
        return "e"

    async def start(self, exec_id: str, attachment: Attachment) -> None:
        self.at_once += 1
        self.most_at_once = max(self.at_once, self.most_at_once)
        os.write(attachment.fd, self.results[0][1])
        os.close(attachment.fd)

    async def wait(self, exec_id: str) -> Exec:
        code = self.results[0][0]
        if code is None:
            await self.killed.wait()
        self.at_once -= 1
        if len(self.results) > 1:
            self.results.pop(0)
        return Exec("e", "c", ExecRequest(("check",)), exit_code=137 if code is None else code)

    async def kill(self, exec_id: str) -> None:
        self.killed.set()


Body = Callable[[Containers, Execs, Events, Health], Awaitable[None]]


def with_health(containers: Containers, execs: Execs, body: Body) -> list[Event]:
    """Runs a test with a service; returns the events that it saw."""

    async def main() -> list[Event]:
        events, background = Events(), Background()
        service = Health(containers, execs, events, background)  # type: ignore[arg-type]
        try:
            async with asyncio.timeout(5):
                await body(containers, execs, events, service)
        finally:
            service.close()
            await background.close()
        return list(events.history())

    return asyncio.run(main())


async def told(events: Events, action: str) -> None:
    """Waits for an event."""
    async with events.subscribe(since_ns=0, keep=lambda event: event.action == action) as news:
        await anext(news)


def begin(containers: Containers, events: Events) -> None:
    events.publish(of_container(containers.one, "start"))


async def becomes_healthy(
    containers: Containers, execs: Execs, events: Events, health: Health
) -> None:
    begin(containers, events)
    assert containers.health.status == "starting"
    await told(events, "health_status: healthy")


def test_a_check_that_succeeds_makes_healthy() -> None:
    containers, execs = Containers(), Execs((0, b"fine\n"))
    with_health(containers, execs, becomes_healthy)
    assert containers.health.status == "healthy"
    assert containers.health.probes[0].output == "fine\n"
    assert execs.commands[0] == ("check",)
    assert execs.most_at_once == 1


def test_failures_make_unhealthy_and_one_success_healthy_again() -> None:
    async def body(containers: Containers, execs: Execs, events: Events, health: Health) -> None:
        begin(containers, events)
        await told(events, "health_status: unhealthy")
        await told(events, "health_status: healthy")

    containers, execs = Containers(), Execs((1, b"bad"), (2, b"bad"), (0, b""))
    events = with_health(containers, execs, body)
    actions = [event.action for event in events if event.action.startswith("health_status")]
    assert actions == ["health_status: unhealthy", "health_status: healthy"]
    assert containers.health.failing_streak == 0


def test_a_check_that_takes_too_long_is_killed() -> None:
    containers = Containers(CHECK.replace(timeout_ns=5 * MS, retries=1))
    execs = Execs((None, b"never shown"), (0, b""))

    async def body(containers: Containers, execs: Execs, events: Events, health: Health) -> None:
        begin(containers, events)
        await told(events, "health_status: unhealthy")

    with_health(containers, execs, body)
    assert execs.killed.is_set()
    probe = containers.health.probes[0]
    assert (probe.exit_code, probe.output) == (-1, "Health check exceeded timeout (0.005s)")


def test_output_is_cut_and_never_holds_up() -> None:
    containers, execs = Containers(), Execs((0, b"x" * 20000))
    with_health(containers, execs, becomes_healthy)
    assert containers.health.probes[0].output == "x" * MOST_OUTPUT


@pytest.mark.parametrize("end", ["die", "pause", "destroy"])
def test_nothing_is_asked_after_the_end(end: str) -> None:
    async def body(containers: Containers, execs: Execs, events: Events, health: Health) -> None:
        begin(containers, events)
        await told(events, "health_status: healthy")
        events.publish(of_container(containers.one, end))
        await asyncio.sleep(0.005)
        asked = len(execs.commands)
        await asyncio.sleep(0.02)
        assert len(execs.commands) == asked

    with_health(Containers(), Execs((0, b"")), body)


def test_a_pause_kills_the_check_that_is_under_way() -> None:
    async def body(containers: Containers, execs: Execs, events: Events, health: Health) -> None:
        begin(containers, events)
        while not execs.at_once:  # noqa: ASYNC110 - the fake has no event for it
            await asyncio.sleep(0)
        events.publish(of_container(containers.one, "pause"))
        await execs.killed.wait()

    with_health(Containers(CHECK.replace(timeout_ns=10**12)), Execs((None, b"")), body)


def test_an_engine_goes_on_with_what_another_has_begun() -> None:
    async def body(containers: Containers, execs: Execs, events: Events, health: Health) -> None:
        health.open()
        await told(events, "health_status: unhealthy")

    containers = Containers()
    containers.set_health("c", HealthState("healthy", 1, (Probe(1, 2, 1, ""),)))
    with_health(containers, Execs((1, b"")), body)
    assert len(containers.health.probes) == 2


def test_without_a_check_nothing_is_done() -> None:
    async def body(containers: Containers, execs: Execs, events: Events, health: Health) -> None:
        begin(containers, events)
        health.open()
        await asyncio.sleep(0.005)
        assert containers.one.state.health is None
        assert not execs.commands

    with_health(Containers(Wanted(off=True, test=("CMD", "x"))), Execs((0, b"")), body)


def test_a_container_that_is_ending_is_not_judged() -> None:
    async def body(containers: Containers, execs: Execs, events: Events, health: Health) -> None:
        execs.is_stopped = True
        begin(containers, events)
        await asyncio.sleep(0.01)
        assert not containers.health.probes

    with_health(Containers(), Execs((0, b"")), body)


def test_a_container_that_is_gone_is_no_trouble() -> None:
    class Gone(Containers):
        def get(self, ref: str) -> Container:
            raise NotFound("container", ref)

    async def body(containers: Containers, execs: Execs, events: Events, health: Health) -> None:
        begin(containers, events)

    with_health(Gone(), Execs((0, b"")), body)
