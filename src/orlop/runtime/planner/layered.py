"""A root of layers: overlays that the container's process mounts in its own mount namespace.

Their directories are named from the host's root, where the process still is: what is attached over
"/" is in nobody's way until the root is entered.
"""

from __future__ import annotations

import os

from orlop.launch.plan import (
    CREATE,
    NO_SLOT,
    Attach,
    MakeDirectory,
    NewFilesystem,
    Open,
)
from orlop.runtime.layers import escaped, upper, work

TYPE_CHECKING = False
if TYPE_CHECKING:
    from orlop.launch.plan import Slot
    from orlop.runtime.layers import Layers, Overlay
    from orlop.runtime.planner.builder import Builder

_REASON = "OCI root"


def plan_layers(b: Builder, layers: Layers, mount_point: str) -> tuple[Slot, ...]:
    """Mounts the root, which is `b.root` then, and what belongs below it: the slots of these."""
    scratch = _plan_scratch(b, layers)
    for overlay in layers.overlays:
        for name in (upper(overlay), work(overlay)):
            b.container(MakeDirectory(scratch, name, 0o755), f"{_REASON}: for what is written")
    root, *others = layers.overlays
    b.root = _plan_overlay(b, layers, root)
    b.container(Attach(b.root, NO_SLOT, mount_point), "pivot_root(2) wants one")
    below = []
    for overlay in others:
        slot = _plan_overlay(b, layers, overlay)
        b.container(Attach(slot, *b.locate(overlay.target), CREATE), f"{_REASON}: {overlay.target}")
        b.add_filesystem(overlay.target, slot)
        below.append(slot)
    return tuple(below)


def _plan_scratch(b: Builder, layers: Layers) -> Slot:
    slot = b.slot()
    if layers.memory_bytes is None:
        flags = os.O_PATH | os.O_DIRECTORY
        b.container(Open(slot, layers.scratch, flags), f"{_REASON}: where changes go")
        return slot
    options = (f"size={layers.memory_bytes}", "mode=700")
    b.container(NewFilesystem(slot, "tmpfs", "scratch", options), f"{_REASON}: changes in memory")
    b.container(Attach(slot, NO_SLOT, layers.scratch), f"{_REASON}: overlays want a path")
    return slot


def _plan_overlay(b: Builder, layers: Layers, overlay: Overlay) -> Slot:
    slot = b.slot()
    options = (
        f"lowerdir={':'.join(map(escaped, overlay.lowers))}",
        f"upperdir={escaped(f'{layers.scratch}/{upper(overlay)}')}",
        f"workdir={escaped(f'{layers.scratch}/{work(overlay)}')}",
    )
    reason = f"{_REASON}: {overlay.target} with its changes apart"
    op = NewFilesystem(slot, "overlay", "overlay", options, layers.attributes)
    b.container(op, reason)
    return slot
