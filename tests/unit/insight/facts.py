"""Facts about a target, made by hand: one that has no weakness, and ways to weaken it."""

from __future__ import annotations

from typing import Any

from orlop.insight.inside import DeviceNode, Looked, Opened
from orlop.insight.limits import Cgroups, Limit
from orlop.insight.mounts import Mounts, SeenMount
from orlop.insight.namespaces import EXPOSES, Isolation
from orlop.insight.proof.facts import DeviceControl, Facts, Security
from orlop.insight.targets import Target
from orlop.kernel.capabilities import CapabilitySets
from orlop.kernel.cgroup.devices import Exceptions
from orlop.kernel.cgroup.limits import Reading
from orlop.kernel.cgroup.stats import Stats
from orlop.kernel.mounts import Mount
from orlop.kernel.process import Identity, Status
from orlop.runtime.spec import Spec

HOST = {kind: 100 + number for number, kind in enumerate(EXPOSES)}
OWN = {kind: 200 + number for number, kind in enumerate(EXPOSES)}
TARGET = Target("pid:7", "process", Identity(7, 1), "7")


def mount(
    target: str,
    kind: str = "tmpfs",
    *,
    root: str = "/",
    options: tuple[str, ...] = ("rw",),
    number: int = 0,
    parent: int = 1,
    device: tuple[int, int] = (0, 99),
    shared: int = 0,
    source: str = "none",
) -> Mount:
    """A line of mountinfo."""
    return Mount(
        id=number or 1000 + sum(target.encode()),
        parent=parent,
        major=device[0],
        minor=device[1],
        root=root,
        target=target,
        options=options,
        shared=shared,
        master=0,
        propagate_from=0,
        unbindable=False,
        type=kind,
        source=source,
        super_options=("rw",),
    )


ROOT = SeenMount(mount("/", "ext4", number=10, options=("ro",), root="/images/web"), "/images/web")
PROC = SeenMount(mount("/proc", "proc", number=11, parent=10))


def status(**changes: object) -> Status:
    """The first process: an ordinary user without any privilege."""
    return Status(
        name="web",
        state="S",
        pid=7,
        ppid=1,
        uids=(1000,) * 4,
        gids=(1000,) * 4,
        groups=(),
        namespace_pids=(7, 1),
        threads=1,
        capabilities=CapabilitySets(),
        no_new_privileges=True,
        seccomp_mode=2,
        seccomp_filters=1,
    ).replace(**changes)


def isolation(*shared: str) -> tuple[Isolation, ...]:
    """All namespaces its own but for these, which are the host's."""
    return tuple(
        Isolation(
            kind,
            HOST[kind],
            HOST[kind] if kind in shared else OWN[kind],
            ("host",) if kind in shared else (),
            EXPOSES[kind],
        )
        for kind in EXPOSES
    )


def limits(*kinds: str) -> Cgroups:
    """Limits of these kinds, set on the container's own cgroup."""
    readings = tuple(Reading(kind, "", 1, f"{kind}.max") for kind in kinds)
    found = tuple(Limit(reading, "/sys/fs/cgroup/web") for reading in readings)
    return Cgroups((), readings, found, (), Stats(), frozen=False)


def mounts(*more: SeenMount, paths: tuple[Opened, ...] = (), devices: str = "") -> Mounts:
    """A read-only root, a /proc, and these; at these paths was looked.

    `devices` are nodes in /dev: "sda b 8 0, fuse c 10 229".
    """
    root = Opened("/", mount=10, resolved="/", read_only=True)
    words = (node.split() for node in devices.split(",") if node)
    nodes = (
        DeviceNode(f"/dev/{name}", kind == "b", int(major), int(minor))
        for name, kind, major, minor in words
    )
    return Mounts((ROOT, PROC, *more), Looked(root, paths, tuple(nodes)))


def bound(host_path: str, target: str, **options: Any) -> SeenMount:
    """Something of the host's disk, mounted into the target."""
    return SeenMount(mount(target, "ext4", parent=10, root=host_path, **options), host_path)


STRONG = Facts(
    isolation=isolation("time"),
    here=HOST,
    status=status(),
    cgroups=limits("memory", "tasks", "CPU time"),
    devices=DeviceControl(Exceptions(allow=False, accesses={})),
    mounts=mounts(),
    security=Security(modules=("apparmor",), label="docker-default (enforce)"),
)
"""A target without any weakness."""


def spec(**linux: object) -> Spec:
    """A configuration with these fields of `linux`."""
    base = Spec("1.0.2")
    return base.replace(linux=base.linux.replace(**linux))
