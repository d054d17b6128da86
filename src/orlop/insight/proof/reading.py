"""Reads all facts of a target, under a pidfd: they are those of one process and no other."""

from __future__ import annotations

import errno
import os

from orlop.errors import NotFound, OrlopError, SyscallError
from orlop.insight.filters import read_filters
from orlop.insight.limits import read_cgroups
from orlop.insight.mounts import read_mounts
from orlop.insight.namespaces import isolation_of
from orlop.insight.network import read_network
from orlop.insight.network.rates import read_rates
from orlop.insight.proof import cgroups, mounts, network, privileges, settings, syscalls
from orlop.insight.proof.devices import WHAT
from orlop.insight.proof.facts import DeviceControl, Facts, Member, Missing, Security
from orlop.insight.proof.syscalls import beyond_docker
from orlop.insight.snapshot import read_snapshot
from orlop.insight.targets import ORLOP, orlop_containers, targets_in
from orlop.kernel import idmap, lsm
from orlop.kernel import process as kernel
from orlop.kernel.cgroup import control, devices, devices_attach
from orlop.kernel.cgroup.settings import place_of, unified_of
from orlop.kernel.settings import read_settings

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import TypeVar

    from orlop.insight.limits import Cgroups
    from orlop.insight.mounts import Mounts
    from orlop.insight.snapshot import Snapshot
    from orlop.insight.targets import Target

    T = TypeVar("T")


class _Parts:
    """Reads one part after the other, and remembers what could not be read."""

    def __init__(self) -> None:
        self._missing: list[Missing] = []

    @property
    def missing(self) -> tuple[Missing, ...]:
        return tuple(self._missing)

    def read(self, section: str, what: str, read: Callable[[], T], otherwise: T) -> T:
        try:
            return read()
        except NotFound:
            raise
        except SyscallError as error:
            refused = error.errno in (errno.EACCES, errno.EPERM)
            self._missing.append(Missing(section, what, _NEEDS if refused else error.message))
        except OrlopError as error:
            self._missing.append(Missing(section, what, str(error)))
        return otherwise


_NEEDS = "needs CAP_SYS_PTRACE over the process"


def read_facts(target: Target, roots: Sequence[str]) -> Facts:
    """Everything about a target that may be read.

    Args:
        target: which one.
        roots: state directories of orlop-runtime, to name those with whom it shares something.

    Raises:
        NotFound: it is gone, or went while it was read.
    """
    pidfd = kernel.open_pidfd(target.process)
    try:
        facts = _read(target, roots)
        if kernel.wait(pidfd, timeout_s=0) or kernel.identify(target.process.pid) != target.process:
            raise NotFound("process", str(target.process.pid), hint="it has ended meanwhile")
        return facts
    finally:
        os.close(pidfd)


def _read(target: Target, roots: Sequence[str]) -> Facts:
    parts, process, asked = _Parts(), target.process, target.asked
    snapshot = read_snapshot()
    everybody = targets_in(snapshot, orlop_containers(roots))
    own_cgroup, paths = cgroups.name_of(asked, target), mounts.paths_to_look_at(asked)

    def where() -> Cgroups | None:
        return read_cgroups(process.pid, own_cgroup)

    found = parts.read(cgroups.NAME, "cgroups", where, None)
    status = kernel.read_status(process.pid)
    filters = parts.read(syscalls.NAME, "filters", lambda: read_filters(process), None)
    reached = parts.read(network.NAME, "network", lambda: read_network(process), None)
    return Facts(
        isolation=isolation_of(snapshot, target, everybody),
        here=kernel.namespaces(os.getpid()),
        status=status,
        members=tuple(_members(target, snapshot, found)),
        cgroups=found,
        control_files=parts.read(
            cgroups.NAME, "settings", lambda: cgroups.read_control_files(found, asked), {}
        ),
        devices=parts.read(cgroups.NAME, WHAT, lambda: _device_control(found), None),
        mounts=parts.read(mounts.NAME, "mounts", lambda: _mounts(target, paths, snapshot), None),
        security=parts.read(privileges.NAME, "limits", lambda: _security(process.pid), None),
        seccomp=filters,
        beyond_docker=parts.read(
            syscalls.NAME,
            "Docker's default",
            lambda: beyond_docker(filters, status.capabilities.bounding),
            (),
        ),
        network=reached,
        rates=parts.read(network.NAME, "rates", lambda: read_rates(reached), {}),
        settings=parts.read(
            settings.NAME,
            "host name",
            lambda: read_settings(process, settings.sysctls_to_read(asked)),
            None,
        ),
        available=kernel.read_status().capabilities.bounding,
        missing=parts.missing,
    )


def _mounts(target: Target, paths: Sequence[str], snapshot: Snapshot) -> Mounts:
    """The mounts; other engines leave a process of theirs beside a container, as its parent."""
    found, here = read_mounts(target.process, paths), kernel.namespaces(os.getpid())["mount"]
    first = snapshot.find(target.process.pid)
    maker = snapshot.find(first.parent) if first is not None and target.engine != ORLOP else None
    foreign = maker is not None and maker.namespaces.get("mount", here) != here
    return found.replace(foreign=foreign)


def _security(pid: int) -> Security:
    modules = lsm.active()
    users, groups = kernel.id_maps(pid)
    score, adjusted = kernel.oom_scores(pid)
    labels = (lsm.read_label(pid, name) for name in (lsm.APPARMOR, lsm.SELINUX) if name in modules)
    label = next(labels, "")
    return Security(modules, label, users, groups, kernel.read_rlimits(pid), score, adjusted)


def _device_control(found: Cgroups | None) -> DeviceControl | None:
    if found is None:
        return None
    place, unified = place_of(found.places, "devices"), unified_of(found.places)
    if place is not None:
        return DeviceControl(devices.parse_list(control.read(f"{place.directory}/devices.list")))
    if unified is not None:
        return DeviceControl(filters=devices_attach.tags(unified.directory))
    return None


# --- processes ------------------------------------------------------------------------------


def _members(target: Target, snapshot: Snapshot, found: Cgroups | None) -> Iterator[Member]:
    """The processes of a target, as a tree."""
    pids = _pids(target, snapshot, found)
    parents = {seen.pid: seen.parent for seen in snapshot.processes if seen.pid in pids}
    todo = [(pid, 0) for pid in sorted(pids, reverse=True) if parents.get(pid) not in pids]
    todo.sort(key=lambda entry: entry[0] != target.process.pid, reverse=True)
    while todo:
        pid, depth = todo.pop()
        member = _member(pid, depth)
        if member is not None:
            yield member
        below = sorted((p for p, parent in parents.items() if parent == pid), reverse=True)
        todo += ((child, depth + 1) for child in below)


def _pids(target: Target, snapshot: Snapshot, found: Cgroups | None) -> frozenset[int]:
    """Who belongs to a target: all in its PID namespace, in its cgroup, and their children."""
    first = snapshot.find(target.process.pid)
    pids = {target.process.pid, *target.members}
    inode = first.namespaces.get("pid") if first is not None else None
    if inode is not None and inode != snapshot.host.get("pid"):
        pids.update(s.pid for s in snapshot.processes if s.namespaces.get("pid") == inode)
    if target.asked is not None and found is not None:
        pids.update(_in_cgroup(found))
    children: dict[int, list[int]] = {}
    for seen in snapshot.processes:
        children.setdefault(seen.parent, []).append(seen.pid)
    todo = list(pids)
    while todo:
        below = [pid for pid in children.get(todo.pop(), ()) if pid not in pids]
        pids.update(below)
        todo += below
    return frozenset(pids)


def _in_cgroup(found: Cgroups) -> tuple[int, ...]:
    from orlop.kernel.cgroup.live import Cgroup

    return Cgroup(found.places).processes()


def _member(pid: int, depth: int) -> Member | None:
    """None if it has ended, or may not be looked at."""
    try:
        status, command = kernel.read_status(pid), kernel.command_line(pid)
        users, groups = kernel.id_maps(pid)
    except OrlopError:
        return None
    return Member(
        status,
        idmap.to_container(users, status.uids[1]),
        idmap.to_container(groups, status.gids[1]),
        command,
        depth,
        tuple(idmap.to_container(groups, group) for group in status.groups),
    )
