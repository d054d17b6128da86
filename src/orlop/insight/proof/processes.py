"""The processes of a target: their PIDs from the host inwards, their users outside and inside."""

from __future__ import annotations

from orlop.insight.proof.rows import NOT_ASKED, Row, Section, compared
from orlop.insight.quantities import plural

TYPE_CHECKING = False
if TYPE_CHECKING:
    from orlop.insight.proof.facts import Facts, Member
    from orlop.runtime.spec import Spec

NAME = "processes"

_LONGEST = 100


def section(facts: Facts, asked: Spec | None) -> Section:
    """One row for each process, and two for the user and the groups of the first."""
    rows = [_process(member) for member in facts.members]
    if facts.members:
        rows = [_user(facts.members[0], asked), _groups(facts.members[0], asked), *rows]
    return Section(NAME, tuple(rows))


def _process(member: Member) -> Row:
    status = member.status
    nested = status.namespace_pids[1:]
    pid = f"PID {' > '.join(map(str, nested))} inside" if nested else "not in a PID namespace"
    threads = f", {plural(status.threads, 'thread')}" if status.threads > 1 else ""
    who = f"{pid}, user {_number(member.user)} ({status.uids[1]} outside){threads}"
    return Row(str(status.pid), f"{'  ' * member.depth}{who}: {_command(member)}")


def _command(member: Member) -> str:
    command = " ".join(member.command) or f"[{member.status.name}]"
    return command if len(command) <= _LONGEST else f"{command[:_LONGEST]}..."


def _user(first: Member, asked: Spec | None) -> Row:
    """The user of the first process, which it may have changed since, if it was root."""
    what, status = "user of the first process", first.status
    observed = f"{_number(first.user)}:{_number(first.group)}"
    observed += f" ({status.uids[1]}:{status.gids[1]} outside)"
    if asked is None or asked.process is None:
        return Row(what, observed)
    user = asked.process.user
    wanted, same = f"{user.uid}:{user.gid}", (first.user, first.group) == (user.uid, user.gid)
    if not same and user.uid == 0 and first.user != 0:
        return Row(what, observed, wanted, NOT_ASKED, "it was started as root and has become this")
    return compared(what, observed, wanted, same=same)


def _groups(first: Member, asked: Spec | None) -> Row:
    """The supplementary groups, of which a process can only give up some if it is not root."""
    what, observed = "its other groups", ", ".join(map(_number, first.groups)) or "none"
    if asked is None or asked.process is None:
        return Row(what, observed)
    user = asked.process.user
    wanted = ", ".join(map(str, user.additional_gids)) or "none"
    more = {*first.groups} - {user.gid, *user.additional_gids}
    if more and user.uid == 0 and first.user != 0:
        return Row(what, observed, wanted, NOT_ASKED, "it was started as root and has changed them")
    return compared(what, observed, wanted, same=not more)


def _number(inside: int | None) -> str:
    return "nobody" if inside is None else str(inside)
