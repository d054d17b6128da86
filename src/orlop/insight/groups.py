"""What a step of a plan is about: steps in a row that are about the same make a group.

The order of a plan is forced by the kernel, so some groups come more than once (the container
enters its control group long after that was made).
"""

from __future__ import annotations

from orlop.launch import plan as ops
from orlop.launch.plan import NO_SLOT, RECURSIVE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from orlop.launch.plan import Operation, Plan, Slot

CGROUP, NAMESPACES, MOUNTS, ROOT, DEVICES, PRIVILEGES, EXEC, HOOKS = GROUPS = (
    "cgroup",
    "namespaces",
    "mounts",
    "root",
    "devices",
    "privileges",
    "exec",
    "hooks",
)

# Of several, the one in which the steps before are; else the first.
_OF: dict[type[Operation], tuple[str, ...]] = {
    ops.MakeCgroup: (CGROUP,),
    ops.InheritCpuset: (CGROUP,),
    ops.WriteCgroup: (CGROUP,),
    ops.AttachDeviceFilter: (CGROUP,),
    ops.EnterCgroup: (CGROUP,),
    ops.Clone: (NAMESPACES,),
    ops.Unshare: (NAMESPACES,),
    ops.Join: (NAMESPACES,),
    ops.RunIdMapHelper: (NAMESPACES,),
    ops.RunHook: (HOOKS,),
    ops.SendPidfd: (NAMESPACES,),
    ops.MoveNetDevice: (NAMESPACES,),
    ops.ConfigureNetDevice: (NAMESPACES,),
    ops.MakeUserNamespace: (MOUNTS,),
    ops.Undumpable: (NAMESPACES,),
    ops.NewSession: (NAMESPACES,),
    ops.CloneTree: (MOUNTS, DEVICES),
    ops.NewFilesystem: (MOUNTS, ROOT),
    ops.SetMount: (MOUNTS, ROOT, DEVICES),
    ops.Attach: (MOUNTS, DEVICES),
    ops.CopyUp: (MOUNTS,),
    ops.SendOpened: (MOUNTS,),
    ops.PivotRoot: (ROOT,),
    ops.SwitchRoot: (ROOT,),
    ops.ChangeRoot: (ROOT,),
    ops.MakeDirectory: (ROOT, MOUNTS),
    ops.MakeSymlink: (DEVICES, MOUNTS),
    ops.MakeNode: (DEVICES,),
    ops.Mask: (ROOT,),
    ops.Protect: (ROOT,),
    ops.OpenConsole: (DEVICES,),
    ops.UseTerminal: (DEVICES,),
    ops.UseStdio: (EXEC,),
    ops.OwnStdio: (EXEC, PRIVILEGES),
    ops.Open: (MOUNTS,),
    ops.OpenInside: (MOUNTS,),
    ops.SetHostname: (NAMESPACES,),
    ops.SetDomainname: (NAMESPACES,),
    ops.WriteSysctl: (NAMESPACES,),
    ops.SetRlimit: (PRIVILEGES,),
    ops.SetUmask: (EXEC, PRIVILEGES),
    ops.SetIoPriority: (PRIVILEGES,),
    ops.SetScheduler: (PRIVILEGES,),
    ops.SetAffinity: (CGROUP, PRIVILEGES),
    ops.SetMemoryPolicy: (PRIVILEGES,),
    ops.SetPersonality: (PRIVILEGES,),
    ops.JoinKeyring: (PRIVILEGES,),
    ops.NoNewPrivileges: (PRIVILEGES,),
    ops.LoadSeccomp: (PRIVILEGES,),
    ops.SendSeccompListener: (PRIVILEGES,),
    ops.DropBounding: (PRIVILEGES,),
    ops.SetUser: (PRIVILEGES, NAMESPACES),
    ops.SetCapabilities: (PRIVILEGES,),
    ops.ChangeDirectory: (EXEC, PRIVILEGES),
    ops.FindProgram: (EXEC,),
    ops.FindHome: (EXEC,),
    ops.AwaitStart: (EXEC,),
    ops.Execute: (EXEC,),
    ops.NextPart: (EXEC,),
    ops.UseProgram: (EXEC,),
    ops.Serve: (EXEC,),
    ops.Supervise: (EXEC,),
    ops.BecomeInit: (EXEC,),
    ops.ReceiveFile: (EXEC,),
    ops.SendFile: (EXEC,),
    ops.ListDirectory: (EXEC,),
}
# What a file of /proc/PID is written for.
_PROC_FILES = {
    "uid_map": NAMESPACES,
    "gid_map": NAMESPACES,
    "setgroups": NAMESPACES,
    "timens_offsets": NAMESPACES,
}


def groups_of(plan: Plan) -> tuple[str, ...]:
    """The group of each step."""
    users = _first_users(plan)
    found: list[str] = []
    for step in plan.steps:
        possible = _possible(step.op, users)
        present = found[-1] if found else ""
        found.append(present if present in possible else possible[0])
    return tuple(found)


def _possible(op: Operation, users: dict[Slot, Operation]) -> tuple[str, ...]:
    match op:
        case ops.Open():  # it is about whatever the descriptor is used for
            user = users.get(op.out)
            return (CGROUP,) if isinstance(user, ops.Clone) else _OF[type(user or op)]
        case ops.WriteProc():
            return (_PROC_FILES.get(op.name, PRIVILEGES),)
        case ops.CloneTree() if _is_device(op) and not isinstance(users.get(op.out), ops.Mask):
            return (DEVICES,)
        case _:
            return _OF[type(op)]


def _is_device(op: ops.CloneTree) -> bool:
    """A device node of the host, to be bound in the container."""
    return op.base == NO_SLOT and op.path.startswith("/dev/") and not op.flags & RECURSIVE


def _first_users(plan: Plan) -> dict[Slot, Operation]:
    """The first operation that uses what is in a slot."""
    users: dict[Slot, Operation] = {}
    for step in plan.steps:
        for slot in _used(step.op):
            users.setdefault(slot, step.op)
    return users


def _used(op: Operation) -> tuple[Slot, ...]:
    match op:
        case ops.Clone() | ops.AttachDeviceFilter():
            return (op.cgroup,)
        case ops.EnterCgroup():
            return (op.tasks,)
        case ops.Join():
            return (op.namespace,)
        case ops.PivotRoot() | ops.SwitchRoot() | ops.ChangeRoot():
            return (op.root,)
        case ops.OpenConsole():
            return (op.devpts,)
        case ops.Mask():
            return (op.null, op.empty)
        case _:
            return ()
