"""orlop trace: a container in the foreground, and how long each operation of its start took."""

from __future__ import annotations

import sys

from orlop.errors import Unavailable
from orlop.faces.cli import JSON
from orlop.faces.cli.exit_codes import NOT_STARTED
from orlop.faces.cli.operations import operation_document, subject_of
from orlop.faces.cli.screen import Screen, printable
from orlop.faces.cli.waterfall import show_waterfall
from orlop.insight.timing import trace_events
from orlop.insight.trace import trace
from orlop.options import TEXT, Option

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TextIO

    from orlop.insight.timing import Timed
    from orlop.insight.trace import Trace
    from orlop.options import Values

USAGE = "[OPTIONS] (-- RUN-FLAGS IMAGE [COMMAND...] | --bundle DIR)"
WORDS = (0, 10000)
FAILED = NOT_STARTED
OPTIONS = (
    Option(("--bundle", "-b"), TEXT, "run an OCI bundle instead of docker run's flags", "DIR"),
    Option(("--chrome",), TEXT, "write trace events for chrome://tracing or Perfetto", "FILE"),
    Option(("--output", "-o"), TEXT, "write the times to a file, apart from the program's", "FILE"),
    JSON,
)
EXAMPLE = """\
orlop trace -- --memory 256m host true
orlop trace --chrome /tmp/start.json -- -it host bash
orlop trace --json --output /tmp/start.json -- host date
orlop trace --bundle /tmp/bundle"""


def run(values: Values, screen: Screen) -> int:
    """Runs the program, then shows the times; the exit status is the program's."""
    subject = subject_of(values)
    with _Files(values) as files:
        found = trace(subject, _warn)
        if files.output:
            screen = Screen(files.output, as_json=screen.as_json)
        if screen.as_json:
            screen.json(document(found))
        else:
            show_waterfall(found.timing, screen)
        if files.chrome:
            Screen(files.chrome).json(trace_events(found.timing))
    if found.error is not None:
        raise found.error
    return found.status or 0


def _warn(text: str) -> None:
    print(f"orlop: warning: {printable(text)}", file=sys.stderr)


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


def _timed_document(timed: Timed) -> dict[str, object]:
    return {
        "group": timed.group,
        "beganNs": timed.began_ns,
        "tookNs": timed.took_ns,
        **operation_document(timed.line),
    }
