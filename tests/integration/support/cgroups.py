"""The cgroups of test containers: where they are, and what is in their files.

Works with cgroup v1, hybrid and v2, so that a test states a limit once.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Hierarchy:
    """A mounted cgroup hierarchy.

    Attributes:
        root: its mount point.
        controllers: what is bound to it; v1 only. A named hierarchy has its name here.
        v2: whether it is the unified hierarchy.
    """

    root: Path
    controllers: frozenset[str]
    v2: bool


def hierarchies() -> list[Hierarchy]:
    """All mounted hierarchies, the unified one last."""
    found = []
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        before, _, after = line.partition(" - ")
        kind, _, options = after.split(" ", 2)
        if kind in ("cgroup", "cgroup2"):
            names = frozenset(option.removeprefix("name=") for option in options.split(","))
            found.append(Hierarchy(Path(before.split()[4]), names, kind == "cgroup2"))
    return sorted(found, key=lambda hierarchy: hierarchy.v2)


def unified_only() -> bool:
    """Whether the host has cgroup v2 and nothing else."""
    return all(hierarchy.v2 for hierarchy in hierarchies())


def _hierarchy_of(controller: str) -> Hierarchy:
    for hierarchy in hierarchies():
        if hierarchy.v2 or controller in hierarchy.controllers:
            return hierarchy
    raise AssertionError(f"no cgroup hierarchy has {controller}")


def directory(cgroups_path: str, controller: str) -> Path:
    """Where the cgroup with an absolute OCI path is, for one controller."""
    return _hierarchy_of(controller).root / cgroups_path.lstrip("/")


def of_process(pid: int | str, controller: str) -> Path:
    """The directory of the cgroup in which a process is, for one controller."""
    wanted = _hierarchy_of(controller)
    for line in Path(f"/proc/{pid}/cgroup").read_text().splitlines():
        _, names, path = line.split(":", 2)
        listed = {name.removeprefix("name=") for name in names.split(",")} - {""}
        if (not listed and wanted.v2) or (not wanted.v2 and controller in listed):
            return wanted.root / path.lstrip("/")
    raise AssertionError(f"process {pid} is in no {controller} cgroup")


class Limits:
    """The limits of one cgroup as the kernel has them, in the units of the OCI configuration."""

    def __init__(self, cgroups_path: str) -> None:
        self._path = cgroups_path

    def read(self, controller: str, name: str) -> str:
        """The text of one file, without white space around it."""
        return (directory(self._path, controller) / name).read_text().strip()

    def _number(self, controller: str, v1: str, v2: str) -> int:
        text = self.read(controller, v2 if unified_only() else v1)
        return -1 if text == "max" else int(text)

    @property
    def memory_bytes(self) -> int:
        """The hard limit; -1 for none (v2 only, v1 has a huge number)."""
        return self._number("memory", "memory.limit_in_bytes", "memory.max")

    @property
    def memory_reservation_bytes(self) -> int:
        """The soft limit."""
        return self._number("memory", "memory.soft_limit_in_bytes", "memory.low")

    @property
    def pids(self) -> int:
        """The limit of processes; -1 for none."""
        return self._number("pids", "pids.max", "pids.max")

    @property
    def cpu_quota_us(self) -> int:
        """CPU time in each period; -1 for no limit."""
        if unified_only():
            quota = self.read("cpu", "cpu.max").split()[0]
            return -1 if quota == "max" else int(quota)
        return int(self.read("cpu", "cpu.cfs_quota_us"))

    @property
    def cpu_period_us(self) -> int:
        """The period of the quota."""
        if unified_only():
            return int(self.read("cpu", "cpu.max").split()[1])
        return int(self.read("cpu", "cpu.cfs_period_us"))

    @property
    def cpu_weight(self) -> int:
        """Shares with v1, weight with v2."""
        return self._number("cpu", "cpu.shares", "cpu.weight")

    @property
    def cpuset_cpus(self) -> str:
        """The CPUs that may be used, as a list of ranges."""
        return self.read("cpuset", "cpuset.cpus")

    @property
    def frozen(self) -> bool:
        """Whether the cgroup is frozen as a whole."""
        if unified_only():
            return "frozen 1" in self.read("freezer", "cgroup.events")
        return self.read("freezer", "freezer.state") == "FROZEN"
