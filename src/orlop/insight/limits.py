"""The limits that are in force for a process: of all cgroups above it, the smallest counts.

Works for every process, in every hierarchy (v1, hybrid, v2) that is mounted where orlop runs.
"""

from __future__ import annotations

import os
import posixpath

from orlop.kernel.cgroup import control
from orlop.kernel.cgroup.detect import read_memberships
from orlop.kernel.cgroup.limits import BYTES, Reading, readings
from orlop.kernel.cgroup.live import Cgroup
from orlop.kernel.cgroup.settings import Place
from orlop.records import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from orlop.kernel.cgroup.detect import Membership
    from orlop.kernel.cgroup.stats import Stats

_ONLY_IN_ROOTS = "cgroup.sane_behavior"  # of v1
_NEVER_IN_ROOTS = "cgroup.type"  # of v2


class Limit(Record):
    """One limit as it is in force.

    Attributes:
        tightest: the smallest reading on the way up; its use is that of the cgroup that has it.
        directory: host path of that cgroup; "" if it is above all that can be seen from here.
        above: whether it is set above the container's own cgroup.
    """

    tightest: Reading
    directory: str
    above: bool = False


class Subset(Record):
    """The CPUs or memory nodes that may be used, of those that the top of the tree has.

    Attributes:
        kind: "CPUs" or "memory nodes".
        allowed: as "0-3,7".
        directory: host path of the highest cgroup that is confined to these; "" if none is.
        above: whether that is above the container's own cgroup.
    """

    kind: str
    allowed: str
    directory: str = ""
    above: bool = False


class Seat(Record):
    """Where a process is in one hierarchy.

    Attributes:
        membership: in the kernel's words.
        own: host path of the container's cgroup, which may be above that of its first process;
            "" if it cannot be seen from here.
        line: all cgroups from the process's own to the top of what is mounted, host paths.
        complete: whether that top is the root of the hierarchy, so that nothing is above it.
    """

    membership: Membership
    own: str
    line: tuple[str, ...]
    complete: bool


class Cgroups(Record):
    """What the control groups of a container do to it.

    Attributes:
        seats: one for each hierarchy.
        readings: what the container's own cgroups say, set or not.
        limits: those that are in force, at most one of each kind.
        subsets: CPUs and memory nodes.
        stats: what the container uses and has used.
        frozen: whether it was asked to stand still.
    """

    seats: tuple[Seat, ...]
    readings: tuple[Reading, ...]
    limits: tuple[Limit, ...]
    subsets: tuple[Subset, ...]
    stats: Stats
    frozen: bool

    @property
    def places(self) -> tuple[Place, ...]:
        """The container's own cgroups as the writers of settings take them."""
        return tuple(_place(seat) for seat in self.seats if seat.own)

    def limit(self, kind: str) -> Limit | None:
        """The limit of this kind, if one is in force."""
        return next((limit for limit in self.limits if limit.tightest.kind == kind), None)

    def own(self, kind: str) -> Reading | None:
        """What the container's own cgroup says about this kind; None if it has no such limit."""
        return next((reading for reading in self.readings if reading.kind == kind), None)


def read_cgroups(pid: int, name: str = "") -> Cgroups:
    """The control groups of a container.

    Args:
        pid: of its first process.
        name: the last part of the path of the container's own cgroup, in case that its first
            process has moved into one below.

    Raises:
        SyscallError: the process is gone, or something may not be read.
    """
    return cgroups_of(read_memberships(pid), name)


def cgroups_of(memberships: Iterable[Membership], name: str = "") -> Cgroups:
    """The same for a process of which it is known where it is."""
    seats = tuple(_seat(membership, name) for membership in memberships)
    cgroup = Cgroup(tuple(_place(seat) for seat in seats if seat.own))
    return Cgroups(
        seats=seats,
        readings=tuple(found for seat in seats if seat.own for found in readings(seat.own)),
        limits=tuple(limit for seat in seats for limit in _limits(seat)),
        subsets=tuple(subset for seat in seats for subset in _subsets(seat)),
        stats=cgroup.stats(),
        frozen=cgroup.frozen(),
    )


# --- where it is ----------------------------------------------------------------------------


def _seat(membership: Membership, name: str) -> Seat:
    line = tuple(_line(membership))
    own = next((d for d in line[:-1] if name and posixpath.basename(d) == name), "")
    return Seat(membership, own or (line[0] if line else ""), line, _is_root(membership))


def _line(membership: Membership) -> Iterator[str]:
    directory, mount = membership.directory, membership.mount.rstrip("/")
    while len(directory) > len(mount):
        yield directory
        directory = posixpath.dirname(directory)
    if directory:
        yield directory


def _is_root(membership: Membership) -> bool:
    """Whether the mount shows the whole hierarchy, and not what a cgroup namespace leaves of it."""
    if membership.v2:
        return not os.path.exists(f"{membership.mount}/{_NEVER_IN_ROOTS}")
    return os.path.exists(f"{membership.mount}/{_ONLY_IN_ROOTS}")


def _place(seat: Seat) -> Place:
    member, controllers = seat.membership, seat.membership.controllers
    if member.v2:
        controllers = tuple(control.read_or(f"{seat.own}/cgroup.controllers", "").split())
    return Place(seat.own, member.mount, controllers, member.v2, member.name)


# --- limits ---------------------------------------------------------------------------------


def _limits(seat: Seat) -> Iterator[Limit]:
    """The smallest of each kind, and of equal ones the nearest to the process."""
    above = seat.line[seat.line.index(seat.own) + 1 :] if seat.own else ()
    tightest: dict[str, Limit] = {}
    for directory in seat.line:
        for reading in readings(directory):
            known = tightest.get(reading.kind)
            if reading.limit is not None and (known is None or _is_below(reading, known)):
                tightest[reading.kind] = Limit(reading, directory, directory in above)
    hidden = _hidden_memory_limit(seat, tightest.get("memory"))
    if hidden is not None:
        tightest["memory"] = Limit(hidden, "", above=True)
    yield from tightest.values()


def _is_below(reading: Reading, known: Limit) -> bool:
    limit = known.tightest.limit
    return reading.limit is not None and limit is not None and reading.limit < limit


def _hidden_memory_limit(seat: Seat, known: Limit | None) -> Reading | None:
    """A memory limit of v1 above what can be seen here: memory.stat tells the smallest of all."""
    if seat.complete or not seat.own or seat.membership.v2:
        return None
    stat = control.flat_keyed(control.read_or(f"{seat.own}/memory.stat", ""))
    limit = stat.get("hierarchical_memory_limit", _NO_BYTES)
    if limit >= _NO_BYTES or (known is not None and limit >= (known.tightest.limit or 0)):
        return None
    return Reading("memory", BYTES, limit, "memory.stat")


_NO_BYTES = 1 << 62

# kind, v1's file, v2's file
_SUBSETS = (
    ("CPUs", "cpuset.effective_cpus", "cpuset.cpus.effective"),
    ("memory nodes", "cpuset.effective_mems", "cpuset.mems.effective"),
)


def _subsets(seat: Seat) -> Iterator[Subset]:
    for kind, *files in _SUBSETS:
        for file in files:
            allowed = _texts(seat.line, file)
            if not allowed or not allowed[0][1]:
                continue
            mine = allowed[0][1]
            same = [directory for directory, text in allowed if text == mine]
            if len(same) == len(allowed):
                yield Subset(kind, mine)
            else:
                yield Subset(kind, mine, same[-1], len(same[-1]) < len(seat.own))


def _texts(line: tuple[str, ...], file: str) -> list[tuple[str, str]]:
    texts = ((d, control.read_or(f"{d}/{file}", "").strip()) for d in line)
    return [(directory, text) for directory, text in texts if text]
