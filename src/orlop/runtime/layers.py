"""A root file system of layers, which the container's process mounts in its own mount namespace.

Nothing of it is mounted on the host, so nothing can be left there. What is written goes to
directories below `scratch`, or, with `memory_bytes`, into a tmpfs that covers `scratch` in the
container's mount namespace only and ends with it.
"""

from __future__ import annotations

from orlop.records import Record


class Overlay(Record):
    """One overlay: container path, host directories from the uppermost down, and a name.

    The name is that of its directories in the scratch: NAME.upper and NAME.work.
    """

    target: str
    lowers: tuple[str, ...]
    name: str


class Layers(Record):
    """The overlays that make a root; the first one is the root itself.

    Attributes:
        overlays: in the order in which they are mounted.
        scratch: a host directory for what is written; it has to exist.
        memory_bytes: the size of the tmpfs, None for the directory itself, which has to be on a
            file system that can be an overlay's upper layer.
        attributes: of all of them, MOUNT_ATTR_ bits.
    """

    overlays: tuple[Overlay, ...]
    scratch: str
    memory_bytes: int | None = None
    attributes: int = 0


def upper(overlay: Overlay) -> str:
    """The name below the scratch of the directory with what was written."""
    return f"{overlay.name}.upper"


def work(overlay: Overlay) -> str:
    """The name below the scratch of the directory that the overlay keeps for itself."""
    return f"{overlay.name}.work"


def escaped(path: str) -> str:
    r"""A path as it stands in an overlay's options: `:` parts layers, `\` quotes."""
    for special in "\\:,":
        path = path.replace(special, f"\\{special}")
    return path
