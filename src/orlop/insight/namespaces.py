"""All namespaces of the machine: who is in them, what keeps them, what sharing one exposes.

A namespace lives as long as a process or thread is in it, a descriptor of it is open, its file is
bind-mounted somewhere, or a namespace below it lives. See: namespaces(7), ioctl_ns(2).
"""

from __future__ import annotations

import os

from orlop.errors import OrlopError
from orlop.insight.snapshot import read_snapshot
from orlop.kernel import process as processes
from orlop.kernel.mounts import read_mountinfo
from orlop.kernel.namespaces import BY_NAME, NAMESPACES, lineage, parse_link
from orlop.records import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from orlop.insight.snapshot import Seen, Snapshot
    from orlop.insight.targets import Target
    from orlop.kernel.namespaces import Lineage

NAMED_AT = (("/run/orlop/ns/", "orlop"), ("/run/netns/", "ip netns"))
"""Where the names of namespaces are, and whose they are."""


# --- what is read ---------------------------------------------------------------------------


class Pin(Record):
    """A namespace's file, bind-mounted: it keeps the namespace.

    Attributes:
        kind: of the namespace, in the OCI's words.
        inode: of the namespace.
        path: where it is mounted.
        seen_by: a process in whose mount namespace it is; 0 for this process's own.
    """

    kind: str
    inode: int
    path: str
    seen_by: int = 0


class Holder(Record):
    """A descriptor or a thread that keeps a namespace.

    Attributes:
        kind: of the namespace, in the OCI's words.
        inode: of the namespace.
        pid: of the process.
        number: of the descriptor, or the thread's id.
    """

    kind: str
    inode: int
    pid: int
    number: int


class Machine(Record):
    """The namespaces of the machine at one moment.

    Attributes:
        snapshot: the processes.
        pins: bind mounts.
        descriptors: open descriptors of namespaces.
        threads: threads that are in other namespaces than their process.
        lineages: what the kernel tells of namespaces, by inode.
    """

    snapshot: Snapshot
    pins: tuple[Pin, ...] = ()
    descriptors: tuple[Holder, ...] = ()
    threads: tuple[Holder, ...] = ()
    lineages: Mapping[int, Lineage] = {}


def read_machine() -> Machine:
    """All namespaces that can be seen now. What may not be looked at is left out."""
    snapshot = read_snapshot()
    pins = tuple(_pins(snapshot))
    return Machine(
        snapshot,
        pins,
        tuple(_descriptors(snapshot)),
        tuple(_threads(snapshot)),
        _lineages(snapshot, pins),
    )


def _pins(snapshot: Snapshot) -> Iterator[Pin]:
    yield from own_pins()
    own = processes.namespaces(os.getpid())["mount"]
    looked_at = {own}
    for seen in snapshot.processes:
        mount = seen.namespaces.get("mount")
        if mount is not None and mount not in looked_at:
            looked_at.add(mount)
            yield from _pins_of(seen.pid)


def own_pins() -> tuple[Pin, ...]:
    """The namespaces that are bind-mounted in this process's mount namespace."""
    return tuple(_pins_of(0))


def _pins_of(pid: int) -> Iterator[Pin]:
    try:
        mounts = read_mountinfo(pid or None)
    except OSError:
        return
    for mount in mounts:
        link = parse_link(mount.root) if mount.type == "nsfs" else None
        if link is not None:
            yield Pin(link[0].name, link[1], mount.target, pid)


def _descriptors(snapshot: Snapshot) -> Iterator[Holder]:
    for seen in snapshot.processes:
        for fd, (kind, inode) in processes.open_namespaces(seen.pid).items():
            yield Holder(kind.name, inode, seen.pid, fd)


def _threads(snapshot: Snapshot) -> Iterator[Holder]:
    for seen in snapshot.processes:
        for thread in processes.threads(seen.pid):
            if thread == seen.pid or not seen.namespaces:
                continue
            try:
                found = processes.namespaces(seen.pid, thread)
            except OrlopError:
                continue
            for kind, inode in found.items():
                if inode != seen.namespaces.get(kind):
                    yield Holder(kind, inode, seen.pid, thread)


def _lineages(snapshot: Snapshot, pins: Iterable[Pin]) -> Mapping[int, Lineage]:
    paths = {pin.inode: pin.path for pin in pins if not pin.seen_by}
    for seen in snapshot.processes:
        for kind, inode in seen.namespaces.items():
            paths.setdefault(inode, f"/proc/{seen.pid}/ns/{BY_NAME[kind].file}")
    found: dict[int, Lineage] = {}
    for path in paths.values():
        try:
            for entry in lineage(path):
                found.setdefault(entry.inode, entry)
        except OrlopError:
            continue  # it has ended, or may not be opened
    return found


# --- all of them ----------------------------------------------------------------------------


class Namespace(Record):
    """One namespace and what keeps it.

    Attributes:
        kind: in the OCI's words ("network").
        inode: which one.
        is_host: whether it is the host's.
        owner: inode of the user namespace that it belongs to, None if that is not known.
        owner_uid: of a user namespace, the user who made it.
        parent: of a PID namespace, the inode of the one above.
        processes: those that are in it, by PID.
        names: what it is called, and by whom: ("web", "orlop").
        pins: its bind mounts.
        descriptors: open descriptors of it.
        threads: threads that are in it without their process.
    """

    kind: str
    inode: int
    is_host: bool
    owner: int | None = None
    owner_uid: int | None = None
    parent: int | None = None
    processes: tuple[Seen, ...] = ()
    names: tuple[tuple[str, str], ...] = ()
    pins: tuple[Pin, ...] = ()
    descriptors: tuple[Holder, ...] = ()
    threads: tuple[Holder, ...] = ()


def namespaces_of(machine: Machine) -> tuple[Namespace, ...]:
    """All namespaces, by kind and inode."""
    members: dict[tuple[str, int], list[Seen]] = {}
    for seen in machine.snapshot.processes:
        for kind, inode in seen.namespaces.items():
            members.setdefault((kind, inode), []).append(seen)
    known = {*members, *((entry.kind.name, entry.inode) for entry in machine.lineages.values())}
    known.update((pin.kind, pin.inode) for pin in machine.pins)
    known.update((held.kind, held.inode) for held in (*machine.descriptors, *machine.threads))
    order = [kind.name for kind in NAMESPACES]
    return tuple(
        _namespace(machine, kind, inode, tuple(members.get((kind, inode), ())))
        for kind, inode in sorted(known, key=lambda key: (order.index(key[0]), key[1]))
    )


def _namespace(machine: Machine, kind: str, inode: int, members: tuple[Seen, ...]) -> Namespace:
    pins = tuple(pin for pin in machine.pins if pin.inode == inode)
    entry = machine.lineages.get(inode)
    return Namespace(
        kind=kind,
        inode=inode,
        is_host=machine.snapshot.host.get(kind) == inode,
        owner=entry.owner if entry else None,
        owner_uid=entry.owner_uid if entry else None,
        parent=entry.parent if entry else None,
        processes=members,
        names=tuple(dict.fromkeys(name for pin in pins for name in _names(pin))),
        pins=pins,
        descriptors=tuple(held for held in machine.descriptors if held.inode == inode),
        threads=tuple(held for held in machine.threads if held.inode == inode),
    )


def _names(pin: Pin) -> Iterator[tuple[str, str]]:
    for directory, whose in NAMED_AT:
        if pin.path.startswith(directory) and not pin.seen_by:
            yield pin.path[len(directory) :].split("/")[0], whose


# --- one target -----------------------------------------------------------------------------


class Isolation(Record):
    """One kind of namespace of a target, beside the host's.

    Attributes:
        kind: in the OCI's words ("network").
        host: inode of the host's.
        inode: of the target's, None if it may not be read.
        shared_with: "host", and the names of other targets that are in it too.
        exposes: what sharing this kind with the host exposes, one sentence.
    """

    kind: str
    host: int
    inode: int | None
    shared_with: tuple[str, ...]
    exposes: str

    @property
    def isolated(self) -> bool | None:
        """Whether the target has another one than the host; None if that is not known."""
        return None if self.inode is None else self.inode != self.host


EXPOSES = {
    "user": "root inside is root outside: what gets out of the container is root on the host",
    "pid": "sees the host's processes, and can signal or trace those that its user may",
    "network": "has the host's interfaces, ports and firewall, and reaches abstract unix sockets",
    "mount": "sees and changes the host's mounts; there is no root file system of its own",
    "ipc": "reaches System V shared memory and semaphores and POSIX message queues of the host",
    "uts": "sees the host's name, and can change it with CAP_SYS_ADMIN",
    "cgroup": "sees where it is in the host's cgroup tree, and the names of what is above",
    "time": "has the host's monotonic and boot time clocks",
}


def isolation_of(
    snapshot: Snapshot, target: Target, others: Sequence[Target]
) -> tuple[Isolation, ...]:
    """The eight kinds of namespaces of a target, or as many as the kernel has.

    Args:
        snapshot: the processes; the target's has to be among them.
        target: which one.
        others: all targets of the machine, which may have this one among them.
    """
    seen = snapshot.find(target.process.pid)
    own = seen.namespaces if seen and seen.identity == target.process else {}
    strangers = [other for other in others if not _same(target, other)]
    return tuple(_isolation(snapshot, kind, own.get(kind), strangers) for kind in snapshot.host)


def isolation_of_inodes(
    snapshot: Snapshot, inodes: Mapping[str, int], others: Sequence[Target]
) -> tuple[Isolation, ...]:
    """The same for namespaces that are known by their inodes, and no others."""
    return tuple(_isolation(snapshot, kind, inode, others) for kind, inode in inodes.items())


def _isolation(
    snapshot: Snapshot, kind: str, inode: int | None, strangers: Sequence[Target]
) -> Isolation:
    host = snapshot.host.get(kind, 0)
    shared: tuple[str, ...] = ("host",) if inode == host else ()
    shared += tuple(
        other.name
        for other in strangers
        if inode is not None and _inode(snapshot, other, kind) == inode
    )
    return Isolation(kind, host, inode, shared, EXPOSES[kind])


def _same(target: Target, other: Target) -> bool:
    return target.process.pid in (other.process.pid, *other.members)


def _inode(snapshot: Snapshot, target: Target, kind: str) -> int | None:
    seen = snapshot.find(target.process.pid)
    return seen.namespaces.get(kind) if seen else None
