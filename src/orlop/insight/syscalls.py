"""What becomes of each system call under a seccomp profile, in words."""

from __future__ import annotations

from orlop.errors import Unsupported

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from orlop.kernel.seccomp import Profile, SyscallRule

ALLOWED, PARTLY = "allowed", "allowed with some arguments"
_VERDICTS = {
    "SCMP_ACT_ALLOW": ALLOWED,
    "SCMP_ACT_ERRNO": "refused",
    "SCMP_ACT_KILL": "deadly",
    "SCMP_ACT_KILL_PROCESS": "deadly",
    "SCMP_ACT_KILL_THREAD": "deadly",
    "SCMP_ACT_LOG": "allowed and logged",
    "SCMP_ACT_NOTIFY": "up to an agent",
    "SCMP_ACT_TRACE": "up to a tracer",
    "SCMP_ACT_TRAP": "answered with SIGSYS",
}


# Numbers that are taken, and answered with ENOSYS by all kernels of today: unimplemented(2), and
# what was removed before Linux 5.15.
_GONE = frozenset(
    """
    _sysctl afs_syscall break create_module epoll_ctl_old epoll_wait_old fattach fdetach ftime
    get_kernel_syms getmsg getpmsg gtty isastream lock madvise1 mpx nfsservctl prof profil putmsg
    putpmsg query_module security stty tuxcall ulimit uselib vserver
    """.split()  # noqa: SIM905 - easier to read
)


def known_calls() -> tuple[str, ...]:
    """The system calls of this machine as far as libseccomp knows them; empty without it."""
    from orlop.kernel import seccomp_library

    try:
        names = seccomp_library.load().names()
    except Unsupported:
        return ()
    return tuple(name for name in names if name not in _GONE)


def verdicts(profile: Profile | None, calls: Iterable[str]) -> Mapping[str, str]:
    """What becomes of each of these calls; without a profile all of them are allowed."""
    if profile is None:
        return dict.fromkeys(calls, ALLOWED)
    rules: dict[str, list[SyscallRule]] = {}
    for rule in profile.syscalls:
        for name in rule.names:
            rules.setdefault(name, []).append(rule)
    default = _VERDICTS[profile.default_action]
    return {name: _verdict(rules.get(name, ()), default) for name in calls}


def _verdict(rules: Iterable[SyscallRule], default: str) -> str:
    """Rules without conditions decide; with conditions they make exceptions from the default."""
    partly = False
    for rule in rules:
        verdict = _VERDICTS[rule.action]
        if not rule.args:
            return verdict
        partly = partly or verdict == ALLOWED != default
    return PARTLY if partly else default


def named_calls(profile: Profile | None) -> frozenset[str]:
    """The system calls that a profile speaks of."""
    rules = profile.syscalls if profile else ()
    return frozenset(name for rule in rules for name in rule.names)
