"""Starts `orlop-probe` in a copy of a target's context, and follows it to its end.

The copy has the target's namespaces, user, capabilities, seccomp filters, no_new_privs, resource
limits and label, and control groups of its own with the same limits, beside the target's. The
program gets in as a descriptor: nothing is put into the target's file system, but for a device node
that is there for a moment. When this process is killed, the launcher ends the probe.
"""

from __future__ import annotations

import os

from orlop.errors import DeadlineExceeded, NotFound, Unavailable, Unsupported
from orlop.insight.probe.attempts import ATTEMPTS
from orlop.insight.probe.budget import Trial, read_limits, trials
from orlop.insight.probe.context import Context, read_context
from orlop.insight.probe.outcomes import BROKEN
from orlop.insight.probe.report import Report, compare, parse
from orlop.kernel import process as processes
from orlop.kernel.cgroup import copying
from orlop.kernel.cgroup.detect import detect
from orlop.kernel.cgroup.live import Cgroup
from orlop.kernel.features import read_features
from orlop.kernel.seccomp import Filter
from orlop.launch.executor import launch, program_path, sealed_copy
from orlop.launch.plan import KILL_ON_HANGUP, STAY
from orlop.runtime.planner import plan_exec
from orlop.runtime.planner.situation import Handed, Joining, Situation
from orlop.runtime.spec import OCI_VERSION, Spec

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager

    from orlop.insight.targets import Target
    from orlop.kernel.cgroup.creation import Creation
    from orlop.launch.plan import Plan

_PROGRAM = "orlop-probe"
_CANARY = "orlop-canary-"
_PATIENCE_S = 120.0
_DYING_S = 1.0
_MOST_BYTES = 1 << 16
_SIGKILL = 9


def probe(target: Target) -> Report:
    """What comes out of trying, beside what is expected.

    Raises:
        NotFound: the target has ended.
        Unavailable: it has ended meanwhile, or the probe has not come with this installation.
        DeadlineExceeded: the probe does not end; it was killed.
        Unsupported: nothing can be tried in such a context; see also `read_context`.
        Conflict, PermissionDenied, SyscallError: see `read_context`.
        LaunchError: the kernel refused a part of the context.
    """
    with _canary() as canary, _listener() as socket:
        context = read_context(target, canary)
        tries = trials(read_limits(context.cgroups), context.room)
        settings, skipped = _settings(context, tries)
        settings = (f"canary={canary}", f"socket={socket}", *settings)
        observed = parse(_run(target, context, settings))
    broken = all(outcome.word == BROKEN for outcome in observed.values())
    whole = not broken and len(observed) + len(skipped) >= len(ATTEMPTS)
    if _ends(target.process, 0 if whole else _DYING_S):
        raise Unavailable(f"cannot probe {target.name}: it has ended meanwhile")
    if broken:
        needs = "seccomp filters and limits that let a program start processes"
        raise Unsupported(f"probing {target.name}", needs=needs)
    return compare(context.facts, skipped, observed).replace(notes=context.notes)


def _ends(process: processes.Identity, within_s: float) -> bool:
    """Whether a process has ended, or does so in this time.

    The first process of a PID namespace kills all others there, and ends only when they are gone.
    """
    try:
        pidfd = processes.open_pidfd(process)
    except NotFound:
        return True
    try:
        return processes.wait(pidfd, within_s)
    finally:
        os.close(pidfd)


def _settings(
    context: Context, tries: Mapping[str, Trial]
) -> tuple[tuple[str, ...], dict[str, str]]:
    """The arguments of the probe, and why some attempts are not made."""
    settings = []
    skipped = {name: trial.why_not for name, trial in tries.items() if trial.why_not}
    if context.node_directory:
        directory = context.node_directory.rstrip("/")
        settings.append(f"node={directory}/.{copying.PREFIX}{os.getpid()}")
    else:
        why = "it has no directory where a device node could be made"
        skipped.update(dict.fromkeys(("make_device", "open_device"), why))
    for trial in tries.values():
        settings += trial.settings
    return tuple(settings), skipped


def _listener() -> AbstractContextManager[str]:
    """The name of an abstract unix socket that listens in this network namespace."""
    import contextlib
    import socket

    @contextlib.contextmanager
    def made() -> Iterator[str]:
        name = f"{_CANARY}{os.getpid()}-{os.urandom(4).hex()}"
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(f"\0{name}")
            listener.listen()
            yield name

    return made()


def _canary() -> AbstractContextManager[str]:
    """The host path of a file that everybody may read, in a directory that is no container's."""
    import contextlib
    import shutil
    import tempfile

    @contextlib.contextmanager
    def made() -> Iterator[str]:
        where = "/run" if os.access("/run", os.W_OK) else tempfile.gettempdir()
        for left in _left_by_the_dead(where):
            shutil.rmtree(left, ignore_errors=True)
        directory = tempfile.mkdtemp(prefix=f"{_CANARY}{os.getpid()}-", dir=where)
        try:
            path = f"{directory}/canary"
            with open(path, "w") as file:
                file.write("tweet\n")
            os.chmod(path, 0o444)
            os.chmod(directory, 0o755)  # noqa: S103 - or its being hidden would prove nothing
            yield path
        finally:
            shutil.rmtree(directory, ignore_errors=True)

    return made()


def _left_by_the_dead(directory: str) -> Iterator[str]:
    """What is there of those who were killed before they could remove it."""
    for name in os.listdir(directory):
        pid = name.removeprefix(_CANARY).partition("-")[0]
        if name.startswith(_CANARY) and not os.path.exists(f"/proc/{pid}"):
            yield f"{directory}/{name}"


# --- the copy -------------------------------------------------------------------------------


def _run(target: Target, context: Context, settings: Sequence[str]) -> bytes:
    """What the probe writes."""
    creation = copying.copy(context.cgroups.places)
    copying.remove_leftovers(creation)
    closing: list[Callable[[], None]] = [lambda: _destroy(creation)]
    try:
        copying.copy_device_filters(context.cgroups.places, creation)
        pidfd = processes.open_pidfd(target.process)
        closing.append(lambda: os.close(pidfd))
        program = sealed_copy(program_path(_PROGRAM), _PROGRAM)
        closing.append(lambda: os.close(program))
        handed = Handed(target=pidfd, program=program)
        return _follow(_plan(target, context, settings, handed, creation), handed)
    finally:
        for close in reversed(closing):
            close()


def _plan(
    target: Target,
    context: Context,
    settings: Sequence[str],
    handed: Handed,
    creation: Creation,
) -> Plan:
    features = read_features()
    situation = Situation(
        id=target.id,
        bundle="",
        root="",
        layout=detect(),
        handed=handed,
        copied_filters=tuple(Filter(f.program, f.flags, notify=False) for f in context.filters),
        capabilities=features.capabilities.bounding,
        privileged=features.is_privileged and not context.facts.groups_fixed,
        flags=STAY | KILL_ON_HANGUP,
    )
    process = context.process.replace(args=(_PROGRAM, *settings))
    joining = Joining(context.differing, creation)
    return plan_exec(Spec(OCI_VERSION, process), process, situation, joining)


def _follow(plan: Plan, handed: Handed) -> bytes:
    null = os.open("/dev/null", os.O_RDWR | os.O_CLOEXEC)
    reading, writing = os.pipe2(os.O_CLOEXEC)
    try:
        try:
            running = launch(plan, handed.fds(), name=_PROGRAM, stdio=(null, writing, null))
        finally:
            os.close(writing)
        try:
            running.wait_running()
            return _read(reading)
        finally:
            running.close()  # which makes the launcher kill what is left
            running.reap()
    finally:
        os.close(reading)
        os.close(null)


def _read(fd: int) -> bytes:
    """What comes up to the end."""
    import select
    import time

    poll = select.poll()
    poll.register(fd, select.POLLIN)
    deadline = time.monotonic() + _PATIENCE_S
    parts = b""
    while len(parts) < _MOST_BYTES:
        if not poll.poll(max(0.0, deadline - time.monotonic()) * 1000):
            raise DeadlineExceeded("the probe does not end")
        part = os.read(fd, _MOST_BYTES)
        if not part:
            break
        parts += part
    return parts


def _destroy(creation: Creation) -> None:
    cgroup = Cgroup.stored(creation.paths)
    cgroup.kill_all(_SIGKILL)
    cgroup.destroy()
