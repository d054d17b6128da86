"""A command in new or joined namespaces, or in control groups, in the foreground."""

from __future__ import annotations

import errno
import os

from orlop.errors import InvalidArgument, LaunchError
from orlop.insight.byhand.places import check_available
from orlop.insight.byhand.plans import Command, New, plan_command
from orlop.insight.byhand.sources import check_kinds, current_directory, open_source
from orlop.insight.notation import notate
from orlop.kernel.features import read_features
from orlop.kernel.idmap import IdMap
from orlop.launch.executor import launch
from orlop.launch.plan import (
    ChangeDirectory,
    FindProgram,
    NewSession,
    Open,
    SetUmask,
    Slot,
    Undumpable,
)
from orlop.runtime.lifecycle.foreground import in_foreground
from orlop.runtime.lifecycle.handover import Opened
from orlop.runtime.planner.situation import Situation
from orlop.runtime.spec import Box

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from orlop.insight.byhand.sources import Source
    from orlop.kernel.cgroup.creation import Entry
    from orlop.launch.executor import Launch
    from orlop.launch.plan import Operation, Plan

    Tell = Callable[[Sequence[str]], None]

_OBVIOUS = (Open, Undumpable, NewSession, ChangeDirectory, SetUmask, FindProgram)
"""Operations that every command needs, and that change nothing that it can see."""


def run(words: Sequence[str], new: New, sources: Sequence[Source], tell: Tell) -> int:
    """Runs a command to its end, with this process's stdio; returns its exit status.

    Args:
        words: the command.
        new: namespaces that it gets new.
        sources: where it joins others.
        tell: gets the kernel's words, before anything is done.

    Raises:
        InvalidArgument: a kind is asked for twice.
        NotFound: there is nothing to join of that name, or no such command.
        LaunchError: the kernel refuses.
    """
    check_available(new.kinds)
    with Opened() as opened:
        joined = tuple(entry for source in sources for entry in open_source(opened, source))
        check_kinds(new.kinds, joined)
        kinds = tuple(entry.kind for entry in joined)
        command = _command(words, current_directory(joined))
        plan = plan_command(command, new, kinds, situation())
        names = {Slot(number): entry.path for number, entry in enumerate(joined)}
        tell(tuple(plan_lines(plan, names=names)))
        return _foreground(plan, tuple(entry.fd for entry in joined), command)


def run_in_cgroup(words: Sequence[str], entry: Entry, tell: Tell) -> int:
    """Runs a command in existing control groups, as `run`."""
    command = _command(words, os.getcwd())
    plan = plan_command(command, New(), (), situation(), entry)
    tell(tuple(plan_lines(plan)))
    return _foreground(plan, (), command)


def _command(words: Sequence[str], directory: str) -> Command:
    if not words:
        raise InvalidArgument("there is no command to run")
    umask = os.umask(0o022)
    os.umask(umask)
    return Command(tuple(words), dict(os.environ), directory, umask, _terminal())


def _terminal() -> Box | None:
    """The size of this process's terminal; None unless all of its stdio is one."""
    if not all(map(os.isatty, (0, 1, 2))):
        return None
    size = os.get_terminal_size(0)
    return Box(size.lines, size.columns)


def _foreground(plan: Plan, fds: Sequence[int], command: Command) -> int:
    def start(console: int | None) -> Launch:
        inherit = (*fds, console) if console is not None else tuple(fds)
        running = launch(plan, inherit, name=command.arguments[0])
        try:
            running.wait_running()
        except LaunchError as error:
            running.close()
            raise explained(error) from None
        except BaseException:
            running.close()  # which makes the launcher undo what it has begun
            running.reap()
            raise
        return running

    return in_foreground(start, terminal=command.terminal is not None)


# --- for plans of the whole package ---------------------------------------------------------


def situation() -> Situation:
    """What the planner has to know of the host."""
    features = read_features()
    return Situation("", "/", "/", features.cgroup, privileged=features.is_privileged)


def own_maps() -> tuple[tuple[IdMap, ...], tuple[IdMap, ...]]:
    """Id maps that everybody may write: the caller is root inside, and nobody else is anything."""
    return (IdMap(0, os.geteuid(), 1),), (IdMap(0, os.getegid(), 1),)


def plan_lines(
    plan: Plan, *, until: type[Operation] | None = None, names: dict[Slot, str] | None = None
) -> Iterator[str]:
    """The system calls of a plan that do something, in the notation of strace(1).

    Args:
        plan: which.
        until: stop before this operation.
        names: what the caller has handed over, by slot.
    """
    for step, calls in zip(plan.steps, notate(plan, names or {}), strict=True):
        if until is not None and isinstance(step.op, until):
            return
        if isinstance(step.op, _OBVIOUS):
            continue
        yield from (call.text for call in calls if call.always and not call.detail)


def explained(error: LaunchError) -> LaunchError:
    """The same error; a refusal of the kernel's says what is missing."""
    if error.errno == errno.EPERM and not error.hint:
        error.hint = (
            "that needs CAP_SYS_ADMIN in the user namespace that it belongs to; "
            "--new user comes first for who has not"
        )
    return error
