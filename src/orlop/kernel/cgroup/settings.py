"""From resources to the writes that put them into force, wherever the controllers are.

This is where v1 and v2 meet: each controller is asked for in the layout, and found in a v1
hierarchy or in the unified one.
"""

from __future__ import annotations

from orlop.errors import Unsupported
from orlop.kernel.cgroup import convert, v1, v2
from orlop.kernel.cgroup.writes import Everything, name, unsupported
from orlop.records import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from orlop.kernel.cgroup.detect import CgroupLayout, Hierarchy
    from orlop.kernel.cgroup.resources import Resources
    from orlop.kernel.cgroup.writes import Files, Write


class Place(Record):
    """One cgroup in one hierarchy.

    Attributes:
        directory: its host path; it need not exist.
        mount: the hierarchy's mount point.
        controllers: those that it has, or can have.
        v2: whether this is the unified hierarchy.
        name: of a v1 hierarchy, as `systemd`.
    """

    directory: str
    mount: str
    controllers: tuple[str, ...] = ()
    v2: bool = False
    name: str = ""


class Setting(Record):
    """One value to be written.

    Attributes:
        path: host path of the control file.
        value: what is written, in one write(2).
        reason: where it comes from.
        optional: the kernel may refuse it without harm.
    """

    path: str
    value: str
    reason: str
    optional: bool = False


def place_in(hierarchy: Hierarchy, directory: str) -> Place:
    """The place of a directory in its hierarchy."""
    return Place(directory, hierarchy.mount, hierarchy.controllers, hierarchy.v2, hierarchy.name)


def places(layout: CgroupLayout, path: str) -> tuple[Place, ...]:
    """Where a cgroup path is in each hierarchy."""
    return tuple(place_in(found, found.directory(path)) for found in layout.hierarchies)


def place_of(where: tuple[Place, ...], *controllers: str) -> Place | None:
    """The place that has one of these controllers: names of the same thing on v1 and v2."""
    for place in where:
        if any(controller in place.controllers for controller in controllers):
            return place
    return None


def unified_of(where: tuple[Place, ...]) -> Place | None:
    """The place in the v2 hierarchy."""
    return next((place for place in where if place.v2), None)


# Names on v1 and on v2, in the order of the writes.
_CONTROLLERS = (
    ("cpuset", "cpuset"),
    ("cpu", "cpu"),
    ("memory", "memory"),
    ("pids", "pids"),
    ("blkio", "io"),
    ("hugetlb", "hugetlb"),
    ("rdma", "rdma"),
    ("net_cls", ""),
    ("net_prio", ""),
)


def settings(
    where: tuple[Place, ...], resources: Resources, files_of: Callable[[Place], Files]
) -> tuple[Setting, ...]:
    """The writes for all resources but devices, in an order that the kernel accepts.

    Args:
        where: the cgroup in all hierarchies.
        resources: what is asked.
        files_of: what is known about the control files at a place.

    Raises:
        SpecError: a value is not valid.
        Unsupported: the kernel cannot enforce it.
    """
    convert.check(resources)
    found: list[Setting] = []
    for name_v1, name_v2 in _CONTROLLERS:
        place = place_of(where, name_v1, name_v2)
        if place is None:
            _refuse(name_v1, name_v2, resources)
            continue
        version = v2.CONTROLLERS if place.v2 else v1.CONTROLLERS
        files = files_of(place)
        writes = version[name_v2 if place.v2 else name_v1](resources, files)
        found += _possible(writes, place, files)
    if resources.unified:
        found += _unified(where, resources, files_of)
    return tuple(found)


def _refuse(name_v1: str, name_v2: str, resources: Resources) -> None:
    """Without the controller nothing may be asked of it, except to lift limits."""
    asked = v1.CONTROLLERS[name_v1](resources, Everything())
    for write in asked:
        if not write.lifts:
            needs = name_v2 or f"v1 {name_v1}"
            raise unsupported(write.field, f"the cgroup controller {needs}")


def _possible(writes: Iterable[Write], place: Place, files: Files) -> Iterator[Setting]:
    for write in writes:
        if write.needs and files.has(write.file) is False:
            if write.lifts:
                continue
            raise unsupported(write.field, write.needs)
        path = f"{place.directory}/{write.file}"
        yield Setting(path, write.value, f"OCI {name(write.field)}")


def _unified(
    where: tuple[Place, ...], resources: Resources, files_of: Callable[[Place], Files]
) -> Iterator[Setting]:
    place = unified_of(where)
    if place is None:
        raise Unsupported(name("unified"), needs="cgroup v2")
    files = files_of(place)
    yield from _possible(v2.unified(resources, files, place.controllers), place, files)
