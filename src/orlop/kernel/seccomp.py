"""Seccomp profiles in the OCI's words, and their compilation into what the kernel loads.

A profile names system calls and what is to happen to them; `compile` makes a BPF program of it
with libseccomp, to which it prepends the ENOSYS rule of `orlop.kernel.seccomp_bpf`.

Where the specification is silent, this does what runc does, since profiles are written against
it: unknown system calls are passed over (a profile names calls of many architectures and of newer
kernels), rules that say the same as the default are too, several conditions of one rule on
the same argument are alternatives, the filters of other architectures than those named kill.

See: runtime-spec config-linux.md#seccomp, seccomp(2), seccomp_rule_add(3).
"""

from __future__ import annotations

import errno

from orlop.errors import InvalidArgument, Unsupported
from orlop.records import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from orlop.kernel import seccomp_library

    Conditions = tuple[tuple[int, int, int, int], ...]  # as `seccomp_library.Rules.add` takes them


class ArgRule(Record):
    """A condition on argument `index` (0 to 5).

    With SCMP_CMP_MASKED_EQ `value` is the mask, and `value_two` what is left of the argument.
    """

    index: int
    value: int
    value_two: int = 0
    op: str = "SCMP_CMP_EQ"


class SyscallRule(Record):
    """What happens to calls of these names whose arguments meet all conditions."""

    names: tuple[str, ...]
    action: str
    errno_ret: int | None = None
    args: tuple[ArgRule, ...] = ()


class Profile(Record):
    """A seccomp profile. `flags` of None (nothing was said) is not the same as no flags.

    Fields are as in runtime-spec config-linux.md#seccomp.
    """

    default_action: str
    default_errno_ret: int | None = None
    architectures: tuple[str, ...] = ()
    flags: tuple[str, ...] | None = None
    listener_path: str | None = None
    listener_metadata: str | None = None
    syscalls: tuple[SyscallRule, ...] = ()


class Filter(Record):
    """What the kernel loads.

    Attributes:
        program: an array of struct sock_filter, at most 4096.
        flags: SECCOMP_FILTER_FLAG_ bits, with NEW_LISTENER if `notify`.
        notify: loading gives a descriptor that somebody has to listen to.
    """

    program: bytes
    flags: int
    notify: bool


# SECCOMP_RET_ values, as libseccomp takes them; the errno is ORed in.
_ACTIONS = {
    "SCMP_ACT_ALLOW": 0x7FFF0000,
    "SCMP_ACT_ERRNO": 0x00050000,
    "SCMP_ACT_KILL": 0x00000000,
    "SCMP_ACT_KILL_PROCESS": 0x80000000,
    "SCMP_ACT_KILL_THREAD": 0x00000000,
    "SCMP_ACT_LOG": 0x7FFC0000,
    "SCMP_ACT_NOTIFY": 0x7FC00000,
    "SCMP_ACT_TRACE": 0x7FF00000,
    "SCMP_ACT_TRAP": 0x00030000,
}

_OPERATORS = {
    "SCMP_CMP_EQ": 4,
    "SCMP_CMP_GE": 5,
    "SCMP_CMP_GT": 6,
    "SCMP_CMP_LE": 3,
    "SCMP_CMP_LT": 2,
    "SCMP_CMP_MASKED_EQ": 7,
    "SCMP_CMP_NE": 1,
}

# AUDIT_ARCH_ values of linux/audit.h, but for x32, which is x86-64 to the kernel.
_X32 = 0x4000003E
_X86_64 = 0xC000003E
_ARCHITECTURES = {
    "SCMP_ARCH_AARCH64": 0xC00000B7,
    "SCMP_ARCH_ARM": 0x40000028,
    "SCMP_ARCH_LOONGARCH64": 0xC0000102,
    "SCMP_ARCH_M68K": 0x00000004,
    "SCMP_ARCH_MIPS": 0x00000008,
    "SCMP_ARCH_MIPS64": 0x80000008,
    "SCMP_ARCH_MIPS64N32": 0xA0000008,
    "SCMP_ARCH_MIPSEL": 0x40000008,
    "SCMP_ARCH_MIPSEL64": 0xC0000008,
    "SCMP_ARCH_MIPSEL64N32": 0xE0000008,
    "SCMP_ARCH_PARISC": 0x0000000F,
    "SCMP_ARCH_PARISC64": 0x8000000F,
    "SCMP_ARCH_PPC": 0x00000014,
    "SCMP_ARCH_PPC64": 0x80000015,
    "SCMP_ARCH_PPC64LE": 0xC0000015,
    "SCMP_ARCH_RISCV64": 0xC00000F3,
    "SCMP_ARCH_S390": 0x00000016,
    "SCMP_ARCH_S390X": 0x80000016,
    "SCMP_ARCH_SH": 0x4000002A,
    "SCMP_ARCH_SHEB": 0x0000002A,
    "SCMP_ARCH_X32": _X32,
    "SCMP_ARCH_X86": 0x40000003,
    "SCMP_ARCH_X86_64": _X86_64,
}

FLAG_LOG = 1 << 1
FLAG_SPEC_ALLOW = 1 << 2
FLAG_NEW_LISTENER = 1 << 3
FLAG_WAIT_KILLABLE_RECV = 1 << 5

# A container's process has one thread when it loads its filter, so there is nothing to synchronise;
# and the kernel refuses TSYNC together with a listener.
_FLAGS = {
    "SECCOMP_FILTER_FLAG_LOG": FLAG_LOG,
    "SECCOMP_FILTER_FLAG_SPEC_ALLOW": FLAG_SPEC_ALLOW,
    "SECCOMP_FILTER_FLAG_TSYNC": 0,
    "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV": FLAG_WAIT_KILLABLE_RECV,
}

# By uname(2)'s machine: its architecture and those whose programs it can also run.
OF_MACHINE = {
    "x86_64": ("SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"),
    "aarch64": ("SCMP_ARCH_AARCH64", "SCMP_ARCH_ARM"),
}

KNOWN_ACTIONS = tuple(_ACTIONS)
KNOWN_OPERATORS = tuple(_OPERATORS)
KNOWN_ARCHITECTURES = tuple(_ARCHITECTURES)
KNOWN_FLAGS = tuple(_FLAGS)

# What the kernel has room for; of a higher errno it would return 4095, and a tracer gets 16 bits.
_MAX_ERRNO = {"SCMP_ACT_ERRNO": 4095, "SCMP_ACT_TRACE": 0xFFFF}
_BINARY_TREE_FROM = 33  # rules; shorter lists do not gain, and libseccomp 2.5 is wrong at none


def supported_flags() -> tuple[str, ...]:
    """The flags of `KNOWN_FLAGS` that the running kernel has."""
    return tuple(flag for flag, bits in _FLAGS.items() if _kernel_knows(bits))


def _kernel_knows(flags: int) -> bool:
    from orlop.kernel.syscalls import seccomp_flags_known

    # This one is refused without a listener.
    return seccomp_flags_known(
        flags | FLAG_NEW_LISTENER if flags & FLAG_WAIT_KILLABLE_RECV else flags
    )


def token(architecture: str) -> int:
    """The number by which libseccomp knows an architecture.

    Raises:
        InvalidArgument: there is none of that name.
    """
    return _look_up(_ARCHITECTURES, architecture, "architecture")


def audit_arch(architecture: str) -> int:
    """What a filter sees as architecture: for x32 that is the one of x86-64.

    Raises:
        InvalidArgument: there is none of that name.
    """
    found = token(architecture)
    return _X86_64 if found == _X32 else found


def check(profile: Profile) -> None:
    """The profile can be compiled, as far as its words and numbers go.

    Raises:
        InvalidArgument: it says something that means nothing, or that cannot work.
    """
    _action(profile.default_action, profile.default_errno_ret)
    for arch in profile.architectures:
        _look_up(_ARCHITECTURES, arch, "architecture")
    for flag in profile.flags or ():
        _look_up(_FLAGS, flag, "flag")
    for rule in profile.syscalls:
        _check_rule(rule)
    _check_notification(profile)


def _check_rule(rule: SyscallRule) -> None:
    _action(rule.action, rule.errno_ret)
    if not rule.names or not all(rule.names):
        raise InvalidArgument("invalid seccomp profile: a rule has no system call")
    for arg in rule.args:
        _look_up(_OPERATORS, arg.op, "operator")
        if not 0 <= arg.index <= 5:
            raise InvalidArgument(
                f"invalid seccomp profile: {rule.names[0]} has no argument {arg.index}",
                hint="arguments are 0 to 5",
            )
        for value in (arg.value, arg.value_two):
            if not 0 <= value < 1 << 64:
                raise InvalidArgument(f"invalid seccomp profile: {value} is not of 64 bits")


def _check_notification(profile: Profile) -> None:
    notifying = {
        name for rule in profile.syscalls if rule.action == "SCMP_ACT_NOTIFY" for name in rule.names
    }
    # Refused by runc too, and with reason: what the container's process says to its parent between
    # the filter and its program would depend on an agent that may be waiting for that parent.
    if profile.default_action == "SCMP_ACT_NOTIFY" or "write" in notifying:
        raise InvalidArgument(
            "invalid seccomp profile: SCMP_ACT_NOTIFY is not possible for write or as default"
        )
    if notifying and not profile.listener_path:
        raise InvalidArgument("invalid seccomp profile: SCMP_ACT_NOTIFY needs a listenerPath")
    if profile.listener_metadata is not None and not profile.listener_path:
        raise InvalidArgument("invalid seccomp profile: listenerMetadata needs a listenerPath")
    if not notifying and "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV" in (profile.flags or ()):
        raise InvalidArgument(
            "invalid seccomp profile: the flag SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV is for"
            " profiles with SCMP_ACT_NOTIFY"
        )


def _look_up(table: dict[str, int], word: str, what: str) -> int:
    if word not in table:
        raise InvalidArgument(
            f"invalid seccomp profile: unknown {what} {word!r}",
            hint=f"known are {', '.join(table)}",
        )
    return table[word]


def _action(action: str, errno_ret: int | None) -> int:
    """The action as the kernel has it."""
    value = _look_up(_ACTIONS, action, "action")
    if action not in _MAX_ERRNO:
        if errno_ret is not None:
            raise InvalidArgument(f"invalid seccomp profile: {action} has no errno to return")
        return value
    if errno_ret is None:
        errno_ret = errno.EPERM
    if not 0 <= errno_ret <= _MAX_ERRNO[action]:
        raise InvalidArgument(
            f"invalid seccomp profile: errno {errno_ret} is not within 0 and {_MAX_ERRNO[action]}"
        )
    return value | errno_ret


def compile(profile: Profile, cache_directory: str | None = None) -> Filter:  # noqa: A001
    """The profile as a BPF program for this machine and kernel.

    Args:
        profile: what to compile.
        cache_directory: a host directory for compiled programs, made if it is missing, in a place
            where nobody else can rename it. It saves about 20 ms and loading libseccomp, and is
            used only if it is the caller's own and closed to all others.

    Raises:
        InvalidArgument: the profile is wrong (see `check`), or its program is too long.
        Unsupported: libseccomp is missing, or it or the kernel is too old for the profile.
    """
    if cache_directory is None:
        check(profile)
        return _compile(profile)
    from orlop.kernel.seccomp_cache import Cache

    # What is in the cache was checked when it was compiled.
    with Cache(cache_directory) as cache:
        found = cache.get(profile)
        if found is None:
            check(profile)
            found = _compile(profile)
            cache.put(profile, found)
    return found


def _compile(profile: Profile) -> Filter:
    # Here, because most starts find their filter in the cache, or have none.
    from orlop.kernel import seccomp_bpf, seccomp_library

    library = seccomp_library.load()
    default = _action(profile.default_action, profile.default_errno_ret)
    rules = list(_rules(profile, library, default))
    with library.filter(default) as building:
        for arch in profile.architectures:
            _add_architecture(building, arch)
        if len(rules) >= _BINARY_TREE_FROM:
            building.use_binary_tree()
        for name, number, action, conditions in rules:
            _add_rule(building, name, number, action, conditions)
        program = building.program()
    program = _prologue(profile, library) + program
    length = len(program) // seccomp_bpf.INSTRUCTION_SIZE
    if length > seccomp_bpf.MAX_INSTRUCTIONS:
        raise InvalidArgument(
            f"seccomp profile is too long: it takes {length} instructions,"
            f" {seccomp_bpf.MAX_INSTRUCTIONS} are possible"
        )
    notify = any(rule.action == "SCMP_ACT_NOTIFY" for rule in profile.syscalls)
    return Filter(program, _flags(profile, notify), notify)


def _flags(profile: Profile, notify: bool) -> int:
    # As runc: who says nothing of flags does not want the mitigation of speculative store bypass,
    # which would slow the container down (and is off since Linux 5.16 anyway).
    flags = FLAG_SPEC_ALLOW if profile.flags is None else 0
    for flag in profile.flags or ():
        flags |= _FLAGS[flag]
    if notify:
        flags |= FLAG_NEW_LISTENER
    if flags & FLAG_WAIT_KILLABLE_RECV and not _kernel_knows(flags):
        raise Unsupported("SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV", needs="Linux 5.19")
    return flags


def _rules(
    profile: Profile, library: seccomp_library.Library, default: int
) -> Iterator[tuple[str, int, int, Conditions]]:
    """Name, number, action and conditions of each rule that libseccomp gets, in order."""
    from orlop.kernel.seccomp_library import UNKNOWN_SYSCALL

    for rule in profile.syscalls:
        action = _action(rule.action, rule.errno_ret)
        if action == default:
            continue
        alternatives = _alternatives(rule.args)
        for name in rule.names:
            number = library.resolve(name)
            if number == UNKNOWN_SYSCALL:
                continue
            for conditions in alternatives:
                yield name, number, action, conditions


def _alternatives(args: tuple[ArgRule, ...]) -> tuple[Conditions, ...]:
    """The conditions of one rule as libseccomp can take them: one for each argument.

    Several conditions on one argument make all conditions of the rule alternatives. (That is not
    what one would think, but what runc has always done, and profiles rely on it.)
    """
    conditions = tuple((arg.index, _OPERATORS[arg.op], arg.value, arg.value_two) for arg in args)
    if len({arg.index for arg in args}) < len(args):
        return tuple((condition,) for condition in conditions)
    return (conditions,)


def _add_architecture(building: seccomp_library.Rules, arch: str) -> None:
    if building.add_arch(_ARCHITECTURES[arch]) != 0:
        raise Unsupported(
            f"the seccomp architecture {arch} on this machine", needs="a newer libseccomp"
        )


def _add_rule(
    building: seccomp_library.Rules, name: str, number: int, action: int, conditions: Conditions
) -> None:
    error = -building.add(action, number, conditions)
    if error == 0 or error == errno.EEXIST:
        return
    if error == errno.EOPNOTSUPP:
        raise Unsupported(f"seccomp rule for {name}", needs="a newer libseccomp or kernel")
    raise InvalidArgument(
        f"cannot add seccomp rule for {name}: {errno.errorcode.get(error, error)}"
    )


# To these defaults, a call that nobody has heard of is allowed or somebody else's to judge.
_LETS_NEW_CALLS_PASS = ("SCMP_ACT_ALLOW", "SCMP_ACT_LOG", "SCMP_ACT_TRACE")


def _prologue(profile: Profile, library: seccomp_library.Library) -> bytes:
    """The ENOSYS rule for this profile's architectures."""
    from orlop.kernel.seccomp_bpf import Newest, enosys_prologue

    if profile.default_action in _LETS_NEW_CALLS_PASS:
        return b""
    if profile.default_action == "SCMP_ACT_ERRNO" and profile.default_errno_ret == errno.ENOSYS:
        return b""
    names = {name for rule in profile.syscalls for name in rule.names}
    architectures = {_ARCHITECTURES[arch] for arch in profile.architectures}
    newest = []
    for arch in sorted(architectures | {library.native_arch()}):
        number = max((library.resolve_for(arch, name) for name in names), default=0)
        if number > 0:
            newest.append(Newest(_X86_64 if arch == _X32 else arch, number))
    return enosys_prologue(newest)
