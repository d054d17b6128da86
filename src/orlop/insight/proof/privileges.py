"""What the first process may gain, and what confines it: no_new_privs, labels, id maps, limits."""

from __future__ import annotations

from orlop.insight.proof.rows import Row, Section, compared
from orlop.kernel import idmap, lsm

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from orlop.insight.proof.facts import Facts, Security
    from orlop.kernel.idmap import IdMap
    from orlop.kernel.process import Status
    from orlop.runtime.spec import Process, Spec

NAME = "privileges"

_UNLIMITED = (1 << 64) - 1


def section(facts: Facts, asked: Spec | None) -> Section:
    """no_new_privs, label, id maps, resource limits, OOM score."""
    process = asked.process if asked is not None else None
    rows: list[Row] = []
    if facts.status is not None:
        rows.append(_no_new_privileges(facts.status, process))
    if facts.security is not None:
        rows.append(_label(facts.security, process))
        rows += _id_maps(facts, facts.security, asked)
        rows += _rlimits(facts.security, process)
        rows += _oom(facts.security, process)
    return Section(NAME, tuple(rows))


def _no_new_privileges(status: Status, process: Process | None) -> Row:
    """The bit can be set by the process itself, but never taken back."""
    what, on = "no_new_privs", status.no_new_privileges
    observed = "set" if on else "not set"
    if process is None:
        return Row(what, observed)
    note = "it has set it itself" if on and not process.no_new_privileges else ""
    asked = "set" if process.no_new_privileges else "not set"
    return compared(what, observed, asked, same=on or not process.no_new_privileges, note=note)


def _label(security: Security, process: Process | None) -> Row:
    what, observed = "security label", security.label or "none"
    there = {lsm.APPARMOR, lsm.SELINUX} & {*security.modules}
    note = "" if there else "this kernel has neither AppArmor nor SELinux"
    wanted = process and (process.apparmor_profile or process.selinux_label)
    if not wanted:
        return Row(what, observed, note=note)
    same = security.label.partition(" (")[0] == wanted
    return compared(what, observed, wanted, same=same, note=note)


def _id_maps(facts: Facts, security: Security, asked: Spec | None) -> Iterator[Row]:
    for what, found, wanted in (
        ("user ids", security.users, asked.linux.uid_mappings if asked else ()),
        ("group ids", security.groups, asked.linux.gid_mappings if asked else ()),
    ):
        observed = _map(found)
        if asked is None or not _is_new(asked):
            yield Row(what, observed)
        else:
            yield compared(what, observed, _map(wanted), same=_equal(found, wanted))


def _is_new(asked: Spec) -> bool:
    entry = asked.linux.namespace("user")
    return entry is not None and not entry.path


def _equal(one: tuple[IdMap, ...], other: tuple[IdMap, ...]) -> bool:
    return sorted(one, key=_first) == sorted(other, key=_first)


def _first(entry: IdMap) -> int:
    return entry.container_id


def _map(maps: tuple[IdMap, ...]) -> str:
    """A map as text: "0-65535 inside are 100000-165535"."""
    if maps == (idmap.IdMap(0, 0, idmap.MAX_ID + 1),):
        return "the host's"
    return ", ".join(map(_range, maps)) or "none: everybody is nobody"


def _range(entry: IdMap) -> str:
    if entry.size == 1:
        return f"{entry.container_id} inside is {entry.host_id}"
    inside = f"{entry.container_id}-{entry.container_id + entry.size - 1}"
    return f"{inside} inside are {entry.host_id}-{entry.host_id + entry.size - 1}"


def _rlimits(security: Security, process: Process | None) -> Iterator[Row]:
    """A process can lower its limits. One row for each that was asked for, one for the others."""
    wanted = {limit.type: (limit.soft, limit.hard) for limit in process.rlimits} if process else {}
    others = []
    for name, found in security.rlimits.items():
        if name not in wanted:
            others.append(f"{name.removeprefix('RLIMIT_')} {_pair(found)}")
            continue
        same = found[1] <= wanted[name][1]
        note = "it has lowered it itself" if same and found != wanted[name] else ""
        yield compared(name, _pair(found), _pair(wanted[name]), same=same, note=note)
    yield Row("other resource limits", "; ".join(others))


def _pair(limits: tuple[int, int]) -> str:
    soft, hard = ("unlimited" if n >= _UNLIMITED else str(n) for n in limits)
    return soft if soft == hard else f"{soft} (at most {hard})"


def _oom(security: Security, process: Process | None) -> Iterator[Row]:
    """A process can raise its score, so that it is killed earlier; lowering it is a privilege."""
    what, found = "oom_score_adj", security.oom_score_adj
    yield Row("oom_score", str(security.oom_score))
    wanted = None if process is None else process.oom_score_adj
    if wanted is None:
        yield Row(what, str(found))
    else:
        note = "it has raised it itself" if found > wanted else ""
        yield compared(what, str(found), str(wanted), same=found >= wanted, note=note)
