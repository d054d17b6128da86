"""exec: a further process in a container that runs."""

from __future__ import annotations

import os

from orlop.errors import InvalidArgument, WrongState
from orlop.kernel import process as processes
from orlop.kernel.features import read_features
from orlop.kernel.namespaces import BY_NAME
from orlop.launch.executor import launch
from orlop.launch.plan import STAY
from orlop.records import Record
from orlop.runtime.lifecycle import supervised
from orlop.runtime.lifecycle.foreground import in_foreground
from orlop.runtime.lifecycle.gather import compiled_seccomp, validation_facts
from orlop.runtime.lifecycle.handover import FIRST_PRESERVED, Opened, write_pid_file
from orlop.runtime.lifecycle.status import CREATED, PAUSED, RUNNING, look
from orlop.runtime.planner import plan_exec
from orlop.runtime.planner.situation import Handed, Joining, Situation
from orlop.runtime.validate import validate_process

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from orlop.kernel.cgroup.creation import Entry
    from orlop.launch.executor import Launch
    from orlop.launch.shim import Shim
    from orlop.launch.supervision import Supervision
    from orlop.runtime.lifecycle.create import Warn
    from orlop.runtime.lifecycle.status import Container
    from orlop.runtime.spec import Process, Spec
    from orlop.runtime.state import Store

_SIGKILL = 9


class ExecChoices(Record):
    """What a caller of exec can choose besides the process.

    Attributes:
        console_socket: path of a unix socket that gets the terminal's master.
        pidfd_socket: path of a unix socket that gets a pidfd of the process.
        pid_file: host file that gets the process's PID.
        preserve_fds: how many descriptors from 3 on the program gets.
        cgroups: cgroups below the container's own for the process, as `sub` for all hierarchies, or
            `memory,pids:sub` for those of some controllers.
        ignore_paused: do it in a paused container too; the process stands still with it.
        detach: do not wait for the process.
    """

    console_socket: str = ""
    pidfd_socket: str = ""
    pid_file: str = ""
    preserve_fds: int = 0
    cgroups: tuple[str, ...] = ()
    ignore_paused: bool = False
    detach: bool = False


def running_container(store: Store, container: str, *, ignore_paused: bool = False) -> Container:
    """A container in which a process can be started.

    Raises:
        NotFound: there is no such container.
        WrongState: it is stopped, or paused.
    """
    found = look(store.open(container, lock=False))
    if found.status == PAUSED and not ignore_paused:
        raise WrongState("exec in", container, state=PAUSED, needs=RUNNING)
    if found.status not in (CREATED, RUNNING, PAUSED):
        raise WrongState("exec in", container, state=found.status, needs=RUNNING)
    return found


def execute(
    found: Container,
    spec: Spec,
    process: Process,
    choices: ExecChoices,
    warn: Warn,
    *,
    console: int | None = None,
    supervision: Supervision | None = None,
    connected: Callable[[Shim], None] | None = None,
) -> Launch:
    """Starts a process in a running container, until its program runs.

    Unless `choices.detach`, the launcher stays and ends with the process's exit status.

    Args:
        found: the container.
        spec: its configuration.
        process: what to start.
        choices: of the caller.
        warn: gets warnings.
        console: a connected socket for the master of the terminal, if not the one of `choices`.
        supervision: the launcher stays as the process's shim, and makes its stdio.
        connected: gets a connection to it (the caller's to close) before anything is started;
            clients that are attached there miss nothing.

    Raises:
        WrongState: the container has ended in the meantime.
        LaunchError: the kernel refused one of the steps, or there is no such program.
    """
    if found.state.process is None:
        raise WrongState("exec in", found.state.id, state="creating", needs=RUNNING)
    spec = _where_it_is(spec, found.state.process.pid)
    for warning in validate_process(process, spec, validation_facts(spec.replace(process=process))):
        warn(warning)
    with Opened() as opened:
        target = processes.open_pidfd(found.state.process)
        opened.descriptor(target)
        first = FIRST_PRESERVED
        handed = Handed(
            console=opened.connected(choices.console_socket) if console is None else console,
            pidfd_socket=opened.connected(choices.pidfd_socket),
            target=target,
            preserved=tuple(range(first, first + choices.preserve_fds)),
        )
        stdio, report = (0, 1, 2), -1
        flags = 0 if choices.detach else STAY
        if supervision is not None:
            prepared = supervised.prepare(opened, supervision, handed, connected)
            handed, stdio, report = prepared.handed, prepared.stdio, prepared.report
            flags = supervised.FLAGS
        features = read_features()
        situation = Situation(
            id=found.state.id,
            bundle=found.state.bundle,
            root=found.state.rootfs,
            layout=features.cgroup,
            handed=handed,
            seccomp=compiled_seccomp(spec, found.directory.seccomp_cache),
            capabilities=features.capabilities.bounding,
            privileged=features.is_privileged,
            new_keyring=found.state.new_keyring,
            flags=flags,
            supervision=supervision,
        )
        joining = Joining(
            types=_different_namespaces(found.state.process.pid),
            cgroup=_entry(found, choices),
        )
        plan = plan_exec(spec, process, situation, joining)
        running = launch(plan, handed.fds(), name=found.state.id, stdio=stdio, report=report)
    pid = 0
    try:
        pid = running.wait_running()
        write_pid_file(choices.pid_file, pid)
    except BaseException:
        running.close()  # which makes the launcher undo what it has begun
        _kill(pid)
        running.reap()
        if supervision is not None:
            supervised.clean_up(supervision)
        raise
    return running


def _where_it_is(spec: Spec, first: int) -> Spec:
    """The configuration with the container's own namespaces in place of those it has joined.

    What their paths lead to may be gone, or another one by now.
    """
    if not any(namespace.path for namespace in spec.linux.namespaces):
        return spec
    namespaces = tuple(
        namespace.replace(path=f"/proc/{first}/ns/{BY_NAME[namespace.type].file}")
        if namespace.path
        else namespace
        for namespace in spec.linux.namespaces
    )
    return spec.replace(linux=spec.linux.replace(namespaces=namespaces))


def _kill(pid: int) -> None:
    if pid:
        try:  # noqa: SIM105 - contextlib would take longer to import than all of this
            os.kill(pid, _SIGKILL)
        except ProcessLookupError:
            pass


def run_process(
    found: Container, spec: Spec, process: Process, choices: ExecChoices, warn: Warn
) -> int:
    """Runs a further process in a container to its end; returns its exit status."""
    own_terminal = process.terminal and not choices.console_socket
    return in_foreground(
        lambda console: execute(found, spec, process, choices, warn, console=console),
        terminal=own_terminal,
    )


def _entry(found: Container, choices: ExecChoices) -> Entry | None:
    """The ways into the cgroup, or the sub-cgroups that were chosen (`[CONTROLLER,...:]PATH`)."""
    if not found.state.cgroup:
        return None
    below: dict[str, str] = {}
    for choice in choices.cgroups:
        controllers, colon, path = choice.rpartition(":")
        for controller in controllers.split(",") if colon else ("",):
            below[controller] = path.lstrip("/")
    first = found.state.process.pid if found.state.process else 0
    return found.cgroup().entry(below, first_process=first)


def _different_namespaces(pid: int) -> tuple[str, ...]:
    """The kinds of namespaces in which a process differs from this one."""
    own = processes.namespaces(os.getpid())
    theirs = processes.namespaces(pid)
    return tuple(kind for kind, inode in theirs.items() if own.get(kind) != inode)


def parse_user(text: str) -> tuple[int, int]:
    """Uid and gid of `UID[:GID]`; a gid that is not given is 0.

    Names are not looked up: that would mean to trust files of the container.

    Raises:
        InvalidArgument: they are not numbers from 0 to 2^32 - 2 (CVE-2024-40635).
    """
    uid, colon, gid = text.partition(":")
    numbers = []
    for word in (uid, gid if colon else "0"):
        if not (word.isascii() and word.isdecimal()) or int(word) > 0xFFFFFFFE:
            raise InvalidArgument(f"cannot use user {text!r}: it is not UID[:GID] in numbers")
        numbers.append(int(word))
    return numbers[0], numbers[1]
