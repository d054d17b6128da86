"""Namespaces with names: made, kept by bind mounts, and removed."""

from __future__ import annotations

import errno
import os

from orlop.errors import (
    AlreadyExists,
    Conflict,
    InvalidArgument,
    LaunchError,
    NotFound,
    SyscallError,
)
from orlop.insight.byhand import places
from orlop.insight.byhand.deeds import Deeds
from orlop.insight.byhand.plans import plan_keeper
from orlop.insight.byhand.running import explained, plan_lines, situation
from orlop.kernel import process as processes
from orlop.kernel.namespaces import MOUNT, NETWORK, identify
from orlop.launch.executor import launch
from orlop.launch.plan import AwaitStart
from orlop.records import Record
from orlop.runtime.lifecycle.handover import Opened

TYPE_CHECKING = False
if TYPE_CHECKING:
    from orlop.insight.byhand.plans import New
    from orlop.kernel.process import Identity

_SOCKET = "start.sock"


class Created(Record):
    """What was made.

    Attributes:
        name: of the namespaces.
        inodes: by kind, in the OCI's words.
        keeper: the PID of the process that keeps the PID namespace usable, 0 if none is needed.
        done: what was done for it, in the kernel's words.
    """

    name: str
    inodes: dict[str, int]
    keeper: int
    done: tuple[str, ...]


class Removed(Record):
    """What was removed, and in the kernel's words how."""

    name: str
    done: tuple[str, ...]


def create(name: str, new: New) -> Created:
    """New namespaces that live on under a name, without a process where the kernel allows.

    A PID namespace needs its first process: when that has ended, no other can be made in it. So
    with one of these a process of the launcher's stays, and waits; it reaps what is orphaned there.

    Raises:
        InvalidArgument: the name cannot be one, or no kind is asked for.
        AlreadyExists: the name is taken, by orlop or, for a network namespace, by `ip netns`.
        LaunchError: the kernel refuses.
        Unsupported: the kernel has no such namespaces.
        PermissionDenied: only root may have names.
    """
    places.check_name(name)
    if not new.kinds:
        raise InvalidArgument(f"{name}: there is no kind of namespace to make", hint="as --net")
    places.check_available(new.kinds)
    with places.Lock():
        if places.kept(name) or name in places.names():
            raise AlreadyExists("namespace", name)
        for cpu in (None, *sorted(os.sched_getaffinity(0))):
            try:
                return _create(name, new, cpu)
            except SyscallError as error:
                if not _is_out_of_order(error, name):
                    raise
    raise Conflict(
        "the kernel does not keep new mount namespaces from here: it takes them for older ones",
        hint="do it in the host's mount namespace",
    )


def _is_out_of_order(error: SyscallError, name: str) -> bool:
    """Whether the new mount namespace is refused because of its number.

    A mount namespace can only be bound in an older one, lest two keep each other, and the kernel
    tells their age by numbers. Since Linux 6.18 each CPU has a stock of these to give, so a new
    one may seem to be the older one, unless both were made on the same CPU.
    """
    return error.errno == errno.EINVAL and error.path == places.file_of(name, MOUNT)


def _create(name: str, new: New, cpu: int | None) -> Created:
    deeds = Deeds()
    places.prepare(deeds, network=new.has("network"))
    deeds.make_directory(places.directory_of(name))
    keeper: Identity | None = None
    try:
        keeper = _start_keeper_on(cpu, deeds, name, new)
        inodes = _bind_all(deeds, name, new, keeper)
        if new.has("pid"):
            places.write_init(name, keeper)
        else:
            deeds.kill(keeper)
    except BaseException:
        _undo(name, keeper)
        raise
    return Created(name, inodes, keeper.pid if new.has("pid") else 0, tuple(deeds.lines))


def _start_keeper_on(cpu: int | None, deeds: Deeds, name: str, new: New) -> Identity:
    """The keeper, started on one CPU but free to use the others afterwards."""
    if cpu is None:
        return _start_keeper(deeds, name, new)
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {cpu})
    try:
        keeper = _start_keeper(deeds, name, new)
    finally:
        os.sched_setaffinity(0, before)
    os.sched_setaffinity(keeper.pid, before)
    return keeper


def _start_keeper(deeds: Deeds, name: str, new: New) -> Identity:
    """A process in the new namespaces, waiting at a socket that is gone, with nobody's stdio."""
    path = f"{places.directory_of(name)}/{_SOCKET}"
    plan = plan_keeper(new, situation())
    with Opened() as opened:
        listener = opened.listening(path)
        os.unlink(path)
        null = opened.descriptor(os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC))
        with launch(plan, (listener,), name=name, stdio=(null, null, null)) as running:
            try:
                pid = running.wait_created()
            except LaunchError as error:
                raise explained(error) from None
            keeper = processes.identify(pid)
            running.reap()
    for line in plan_lines(plan, until=AwaitStart):
        deeds.say(line.replace("= PID", f"= {pid}").replace("/PID/", f"/{pid}/"))
    return keeper


def _bind_all(deeds: Deeds, name: str, new: New, keeper: Identity) -> dict[str, int]:
    inodes = {}
    for kind in new.kinds:
        source, target = f"/proc/{keeper.pid}/ns/{kind.file}", places.file_of(name, kind)
        deeds.make_file(target)
        deeds.bind(source, target)
        inodes[kind.name] = identify(target).inode
    if new.has("network"):
        target = f"{places.NETNS}/{name}"
        deeds.make_file(target)
        deeds.bind(f"/proc/{keeper.pid}/ns/{NETWORK.file}", target)
    return inodes


def _undo(name: str, keeper: Identity | None) -> None:
    """Nothing is left of a name that could not be made."""
    unsaid = Deeds()
    if keeper is not None:
        unsaid.kill(keeper)
    path = places.file_of(name, NETWORK)
    inodes = (identify(path).inode,) if os.path.exists(path) else ()
    places.forget(unsaid, name, inodes)


def remove(name: str, *, force: bool = False) -> Removed:
    """The name is gone, and with it the namespaces, unless something else keeps them.

    With `force` also if processes are in them: those in its PID namespace are killed, as they are
    when the first process of one ends; others stay, and keep their namespaces.

    Raises:
        NotFound: there is no such name.
        Conflict: processes are in one of its namespaces.
    """
    places.check_name(name)
    deeds = Deeds()
    with places.Lock():
        files = places.kept(name)
        if not files and name not in places.names():
            raise NotFound("namespace", name, hint="see orlop ns list")
        keeper = places.read_init(name)
        inodes = {identify(path).inode for path in files.values()}
        inside = _inside(files, keeper)
        if inside and not force:
            pids = ", ".join(map(str, inside))
            raise Conflict(
                f"namespaces of {name!r} are in use by processes {pids}",
                hint="--force removes the name all the same, and ends what is in its PID namespace",
            )
        if keeper is not None:
            deeds.kill(keeper)
        places.forget(deeds, name, inodes)
    return Removed(name, tuple(deeds.lines))


def _inside(files: dict[str, str], keeper: Identity | None) -> tuple[int, ...]:
    """The processes that are in one of these namespaces, without the one that keeps them."""
    from orlop.insight.snapshot import read_snapshot

    inodes = {kind: identify(path).inode for kind, path in files.items()}
    return tuple(
        seen.pid
        for seen in read_snapshot().processes
        if seen.identity != keeper
        and any(seen.namespaces.get(kind) == inode for kind, inode in inodes.items())
    )
