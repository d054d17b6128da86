"""Operations of a plan on the screen, and as JSON: what explain and trace have in common."""

from __future__ import annotations

from orlop.errors import InvalidArgument
from orlop.faces.cli.screen import CYAN, DIM, PLAIN, Cell
from orlop.insight.explain import BundleDirectory, Line
from orlop.insight.notation.syntax import Call
from orlop.intent.flags import parse_run

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from orlop.faces.cli.screen import Screen
    from orlop.intent.request import Request
    from orlop.options import Values

_SIDE_WIDTH = len("container")


def subject_of(values: Values) -> Request | BundleDirectory:
    """What a start is to be of: docker run's flags behind `--`, or an OCI bundle.

    Raises:
        InvalidArgument: neither is given, or both are, or the flags are wrong.
    """
    bundle = values.text("bundle")
    if bool(bundle) == bool(values.words):
        raise InvalidArgument("give either --bundle DIR or, behind --, flags and an image")
    return BundleDirectory(bundle) if bundle else parse_run(values.words)


def show_reason(text: str, screen: Screen) -> None:
    """Why the operations below it are there."""
    screen.line(Cell(f"  # {text}", CYAN))


def show_operation(line: Line, screen: Screen, *, every: bool) -> None:
    """One operation: a line, or one for `every` call of it."""
    side = Cell(f"  {line.side:<{_SIDE_WIDTH}}  ", DIM)
    calls = [Cell(call.text, DIM if call.detail else PLAIN) for call in line.calls]
    for text in calls if every else (line.notation,):
        screen.paragraph(side, text, indent=len(side))


def operation_document(line: Line) -> dict[str, object]:
    """An operation for programs: docs/json.md."""
    return {
        "index": line.index,
        "operation": line.operation,
        "side": line.side,
        "reason": line.reason,
        "notation": line.notation,
        "calls": [_call_document(call) for call in line.calls],
    }


def line_of(document: Mapping[str, Any]) -> Line:
    """The operation of such a document."""
    calls = (
        Call(
            one["name"],
            tuple(one["arguments"]),
            one["result"],
            one["note"],
            one["always"],
            one["detail"],
        )
        for one in document["calls"]
    )
    return Line(
        document["index"],
        document["operation"],
        document["side"],
        tuple(calls),
        document["reason"],
    )


def _call_document(call: Call) -> dict[str, object]:
    return {
        "name": call.name,
        "arguments": list(call.arguments),
        "result": call.result,
        "note": call.note,
        "always": call.always,
        "detail": call.detail,
    }
