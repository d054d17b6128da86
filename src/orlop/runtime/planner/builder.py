"""Collects the steps of a plan and hands out its slots."""

from __future__ import annotations

from orlop.launch.plan import CONTAINER, LAUNCHER, MIDDLE, NO_SLOT, Operation, Plan, Slot, Step
from orlop.runtime.paths import normal


class Builder:
    """A plan in the making.

    It also knows which file systems of the container the plan itself has made, so that a path
    below one of them is resolved from that mount's own descriptor: who can rename directories
    under the root (through a shared volume, say) cannot redirect what is written to /proc or
    mounted below /dev (CVE-2025-52881, CVE-2025-31133).
    """

    def __init__(self, inherited: int = 0) -> None:
        self._steps: list[Step] = []
        self._slots = inherited
        self._inherited = inherited
        self._own_filesystems: list[tuple[str, Slot]] = []
        self.root = NO_SLOT

    def slot(self) -> Slot:
        """A slot that no operation uses yet."""
        self._slots += 1
        return Slot(self._slots - 1)

    def add(self, step: Step) -> None:
        """Adds a step."""
        self._steps.append(step)

    def launcher(self, op: Operation, reason: str) -> None:
        """Adds a step for the launcher."""
        self._steps.append(Step(LAUNCHER, op, reason))

    def middle(self, op: Operation, reason: str) -> None:
        """Adds a step for the process between launcher and container."""
        self._steps.append(Step(MIDDLE, op, reason))

    def container(self, op: Operation, reason: str) -> None:
        """Adds a step for the container's process."""
        self._steps.append(Step(CONTAINER, op, reason))

    def add_filesystem(self, destination: str, mount: Slot) -> None:
        """Remembers that the plan has mounted a new file system instance at a container path."""
        self._own_filesystems.append((normal(destination), mount))

    def hide_filesystems(self, destination: str) -> None:
        """Forgets what was mounted at or below a container path, since it is covered now."""
        target = normal(destination)
        self._own_filesystems = [
            (at, mount) for at, mount in self._own_filesystems if _below(at, target) is None
        ]

    def locate(self, path: str) -> tuple[Slot, str]:
        """The slot from which a container path is to be resolved, and the path relative to it."""
        target = normal(path)
        best, rest = self.root, target.lstrip("/")
        for at, mount in self._own_filesystems:
            below = _below(target, at)
            if below is not None and len(below) <= len(rest):
                best, rest = mount, below
        return best, rest

    def build(self, flags: int) -> Plan:
        """The plan."""
        return Plan(tuple(self._steps), self._slots, self._inherited, flags)


def _below(path: str, directory: str) -> str | None:
    """`path` relative to `directory`, or None if it is not in it; both normal."""
    if path == directory:
        return ""
    prefix = directory.rstrip("/") + "/"
    return path[len(prefix) :] if path.startswith(prefix) else None
