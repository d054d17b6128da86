"""What happens to containers, images, volumes and networks, told to everybody who listens.

The last events are kept in memory, for those who come a little late; nothing of them lasts. All of
it happens in the event loop's thread: publishing never waits, and a listener that does not keep
up loses its subscription rather than an event in the middle of it.

Types, actions and attributes are Docker's, so the faces only have to write them down.

See: the Docker Engine API's SystemEvents.
"""

from __future__ import annotations

import asyncio
import collections
import time
from typing import TYPE_CHECKING

from orlop.errors import Unavailable
from orlop.records import Record

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable

    from orlop.engine.container import Container, MountPoint, OomKill
    from orlop.intent.request import Pairs

CONTAINER = "container"
IMAGE = "image"
VOLUME = "volume"
NETWORK = "network"
DAEMON = "daemon"

HISTORY = 256
"""How many of the last events a late listener can have, as with Docker."""
BACKLOG = 4096
"""How many events a listener may be behind."""


class Event(Record):
    """Something that has happened.

    Attributes:
        type: one of the constants above.
        action: what, as "start", "exec_create: sh -c true" or "health_status: healthy".
        id: of what it has happened to: a container's id, an image's reference, a name.
        attributes: what else is known, by Docker's names.
        at_ns: when, in ns since 1970; 0 lets `publish` fill it in.
        scope: "local", as there is no swarm.
    """

    type: str
    action: str
    id: str
    attributes: Pairs = ()
    at_ns: int = 0
    scope: str = "local"

    def attribute(self, name: str, default: str = "") -> str:
        """The value of an attribute."""
        return dict(self.attributes).get(name, default)


def everything(_event: Event) -> bool:
    """Lets every event pass."""
    return True


class Events:
    """The bus; one for an engine."""

    def __init__(self) -> None:
        self._history: collections.deque[Event] = collections.deque(maxlen=HISTORY)
        self._subscriptions: set[Subscription] = set()
        self._last_ns = 0

    def publish(self, event: Event) -> Event:
        """Everybody who listens gets the event, sooner or later; returns it with its time.

        No two events have the same time, and later ones have later times.
        """
        at_ns = max(event.at_ns or time.time_ns(), self._last_ns + 1)
        self._last_ns = at_ns
        event = event.replace(at_ns=at_ns)
        self._history.append(event)
        for subscription in tuple(self._subscriptions):
            subscription.offer(event)
        return event

    def history(self, since_ns: int = 0, until_ns: int | None = None) -> tuple[Event, ...]:
        """Those of the last events that happened between two times (both included)."""
        return tuple(
            event
            for event in self._history
            if event.at_ns >= since_ns and (until_ns is None or event.at_ns <= until_ns)
        )

    def subscribe(
        self,
        since_ns: int | None = None,
        until_ns: int | None = None,
        keep: Callable[[Event], bool] = everything,
    ) -> Subscription:
        """Listens from now on: nothing that happens after the call is missed.

        Args:
            since_ns: begin with what is known since then; None for what is to come only.
            until_ns: end then; the past ends it after the history. None never ends.
            keep: whether the listener wants an event.
        """
        past = () if since_ns is None else self.history(since_ns, until_ns)
        subscription = Subscription(filter(keep, past), until_ns, keep, self._subscriptions)
        self._subscriptions.add(subscription)
        return subscription


class Subscription:
    """The events for one listener: `async for event in subscription`. To be closed.

    Raises:
        Unavailable: (from the iteration) the listener was more than BACKLOG events behind.
    """

    def __init__(
        self,
        past: Iterable[Event],
        until_ns: int | None,
        keep: Callable[[Event], bool],
        among: set[Subscription],
    ) -> None:
        self._waiting = collections.deque(past)
        self._until_ns = until_ns
        self._keep = keep
        self._among = among
        self._news = asyncio.Event()
        self._is_late = False

    def offer(self, event: Event) -> None:
        """Puts an event into the queue, if the listener wants it."""
        if (self._until_ns is not None and event.at_ns > self._until_ns) or not self._keep(event):
            return
        if len(self._waiting) >= BACKLOG:
            self._is_late = True
            self.close()
        else:
            self._waiting.append(event)
        self._news.set()

    def close(self) -> None:
        """No further event comes."""
        self._among.discard(self)
        self._news.set()

    async def __aenter__(self) -> Subscription:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.close()

    def __aiter__(self) -> AsyncIterator[Event]:
        return self

    async def __anext__(self) -> Event:
        while not self._waiting:
            if self._is_late:
                raise Unavailable(
                    f"events were lost: the listener was {BACKLOG} behind",
                    hint="ask again, with the time of the last one that came",
                )
            if self not in self._among or not await self._wait():
                self.close()
                raise StopAsyncIteration
        return self._waiting.popleft()

    async def _wait(self) -> bool:
        """Whether there may be news before the time is over."""
        self._news.clear()
        try:
            async with asyncio.timeout(self._left_s()):
                await self._news.wait()
        except TimeoutError:
            return False
        return True

    def _left_s(self) -> float | None:
        if self._until_ns is None:
            return None
        return max(0.0, (self._until_ns - time.time_ns()) / 1e9)


# --- what Docker says with each type --------------------------------------------------------


def of_container(container: Container, action: str, **attributes: str) -> Event:
    """An event of a container: its labels, its image and name, and what else is given.

    Docker gives: exitCode and execDuration (die), signal (kill), oldName (rename), height and width
    (resize), execID (exec_create, exec_start, exec_die, exec_detach).
    """
    known = dict(container.request.labels) | attributes
    known |= {"image": container.image.ref, "name": container.name}
    return Event(CONTAINER, action, container.id, tuple(sorted(known.items())))


def of_oom(container: Container, oom: OomKill) -> Event:
    """Processes of a container were killed for want of memory: how many, and who was the last."""
    more = {"kills": str(oom.kills)}
    if oom.victim:
        more |= {"victim": oom.victim, "victimPid": str(oom.victim_pid)}
    if oom.limit_bytes is not None:
        more["limit"] = str(oom.limit_bytes)
    return of_container(container, "oom", **more)


def of_image(ref: str, action: str, *, name: str = "", labels: Pairs = ()) -> Event:
    """An event of an image (pull, push, tag, untag, delete, load, import, save, prune).

    Args:
        ref: its id; its reference for pull and push.
        action: what has happened to it.
        name: its reference, or its id for want of one.
        labels: of its configuration.
    """
    return Event(IMAGE, action, ref, (*labels, ("name", name or ref)))


def of_volume(name: str, action: str, driver: str = "local") -> Event:
    """An event of a volume itself (create, destroy)."""
    return Event(VOLUME, action, name, (("driver", driver),))


def of_mount(container: Container, mount: MountPoint, action: str) -> Event:
    """An event of a volume in a container (mount, unmount)."""
    attributes = [("container", container.id), ("driver", mount.driver)]
    if action == "mount":
        attributes += [
            ("destination", mount.target),
            ("propagation", mount.propagation),
            ("read/write", "true" if mount.writable else "false"),
        ]
    return Event(VOLUME, action, mount.name, tuple(sorted(attributes)))


def of_network(network_id: str, name: str, kind: str, action: str, container: str = "") -> Event:
    """An event of a network (create, destroy, connect, disconnect).

    Args:
        network_id: of the network.
        name: of the network.
        kind: its driver.
        action: what has happened to it.
        container: id of the one that was connected or disconnected.
    """
    who = (("container", container),) if container else ()
    return Event(NETWORK, action, network_id, (*who, ("name", name), ("type", kind)))
