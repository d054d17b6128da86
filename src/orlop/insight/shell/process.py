"""What the process becomes: limits, scheduling, rights. Each is a tool that executes the next one.

The tools are the host's, and they are executed while its files are still in sight; the container's
root is put in the place of the host's from outside, when only the last steps are left.
"""

from __future__ import annotations

import struct

from orlop.insight.notation.constants import MEMORY_POLICIES, bit_numbers
from orlop.insight.shell.functions import JOIN_KEYRING, LOAD_FILTER
from orlop.insight.shell.words import word
from orlop.kernel import capabilities, scheduling
from orlop.kernel.seccomp import FLAG_NEW_LISTENER, FLAG_WAIT_KILLABLE_RECV
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
    SetIoPriority,
    SetMemoryPolicy,
    SetPersonality,
    SetRlimit,
    SetScheduler,
    SetUser,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from orlop.insight.shell.draft import Draft, Renderings

_UNLIMITED = (1 << 64) - 1
_IO_CLASS_SHIFT = 13
# prlimit(1)'s options, by the kernel's numbers.
_LIMITS = {
    number: name.removeprefix("RLIMIT_").lower() for name, number in scheduling.RLIMITS.items()
}
_POLICIES = {
    number: name.removeprefix("SCHED_").lower() for name, number in scheduling.POLICIES.items()
}
_PERSONALITIES = {number: name.lower() for name, number in scheduling.PERSONALITIES.items()}
_NICE = ("other", "batch")
# numactl(8)'s options; True if it takes nodes.
_MEMORY_POLICIES = {
    "MPOL_PREFERRED": ("--preferred", True),
    "MPOL_BIND": ("--membind", True),
    "MPOL_INTERLEAVE": ("--interleave", True),
    "MPOL_LOCAL": ("--localalloc", False),
    "MPOL_PREFERRED_MANY": ("--preferred-many", True),
    "MPOL_WEIGHTED_INTERLEAVE": ("--weighted-interleave", True),
}

ROOT_ID = 0


def _set_rlimit(op: SetRlimit, d: Draft) -> None:
    limit = f"--{_LIMITS[op.resource]}={_limit(op.soft)}:{_limit(op.hard)}"
    if d.side == CONTAINER:
        d.become(f"run+=(prlimit {limit})")
    else:
        d.outside(f'prlimit --pid "$first" {limit}')


def _limit(number: int) -> str:
    return "unlimited" if number == _UNLIMITED else str(number)


def _set_io_priority(op: SetIoPriority, d: Draft) -> None:
    level = op.priority & (1 << _IO_CLASS_SHIFT) - 1
    d.become(f"run+=(ionice --class {op.priority >> _IO_CLASS_SHIFT} --classdata {level})")


def _set_scheduler(op: SetScheduler, d: Draft) -> None:
    policy = _POLICIES.get(op.policy, "")
    unknown = op.flags & ~scheduling.SCHEDULER_FLAGS["SCHED_FLAG_RESET_ON_FORK"]
    if not policy or policy == "iso":
        d.misses(f"the scheduling policy {op.policy}, which chrt(1) does not know")
        return
    if unknown:
        d.misses(f"flags of sched_setattr(2) that chrt(1) does not know: {unknown:#x}")
    words = ["chrt", f"--{policy}"]
    if op.flags != unknown:
        words.append("--reset-on-fork")
    if policy == "deadline":
        words += [f"--sched-runtime={op.runtime_ns}", f"--sched-deadline={op.deadline_ns}"]
        words += [f"--sched-period={op.period_ns}"] if op.period_ns else []
    d.become(f"run+=({' '.join(words)} {op.priority})")
    if policy in _NICE:
        nice = op.nice - (1 << 32) if op.nice >> 31 else op.nice
        d.outside(f'renice --priority {nice} --pid "$first" > /dev/null')


def _set_affinity(op: SetAffinity, d: Draft) -> None:
    d.become(f"run+=(taskset {int.from_bytes(op.mask, 'little'):#x})")


def _set_memory_policy(op: SetMemoryPolicy, d: Draft) -> None:
    flags = op.mode & sum(scheduling.MEMORY_POLICY_FLAGS.values())
    name = MEMORY_POLICIES.get(op.mode & ~flags, "")
    if name not in _MEMORY_POLICIES:
        d.misses("the memory policy MPOL_DEFAULT: numactl(8) cannot take one back")
        return
    if flags:
        d.misses("flags of the memory policy, which numactl(8) does not know")
    option, with_nodes = _MEMORY_POLICIES[name]
    nodes = "=" + _list(bit_numbers(op.nodes)) if with_nodes else ""
    d.become(f"run+=(numactl {option}{nodes})")


def _set_personality(op: SetPersonality, d: Draft) -> None:
    d.become(f"run+=(setarch {_PERSONALITIES.get(op.persona, 'linux64')})")


# --- what takes a system call for which there is no tool: perl(1) makes it ---


def _join_keyring(op: JoinKeyring, d: Draft) -> None:
    d.programs.add(JOIN_KEYRING)
    d.become(f'run+=(perl -e "$JOIN_KEYRING" {word(op.name)})')


def _load_seccomp(op: LoadSeccomp, d: Draft) -> None:
    d.programs.add(LOAD_FILTER)
    d.filter = op.program
    if op.flags & FLAG_NEW_LISTENER:
        d.misses(
            "the listener of the seccomp filter, which a program on the host has to serve:"
            " the system calls that it is asked about fail (ENOSYS)"
        )
    flags = op.flags & ~(FLAG_NEW_LISTENER | FLAG_WAIT_KILLABLE_RECV)
    d.become(f'run+=(perl -e "$LOAD_FILTER" "$SCRATCH/filter" {flags})')


def _send_seccomp_listener(_: SendSeccompListener, d: Draft) -> None:
    """Said where the filter is loaded."""


# --- identity and rights ---


def _no_new_privileges(_: NoNewPrivileges, d: Draft) -> None:
    d.no_new_privileges = True
    d.become("rights=(--no-new-privs)")


def _drop_bounding(op: DropBounding, d: Draft) -> None:
    d.bounding = op.keep
    d.become(f"rights+=(--bounding-set={_capabilities(op.keep)})")


def _set_user(op: SetUser, d: Draft) -> None:
    ids = f"--reuid={op.uid} --regid={op.gid} {_groups(op)}"
    if d.bounding is None:  # the first of two: root of the user namespace
        d.become(f"run+=(setpriv {ids})")
    else:
        d.user = op.uid
        d.become(f"rights+=({ids})")


def _groups(op: SetUser) -> str:
    if op.flags & KEEP_GROUPS:
        return "--keep-groups"
    numbers = struct.unpack(f"<{len(op.groups) // 4}I", op.groups)
    return f"--groups={_list(numbers)}" if numbers else "--clear-groups"


def _set_capabilities(op: SetCapabilities, d: Draft) -> None:
    """Permitted and effective ones follow from the others when the program is executed."""
    d.become(
        f"rights+=(--inh-caps={_capabilities(op.inheritable)})",
        f"rights+=(--ambient-caps={_capabilities(op.ambient)})",
        'run+=(setpriv "${rights[@]}")',
    )
    bounding = capabilities.ALL if d.bounding is None else d.bounding
    executed = op.inheritable | bounding
    if d.user == ROOT_ID and d.no_new_privileges and executed & ~op.permitted:
        # capabilities(7): root gets all that are inheritable or in the bounding set, but with
        # no_new_privs none that it has not had.
        names = _names(op.permitted)
        caps = ",".join(f"cap_{name}" for name in names)
        d.become(f"run+=(capsh --caps='{caps}={'ep' if caps else ''}' --shell=/usr/bin/env --)")


def _capabilities(bits: int) -> str:
    """As setpriv(1) takes a set: nothing but these."""
    return _list(["-all", *(f"+{name}" for name in _names(bits))])


def _list(items: Iterable[object]) -> str:
    """With commas, and quoted where one could take it for several elements of an array."""
    text = ",".join(map(str, items))
    return f"'{text}'" if "," in text else text


def _names(bits: int) -> Iterable[str]:
    return [name.removeprefix("CAP_").lower() for name in capabilities.names(bits)]


RENDERINGS: Renderings = {
    SetRlimit: _set_rlimit,
    SetIoPriority: _set_io_priority,
    SetScheduler: _set_scheduler,
    SetAffinity: _set_affinity,
    SetMemoryPolicy: _set_memory_policy,
    SetPersonality: _set_personality,
    JoinKeyring: _join_keyring,
    LoadSeccomp: _load_seccomp,
    SendSeccompListener: _send_seccomp_listener,
    NoNewPrivileges: _no_new_privileges,
    DropBounding: _drop_bounding,
    SetUser: _set_user,
    SetCapabilities: _set_capabilities,
}
