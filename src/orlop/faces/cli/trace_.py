"""orlop trace: a container in the foreground, and how long each operation of its start took."""

from __future__ import annotations

from orlop.errors import InvalidArgument, Unavailable
from orlop.faces.cli import JSON
from orlop.faces.cli.exit_codes import NOT_STARTED
from orlop.faces.cli.notes import warn
from orlop.faces.cli.operations import line_of, operation_document, subject_of
from orlop.faces.cli.screen import Screen
from orlop.faces.cli.waterfall import show_waterfall
from orlop.insight.timing import Timed, Timing, trace_events
from orlop.insight.trace import trace
from orlop.options import TEXT, Option

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any, TextIO

    from orlop.insight.trace import Trace
    from orlop.options import Values

USAGE = "[OPTIONS] (-- RUN-FLAGS IMAGE [COMMAND...] | --container NAME | --bundle DIR)"
WORDS = (0, 10000)
FAILED = NOT_STARTED
OPTIONS = (
    Option(("--bundle", "-b"), TEXT, "run an OCI bundle instead of docker run's flags", "DIR"),
    Option(("--container",), TEXT, "show the last start of a container of the engine", "NAME"),
    Option(("--chrome",), TEXT, "write trace events for chrome://tracing or Perfetto", "FILE"),
    Option(("--output", "-o"), TEXT, "write the times to a file, apart from the program's", "FILE"),
    JSON,
)
EXAMPLE = """\
orlop trace -- --memory 256m host true
orlop trace --chrome /tmp/start.json -- -it host bash
orlop trace --json --output /tmp/start.json -- host date
orlop trace --bundle /tmp/bundle
orlop trace --container web"""


def run(values: Values, screen: Screen) -> int:
    """Runs the program, then shows the times; the exit status is the program's."""
    if values.given("container"):
        return _run_container(values, screen)
    subject = subject_of(values)
    with _Files(values) as files:
        found = trace(subject, warn)
        _show(found.timing, document(found), files, screen)
    if found.error is not None:
        raise found.error
    return found.status or 0


def _run_container(values: Values, screen: Screen) -> int:
    """The times of a start that the engine has made."""
    from orlop.client import Client
    from orlop.client.addresses import part

    if values.words or values.given("bundle"):
        raise InvalidArgument("--container is for itself: no flags and no bundle")
    found = Client().get(f"/containers/{part(values.text('container'))}/trace")
    with _Files(values) as files:
        _show(timing_of_document(found), found, files, screen)
    return 0


def _show(timing: Timing, found: Mapping[str, Any], files: _Files, screen: Screen) -> None:
    if files.output:
        screen = Screen(files.output, as_json=screen.as_json)
    if screen.as_json:
        screen.json(found)
    else:
        show_waterfall(timing, screen)
    if files.chrome:
        Screen(files.chrome).json(trace_events(timing))


class _Files:
    """The files that are to be written, opened before anything is started."""

    def __init__(self, values: Values) -> None:
        self.output = _opened(values.text("output"))
        self.chrome = _opened(values.text("chrome"))

    def __enter__(self) -> _Files:
        return self

    def __exit__(self, *_: object) -> None:
        for file in (self.output, self.chrome):
            if file is not None:
                file.close()


def _opened(path: str) -> TextIO | None:
    if not path:
        return None
    try:
        return open(path, "w", encoding="utf-8")
    except OSError as error:
        raise Unavailable(f"cannot write {path}: {error.strerror}") from None


def document(found: Trace) -> dict[str, object]:
    """A trace for programs: docs/json.md."""
    timing = found.timing
    return {
        "status": found.status,
        "error": str(found.error) if found.error else None,
        "totalNs": timing.total_ns,
        "betweenOperationsNs": timing.between_ns,
        "notPerformed": timing.missing,
        "byGroupNs": timing.by_group(),
        "bySideNs": timing.by_side(),
        "operations": [_timed_document(timed) for timed in timing.operations],
    }


def timing_of_document(found: Mapping[str, Any]) -> Timing:
    """The times of such a document."""
    operations = (
        Timed(line_of(one), one["group"], one["beganNs"], one["tookNs"])
        for one in found["operations"]
    )
    missing = found["notPerformed"]
    return Timing(tuple(operations), found["totalNs"], not missing, missing)


def _timed_document(timed: Timed) -> dict[str, object]:
    return {
        "group": timed.group,
        "beganNs": timed.began_ns,
        "tookNs": timed.took_ns,
        **operation_document(timed.line),
    }
