"""Other limits and another restart policy, of a container that may be running."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orlop.engine import events
from orlop.engine.blocking import by_deadline
from orlop.engine.container import PAUSED, RUNNING
from orlop.errors import InvalidArgument
from orlop.intent.request import Limits, NoRestart
from orlop.records import fields, values

if TYPE_CHECKING:
    from orlop.engine.container import Container
    from orlop.engine.containers.composing import Composer
    from orlop.engine.containers.roster import Roster
    from orlop.engine.events import Events
    from orlop.engine.networks import Networks
    from orlop.intent.request import RestartPolicy
    from orlop.kernel.cgroup.resources import Resources
    from orlop.runtime.state import Store

_DEADLINE_S = 15.0


class Updater:
    """Changes containers whose lock is held."""

    def __init__(
        self,
        roster: Roster,
        store: Store,
        composer: Composer,
        networks: Networks,
        bus: Events,
    ) -> None:
        self._networks = networks
        self._roster = roster
        self._store = store
        self._composer = composer
        self._events = bus

    async def update(
        self, container: Container, limits: Limits, restart: RestartPolicy | None
    ) -> tuple[str, ...]:
        """It has these limits besides those it had, at once if it runs; returns warnings.

        Raises:
            InvalidArgument: they contradict each other, or the kernel refuses them.
        """
        request = container.request
        changed = request.replace(limits=merged(request.limits, limits))
        if restart is not None:
            if request.handling.remove and not isinstance(restart, NoRestart):
                raise InvalidArgument("a container with --rm cannot have a restart policy")
            changed = changed.replace(handling=request.handling.replace(restart=restart))
        after = container.replace(request=changed)
        composed = self._composer.check(after)
        resources = composed.spec.linux.resources
        if limits != Limits() and container.state.status in (RUNNING, PAUSED) and resources:
            what = f"update container {container.name!r}"
            await by_deadline(_DEADLINE_S, what, _apply, self._store, container.id, resources)
            await self._networks.set_rates(container, changed.limits)
        self._roster.change(container.id, request=changed)
        self._events.publish(events.of_container(container, "update"))
        return tuple(text for text in composed.warnings if text not in container.warnings)


def merged(before: Limits, asked: Limits) -> Limits:
    """What is asked, and what was before where nothing is.

    CPUs as a number and as a quota exclude each other, so one that is asked takes the other away;
    if both are asked, both are there, for whoever checks it.
    """
    pairs = zip(fields(asked), values(asked), values(before), strict=True)
    nothing = Limits()
    found = {n: new if new != getattr(nothing, n) else old for n, new, old in pairs}
    if asked.nano_cpus is not None:
        found |= {"cpu_quota_us": asked.cpu_quota_us, "cpu_period_us": asked.cpu_period_us}
    elif asked.cpu_quota_us is not None or asked.cpu_period_us is not None:
        found["nano_cpus"] = None
    return Limits(**found)


def _apply(store: Store, container: str, resources: Resources) -> None:
    """Changes the control groups; devices stay as they are."""
    from orlop.runtime.lifecycle.update import update

    with store.open(container) as directory:
        update(directory, resources.replace(devices=()))
