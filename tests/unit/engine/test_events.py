"""Events reach every listener that keeps up, in order, with what was said."""

from __future__ import annotations

import asyncio
import time

import pytest

from orlop.engine import events as bus
from orlop.engine.container import Container, MountPoint, ResolvedImage
from orlop.engine.events import Event, Events, of_container, of_image, of_mount, of_network
from orlop.errors import Unavailable
from orlop.intent.request import Request

CONTAINER = Container(
    id="c" * 64,
    name="web",
    created_ns=1,
    request=Request(labels=(("team", "red"), ("name", "not this"))),
    image=ResolvedImage("debian:12", "sha256:1"),
)


def start(name: str = "a", at_ns: int = 0) -> Event:
    return Event("container", "start", name, at_ns=at_ns)


async def taken(subscription: bus.Subscription, count: int) -> list[Event]:
    return [await anext(subscription) for _ in range(count)]


def test_times_grow_even_when_the_clock_does_not() -> None:
    events = Events()
    first = events.publish(start(at_ns=1000))
    second = events.publish(start(at_ns=1000))
    assert (first.at_ns, second.at_ns) == (1000, 1001)


def test_an_event_without_time_happens_now() -> None:
    before = time.time_ns()
    assert before <= Events().publish(start()).at_ns <= time.time_ns()


def test_a_listener_gets_what_comes_after_it_has_subscribed() -> None:
    async def main() -> list[str]:
        events = Events()
        events.publish(start("before"))
        subscription = events.subscribe()
        events.publish(start("one"))
        events.publish(start("two"))
        return [event.id for event in await taken(subscription, 2)]

    assert asyncio.run(main()) == ["one", "two"]


def test_since_and_until_give_the_past_and_end() -> None:
    async def main() -> list[str]:
        events = Events()
        for number in range(5):
            events.publish(start(str(number), at_ns=number + 1))
        return [event.id async for event in events.subscribe(since_ns=2, until_ns=4)]

    assert asyncio.run(main()) == ["1", "2", "3"]


def test_the_past_goes_over_into_the_present() -> None:
    async def main() -> list[str]:
        events = Events()
        events.publish(start("old", at_ns=5))
        subscription = events.subscribe(since_ns=0)
        events.publish(start("new"))
        return [event.id for event in await taken(subscription, 2)]

    assert asyncio.run(main()) == ["old", "new"]


def test_until_in_the_future_ends_then() -> None:
    async def main() -> list[str]:
        events = Events()
        subscription = events.subscribe(until_ns=time.time_ns() + 20_000_000)
        events.publish(start("in time"))
        events.publish(start("too late", at_ns=time.time_ns() + 10**12))
        return [event.id async for event in subscription]

    assert asyncio.run(main()) == ["in time"]


def test_a_filter_leaves_the_rest_out() -> None:
    async def main() -> list[str]:
        events = Events()
        subscription = events.subscribe(keep=lambda event: event.id == "b")
        for name in "abab":
            events.publish(start(name))
        return [event.id for event in await taken(subscription, 2)]

    assert asyncio.run(main()) == ["b", "b"]


def test_only_the_last_events_are_kept() -> None:
    events = Events()
    for number in range(bus.HISTORY + 10):
        events.publish(start(str(number)))
    kept = events.history()
    assert (len(kept), kept[0].id) == (bus.HISTORY, "10")


def test_a_slow_listener_gets_what_was_before_and_is_told_that_it_lost_some() -> None:
    async def main() -> int:
        events = Events()
        subscription = events.subscribe()
        for number in range(bus.BACKLOG + 5):
            events.publish(start(str(number)))
        await taken(subscription, bus.BACKLOG)
        with pytest.raises(Unavailable):
            await anext(subscription)
        return len(events._subscriptions)

    assert asyncio.run(main()) == 0


def test_a_closed_subscription_ends_and_is_forgotten() -> None:
    async def main() -> tuple[list[Event], int]:
        events = Events()
        async with events.subscribe() as subscription:
            reader = asyncio.ensure_future(collect(subscription))
            await asyncio.sleep(0)
        return await reader, len(events._subscriptions)

    async def collect(subscription: bus.Subscription) -> list[Event]:
        return [event async for event in subscription]

    assert asyncio.run(main()) == ([], 0)


def test_a_container_is_told_with_its_labels_but_its_own_name() -> None:
    event = of_container(CONTAINER, "die", exitCode="3")
    assert dict(event.attributes) == {
        "team": "red",
        "name": "web",
        "image": "debian:12",
        "exitCode": "3",
    }
    assert (event.type, event.id, event.attribute("exitCode")) == ("container", "c" * 64, "3")


def test_mounts_and_networks_name_the_container() -> None:
    mount = MountPoint("volume", "/data", name="db", driver="local")
    mounted = of_mount(CONTAINER, mount, "mount")
    assert mounted.attribute("read/write") == "true"
    assert of_mount(CONTAINER, mount, "unmount").attributes == (
        ("container", "c" * 64),
        ("driver", "local"),
    )
    assert of_network("n", "bridge", "bridge", "connect", "c").attributes == (
        ("container", "c"),
        ("name", "bridge"),
        ("type", "bridge"),
    )
    assert of_image("sha256:1", "tag", name="debian:12").attribute("name") == "debian:12"
