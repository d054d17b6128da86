"""What the container's program is and may: identity, limits, privileges, and its execution.

The order of privileges is forced: the bounding set, the user and the keyring need capabilities, so
they come before these are dropped. A seccomp filter needs no_new_privs or CAP_SYS_ADMIN
(seccomp(2)); with no_new_privs it is loaded last, so that a strict filter does not have to allow
what comes before the program; without, it has to be loaded while the capability is still there.
"""

from __future__ import annotations

import struct

from orlop.kernel import capabilities, lsm, scheduling
from orlop.launch.plan import (
    IF_PERMITTED,
    KEEP_GROUPS,
    NO_SLOT,
    OF_CONTAINER,
    SELF,
    AwaitStart,
    BecomeInit,
    ChangeDirectory,
    DropBounding,
    Execute,
    FindHome,
    FindProgram,
    JoinKeyring,
    LoadSeccomp,
    MakeDirectory,
    NoNewPrivileges,
    OwnStdio,
    SendSeccompListener,
    Serve,
    SetAffinity,
    SetCapabilities,
    SetIoPriority,
    SetMemoryPolicy,
    SetPersonality,
    SetRlimit,
    SetScheduler,
    SetUmask,
    SetUser,
    UseProgram,
    WriteProc,
)
from orlop.runtime.planner.hooks import plan_hooks
from orlop.runtime.spec import Capabilities, Process

TYPE_CHECKING = False
if TYPE_CHECKING:
    from orlop.runtime.planner.builder import Builder
    from orlop.runtime.planner.situation import Situation
    from orlop.runtime.spec import Spec

_NO_HOME = "HOME="
_DEFAULT_UMASK = 0o022
_DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def plan_from_outside(b: Builder, process: Process) -> None:
    """What the launcher sets for the container's process, with the host's rights."""
    if process.oom_score_adj is not None:
        data = str(process.oom_score_adj).encode()
        b.launcher(WriteProc(OF_CONTAINER, "oom_score_adj", data), "OCI process.oomScoreAdj")


def plan_rlimits(b: Builder, process: Process, *, user_namespace: bool) -> None:
    """Limits. In a user namespace nobody may raise one, so there the launcher sets them.

    Otherwise the process does it itself, which saves waking the launcher up and waiting for it.
    """
    add = b.launcher if user_namespace else b.container
    for index, limit in enumerate(process.rlimits):
        op = SetRlimit(scheduling.RLIMITS[limit.type], limit.soft, limit.hard)
        add(op, f"OCI process.rlimits[{index}]: {limit.type}")


def plan_scheduling(b: Builder, process: Process) -> None:
    """Scheduler and I/O priority of the process."""
    if process.scheduler is not None:
        s = process.scheduler
        op = SetScheduler(
            scheduling.POLICIES[s.policy],
            s.nice & 0xFFFFFFFF,
            s.priority,
            scheduling.scheduler_flags(s.flags),
            s.runtime,
            s.deadline,
            s.period,
        )
        b.container(op, f"OCI process.scheduler: {s.policy}")
    if process.io_priority is not None:
        number = scheduling.io_priority(process.io_priority.class_, process.io_priority.priority)
        b.container(SetIoPriority(number), "OCI process.ioPriority")


def plan_memory_policy(b: Builder, spec: Spec) -> None:
    """Where the container's memory comes from on a machine with several nodes."""
    policy = spec.linux.memory_policy
    if policy is not None:
        mode = scheduling.memory_policy(policy.mode, policy.flags)
        op = SetMemoryPolicy(mode, scheduling.bit_mask(policy.nodes))
        b.container(op, f"OCI linux.memoryPolicy: {policy.mode}")


def plan_affinity(b: Builder, cpus: tuple[int, ...], when: str) -> None:
    """CPUs of an exec'd process (execCPUAffinity); empty leaves them."""
    if cpus:
        b.container(SetAffinity(scheduling.bit_mask(cpus)), f"OCI process.execCPUAffinity.{when}")


def plan_identity(b: Builder, spec: Spec, situation: Situation, process: Process) -> None:
    """Everything up to the point where only the program remains to be executed."""
    if situation.new_keyring:
        _keyring(b, process, situation)
    if spec.linux.personality is not None:
        persona = scheduling.PERSONALITIES[spec.linux.personality.domain]
        b.container(SetPersonality(persona), "OCI linux.personality")
    _labels(b, process)
    if process.no_new_privileges:
        b.container(NoNewPrivileges(), "OCI process.noNewPrivileges")
    if _filters_come_early(process, situation):
        _seccomp(b, spec, situation)
    b.container(ChangeDirectory(process.cwd, IF_PERMITTED), "OCI process.cwd")
    _privileges(b, process, situation)
    umask = process.user.umask
    b.container(
        SetUmask(_DEFAULT_UMASK if umask is None else umask),
        "Docker's default" if umask is None else "OCI process.user.umask",
    )
    b.container(ChangeDirectory(process.cwd), "OCI process.cwd")
    search = dict(entry.partition("=")[::2] for entry in process.env).get("PATH", _DEFAULT_PATH)
    if _NO_HOME in environment(process):
        b.container(FindHome(process.user.uid), "HOME is not set, and programs expect it")
    program = situation.handed.slot("program")
    if program != NO_SLOT:
        b.container(UseProgram(program), "a program that the container does not have")
    elif process.args and situation.handed.server is None:
        b.container(FindProgram(process.args[0], search), "OCI process.args")


def plan_execution(b: Builder, spec: Spec, situation: Situation, process: Process) -> None:
    """Waits for the start if one is to come, and executes the program."""
    listener = situation.handed.slot("listener")
    if listener != NO_SLOT:
        b.container(AwaitStart(listener), "create leaves the start to a later command")
    plan_hooks(b, spec, situation, "start_container")
    if not _filters_come_early(process, situation):
        _seccomp(b, spec, situation)
    server = situation.handed.slot("server")
    if server != NO_SLOT:
        b.container(Serve(server, "/"), "programs come later, over a socket")
        return
    if situation.init:
        b.container(BecomeInit(), "--init")
    preserved = situation.handed.preserved
    first = situation.handed.slot("preserved") if preserved else 0
    op = Execute(process.args, environment(process), first, len(preserved))
    b.container(op, "OCI process.args")


def environment(process: Process) -> tuple[str, ...]:
    """Of several values of one variable the last, and a HOME for the launcher to fill; as runc."""
    entries = {entry.partition("=")[0]: entry for entry in process.env}
    entries.setdefault("HOME", _NO_HOME)
    return tuple(entries.values())


def plan_working_directory(b: Builder, process: Process) -> None:
    """Makes the working directory, inside the root (Docker and runc do; CVE-2026-55686)."""
    b.container(MakeDirectory(*b.locate(process.cwd), 0o755), "OCI process.cwd")


def _keyring(b: Builder, process: Process, situation: Situation) -> None:
    if process.selinux_label:
        name, data = lsm.keyring_label(process.selinux_label)
        b.container(WriteProc(SELF, name, data), "OCI process.selinuxLabel: of keys")
    b.container(JoinKeyring(f"_ses.{situation.id}"), "keys of its own")


def _labels(b: Builder, process: Process) -> None:
    if process.apparmor_profile:
        name, data = lsm.apparmor_exec(process.apparmor_profile)
        b.container(WriteProc(SELF, name, data), "OCI process.apparmorProfile")
    if process.selinux_label:
        name, data = lsm.selinux_exec(process.selinux_label)
        b.container(WriteProc(SELF, name, data), "OCI process.selinuxLabel")


def _filters_come_early(process: Process, situation: Situation) -> bool:
    """Without no_new_privs loading one needs CAP_SYS_ADMIN, and a listener needs the launcher."""
    return not process.no_new_privileges or any(found.notify for found in situation.filters)


def _seccomp(b: Builder, spec: Spec, situation: Situation) -> None:
    for copied in situation.copied_filters:
        b.container(LoadSeccomp(copied.program, copied.flags), "a filter of the target's process")
    profile, compiled = spec.linux.seccomp, situation.seccomp
    if profile is None or compiled is None:
        return
    b.container(LoadSeccomp(compiled.program, compiled.flags), "OCI linux.seccomp")
    if compiled.notify:
        from orlop.runtime.planner.state import listener_state

        state = listener_state(spec, situation)
        op = SendSeccompListener(profile.listener_path or "", state)
        b.launcher(op, "OCI linux.seccomp.listenerPath")


def _privileges(b: Builder, process: Process, situation: Situation) -> None:
    caps = process.capabilities or Capabilities()
    bounding, _ = capabilities.grantable(caps.bounding, situation.capabilities)
    b.container(DropBounding(bounding), "OCI process.capabilities.bounding")
    user = process.user
    b.container(OwnStdio(user.uid), "the program may reopen its own stdio")
    groups = struct.pack(f"<{len(user.additional_gids)}I", *user.additional_gids)
    keep = KEEP_GROUPS if not situation.privileged and not situation.id_map_helpers else 0
    b.container(SetUser(user.uid, user.gid, groups, keep), "OCI process.user")
    sets = (caps.effective, caps.permitted, caps.inheritable, caps.ambient)
    effective, permitted, inheritable, ambient = (
        capabilities.grantable(names, situation.capabilities)[0] for names in sets
    )
    # The kernel gives no ambient capability that is not both (capabilities(7)).
    ambient &= permitted & inheritable
    op = SetCapabilities(effective & permitted, permitted, inheritable, ambient)
    b.container(op, "OCI process.capabilities")


def process_of(spec: Spec) -> Process:
    """The configuration's process; without one, one that only waits and can never be started.

    See: runtime-spec config.md#process: it is required when `start` is called, not before.
    """
    return spec.process or Process(cwd="/")
