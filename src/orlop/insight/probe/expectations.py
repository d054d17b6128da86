"""What should come out of each attempt: a pure function of the facts.

Each rule says what the kernel does if it is asked; before that, a seccomp filter may have answered.
Where two outcomes are right (a kernel may or may not have a facility), both are expected.
"""

from __future__ import annotations

import errno

from orlop.insight.mounts import ABSENT as NOT_THERE
from orlop.insight.mounts import MASKED, READ_ONLY
from orlop.insight.probe.attempts import BY_NAME
from orlop.insight.probe.facts import (
    HOST,
    KERNEL_MEMORY,
    MEMORY,
    NOT_MOUNTED,
    OWN,
    READ_ONLY_CGROUPS,
    SYSCTL,
    TERMINALS,
)
from orlop.insight.probe.outcomes import ABSENT, DONE, KILLED, LIMITED, Outcome, refused
from orlop.records import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from orlop.insight.filters import Action
    from orlop.insight.probe.facts import Facts

    Rule = Callable[[Facts], "Expected"]

_SIGKILL, _SIGSYS = 9, 31
_DONE, _ABSENT = Outcome(DONE), Outcome(ABSENT)
_NO_SUCH_CALL = refused(errno.ENOSYS)
_BY_SECURITY_MODULE = refused(errno.EACCES, errno.EPERM)


class Expected(Record):
    """What is expected of one attempt.

    Attributes:
        outcomes: any of these is right.
        because: the fact that decides.
    """

    outcomes: tuple[Outcome, ...]
    because: str

    def fits(self, observed: Outcome) -> bool:
        """Whether it is what was expected."""
        return any(outcome.fits(observed) for outcome in self.outcomes)

    @property
    def text(self) -> str:
        """As "refused: EPERM", or "done or absent"."""
        return " or ".join(outcome.text for outcome in self.outcomes)


def expect(name: str, facts: Facts) -> Expected:
    """What should come out of the attempt of that name."""
    attempt = BY_NAME[name]
    if attempt.on_host_process and "pid" not in facts.shared:
        return Expected((_ABSENT,), "no process of the host can be seen")
    answer = facts.answers.get(name)
    if answer is not None and not answer.permits:
        return _of_filter(answer)
    expected = RULES[name](facts)
    if facts.confined and expected.outcomes != (_ABSENT,):
        outcomes = (*expected.outcomes, *_BY_SECURITY_MODULE)
        return Expected(outcomes, f"{expected.because}; its security label may forbid it")
    return expected


def _of_filter(answer: Action) -> Expected:
    match answer.kind:
        case "errno":
            return Expected(refused(answer.data), "the seccomp filter answers that")
        case "trace" | "notify":
            return Expected(_NO_SUCH_CALL, "the seccomp filter leaves it to somebody who is away")
        case _:
            return Expected((Outcome(KILLED, _SIGSYS),), "the seccomp filter kills who does it")


# --- rules ----------------------------------------------------------------------------------


def _allowed(because: str, *or_else: Outcome) -> Expected:
    return Expected((_DONE, *or_else), because)


def _forbidden(because: str, *errors: int) -> Expected:
    return Expected(refused(*errors or (errno.EPERM,)), because)


def _free(*or_else: Outcome, because: str = "nobody needs a right for it") -> Rule:
    return lambda _: _allowed(because, *or_else)


def _needs(
    *capabilities: str, over: str, error: int = errno.EPERM, or_else: tuple[Outcome, ...] = ()
) -> Rule:
    """One of these capabilities, that counts over OWN, HOST, or a kind of namespace.

    `or_else` is what a kernel says that does not have such a thing at all.
    """

    def rule(facts: Facts) -> Expected:
        for name in capabilities:
            if facts.has(name, over):
                return _allowed(f"it has {name}", *or_else)
        names = " or ".join(capabilities)
        because = f"{names} would be needed{_OVER.get(over, '')}"
        return Expected((*refused(error), *or_else), because)

    return rule


_OVER = {
    HOST: " over the host",
    "network": " over its network namespace",
    "mount": " over its mount namespace",
    "uts": " over its UTS namespace",
    "pid": " over its PID namespace",
}


def _unless(sysctl: str, free: Collection[int], otherwise: int, rule: Rule) -> Rule:
    """Free to all if the sysctl has such a value; `otherwise` stands for a kernel without it."""

    def chosen(facts: Facts) -> Expected:
        if facts.machine.sysctl(sysctl, otherwise) in free:
            return _allowed(f"{sysctl} leaves it to everybody", *_NO_SUCH_CALL)
        return rule(facts)

    return chosen


# --- processes ---


def _see_host(facts: Facts) -> Expected:
    if "pid" in facts.shared:
        return _allowed("it shares the host's PID namespace")
    if facts.host_proc:
        return _allowed("its /proc is that of the host's PID namespace")
    return Expected((_ABSENT,), "it has a PID namespace of its own")


def _signal_host(facts: Facts) -> Expected:
    if facts.host_uid == 0:
        return _allowed("it is user 0 of the host, as the process")
    return _needs("CAP_KILL", over=HOST)(facts)


def _may_trace(facts: Facts) -> bool:
    """Whether it may look into the launcher. See: ptrace(2), "Ptrace access mode checking"."""
    all_of_its = not facts.machine.capabilities & ~facts.capabilities
    same = facts.host_users and facts.host_uid == 0 and all_of_its
    return same or facts.has("CAP_SYS_PTRACE", HOST)


_TRACING = "only who has all rights of a process, or CAP_SYS_PTRACE, may look into it"


def _trace_host(facts: Facts) -> Expected:
    scope = facts.machine.sysctl("kernel.yama.ptrace_scope", 0)
    allowed = _may_trace(facts) and (scope == 0 or facts.has("CAP_SYS_PTRACE", HOST)) and scope < 3
    return _allowed("it has all rights of the process") if allowed else _forbidden(_TRACING)


def _read_by_proc(facts: Facts) -> Expected:
    if facts.path(SYSCTL) == NOT_THERE:
        return Expected((_ABSENT,), "it has no /proc")
    if _may_trace(facts):
        return _allowed("it has all rights of the process")
    return _forbidden(_TRACING, errno.EACCES)


def _trace_child(facts: Facts) -> Expected:
    scope = facts.machine.sysctl("kernel.yama.ptrace_scope", 0)
    if scope < 2 or (scope == 2 and facts.has("CAP_SYS_PTRACE", OWN)):
        return _allowed("it is its own child")
    return _forbidden("kernel.yama.ptrace_scope forbids it")


def _become_root(facts: Facts) -> Expected:
    if facts.uid == 0:
        return _allowed("it is")
    return _needs("CAP_SETUID", over=OWN)(facts)


def _set_groups(facts: Facts) -> Expected:
    if facts.groups_fixed:
        return _forbidden("its user namespace does not let anybody do it")
    return _needs("CAP_SETGID", over=OWN)(facts)


# --- namespaces ---


def _new_user_namespace(facts: Facts) -> Expected:
    if facts.machine.sysctl("user.max_user_namespaces", 1) == 0:
        return _forbidden("user.max_user_namespaces is 0", errno.ENOSPC)
    free = facts.machine.sysctl("kernel.unprivileged_userns_clone", 1) == 1
    if free or facts.has("CAP_SYS_ADMIN", HOST):
        return _allowed("nobody needs a right for it")
    return _forbidden("kernel.unprivileged_userns_clone is 0")


_ADMIN = _needs("CAP_SYS_ADMIN", over=OWN)


def _new_time_namespace(facts: Facts) -> Expected:
    if not facts.machine.time_namespaces:
        return Expected((_ABSENT,), "the kernel has none")
    return _ADMIN(facts)


def _join_namespace(facts: Facts) -> Expected:
    if facts.path(SYSCTL) == NOT_THERE:
        return Expected((_ABSENT,), "it has no /proc")
    return _needs("CAP_SYS_ADMIN", over="uts")(facts)


# --- sockets ---


def _connect_to_host(facts: Facts) -> Expected:
    if "network" in facts.shared:
        return _allowed("it shares the host's network namespace")
    return Expected((_ABSENT,), "it has a network namespace of its own")


# --- the kernel ---


def _io_uring(facts: Facts) -> Expected:
    match facts.machine.sysctl("kernel.io_uring_disabled", 0):
        case 0:
            return _allowed("nobody needs a right for it", *_NO_SUCH_CALL)
        case 1:
            return _needs("CAP_SYS_ADMIN", over=HOST)(facts)
        case _:
            return _forbidden("kernel.io_uring_disabled")


def _open_by_handle(facts: Facts) -> Expected:
    inside = facts.has("CAP_DAC_READ_SEARCH", OWN) and facts.has("CAP_SYS_ADMIN", OWN)
    if inside and not facts.host_users:
        # Since Linux 6.11 those may who could mount the file system, in a user namespace.
        return _allowed("it has CAP_DAC_READ_SEARCH", *refused(errno.EPERM))
    return _needs("CAP_DAC_READ_SEARCH", over=HOST)(facts)


def _kernel_log(facts: Facts) -> Expected:
    if facts.has("CAP_SYS_ADMIN", HOST) and not facts.has("CAP_SYSLOG", HOST):
        return _allowed("older kernels take CAP_SYS_ADMIN for CAP_SYSLOG", *refused(errno.EPERM))
    return _needs("CAP_SYSLOG", over=HOST)(facts)


def _load_module(facts: Facts) -> Expected:
    if not facts.machine.modules:
        return Expected(_NO_SUCH_CALL, "the kernel has no modules")
    if facts.machine.sysctl("kernel.modules_disabled", 0):
        return _forbidden("kernel.modules_disabled")
    return _locked(_needs("CAP_SYS_MODULE", over=HOST)(facts), facts)


def _load_kernel(facts: Facts) -> Expected:
    if not facts.machine.kexec:
        return Expected(_NO_SUCH_CALL, "the kernel has no kexec")
    if facts.machine.sysctl("kernel.kexec_load_disabled", 0):
        return _forbidden("kernel.kexec_load_disabled")
    return _locked(_needs("CAP_SYS_BOOT", over=HOST)(facts), facts)


def _locked(expected: Expected, facts: Facts) -> Expected:
    """A kernel in lockdown refuses some things even to those who have the right."""
    if facts.machine.locked_down and _DONE in expected.outcomes:
        return Expected((*expected.outcomes, *refused(errno.EPERM)), expected.because)
    return expected


# --- files ---


def _read_host_file(facts: Facts) -> Expected:
    if facts.host_file_visible:
        return _allowed("the host's directory is mounted there, or it is the host's root")
    return Expected((_ABSENT,), "its mount namespace does not have the directory")


def _write_sysctl(facts: Facts) -> Expected:
    if facts.path(SYSCTL) == NOT_THERE:
        return Expected((_ABSENT,), "it has no /proc")
    if facts.host_uid != 0:
        return _forbidden("only user 0 of the host may", errno.EACCES)
    if facts.path(SYSCTL) == READ_ONLY:
        return _forbidden("/proc/sys is read-only", errno.EROFS)
    return _allowed("/proc/sys is writable, and it is user 0 of the host")


def _device(facts: Facts, permitted: bool | None, *, make_node: bool) -> Expected:
    """Making a node, or something else with one that is there."""
    if make_node and not facts.has("CAP_MKNOD", HOST):
        # The directory is looked at before, and others than root may not write there.
        errors = (errno.EPERM,) if facts.host_uid == 0 else (errno.EPERM, errno.EACCES)
        return _forbidden("CAP_MKNOD would be needed over the host", *errors)
    if permitted is None:
        return _allowed("an eBPF program of its cgroup decides", *refused(errno.EPERM))
    if not permitted:
        return _forbidden("the device rules of its cgroup forbid it")
    return _allowed("the device rules of its cgroup permit it")


def _make_device(facts: Facts) -> Expected:
    return _device(facts, facts.devices.make, make_node=True)


def _open_device(facts: Facts) -> Expected:
    return _device(facts, facts.devices.use, make_node=True)


def _open_memory(facts: Facts) -> Expected:
    if facts.path(MEMORY) == NOT_THERE:
        return Expected((_ABSENT,), "it has no such device")
    by_rules = _device(facts, facts.devices.memory, make_node=False)
    if _DONE not in by_rules.outcomes:
        return by_rules
    expected = _needs("CAP_SYS_RAWIO", over=HOST)(facts)
    if facts.host_uid != 0:  # before the driver is asked, the node's mode is looked at
        return Expected((*expected.outcomes, *_BY_SECURITY_MODULE), expected.because)
    return _locked(expected, facts)


def _kernel_memory(facts: Facts) -> Expected:
    if facts.path(KERNEL_MEMORY) in (NOT_THERE, MASKED):
        return Expected((_ABSENT,), "/proc/kcore is masked, or not there")
    if facts.host_uid != 0:
        return _forbidden("only user 0 of the host may", errno.EACCES, errno.EPERM)
    return _locked(_needs("CAP_SYS_RAWIO", over=HOST)(facts), facts)


def _see_cgroups(facts: Facts) -> Expected:
    if facts.cgroups == NOT_MOUNTED:
        return Expected((_ABSENT,), "none are mounted in /sys/fs/cgroup")
    return _allowed("they are mounted in /sys/fs/cgroup")


def _write_cgroups(facts: Facts) -> Expected:
    if facts.cgroups == NOT_MOUNTED:
        return Expected((_ABSENT,), "none are mounted in /sys/fs/cgroup")
    if facts.host_uid != 0 and not facts.has("CAP_DAC_OVERRIDE", HOST):
        return _forbidden("they belong to user 0 of the host", errno.EACCES)
    if facts.cgroups == READ_ONLY_CGROUPS:
        return _forbidden("/sys/fs/cgroup is read-only", errno.EROFS)
    return _allowed("/sys/fs/cgroup is writable")


def _push_input(facts: Facts) -> Expected:
    if facts.path(TERMINALS) == NOT_THERE:
        return Expected((_ABSENT,), "it cannot make a terminal")
    if facts.devices.terminals is False:
        return _forbidden("the device rules of its cgroup forbid it")
    if facts.machine.sysctl("dev.tty.legacy_tiocsti", 1):
        return _allowed("dev.tty.legacy_tiocsti leaves it to everybody")
    return _needs("CAP_SYS_ADMIN", over=HOST, error=errno.EIO)(facts)


# --- all ------------------------------------------------------------------------------------

RULES: dict[str, Rule] = {
    "see_host_process": _see_host,
    "signal_host_process": _signal_host,
    "trace_host_process": _trace_host,
    "trace_child": _trace_child,
    "become_root": _become_root,
    "set_groups": _set_groups,
    "change_root": _needs("CAP_SYS_CHROOT", over=OWN),
    "new_user_namespace": _new_user_namespace,
    "new_mount_namespace": _ADMIN,
    "new_pid_namespace": _ADMIN,
    "new_network_namespace": _ADMIN,
    "new_ipc_namespace": _ADMIN,
    "new_uts_namespace": _ADMIN,
    "new_cgroup_namespace": _ADMIN,
    "new_time_namespace": _new_time_namespace,
    "join_namespace": _join_namespace,
    "move_mount": _needs("CAP_SYS_ADMIN", over="mount"),
    "mount_tmpfs": _needs("CAP_SYS_ADMIN", over="mount"),
    "set_hostname": _needs("CAP_SYS_ADMIN", over="uts"),
    "connect_to_host": _connect_to_host,
    "raw_socket": _needs("CAP_NET_RAW", over="network"),
    "packet_socket": _needs("CAP_NET_RAW", over="network", or_else=(_ABSENT,)),
    "crypto_socket": _free(_ABSENT),
    "vm_socket": _free(_ABSENT),
    "configure_network": _needs("CAP_NET_ADMIN", over="network"),
    "add_key": _free(*_NO_SUCH_CALL),
    "find_keyring": _free(*_NO_SUCH_CALL),
    "use_io_uring": _io_uring,
    "use_bpf": _unless(
        "kernel.unprivileged_bpf_disabled",
        (0,),
        0,
        _needs("CAP_BPF", "CAP_SYS_ADMIN", over=HOST, or_else=_NO_SUCH_CALL),
    ),
    "trace_kernel": _unless(
        "kernel.perf_event_paranoid",
        (-1, 0, 1),
        2,
        _needs(
            "CAP_PERFMON", "CAP_SYS_ADMIN", over=HOST, error=errno.EACCES, or_else=_NO_SUCH_CALL
        ),
    ),
    "use_userfaultfd": _unless(
        "vm.unprivileged_userfaultfd",
        (1,),
        0,
        _needs("CAP_SYS_PTRACE", over=HOST, or_else=_NO_SUCH_CALL),
    ),
    "open_by_handle": _open_by_handle,
    "read_kernel_log": _unless("kernel.dmesg_restrict", (0,), 0, _kernel_log),
    "load_module": _load_module,
    "load_kernel": _load_kernel,
    "reboot": _needs("CAP_SYS_BOOT", over="pid"),
    "set_clock": _needs("CAP_SYS_TIME", over=HOST),
    "read_host_file": _read_host_file,
    "read_host_file_by_proc": _read_by_proc,
    "write_sysctl": _write_sysctl,
    "make_device": _make_device,
    "open_device": _open_device,
    "open_memory": _open_memory,
    "read_kernel_memory": _kernel_memory,
    "see_cgroups": _see_cgroups,
    "write_cgroups": _write_cgroups,
    "push_input": _push_input,
    "exceed_cpu": lambda _: Expected((Outcome(LIMITED),), "the quota of its cgroup"),
    "exceed_tasks": lambda _: _forbidden("the limit of its cgroup", errno.EAGAIN),
    "exceed_memory": lambda _: Expected(
        (Outcome(KILLED, _SIGKILL), *refused(errno.ENOMEM)), "the limit of its cgroup"
    ),
}
"""What the kernel does, by attempt, if it is asked."""
