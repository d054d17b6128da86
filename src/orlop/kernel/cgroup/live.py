"""The cgroups of one container while it exists: who is in them, what they use, stop, end, change.

A `Cgroup` is made of the directories that `creation` has planned, one in each hierarchy. Each thing
is done where its controller is, which is decided when it is asked for, once; below that, v1 and v2
are two classes with the same methods.
"""

from __future__ import annotations

import errno
import os
import posixpath

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
from orlop.kernel.cgroup.settings import Place, place_in, place_of, unified_of
from orlop.kernel.cgroup.tree import processes_below, processes_in, remove, signal_all, tree

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
_NOT_BELOW: Mapping[str, str] = {}


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
            where.append(place_in(hierarchy, directory))
        return cls(tuple(where))

    def paths(self) -> dict[str, str]:
        """The directories by mount point, to be stored."""
        return {place.mount: place.directory for place in self._where}

    def exists(self) -> bool:
        """Whether any of the cgroups does."""
        return any(os.path.isdir(place.directory) for place in self._where)

    def entry(self, below: Mapping[str, str] = _NOT_BELOW, first_process: int = 0) -> Entry:
        """The ways in, for a further process.

        Args:
            below: paths of existing sub-cgroups by controller (those of the hierarchies that have
                it); the one of "" is for all other hierarchies.
            first_process: if the container has divided its v2 cgroup into sub-cgroups with
                controllers, as an init system in it does, so that no process may be in the cgroup
                itself any more: the process to whose sub-cgroup the further one shall go.

        Raises:
            InvalidArgument: a path leads out of the cgroup.
        """
        from orlop.kernel.cgroup.creation import entry_of

        clean = {controller: _inner_path(path) for controller, path in below.items()}
        where = tuple(_below(place, clean) for place in self._where)
        return entry_of(tuple(_beside(place, first_process) for place in where))

    # --- processes --------------------------------------------------------------------------

    def processes(self) -> tuple[int, ...]:
        """The ids of all processes in the cgroup and its sub-cgroups, sorted."""
        if not self._where:
            return ()
        place = place_of(self._where, "freezer") or unified_of(self._where) or self._where[0]
        return processes_below(place.directory)

    def freeze(self, timeout_s: float = FREEZE_TIMEOUT_S) -> None:
        """No process of the cgroup runs.

        Raises:
            Unsupported: there is no freezer.
            DeadlineExceeded: a process cannot be stopped; all of them go on.
        """
        self._freezer().freeze(timeout_s)

    def thaw(self) -> None:
        """The processes go on. Without a freezer they have never stopped."""
        if self._has_freezer():
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
            # On a hybrid host somebody may have moved a process in one hierarchy and not the other.
            signal_all(set(self.processes()) - set(processes_below(unified.directory)), signal)
            self.thaw()
            if there:
                return
        if not self._has_freezer():
            signal_all(self.processes(), signal)
            return
        freezer = self._freezer()
        was_frozen = freezer.frozen()
        try:
            freezer.freeze(_KILL_FREEZE_TIMEOUT_S)
        except DeadlineExceeded:
            was_frozen = False  # those that can run get it all the same
        try:
            signal_all(self.processes(), signal)
        finally:
            if signal == _SIGKILL or not was_frozen:
                freezer.thaw()

    def destroy(self, timeout_s: float = DESTROY_TIMEOUT_S) -> None:
        """The cgroups and their sub-cgroups are gone. Their processes have to be ending.

        Raises:
            DeadlineExceeded: after this time there are still processes in one.
            SyscallError: one cannot be removed for another reason.
        """
        import time

        deadline = time.monotonic() + timeout_s
        for place in self._where:
            remove(place.directory, deadline)

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

    def update(self, resources: Resources) -> tuple[Setting, ...]:
        """The resources that are asked are in force; the others are as before.

        If the kernel refuses one, those that were already changed get their former values again.
        Device rules replace the former ones as a whole.

        Returns:
            What was written, without the device rules of v2.

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
        everything = (*needed, *written, *device_settings)
        _write_all(everything)
        if program:
            from orlop.kernel.cgroup.devices_attach import replace

            replace(self.entry().directory, program)
        return everything

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

    def usage(self) -> Stats:
        """What changes of it from second to second, more quickly."""
        from orlop.kernel.cgroup.stats import read_usage

        return read_usage(self._where)

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


# --- sub-cgroups ----------------------------------------------------------------------------


def _below(place: Place, paths: Mapping[str, str]) -> Place:
    names = (*place.controllers, place.name, "")
    path = next((paths[name] for name in names if name in paths), "")
    return place.replace(directory=f"{place.directory}/{path}") if path else place


def _beside(place: Place, process: int) -> Place:
    divided = place.v2 and control.read_or(f"{place.directory}/cgroup.subtree_control", "").strip()
    for directory in tree(place.directory) if process and divided else ():
        if process in processes_in(directory):
            return place.replace(directory=directory)
    return place


def _inner_path(path: str) -> str:
    clean = posixpath.normpath(path)
    if clean.startswith(("/", "../")) or clean == "..":
        raise InvalidArgument(f"{path!r} is not a path below the container's cgroup")
    return "" if clean == "." else clean


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
    return None if "\n" in text else text or "\n"


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
