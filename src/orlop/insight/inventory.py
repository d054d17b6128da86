"""All containers and isolated processes of the machine, at a glance."""

from __future__ import annotations

import time

from orlop.insight.targets import targets_in
from orlop.kernel.process import started_at
from orlop.records import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from orlop.insight.snapshot import Snapshot
    from orlop.insight.targets import Target
    from orlop.kernel.process import Identity


class Item(Record):
    """One of them.

    Attributes:
        target: which one.
        command: the arguments of its first process: text from a container.
        age_s: how long ago that was started.
        own: the kinds of namespaces that it does not share with the host, in the OCI's words.
    """

    target: Target
    command: tuple[str, ...]
    age_s: float
    own: tuple[str, ...]


def inventory(snapshot: Snapshot, containers: Mapping[Identity, str]) -> tuple[Item, ...]:
    """All of them, by first PID.

    Args:
        snapshot: the processes.
        containers: as `orlop.insight.targets.orlop_containers` gives them.
    """
    return tuple(_item(snapshot, target) for target in targets_in(snapshot, containers))


def _item(snapshot: Snapshot, target: Target) -> Item:
    seen = snapshot.find(target.process.pid)
    namespaces = seen.namespaces if seen else {}
    return Item(
        target=target,
        command=(seen.command or (seen.name,)) if seen else (),
        age_s=time.time() - started_at(target.process),
        own=tuple(kind for kind, inode in namespaces.items() if snapshot.host.get(kind) != inode),
    )
