"""The cgroups of one container while it exists: who is in them, what they use, stop, end, change.

A `Cgroup` is made of the directories that `creation` has planned, one in each hierarchy. Each thing
is done where its controller is, which is decided when it is asked for, once; below that, v1 and v2
are two classes with the same methods.
"""

from __future__ import annotations

import errno
import os
import posixpath
import time

from orlop.errors import (
    Conflict,
    DeadlineExceeded,
    InvalidArgument,
    NotFound,
    SyscallError,
    Unsupported,
)
from orlop.kernel.cgroup import control
from orlop.kernel.cgroup.detect import detect
from orlop.kernel.cgroup.settings import Place, place_of, unified_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from orlop.kernel.cgroup.creation import Entry
    from orlop.kernel.cgroup.detect import CgroupLayout
    from orlop.kernel.cgroup.devices import Exceptions
    from orlop.kernel.cgroup.freezer import Freezer
    from orlop.kernel.cgroup.oom import OomWatch
    from orlop.kernel.cgroup.resources import Resources
    from orlop.kernel.cgroup.settings import Setting
    from orlop.kernel.cgroup.stats import Stats

FREEZE_TIMEOUT_S = 10.0
DESTROY_TIMEOUT_S = 10.0
_KILL_FREEZE_TIMEOUT_S = 1.0
_SIGKILL = 9
_NOT_RESTORABLE = ("subtree_control", "io.max", "_device", "ifpriomap", ".allow", ".deny")
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.001, 0.05


_NOT_BELOW: Mapping[str, str] = {}


def _pick(place: Place, paths: Mapping[str, str]) -> str:
    names = (*place.controllers, "")
    return next((paths[name] for name in names if name in paths), "")


def _inner_path(path: str) -> str:
    clean = posixpath.normpath(path)
    if clean.startswith(("/", "../")) or clean == "..":
        raise InvalidArgument(f"{path!r} is not a path below the container's cgroup")
    return "" if clean == "." else clean


class Cgroup:
    """A container's cgroups, which may be gone already: then they have no processes."""

    def __init__(self, where: tuple[Place, ...]) -> None:
        self._where = where

    @classmethod
    def stored(cls, directories: Mapping[str, str], layout: CgroupLayout | None = None) -> Cgroup:
        """The cgroups of these directories by mount point, as in `Creation.paths`.

        Hierarchies that are not mounted any more are left out.

        Raises:
            InvalidArgument: a directory is not below its mount point.
        """
        known = layout or detect()
        where = []
        for hierarchy in known.hierarchies:
            directory = directories.get(hierarchy.mount)
            if directory is None:
                continue
            inside = posixpath.normpath(directory) == directory
            if not inside or not directory.startswith(hierarchy.mount.rstrip("/") + "/"):
                raise InvalidArgument(f"{directory} is not a cgroup below {hierarchy.mount}")
            place = Place(directory, hierarchy.mount, hierarchy.controllers, hierarchy.v2)
            where.append(place)
        return cls(tuple(where))

    def paths(self) -> dict[str, str]:
        """The directories by mount point, to be stored."""
        return {place.mount: place.directory for place in self._where}

    def exists(self) -> bool:
        """Whether any of the cgroups does."""
        return any(os.path.isdir(place.directory) for place in self._where)

    def entry(self, below: Mapping[str, str] = _NOT_BELOW) -> Entry:
        """The ways in, for a further process.

        Args:
            below: paths of existing sub-cgroups by controller (those of the hierarchies that have
                it); the one of "" is for all other hierarchies.

        Raises:
            InvalidArgument: a path leads out of the cgroup.
        """
        from orlop.kernel.cgroup.creation import entry_of

        clean = {controller: _inner_path(path) for controller, path in below.items()}
        where = tuple(
            place.replace(
                directory=posixpath.join(place.directory, _pick(place, clean)).rstrip("/")
            )
            for place in self._where
        )
        return entry_of(where)

    # --- processes --------------------------------------------------------------------------

    def processes(self) -> tuple[int, ...]:
        """The ids of all processes in the cgroup and its sub-cgroups, sorted."""
        place = place_of(self._where, "freezer", "devices") or unified_of(self._where)
        return _processes_below(place.directory) if place is not None else ()

    def freeze(self, timeout_s: float = FREEZE_TIMEOUT_S) -> None:
        """No process of the cgroup runs.

        Raises:
            Unsupported: there is no freezer.
            DeadlineExceeded: a process cannot be stopped; all of them go on.
        """
        self._freezer().freeze(timeout_s)

    def thaw(self) -> None:
        """The processes go on.

        Raises:
            Unsupported: there is no freezer.
        """
        self._freezer().thaw()

    def frozen(self) -> bool:
        """Whether `freeze` was asked for last."""
        return self._has_freezer() and self._freezer().frozen()

    def kill_all(self, signal: int) -> None:
        """All processes of the cgroup have the signal pending, also those that are just born.

        What is frozen stays so, except after SIGKILL, which a frozen v1 process would not see.
        """
        unified = unified_of(self._where)
        if signal == _SIGKILL and unified is not None:
            there = control.write_if_there(f"{unified.directory}/cgroup.kill", "1")
            outside = set(self.processes()) - set(_processes_below(unified.directory))
            _signal(outside, signal)  # on a hybrid host a process can be in one and not the other
            if self._has_freezer():
                self.thaw()
            if there:
                return
        if not self._has_freezer():
            _signal(self.processes(), signal)
            return
        freezer = self._freezer()
        was_frozen = freezer.frozen()
        try:
            freezer.freeze(_KILL_FREEZE_TIMEOUT_S)
        except DeadlineExceeded:
            was_frozen = False  # those that can run get it all the same
        try:
            _signal(self.processes(), signal)
        finally:
            if signal == _SIGKILL or not was_frozen:
                freezer.thaw()

    def destroy(self, timeout_s: float = DESTROY_TIMEOUT_S) -> None:
        """The cgroups and their sub-cgroups are gone. Their processes have to be ending.

        Raises:
            DeadlineExceeded: after this time there are still processes in one.
            SyscallError: one cannot be removed for another reason.
        """
        deadline = time.monotonic() + timeout_s
        for place in self._where:
            _remove(place, deadline)

    def _has_freezer(self) -> bool:
        return place_of(self._where, "freezer") is not None or unified_of(self._where) is not None

    def _freezer(self) -> Freezer:
        from orlop.kernel.cgroup.freezer import FreezerV1, FreezerV2

        place = place_of(self._where, "freezer")
        if place is not None:
            return FreezerV1(place.directory)
        unified = unified_of(self._where)
        if unified is None:
            raise Unsupported("freezing a cgroup", needs="the cgroup controller freezer")
        return FreezerV2(unified.directory)

    # --- resources --------------------------------------------------------------------------

    def update(self, resources: Resources) -> None:
        """The resources that are asked are in force; the others are as before.

        If the kernel refuses one, those that were already changed get their former values again.
        Device rules replace the former ones as a whole.

        Raises:
            SpecError: a value is not valid, or does not fit one that is in force.
            Unsupported: the host cannot enforce it.
            Conflict: more memory is used than shall be allowed.
            NotFound: the cgroup is gone.
            SyscallError: the kernel refuses a value for another reason.
        """
        from orlop.kernel.cgroup.creation import device_rules, enabling
        from orlop.kernel.cgroup.facts import HostFacts
        from orlop.kernel.cgroup.settings import settings

        if not self.exists():
            raise NotFound("cgroup", next(iter(self.paths().values()), ""))
        facts = HostFacts()
        written = settings(self._where, resources, facts.files)
        self._check_usage(resources)
        needed = [s for s in enabling(self._where, written, facts) if not s.optional]
        program, device_settings = device_rules(self._where, resources.devices, _device_state)
        _write_all((*needed, *written, *device_settings))
        if program:
            from orlop.kernel.cgroup.devices_attach import replace

            replace(self.entry().directory, program)

    def _check_usage(self, resources: Resources) -> None:
        """runtime-spec config-linux.md#memory, checkBeforeUpdate. v1 checks by itself."""
        place, memory = place_of(self._where, "memory"), resources.memory
        if memory is None or not memory.check_before_update or place is None or not place.v2:
            return
        usage = int(control.read_or(f"{place.directory}/memory.current", "0"))
        for what, limit in (("memory", memory.limit), ("memory and swap", memory.swap)):
            if 0 < (limit or 0) <= usage:
                raise Conflict(f"cannot limit {what} to {limit} bytes: {usage} are in use")

    def stats(self) -> Stats:
        """What the cgroup uses."""
        from orlop.kernel.cgroup.stats import read_stats

        return read_stats(self._where)

    def oom_watch(self) -> OomWatch:
        """Tells from now on when memory is used up; the caller closes it.

        Raises:
            Unsupported: there is no memory controller.
            SyscallError: the cgroup is gone.
        """
        from orlop.kernel.cgroup.oom import OomWatchV1, OomWatchV2

        place = place_of(self._where, "memory")
        if place is None:
            raise Unsupported("watching for OOM kills", needs="the cgroup controller memory")
        return OomWatchV2(place.directory) if place.v2 else OomWatchV1(place.directory)


# --- processes ------------------------------------------------------------------------------


def _processes_below(directory: str) -> tuple[int, ...]:
    found: set[int] = set()
    for cgroup in _tree(directory):
        found.update(_processes_of(cgroup, top=cgroup == directory))
    return tuple(sorted(found))


def _processes_of(directory: str, *, top: bool) -> list[int]:
    """A process outside our PID namespace is shown as 0, and is none that we could act on."""
    try:
        text = control.read(f"{directory}/cgroup.procs")
    except SyscallError as error:
        if error.errno in control.GONE:
            return []
        if error.errno != errno.EOPNOTSUPP:
            raise
        # A threaded cgroup: its processes are listed in the cgroup where the threads' domain is.
        text = control.read_or(f"{directory}/cgroup.threads", "") if top else ""
    return [int(pid) for pid in text.split() if pid != "0"]


def _tree(directory: str) -> list[str]:
    """The cgroup and all below it, from the top down; empty if it is gone."""
    try:
        with os.scandir(directory) as entries:
            below = [entry.path for entry in entries if entry.is_dir(follow_symlinks=False)]
    except FileNotFoundError:
        return []
    return [directory, *(found for child in below for found in _tree(child))]


def _signal(processes: set[int] | tuple[int, ...], signal: int) -> None:
    for pid in processes:
        try:
            os.kill(pid, signal)
        except ProcessLookupError:
            continue
        except OSError as error:
            raise SyscallError("kill", error.errno or 0, str(pid)) from None


# --- removal --------------------------------------------------------------------------------


def _remove(place: Place, deadline: float) -> None:
    pause_s = _FIRST_PAUSE_S
    while True:
        for directory in reversed(_tree(place.directory)):
            try:
                os.rmdir(directory)
            except FileNotFoundError:
                continue
            except OSError as error:
                if error.errno != errno.EBUSY:
                    raise SyscallError("rmdir", error.errno or 0, directory) from None
                break
        else:
            return
        left_s = deadline - time.monotonic()
        if left_s <= 0:
            pids = ", ".join(map(str, _processes_below(place.directory))) or "none"
            raise DeadlineExceeded(
                f"cannot remove cgroup {place.directory}: it is still in use, processes: {pids}"
            )
        if place.v2:
            _wait_until_empty(place.directory, left_s)
        time.sleep(min(left_s, pause_s))  # v1 does not tell; on v2 the kernel still has to let go
        pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)


def _wait_until_empty(directory: str, timeout_s: float) -> None:
    from orlop.kernel.cgroup.events import EventFile

    try:
        with EventFile(f"{directory}/cgroup.events") as events:
            events.wait_until("populated", 0, timeout_s)
    except SyscallError as error:
        if error.errno not in control.GONE:
            raise


# --- update ---------------------------------------------------------------------------------


def _device_state(place: Place) -> Exceptions:
    from orlop.kernel.cgroup.devices import parse_list

    return parse_list(control.read(f"{place.directory}/devices.list"))


def _write_all(written: tuple[Setting, ...]) -> None:
    """All values are written, or none is in force."""
    undo: list[tuple[str, str]] = []
    for setting in written:
        before = _restorable(setting.path)
        try:
            control.write(setting.path, setting.value)
        except SyscallError as error:
            for path, value in reversed(undo):
                _write_back(path, value)
            raise _refusal(setting, error) from None
        if before is not None:
            undo.append((setting.path, before))


def _restorable(path: str) -> str | None:
    """The present value, if the file takes what it shows."""
    if path.endswith(_NOT_RESTORABLE):
        return None
    text = control.read_or(path, "").strip()
    return text if text and "\n" not in text else None


def _write_back(path: str, value: str) -> None:
    try:
        control.write(path, value)
    except SyscallError:
        return  # the error that led here is the one to be told


def _refusal(setting: Setting, error: SyscallError) -> Conflict | SyscallError:
    if error.errno == errno.EBUSY and "memory" in posixpath.basename(setting.path):
        directory = posixpath.dirname(setting.path)
        usage = control.read_or(f"{directory}/memory.usage_in_bytes", "").strip()
        return Conflict(
            f"cannot set {setting.reason} to {setting.value} bytes: {usage or 'more'} are in use"
        )
    return SyscallError("write", error.errno, error.path, hint=f"{setting.reason} {setting.value}")
