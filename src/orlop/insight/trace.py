"""A start that happens, in the foreground, with the time of each of its operations.

Everything that it needs on disk is in a temporary directory, which is gone in the end, as are the
container's control groups and its state.
"""

from __future__ import annotations

import os

from orlop.errors import InvalidArgument, LaunchError
from orlop.insight.explain import BundleDirectory, explained
from orlop.insight.planning import NO_ORIGINS, Planned
from orlop.insight.timing import Timing, timing
from orlop.intent.compose import compose
from orlop.intent.host_facts import read_host_facts
from orlop.intent.start import run as run_composed
from orlop.launch.plan import KILL_ON_HANGUP
from orlop.records import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from orlop.intent.request import Request
    from orlop.launch.executor import Launch
    from orlop.launch.plan import Plan
    from orlop.launch.report import Report
    from orlop.runtime.spec import Spec
    from orlop.runtime.state import Store

    Warn = Callable[[str], None]
    Performed = list[tuple[Plan, Report]]

_AT_THE_TOP = "/"  # where a cgroup has no parent that would be left


class Trace(Record):
    """A start that happened.

    Attributes:
        timing: its operations with their times.
        status: the exit status of the program, 128 + n after signal n; None if it did not start.
        error: why it did not.
    """

    timing: Timing
    status: int | None
    error: LaunchError | None = None


def trace(subject: Request | BundleDirectory, warn: Warn) -> Trace:
    """Runs a container to its end with this process's stdio, terminal and signals.

    Nothing is left of it; it ends with this process, however that ends. `warn` gets what is not as
    it was asked.

    Raises:
        InvalidArgument, NotFound, SpecError, Unsupported: nothing was started.
        LaunchError: the launcher could not even begin.
    """
    import tempfile

    from orlop.runtime.state import Store

    with tempfile.TemporaryDirectory(prefix="orlop-trace-") as directory:
        os.chmod(directory, 0o711)  # noqa: S103 - the root of a user namespace has to get through
        store = Store(f"{directory}/state")
        container = f"trace-{os.urandom(3).hex()}"
        match subject:
            case BundleDirectory():
                return _trace_bundle(subject, store, container, warn)
            case _:
                return _trace_request(subject, store, container, directory, warn)


def _trace_request(
    request: Request, store: Store, container: str, directory: str, warn: Warn
) -> Trace:
    if request.handling.detach:
        raise InvalidArgument("a trace runs in the foreground", hint="leave out --detach")
    request = request.replace(cgroup_parent=request.cgroup_parent or _AT_THE_TOP)
    composed = compose(request, read_host_facts(), container, data_root=directory)
    for warning in composed.warnings:
        warn(warning)

    def perform(started: Callable[[Launch], None]) -> int:
        return run_composed(composed, store, warn, started=started, flags=KILL_ON_HANGUP)

    return _timed(perform, composed.spec, composed.origins)


def _trace_bundle(bundle: BundleDirectory, store: Store, container: str, warn: Warn) -> Trace:
    from orlop.runtime.lifecycle.create import open_bundle
    from orlop.runtime.lifecycle.gather import Choices
    from orlop.runtime.lifecycle.run import run_bundle

    choices = Choices(os.path.realpath(bundle.path))
    opened = open_bundle(choices, warn)

    def perform(started: Callable[[Launch], None]) -> int:
        status, errors = run_bundle(
            store, container, opened, choices, started=started, flags=KILL_ON_HANGUP
        )
        for error in errors:
            warn(str(error))
        return status

    return _timed(perform, opened.spec, {})


def _timed(
    perform: Callable[[Callable[[Launch], None]], int], spec: Spec, origins: Mapping[str, str]
) -> Trace:
    """What `perform` does, timed; it passes on what it is given to the start."""
    performed: Performed = []
    status, failure = None, None
    try:
        status = perform(lambda launch: performed.append((launch.plan, launch.read_report())))
    except LaunchError as error:
        if error.report is None or not error.report.began_ns:
            raise
        performed.append((error.plan, error.report))
        failure = error
    plan, report = performed[-1]
    return Trace(timing_of(plan, report, spec, origins), status, failure)


def timing_of(
    plan: Plan, report: Report, spec: Spec, origins: Mapping[str, str] = NO_ORIGINS
) -> Timing:
    """The times of a start that has been performed.

    Args:
        plan: what was performed.
        report: how far it came, and when.
        spec: the configuration that the plan was made from.
        origins: what caused its fields, if that is known.
    """
    return timing(explained(Planned(plan, spec, origins)), report)
