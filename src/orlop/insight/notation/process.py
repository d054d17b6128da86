"""What the process is and may (launch/identity.c, seccomp.c)."""

from __future__ import annotations

import struct as binary

from orlop.insight.notation import constants
from orlop.insight.notation.namespaces import die_with_launcher
from orlop.insight.notation.syntax import Calls, array, aside, call, descriptor, quoted, struct
from orlop.kernel import capabilities
from orlop.kernel.seccomp_bpf import INSTRUCTION_SIZE
from orlop.launch.plan import (
    CONTAINER,
    KEEP_GROUPS,
    DropBounding,
    JoinKeyring,
    LoadSeccomp,
    NoNewPrivileges,
    SendSeccompListener,
    SetAffinity,
    SetCapabilities,
    SetDomainname,
    SetHostname,
    SetIoPriority,
    SetMemoryPolicy,
    SetPersonality,
    SetRlimit,
    SetScheduler,
    SetUmask,
    SetUser,
    WriteSysctl,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from orlop.insight.notation.scene import Notations, Scene

_OF_SYS = struct(
    flags="O_WRONLY|O_NOFOLLOW|O_CLOEXEC",
    resolve="RESOLVE_NO_XDEV|RESOLVE_NO_SYMLINKS|RESOLVE_BENEATH",
)


def _set_hostname(op: SetHostname, _: Scene) -> Calls:
    return (call("sethostname", quoted(op.name), str(len(op.name.encode()))),)


def _set_domainname(op: SetDomainname, _: Scene) -> Calls:
    return (call("setdomainname", quoted(op.name), str(len(op.name.encode()))),)


def _write_sysctl(op: WriteSysctl, _: Scene) -> Calls:
    directory, file = descriptor("/proc/sys"), descriptor(f"/proc/sys/{op.name}")
    opening = "O_RDONLY|O_NOFOLLOW|O_CLOEXEC|O_PATH|O_DIRECTORY"
    return (
        aside("openat", descriptor("/proc"), '"sys"', opening, result=directory),
        aside("openat2", directory, quoted(op.name), _OF_SYS, result=file),
        call("write", file, quoted(op.value)),
    )


def _set_rlimit(op: SetRlimit, s: Scene) -> Calls:
    name = constants.RLIMITS.get(op.resource, str(op.resource))
    limits = struct(rlim_cur=constants.limit(op.soft), rlim_max=constants.limit(op.hard))
    return (call("prlimit64", "0" if s.side == CONTAINER else "PID", name, limits, "NULL"),)


def _set_umask(op: SetUmask, _: Scene) -> Calls:
    return (call("umask", constants.octal(op.mask)),)


def _set_io_priority(op: SetIoPriority, _: Scene) -> Calls:
    number = constants.io_priority(op.priority)
    return (call("ioprio_set", "IOPRIO_WHO_PROCESS", "0", number),)


def _set_scheduler(op: SetScheduler, _: Scene) -> Calls:
    nice = op.nice - (1 << 32) if op.nice >> 31 else op.nice
    attributes = struct(
        sched_policy=constants.POLICIES.get(op.policy, str(op.policy)),
        sched_flags=constants.flags(op.flags, constants.SCHEDULER_FLAGS) if op.flags else "",
        sched_nice=_unless_zero(nice),
        sched_priority=_unless_zero(op.priority),
        sched_runtime=_unless_zero(op.runtime_ns),
        sched_deadline=_unless_zero(op.deadline_ns),
        sched_period=_unless_zero(op.period_ns),
    )
    return (call("sched_setattr", "0", attributes, "0"),)


def _unless_zero(number: int) -> str:
    return str(number) if number else ""


def _set_affinity(op: SetAffinity, _: Scene) -> Calls:
    cpus = array(constants.bit_numbers(op.mask))
    return (call("sched_setaffinity", "0", str(len(op.mask)), cpus),)


def _set_memory_policy(op: SetMemoryPolicy, _: Scene) -> Calls:
    nodes = array(constants.bit_numbers(op.nodes)) if op.nodes else "NULL"
    bits = str(8 * len(op.nodes) + 1) if op.nodes else "0"
    return (call("set_mempolicy", constants.memory_policy(op.mode), nodes, bits),)


def _set_personality(op: SetPersonality, _: Scene) -> Calls:
    name = constants.PERSONALITIES.get(op.persona, hex(op.persona))
    return (call("personality", name),)


def _join_keyring(op: JoinKeyring, _: Scene) -> Calls:
    return (call("keyctl", "KEYCTL_JOIN_SESSION_KEYRING", quoted(op.name)),)


def _no_new_privileges(_op: NoNewPrivileges, _: Scene) -> Calls:
    return (call("prctl", "PR_SET_NO_NEW_PRIVS", "1", "0", "0", "0"),)


def _load_seccomp(op: LoadSeccomp, s: Scene) -> Calls:
    words = constants.flags(op.flags, constants.SECCOMP_FLAGS)
    program = struct(len=str(len(op.program) // INSTRUCTION_SIZE), filter="...")
    before = () if s.filtered else (aside("prctl", "PR_SET_PDEATHSIG", "0"),)
    s.filtered = True
    return (*before, call("seccomp", "SECCOMP_SET_MODE_FILTER", words, program))


def _send_seccomp_listener(op: SendSeccompListener, _: Scene) -> Calls:
    agent, listener = descriptor("agent"), descriptor("listener")
    address = struct(sa_family="AF_UNIX", sun_path=quoted(op.socket_path))
    message = struct(
        msg_iov="[the container's state]", cmsg_type="SCM_RIGHTS", cmsg_data=f"[{listener}]"
    )
    return (
        aside("socket", "AF_UNIX", "SOCK_STREAM|SOCK_CLOEXEC", "0", result=agent),
        aside("connect", agent, address),
        call("pidfd_getfd", descriptor("pidfd of PID"), "its listener", "0", result=listener),
        call("sendmsg", agent, message, "MSG_NOSIGNAL"),
    )


def _drop_bounding(op: DropBounding, _: Scene) -> Calls:
    others = f"~[{' '.join(capabilities.names(op.keep))}]"
    some = bool(capabilities.ALL & ~op.keep)
    return (
        aside("prctl", "PR_CAPBSET_READ", others),
        call("prctl", "PR_CAPBSET_DROP", others, note="one by one", always=some),
    )


def _set_user(op: SetUser, s: Scene) -> Calls:
    numbers = binary.unpack(f"<{len(op.groups) // 4}I", op.groups)
    groups = (call("setgroups", str(len(numbers)), array(numbers)),)
    return (
        aside("prctl", "PR_SET_KEEPCAPS", "1"),
        *(() if op.flags & KEEP_GROUPS else groups),
        call("setresgid", *[str(op.gid)] * 3),
        call("setresuid", *[str(op.uid)] * 3),
        *die_with_launcher(s),
    )


def _set_capabilities(op: SetCapabilities, s: Scene) -> Calls:
    effective = constants.capability_set(op.effective)
    same = op.effective == op.permitted
    data = struct(
        effective=f"permitted={effective}" if same else effective,
        permitted="" if same else constants.capability_set(op.permitted),
        inheritable=constants.capability_set(op.inheritable),
    )
    raised: Calls = ()
    if op.ambient:
        names = constants.capability_set(op.ambient)
        raised = (
            call("prctl", "PR_CAP_AMBIENT", "PR_CAP_AMBIENT_RAISE", names, note="one by one"),
        )
    return (
        call("capset", struct(version="_LINUX_CAPABILITY_VERSION_3"), data),
        aside("prctl", "PR_CAP_AMBIENT", "PR_CAP_AMBIENT_CLEAR_ALL"),
        *raised,
        *die_with_launcher(s),
    )


CALLS: Notations = {
    SetHostname: _set_hostname,
    SetDomainname: _set_domainname,
    WriteSysctl: _write_sysctl,
    SetRlimit: _set_rlimit,
    SetUmask: _set_umask,
    SetIoPriority: _set_io_priority,
    SetScheduler: _set_scheduler,
    SetAffinity: _set_affinity,
    SetMemoryPolicy: _set_memory_policy,
    SetPersonality: _set_personality,
    JoinKeyring: _join_keyring,
    NoNewPrivileges: _no_new_privileges,
    LoadSeccomp: _load_seccomp,
    SendSeccompListener: _send_seccomp_listener,
    DropBounding: _drop_bounding,
    SetUser: _set_user,
    SetCapabilities: _set_capabilities,
}
