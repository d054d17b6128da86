"""The plans of namespaces by hand: a process that keeps new ones, and a command in new or joined.

Pure functions, as the planner of containers, whose order of namespaces they use.
"""

from __future__ import annotations

import os

from orlop.kernel.mounts import (
    MOUNT_ATTR_NODEV,
    MOUNT_ATTR_NOEXEC,
    MOUNT_ATTR_NOSUID,
    MS_PRIVATE,
)
from orlop.launch.plan import (
    KILL_ON_HANGUP,
    NO_SLOT,
    STAY,
    Attach,
    AwaitStart,
    ChangeDirectory,
    ConfigureNetDevice,
    Execute,
    FindProgram,
    NewFilesystem,
    Open,
    OpenConsole,
    SetMount,
    SetUmask,
    Slot,
    UseTerminal,
)
from orlop.records import Record
from orlop.runtime.planner.builder import Builder
from orlop.runtime.planner.cgroups import plan_enter_cgroup, plan_joined_cgroup
from orlop.runtime.planner.namespaces import plan_cgroup_namespace, plan_namespaces
from orlop.runtime.spec import Linux, Namespace, Spec

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from orlop.kernel.cgroup.creation import Entry
    from orlop.kernel.idmap import IdMap
    from orlop.kernel.namespaces import NamespaceType
    from orlop.launch.plan import Plan
    from orlop.runtime.planner.situation import Situation
    from orlop.runtime.spec import Box, TimeOffset

_NO_OFFSETS: Mapping[str, TimeOffset] = {}
_NOTHING_RISKY = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC


class New(Record):
    """Namespaces to make.

    Attributes:
        kinds: which ones.
        uid_map, gid_map: of a new user namespace; one of them has to have id 0.
        offsets: of a new time namespace, by clock ("monotonic", "boottime").
        mount_proc: mount a procfs of the PID namespace at /proc in the new mount namespace.
    """

    kinds: tuple[NamespaceType, ...] = ()
    uid_map: tuple[IdMap, ...] = ()
    gid_map: tuple[IdMap, ...] = ()
    offsets: Mapping[str, TimeOffset] = _NO_OFFSETS
    mount_proc: bool = False

    def has(self, name: str) -> bool:
        """Whether this kind (in the OCI's words) is among them."""
        return any(kind.name == name for kind in self.kinds)


class Command(Record):
    """A program to run. `directory` is a path in the mount namespace that it runs in."""

    arguments: tuple[str, ...]
    environment: Mapping[str, str]
    directory: str = "/"
    umask: int = 0o022
    terminal: Box | None = None


def plan_keeper(new: New, situation: Situation) -> Plan:
    """A process that waits in new namespaces; slot 0 is a listening socket nobody can reach.

    It never goes on: it is ended when the namespaces have been bound to names, or together with
    their name where they need it.
    """
    b = Builder(1)
    plan_namespaces(b, _spec(new), situation, NO_SLOT)
    _plan_inside(b, new)
    b.container(AwaitStart(Slot(0)), "keeps the namespaces until they have names")
    b.container(Execute(("orlop-launch",), ()), "never")
    return b.build(0)


def plan_command(
    command: Command,
    new: New,
    joined: tuple[NamespaceType, ...],
    situation: Situation,
    entry: Entry | None = None,
) -> Plan:
    """A program in new and joined namespaces, and in existing control groups.

    The slots from 0 on are descriptors of the namespaces to join, in order; with a terminal, the
    next one is the socket that gets its master.
    """
    b = Builder(len(joined) + (command.terminal is not None))
    way = plan_joined_cgroup(b, entry)
    terminal = _plan_terminal(b, command, Slot(len(joined)))
    handed = {kind.name: Slot(number) for number, kind in enumerate(joined)}
    plan_namespaces(b, _spec(new), situation, way.born_in, handed)
    plan_enter_cgroup(b, way)
    _plan_inside(b, new)
    if terminal is not None:
        b.container(UseTerminal(terminal), "this terminal's size and keys")
    _plan_program(b, command)
    return b.build(STAY | KILL_ON_HANGUP)


def _spec(new: New) -> Spec:
    linux = Linux(
        namespaces=tuple(Namespace(kind.name) for kind in new.kinds),
        uid_mappings=new.uid_map,
        gid_mappings=new.gid_map,
        time_offsets=new.offsets,
    )
    return Spec("1.0.0", linux=linux)


def _plan_inside(b: Builder, new: New) -> None:
    """What the new namespaces need to be of use."""
    plan_cgroup_namespace(b, _spec(new))
    if new.has("network"):
        b.container(ConfigureNetDevice("lo"), "a new network namespace has its loopback down")
    if new.has("mount"):
        root = b.slot()
        b.container(Open(root, "/", os.O_PATH | os.O_DIRECTORY), "all mounts")
        op = SetMount(root, propagation=MS_PRIVATE, recursive=1)
        b.container(op, "nothing mounted here may appear outside")
    if new.mount_proc:
        proc = b.slot()
        b.container(NewFilesystem(proc, "proc", "proc", (), _NOTHING_RISKY), "--mount-proc")
        b.container(Attach(proc, NO_SLOT, "/proc"), "--mount-proc")


def _plan_terminal(b: Builder, command: Command, socket: Slot) -> Slot | None:
    if command.terminal is None:
        return None
    slot, size = b.slot(), command.terminal
    op = OpenConsole(slot, NO_SLOT, socket, size.height, size.width, os.geteuid())
    b.launcher(op, "a terminal of the host, since this is one")
    return slot


def _plan_program(b: Builder, command: Command) -> None:
    b.container(ChangeDirectory(command.directory), "where the caller is")
    b.container(SetUmask(command.umask), "the caller's")
    search = command.environment.get("PATH", os.defpath)
    b.container(FindProgram(command.arguments[0], search), "the command")
    entries = tuple(f"{name}={value}" for name, value in command.environment.items())
    b.container(Execute(command.arguments, entries), "the command")
