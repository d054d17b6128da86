"""The process: what it is, as whom it runs, what it may."""

from __future__ import annotations

from orlop.errors import SpecError, Unsupported
from orlop.kernel import idmap
from orlop.kernel.capabilities import grantable
from orlop.runtime.validate.namespaces import container_maps

TYPE_CHECKING = False
if TYPE_CHECKING:
    from orlop.runtime.spec import Process, Scheduler, Spec
    from orlop.runtime.validate.facts import Facts

_PROCESS = "config.md#process"
_POSIX = "config.md#posix-process"
_LINUX = "config.md#linux-process"
_USER = "config.md#posix-platform-user"

_NO_LIMIT = (1 << 64) - 1
_MAX_TERMINAL_SIDE = 65535  # struct winsize
_MIN_DEADLINE_RUNTIME_NS = 1024  # sched(7)


def check_process(process: Process, spec: Spec, facts: Facts) -> None:
    """Everything about a process, alone and in the container of `spec`."""
    _check_program(process)
    _check_terminal(process)
    _check_user(process, spec, facts)
    _check_rlimits(process, facts)
    if process.scheduler is not None:
        _check_scheduler(process.scheduler)
    _check_labels(process, facts)


def _check_program(process: Process) -> None:
    if not process.args or not process.args[0]:
        raise SpecError("process.args", "must name a program", spec_ref=_PROCESS)
    for index, entry in enumerate(process.env):
        name, equals, _ = entry.partition("=")
        if not name or not equals:
            reason = f"must be NAME=VALUE, not {entry!r:.80}"
            raise SpecError(f"process.env[{index}]", reason, spec_ref=_PROCESS)


def _check_terminal(process: Process) -> None:
    size = process.console_size
    if not process.terminal or size is None:
        return
    for name, side in (("height", size.height), ("width", size.width)):
        if side > _MAX_TERMINAL_SIDE:
            reason = f"must be from 0 to {_MAX_TERMINAL_SIDE}, not {side}"
            raise SpecError(f"process.consoleSize.{name}", reason, spec_ref=_PROCESS)


def _check_user(process: Process, spec: Spec, facts: Facts) -> None:
    """Ids that exist in the container's user namespace."""
    user = process.user
    if user.additional_gids and facts.rootless:
        reason = "an unprivileged user cannot have groups that are not its own"
        raise SpecError("process.user.additionalGids", reason, spec_ref=_USER)
    maps = container_maps(spec.linux, facts)
    if maps is None:
        return
    uid_map, gid_map = maps
    ids = [("uid", uid_map, user.uid), ("gid", gid_map, user.gid)]
    ids += [(f"additionalGids[{i}]", gid_map, gid) for i, gid in enumerate(user.additional_gids)]
    for name, mappings, number in ids:
        if idmap.to_host(mappings, number) is None:
            reason = f"{number} is not mapped in the container's user namespace"
            raise SpecError(f"process.user.{name}", reason, spec_ref=_USER)


def _check_rlimits(process: Process, facts: Facts) -> None:
    seen: set[str] = set()
    for index, limit in enumerate(process.rlimits):
        field = f"process.rlimits[{index}]"
        if limit.type in seen:
            reason = f"there is a second {limit.type}"
            raise SpecError(f"{field}.type", reason, spec_ref=_POSIX)
        seen.add(limit.type)
        if limit.soft > limit.hard:
            reason = f"{limit.soft} is above the hard limit, {limit.hard}"
            raise SpecError(f"{field}.soft", reason, spec_ref=_POSIX)
        ceiling = facts.hard_limits.get(limit.type, _NO_LIMIT)
        if limit.hard > ceiling:
            raise Unsupported(
                f"{limit.type} of {limit.hard}, above the hard limit {ceiling}",
                needs="CAP_SYS_RESOURCE",
            )


def _check_scheduler(scheduler: Scheduler) -> None:
    """Parameters that the policy has.

    See: sched_setattr(2), sched(7).
    """
    policy = scheduler.policy
    if policy == "SCHED_ISO":
        raise Unsupported("SCHED_ISO", needs="a kernel with that policy, which Linux never had")
    if policy in ("SCHED_OTHER", "SCHED_BATCH") and not -20 <= scheduler.nice <= 19:
        _refuse_scheduler("nice", f"must be from -20 to 19, not {scheduler.nice}")
    if policy in ("SCHED_FIFO", "SCHED_RR"):
        if not 1 <= scheduler.priority <= 99:
            _refuse_scheduler("priority", f"must be from 1 to 99, not {scheduler.priority}")
    elif scheduler.priority:
        _refuse_scheduler("priority", f"{policy} has none")
    if policy == "SCHED_DEADLINE":
        _check_deadline(scheduler)
    else:
        for name in ("runtime", "deadline", "period"):
            if getattr(scheduler, name):
                _refuse_scheduler(name, f"{policy} has none")


def _check_deadline(scheduler: Scheduler) -> None:
    if scheduler.runtime < _MIN_DEADLINE_RUNTIME_NS:
        _refuse_scheduler("runtime", f"must be at least {_MIN_DEADLINE_RUNTIME_NS} ns")
    if scheduler.deadline < scheduler.runtime:
        _refuse_scheduler("deadline", "must not be shorter than the runtime")
    if scheduler.period and scheduler.period < scheduler.deadline:
        _refuse_scheduler("period", "must not be shorter than the deadline")


def _refuse_scheduler(name: str, reason: str) -> None:
    raise SpecError(f"process.scheduler.{name}", reason, spec_ref=_LINUX)


def _check_labels(process: Process, facts: Facts) -> None:
    for field, label, enabled, needs in (
        ("process.apparmorProfile", process.apparmor_profile, facts.apparmor, "AppArmor"),
        ("process.selinuxLabel", process.selinux_label, facts.selinux, "SELinux"),
    ):
        if label is None:
            continue
        if not label.isprintable():
            raise SpecError(field, "has a character that no label has", spec_ref=_LINUX)
        if not enabled:
            raise Unsupported(f"{field} {label!r:.80}", needs=needs)


def left_out_capabilities(process: Process, facts: Facts) -> tuple[str, ...]:
    """Capabilities that do not exist or cannot be had: a warning, and the process goes without."""
    sets = process.capabilities
    if sets is None:
        return ()
    return tuple(
        f"process.capabilities.{field}: {name} cannot be granted and is left out"
        for field in ("bounding", "effective", "inheritable", "permitted", "ambient")
        for name in grantable(getattr(sets, field), facts.capabilities)[1]
    )
