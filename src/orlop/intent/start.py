"""From a composed configuration to a plan, and to a container that runs.

Not pure: this is where what compose has described is made, and started.
"""

from __future__ import annotations

from orlop import jsontext
from orlop.errors import SpecError
from orlop.intent.preparation import prepare
from orlop.runtime.config_document import document

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from orlop.intent.compose import Composed
    from orlop.launch.executor import Launch
    from orlop.launch.plan import Plan
    from orlop.launch.shim import Shim
    from orlop.launch.supervision import Supervision
    from orlop.runtime.lifecycle.create import Bundle, Warn
    from orlop.runtime.lifecycle.gather import Choices
    from orlop.runtime.planner.situation import Handed, Situation
    from orlop.runtime.state import Store


def plan_of(composed: Composed, supervision: Supervision | None = None) -> Plan:
    """The plan of a start, by one who has all rights on this host; nothing is made or changed.

    With `supervision` it is that of a container whose launcher stays.

    Raises:
        SpecError, Unsupported: as `orlop.runtime.lifecycle.foresee.foresee`.
    """
    from orlop.runtime.lifecycle.foresee import foresee

    spec, layers = composed.spec, composed.layers
    try:
        return foresee(
            spec,
            composed.container,
            composed.directory,
            layers=layers,
            init=composed.init,
            supervision=supervision,
        ).plan
    except SpecError as error:
        raise _with_cause(composed, error) from None


def _with_cause(composed: Composed, error: SpecError) -> SpecError:
    """The same mistake, with the flag or default that it comes from."""
    cause = composed.origin(error.field)
    if not cause:
        return error
    hint = f"from {cause}" + (f"; {error.hint}" if error.hint else "")
    return SpecError(error.field, error.reason, spec_ref=error.spec_ref, hint=hint)


def situation_of(
    composed: Composed, handed: Handed, *, flags: int = 0, seccomp_cache: str | None = None
) -> Situation:
    """What the planner has to know for a start by this process. Reads the host, changes nothing.

    Args:
        composed: the configuration, which is sound; see `bundle_of`.
        handed: descriptors given along.
        flags: of the plan (STAY, ...).
        seccomp_cache: a host directory for compiled filters, None to compile anew.

    Raises:
        SpecError, Unsupported: what is asked for cannot be had here.
    """
    from orlop.runtime.lifecycle.gather import Choices, compiled_seccomp, gather

    own = composed.directory
    seccomp = compiled_seccomp(composed.spec, seccomp_cache)
    return gather(
        composed.spec,
        composed.container,
        own,
        Choices(own),
        handed,
        flags,
        seccomp,
        layers=composed.layers,
    )


def bundle_of(composed: Composed, warn: Warn) -> Bundle:
    """The configuration as `orlop.runtime.lifecycle` takes it, checked.

    Raises:
        SpecError: it has a mistake.
        Unsupported: this host cannot do what it asks for.
    """
    from orlop.runtime.lifecycle.create import checked_bundle

    spec, layers = composed.spec, composed.layers
    config = jsontext.dumps(document(spec)).encode()
    try:
        return checked_bundle(
            composed.directory, config, spec, warn, layers=layers, init=composed.init
        )
    except SpecError as error:
        raise _with_cause(composed, error) from None


def begin(
    composed: Composed,
    store: Store,
    warn: Warn,
    *,
    wait: bool = False,
    console: int | None = None,
    flags: int = 0,
    stdio: tuple[int, int, int] = (0, 1, 2),
    supervision: Supervision | None = None,
    connected: Callable[[Shim], None] | None = None,
) -> Launch:
    """Makes what the container needs on disk, and starts it; see `lifecycle.create.begin`.

    Afterwards its process waits for a start (`wait`) or runs, and the store knows it, so that
    everything that `orlop-runtime` does to a container can be done to this one.

    Args:
        composed: what to start.
        store: where its state is kept.
        warn: gets warnings.
        wait: the process waits at its socket instead of becoming the program.
        console: a connected socket that gets the master of its terminal.
        flags: of the plan (STAY, ...).
        stdio: the program's stdin, stdout and stderr, descriptors of this process.
        supervision: the launcher stays as the container's shim, and makes the program's stdio.
        connected: gets a connection to it (the caller's to close) before anything is started;
            clients that are attached there miss nothing.

    Raises:
        SpecError, Unsupported: as `bundle_of`.
        AlreadyExists: the id is taken.
        LaunchError: the kernel refused a step; nothing is left but what is on disk.
    """
    from orlop.runtime.lifecycle import create

    bundle = bundle_of(composed, warn)
    prepare(composed.preparations)
    return create.begin(
        store,
        composed.container,
        bundle,
        _choices(composed),
        wait=wait,
        console=console,
        flags=flags,
        stdio=stdio,
        supervision=supervision,
        connected=connected,
    )


def run(
    composed: Composed,
    store: Store,
    warn: Warn,
    *,
    started: Callable[[Launch], None] | None = None,
    flags: int = 0,
) -> int:
    """Runs a container to its end with this process's stdio, terminal and signals.

    `started` gets the launcher once the program runs; `flags` are further ones of the plan.

    Returns:
        Its exit status. It is deleted; its directory is left.

    Raises:
        As `begin`.
    """
    from orlop.runtime.lifecycle.run import run_bundle

    bundle = bundle_of(composed, warn)
    prepare(composed.preparations)
    choices = _choices(composed)
    status, errors = run_bundle(
        store, composed.container, bundle, choices, started=started, flags=flags
    )
    for error in errors:
        warn(str(error))
    return status


def _choices(composed: Composed) -> Choices:
    from orlop.runtime.lifecycle.gather import Choices

    return Choices(composed.directory)
