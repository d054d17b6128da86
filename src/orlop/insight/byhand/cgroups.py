"""Control groups with names: /orlop-byhand/NAME in every hierarchy, v1 or v2."""

from __future__ import annotations

import errno
import os
import posixpath

from orlop.errors import AlreadyExists, Conflict, NotFound, PermissionDenied, SyscallError
from orlop.insight.byhand import places
from orlop.insight.byhand.deeds import Deeds
from orlop.insight.byhand.limits import resources
from orlop.insight.byhand.running import run_in_cgroup
from orlop.insight.limits import cgroups_of, read_cgroups
from orlop.insight.targets import resolve
from orlop.kernel.cgroup import control
from orlop.kernel.cgroup import settings as cgroup_settings
from orlop.kernel.cgroup.creation import CpusetDirectory, Directory
from orlop.kernel.cgroup.creation import create as plan_creation
from orlop.kernel.cgroup.detect import detect, read_memberships
from orlop.kernel.cgroup.live import Cgroup
from orlop.records import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from orlop.insight.byhand.running import Tell
    from orlop.insight.limits import Cgroups
    from orlop.kernel.cgroup.creation import Creation

TOP = "/orlop-byhand"
_SIGKILL = 9


class Shown(Record):
    """A cgroup, or where a target is.

    Attributes:
        name: as it was asked for.
        processes: the PIDs in it, and below.
        cgroups: its limits and what it uses.
    """

    name: str
    processes: tuple[int, ...]
    cgroups: Cgroups


def names() -> tuple[str, ...]:
    """All names, sorted."""
    found: set[str] = set()
    for hierarchy in detect().hierarchies:
        top = hierarchy.directory(TOP)
        if os.path.isdir(top):
            found.update(entry.name for entry in os.scandir(top) if entry.is_dir())
    return tuple(sorted(found))


def create(name: str, asked: Mapping[str, str]) -> tuple[str, ...]:
    """A new cgroup with these limits; returns what was done, in the kernel's words.

    Args:
        name: of the cgroup.
        asked: the limits, as `orlop.insight.byhand.limits.LIMITS` has them.

    Raises:
        InvalidArgument: the name cannot be one, or a value is out of range.
        AlreadyExists: the name is taken.
        Unsupported: the host cannot enforce a limit.
        PermissionDenied: only root may.
    """
    path, wanted, deeds = _path(name), resources(asked), Deeds()
    with places.Lock():
        if _existing(name).exists():
            raise AlreadyExists("cgroup", name)
        creation = plan_creation(detect(), path, wanted)
        try:
            _make(deeds, creation)
        except SyscallError as error:
            _remove(Deeds(), name)
            raise _refused(error) from None
        except BaseException:
            _remove(Deeds(), name)
            raise
    return tuple(deeds.lines)


def _make(deeds: Deeds, creation: Creation) -> None:
    for step in creation.steps:
        match step:
            case Directory():
                if not os.path.isdir(step.path):
                    deeds.make_directory(step.path)
            case CpusetDirectory():
                _inherit_cpuset(deeds, step.path)
            case _:
                _write(deeds, step)


def _inherit_cpuset(deeds: Deeds, directory: str) -> None:
    """Without CPUs and memory nodes nothing can run in a v1 cpuset: cpuset(7)."""
    for file in ("cpuset.cpus", "cpuset.mems"):
        if not control.read(f"{directory}/{file}").strip():
            above = control.read(f"{posixpath.dirname(directory)}/{file}").strip()
            deeds.write(f"{directory}/{file}", above)


def _write(deeds: Deeds, setting: cgroup_settings.Setting) -> None:
    try:
        deeds.write(setting.path, setting.value)
    except SyscallError:
        if not setting.optional:
            raise


def change(name: str, asked: Mapping[str, str]) -> tuple[str, ...]:
    """The limits that are asked for are in force, others stay; returns what was done.

    Raises:
        NotFound: there is no such cgroup.
        Conflict: more memory is used than shall be allowed.
        Others as `create`.
    """
    cgroup = _named(name)
    try:
        written = cgroup.update(resources(asked))
    except SyscallError as error:
        raise _refused(error) from None
    return tuple(f'write("{setting.path}", "{setting.value}")' for setting in written)


def show(text: str) -> Shown:
    """The limits in force and the use of a named cgroup, or of where a target is.

    Raises:
        NotFound: there is no such cgroup and no such target.
    """
    if text in names():
        path = _path(text)
        own = read_memberships(os.getpid())
        there = [member.replace(path=f"{member.root.rstrip('/')}{path}") for member in own]
        return Shown(text, _existing(text).processes(), cgroups_of(there))
    target = resolve(text)
    found = read_cgroups(target.process.pid, target.id)
    return Shown(text, Cgroup(found.places).processes(), found)


def run(name: str, words: Sequence[str], tell: Tell) -> int:
    """Runs a command in the cgroup, in the foreground; returns its exit status.

    Raises:
        NotFound: there is no such cgroup, or no such command.
        LaunchError: the kernel refuses.
    """
    return run_in_cgroup(words, _named(name).entry(), tell)


def remove(name: str, *, force: bool = False) -> tuple[str, ...]:
    """The cgroup is gone; with `force` its processes are killed first. Returns what was done.

    Raises:
        NotFound: there is no such cgroup.
        Conflict: there are processes in it.
    """
    cgroup = _named(name)
    deeds = Deeds()
    with places.Lock():
        inside = cgroup.processes()
        if inside and not force:
            pids = ", ".join(map(str, inside))
            raise Conflict(f"cgroup {name!r} is in use by processes {pids}", hint="--force kills")
        if inside:
            cgroup.kill_all(_SIGKILL)
            for pid in inside:
                deeds.say(f"kill({pid}, SIGKILL)")
        _remove(deeds, name)
    return tuple(deeds.lines)


def _remove(deeds: Deeds, name: str) -> None:
    cgroup = _existing(name)
    there = [path for path in cgroup.paths().values() if os.path.isdir(path)]
    cgroup.destroy()
    for directory in there:
        deeds.say(f'rmdir("{directory}")')
    for directory in {posixpath.dirname(directory) for directory in there}:
        _remove_if_empty(deeds, directory)


def _remove_if_empty(deeds: Deeds, directory: str) -> None:
    """What is above the named cgroups, once there are none."""
    try:
        deeds.remove_directory(directory)
    except SyscallError:
        return


def _path(name: str) -> str:
    return f"{TOP}/{places.check_name(name)}"


def _existing(name: str) -> Cgroup:
    """The cgroup of this name, which need not exist."""
    return Cgroup(cgroup_settings.places(detect(), _path(name)))


def _named(name: str) -> Cgroup:
    cgroup = _existing(name)
    if not cgroup.exists():
        raise NotFound("cgroup", name, hint="see orlop cgroup show")
    return cgroup


def _refused(error: SyscallError) -> SyscallError | PermissionDenied:
    if error.errno in (errno.EPERM, errno.EACCES):
        return PermissionDenied(str(error), hint="be root, or have the cgroup delegated")
    return error
