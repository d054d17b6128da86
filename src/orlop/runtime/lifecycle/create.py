"""From a bundle to a container's first process: what create and run have in common."""

from __future__ import annotations

import os

from orlop import jsontext
from orlop.errors import InvalidArgument, NotFound
from orlop.kernel.process import Identity, identify
from orlop.launch.executor import launch
from orlop.launch.plan import STAY
from orlop.launch.wire import encode
from orlop.records import Record
from orlop.runtime.config_json import parse_spec, read_config
from orlop.runtime.lifecycle.gather import compiled_seccomp, gather, validation_facts
from orlop.runtime.lifecycle.handover import FIRST_PRESERVED, Opened, write_pid_file
from orlop.runtime.planner import plan_container
from orlop.runtime.planner.situation import Handed
from orlop.runtime.state import WAITING, State
from orlop.runtime.validate import validate

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    Warn = Callable[[str], None]

    from orlop.launch.executor import Launch
    from orlop.launch.plan import Plan
    from orlop.launch.shim import Shim
    from orlop.launch.supervision import Supervision
    from orlop.runtime.layers import Layers
    from orlop.runtime.lifecycle.gather import Choices
    from orlop.runtime.spec import Spec
    from orlop.runtime.state import Directory, Store


def create(store: Store, container: str, choices: Choices, warn: Warn) -> None:
    """Makes a container whose program waits for `start`.

    Afterwards it has its state, its control groups, and a process that has everything but its
    program; nothing of orlop runs any more. If anything fails, nothing is left of it.

    Raises:
        AlreadyExists: the id is taken.
        SpecError: the configuration is wrong; nothing was made.
        Unsupported: this host cannot do what it asks for; nothing was made.
        LaunchError: the kernel refused one of the steps.
    """
    bundle = open_bundle(choices, warn)
    with begin(store, container, bundle, choices, wait=True) as launch:
        launch.reap()


class Bundle(Record):
    """A bundle whose configuration was found to be right.

    Attributes:
        path: its absolute host path.
        config: the bytes of its config.json.
        spec: what they say.
        layers: what is mounted over its root.
        init: its program gets the launcher's own init as its parent.
    """

    path: str
    config: bytes
    spec: Spec
    layers: Layers | None = None
    init: bool = False


def open_bundle(choices: Choices, warn: Warn) -> Bundle:
    """Reads and checks the configuration of a bundle; changes nothing.

    Raises:
        NotFound: there is no config.json.
        SpecError: the configuration is wrong.
        Unsupported: this host cannot do what it asks for.
    """
    path = os.path.realpath(choices.bundle)
    config = read_config(path)
    spec = _with_listen_fds(parse_spec(jsontext.loads(config)), choices)
    return checked_bundle(path, config, spec, warn, no_pivot=choices.no_pivot)


def checked_bundle(
    path: str,
    config: bytes,
    spec: Spec,
    warn: Warn,
    *,
    no_pivot: bool = False,
    layers: Layers | None = None,
    init: bool = False,
) -> Bundle:
    """A bundle, if its configuration is right.

    Raises:
        SpecError: it is not.
        Unsupported: this host cannot do what it asks for.
    """
    for warning in validate(spec, validation_facts(spec, no_pivot=no_pivot)):
        warn(warning)
    return Bundle(path, config, spec, layers, init)


def begin(
    store: Store,
    container: str,
    bundle: Bundle,
    choices: Choices,
    *,
    wait: bool = False,
    console: int | None = None,
    flags: int = 0,
    stdio: tuple[int, int, int] = (0, 1, 2),
    supervision: Supervision | None = None,
    connected: Callable[[Shim], None] | None = None,
) -> Launch:
    """Starts a launcher on a new container, until its process waits (`wait`) or runs.

    Args:
        store: where its state is kept.
        container: its id.
        bundle: what to start.
        choices: of the caller.
        wait: the process waits at its socket instead of becoming the program.
        console: a connected socket for the master of the terminal, if not the one of `choices`.
        flags: of the plan.
        stdio: descriptors of this process, for the program.
        supervision: the launcher stays, as the container's shim, and makes the program's stdio.
        connected: gets a connection to it (the caller's to close) before anything is started;
            clients that are attached there miss nothing.
    """
    with store.new(container) as directory:
        try:
            directory.write_file("config.json", bundle.config)
            way = _Way(wait, console, flags, stdio)
            if supervision is not None:
                own = supervision.directory or directory.path
                way = way.replace(supervision=supervision.replace(directory=own))
            return _launch(directory, bundle, choices, way, connected)
        except BaseException:
            directory.remove()
            raise


class _Way(Record):
    """How a start was asked for; see `begin`."""

    wait: bool
    console: int | None
    flags: int
    stdio: tuple[int, int, int]
    supervision: Supervision | None = None


def _with_listen_fds(spec: Spec, choices: Choices) -> Spec:
    """The configuration with what sd_listen_fds(3) reads, if a service manager passed sockets."""
    if not choices.listen_fds or spec.process is None:
        return spec
    env = (*spec.process.env, f"LISTEN_FDS={choices.listen_fds}", "LISTEN_PID=1")
    return spec.replace(process=spec.process.replace(env=env))


def _launch(
    directory: Directory,
    bundle: Bundle,
    choices: Choices,
    way: _Way,
    connected: Callable[[Shim], None] | None,
) -> Launch:
    spec = bundle.spec
    _check_console(spec, choices, way)
    with Opened() as opened:
        handed = Handed(
            console=opened.connected(choices.console_socket)
            if way.console is None
            else way.console,
            pidfd_socket=opened.connected(choices.pidfd_socket),
            listener=opened.listening(directory.file(WAITING)) if way.wait else None,
            preserved=tuple(range(FIRST_PRESERVED, FIRST_PRESERVED + choices.preserve_fds)),
        )
        stdio, report, flags = way.stdio, -1, way.flags
        if way.supervision is not None:
            from orlop.runtime.lifecycle import supervised

            prepared = supervised.prepare(opened, way.supervision, handed, connected)
            handed, stdio, report = prepared.handed, prepared.stdio, prepared.report
            flags |= supervised.FLAGS
        seccomp = compiled_seccomp(spec, directory.seccomp_cache)
        situation = gather(
            spec,
            directory.id,
            bundle.path,
            choices,
            handed,
            flags,
            seccomp,
            layers=bundle.layers,
        ).replace(supervision=way.supervision, init=bundle.init)
        plan = plan_container(spec, situation)
        state = State(
            id=directory.id,
            bundle=bundle.path,
            rootfs=situation.root,
            created=now(),
            cgroup=situation.cgroup.paths if situation.cgroup else {},
            new_keyring=situation.new_keyring,
        )
        directory.write(state)
        running = None
        try:
            running = launch(plan, handed.fds(), name=directory.id, stdio=stdio, report=report)
            _while_it_works(directory, plan, way.wait)
            pid = running.wait_created()
            state = state.replace(process=_identity(pid))
            directory.write(state)
            write_pid_file(choices.pid_file, pid)
        except BaseException:
            _undo(directory, state, spec, running)
            raise
        return running


def _while_it_works(directory: Directory, plan: Plan, wait: bool) -> None:
    """What can be done while the launcher performs the plan, which takes a few milliseconds."""
    if wait:
        directory.write_file("plan", encode(plan))  # for `start`, to explain a failure
    if plan.flags & STAY:
        import orlop.kernel.cgroup.live
        import orlop.runtime.lifecycle.delete  # noqa: F401 - both are needed when it has ended


def _undo(directory: Directory, state: State, spec: Spec, running: Launch | None) -> None:
    """Nothing is left of a start that went wrong but its directory."""
    from orlop.runtime.lifecycle.delete import destroy, kill_first_process
    from orlop.runtime.lifecycle.status import STOPPED, Container

    found = Container(directory, state, STOPPED)
    if running is not None:
        running.close()  # which makes the launcher undo what it has begun
        kill_first_process(found)
        running.reap()
    destroy(found, spec)


def _check_console(spec: Spec, choices: Choices, way: _Way) -> None:
    terminal = spec.process is not None and spec.process.terminal
    supervised = way.supervision is not None and way.supervision.terminal
    served = way.console is not None or bool(choices.console_socket) or supervised
    if terminal and not served:
        raise InvalidArgument(
            "process.terminal is true, and nobody serves the terminal",
            hint="give --console-socket, or run it in the foreground",
        )
    if choices.console_socket and not terminal:
        raise InvalidArgument("--console-socket is given, but process.terminal is false")


def _identity(pid: int) -> Identity:
    try:
        return identify(pid)
    except NotFound:  # it has ended already
        return Identity(pid, 0)


def now() -> str:
    """The present time as state documents have it: RFC 3339 with nanoseconds, UTC."""
    import time

    seconds, nanoseconds = divmod(time.time_ns(), 10**9)
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds)) + f".{nanoseconds:09}Z"
