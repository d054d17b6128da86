"""What has to be done to give a container its cgroups, as data.

`create` reads the facts it needs and returns a `Creation`; it changes nothing. The planner turns
the `Creation` into operations. Its steps are in the order in which the kernel accepts them:
directories from the top down, then controllers for the children (v2), cpusets (v1), the settings,
and the device rules last.
"""

from __future__ import annotations

import posixpath

from orlop.errors import Conflict, SpecError, Unsupported
from orlop.kernel.cgroup import devices
from orlop.kernel.cgroup.facts import HostFacts
from orlop.kernel.cgroup.resources import Resources
from orlop.kernel.cgroup.settings import Place, Setting, place_of, places, settings, unified_of
from orlop.kernel.cgroup.writes import name
from orlop.records import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from orlop.kernel.cgroup.detect import CgroupLayout
    from orlop.kernel.cgroup.facts import Facts
    from orlop.kernel.cgroup.resources import DeviceRule

NO_PATHS: Mapping[str, str] = {}


class Directory(Record):
    """A directory to be made, unless it is there already.

    Attributes:
        path: its host path.
        leaf: whether it is the container's own cgroup, and not one above.
    """

    path: str
    leaf: bool


class CpusetDirectory(Record):
    """A v1 cpuset directory that takes from its parent what it has not of its own (cpuset(7))."""

    path: str


class Entry(Record):
    """The ways into a cgroup.

    Attributes:
        tasks: the v1 `tasks` files, host paths; a process enters by writing "0" to each.
        directory: the v2 directory, in which a process can be born (CLONE_INTO_CGROUP), "" if
            there is none.
    """

    tasks: tuple[str, ...] = ()
    directory: str = ""


class Creation(Record):
    """How to make a container's cgroups.

    Attributes:
        steps: what to do, in order.
        entry: how the container's process gets in.
        device_program: an eBPF device filter to be attached to `entry.directory`, b"" for none.
        paths: the directories by their hierarchies' mount points, as `live.Cgroup` is stored.
    """

    steps: tuple[Directory | CpusetDirectory | Setting, ...]
    entry: Entry
    device_program: bytes = b""
    paths: Mapping[str, str] = NO_PATHS


def plan_path(cgroups_path: str | None, container: str, layout: CgroupLayout) -> str:
    """The cgroup path of a container: absolute, or relative to where this process is.

    Without a configured path it is the container's id, relative. No path leads out: ".." ends
    at the top. runc's cgroupfs driver does the same.

    Raises:
        SpecError: the path has no cgroup of its own in it.
        Unsupported: it is of systemd's form SLICE:PREFIX:NAME, or there are no cgroups here.

    See: runtime-spec config-linux.md#cgroups-path.
    """
    if not layout.hierarchies:
        raise Unsupported("a container's control group", needs="a mounted cgroup file system")
    wanted = cgroups_path or container
    if wanted.count(":") == 2 and "/" not in wanted:
        raise Unsupported(
            f"linux.cgroupsPath {wanted!r}",
            needs="the systemd cgroup driver",
            hint="it is of the form SLICE:PREFIX:NAME; give a path",
        )
    clean = posixpath.normpath("/" + wanted.lstrip("/"))
    if clean == "/" or "\0" in clean or "\n" in clean:
        raise SpecError(
            "linux.cgroupsPath",
            f"{wanted!r} does not name a cgroup of the container's own",
            spec_ref="config-linux.md#cgroups-path",
        )
    return clean if wanted.startswith("/") else clean[1:]


def create(
    layout: CgroupLayout, path: str, resources: Resources | None, facts: Facts | None = None
) -> Creation:
    """How to make the cgroup of this path in every hierarchy, with these resources.

    Args:
        layout: the hierarchies of the host.
        path: as `plan_path` gives it.
        resources: what is asked; with no device rules at all, devices are not restricted.
        facts: where to look things up, by default on this host.

    Raises:
        SpecError: a value is not valid.
        Unsupported: the host cannot enforce it.
        Conflict: the cgroup is in use, or one above it has processes and can have no children.
    """
    known = facts or HostFacts()
    asked = resources or Resources()
    where = places(layout, path)
    _check_fitness(where, known)
    written = settings(where, asked, known.files)
    program, device_settings = device_rules(where, asked.devices, lambda _: devices.ANYTHING)
    steps: list[Directory | CpusetDirectory | Setting] = []
    for place in where:
        steps += (Directory(directory, leaf=False) for directory in _above(place))
        steps.append(Directory(place.directory, leaf=True))
    steps += enabling(where, written, known)
    cpuset = place_of(where, "cpuset")
    if cpuset is not None and not cpuset.v2:
        steps += (CpusetDirectory(directory) for directory in _above(cpuset))
    steps += written
    if cpuset is not None and not cpuset.v2:
        # After the settings: a copy of all CPUs would fail beside an exclusive sibling.
        steps.append(CpusetDirectory(cpuset.directory))
    steps += device_settings
    return Creation(
        steps=tuple(steps),
        entry=entry_of(where),
        device_program=program,
        paths={place.mount: place.directory for place in where},
    )


def entry_of(where: tuple[Place, ...]) -> Entry:
    """The ways into a cgroup."""
    unified = unified_of(where)
    return Entry(
        tasks=tuple(posixpath.join(place.directory, "tasks") for place in where if not place.v2),
        directory=unified.directory if unified else "",
    )


def _check_fitness(where: tuple[Place, ...], facts: Facts) -> None:
    """A cgroup with processes, or frozen, is refused (config-linux.md#control-groups)."""
    place = place_of(where, "freezer") or unified_of(where) or where[0]
    if reason := facts.occupied(place):
        raise Conflict(f"cannot use cgroup {place.directory} for a container: {reason}")


def _above(place: Place) -> list[str]:
    """The directories between the mount point and the cgroup, from the top down."""
    found = []
    directory = posixpath.dirname(place.directory)
    while len(directory) > len(place.mount):
        found.append(directory)
        directory = posixpath.dirname(directory)
    return found[::-1]


def enabling(
    where: tuple[Place, ...], written: tuple[Setting, ...], facts: Facts
) -> Iterator[Setting]:
    """Writes to cgroup.subtree_control above the v2 cgroup, so that it has its controllers.

    Those that something is written for have to be there. Where v2 has all the controllers, the
    others are enabled too, as far as that goes, because they count what is used.

    Raises:
        Conflict: one that has to be there cannot be.
    """
    place = unified_of(where)
    if place is None:
        return
    needed = {
        posixpath.basename(setting.path).partition(".")[0]
        for setting in written
        if posixpath.dirname(setting.path) == place.directory
    }
    hybrid = any(other.controllers for other in where if not other.v2)
    available = needed.intersection(place.controllers) if hybrid else set(place.controllers)
    for directory in (place.mount, *_above(place)):
        subtree = facts.subtree(directory)
        enabled = available & subtree.enabled if subtree else set()
        missing = available - enabled
        path = f"{directory}/cgroup.subtree_control"
        if subtree and subtree.closed:
            if missing & needed:
                names = ", ".join(sorted(missing & needed))
                raise Conflict(
                    f"cannot enable cgroup controllers {names} below {directory}: "
                    "it has processes of its own",
                    hint="a cgroup v2 has either processes or children with controllers",
                )
            available = enabled
            continue
        if required := sorted(missing & needed):
            value = " ".join(f"+{controller}" for controller in required)
            yield Setting(path, value, "children need these controllers")
        for controller in sorted(missing - needed):
            yield Setting(path, f"+{controller}", "to account for what is used", optional=True)


def device_rules(
    where: tuple[Place, ...],
    rules: tuple[DeviceRule, ...],
    state_of: Callable[[Place], devices.Exceptions],
) -> tuple[bytes, tuple[Setting, ...]]:
    """The device rules as an eBPF program for v2, or as settings for v1, where it controls devices.

    `state_of` tells the present state of a v1 cgroup, which the settings change.

    Raises:
        SpecError: a rule is not valid.
        Unsupported: v1 cannot express the rules, or nothing here controls devices.
    """
    if not rules:
        return b"", ()
    place = place_of(where, "devices")
    if place is not None:
        target = devices.exceptions(rules)
        reason = f"OCI {name('devices')}"
        return b"", tuple(
            Setting(f"{place.directory}/{file}", value, reason)
            for file, value in devices.transition(state_of(place), target)
        )
    if unified_of(where) is None:
        raise Unsupported(name("devices"), needs="the cgroup controller devices, or cgroup v2")
    return devices.program(rules), ()
