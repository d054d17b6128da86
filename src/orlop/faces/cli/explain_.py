"""orlop explain: the kernel operations of a start, in strace's notation, with reasons."""

from __future__ import annotations

from itertools import groupby

from orlop.errors import InvalidArgument
from orlop.faces.cli import JSON
from orlop.faces.cli.notes import warn
from orlop.faces.cli.operations import (
    line_of,
    operation_document,
    show_operation,
    show_reason,
    subject_of,
)
from orlop.faces.cli.screen import DIM, GREEN, RED, YELLOW, Cell
from orlop.insight.difference import difference
from orlop.insight.explain import Group, explain, planned
from orlop.insight.phrases import ADDED, CHANGED, REMOVED
from orlop.intent.flags import OPTIONS as RUN_OPTIONS
from orlop.intent.flags import parse_run
from orlop.intent.request import Named, Request
from orlop.options import FLAG, PAIR, TEXT, Option, parse

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from orlop.faces.cli.screen import Screen
    from orlop.insight.difference import Change, Difference
    from orlop.insight.explain import Explanation
    from orlop.options import Values

USAGE = (
    "[OPTIONS] (-- RUN-FLAGS IMAGE [COMMAND...] | --container NAME | --bundle DIR "
    "| --diff 'FLAGS' 'FLAGS')"
)
WORDS = (0, 10000)
OPTIONS = (
    Option(("--bundle", "-b"), TEXT, "explain an OCI bundle instead of docker run's flags", "DIR"),
    Option(("--container",), TEXT, "explain the start of a container of the engine", "NAME"),
    Option(("--diff",), PAIR, "what differs between flags (the image may be missing)", "'A' 'B'"),
    Option(("--as",), TEXT, "`shell`: as a bash script that makes the container by hand", "FORM"),
    Option(("--all", "-a"), FLAG, "also the calls that only prepare and check"),
    JSON,
)
EXAMPLE = """\
orlop explain -- --read-only --memory 256m host sh
orlop explain --all -- --network none host sh
orlop explain --bundle /tmp/bundle
orlop explain --container web
orlop explain --as shell -- --read-only host sh
orlop explain --diff '' '--privileged'
orlop explain --diff '--cap-drop ALL' '--cap-drop ALL --cap-add NET_ADMIN'"""

_IMAGE, _COMMAND = "host", "true"
_SIGNS = {ADDED: ("+", GREEN), REMOVED: ("-", RED), CHANGED: ("~", YELLOW)}
_INDENT = 4


def run(values: Values, screen: Screen) -> int:
    """Shows the operations in groups, each run of them under its reason; or a difference."""
    if values.given("diff"):
        return _run_difference(values, screen)
    if values.given("container"):
        return _run_container(values, screen)
    if values.given("as"):
        return _run_script(values, screen)
    subject = subject_of(values)
    if isinstance(subject, Request) and isinstance(subject.image, Named):
        return _run_with_image(subject, values, screen)
    explanation = explain(subject)
    if screen.as_json:
        screen.json(document(explanation))
        return 0
    warn(*explanation.warnings)
    for group in explanation.groups:
        _show(group, screen, every=values.flag("all"))
    return 0


def _run_container(values: Values, screen: Screen) -> int:
    """The engine explains its own container: it knows the image."""
    from orlop.client import Client
    from orlop.client.addresses import part

    if values.words or values.given("bundle") or values.given("as"):
        raise InvalidArgument("--container is for itself: no flags, no bundle and no script")
    found = Client().get(f"/containers/{part(values.text('container'))}/explain")
    return _show_found(found, values, screen)


def _run_with_image(request: Request, values: Values, screen: Screen) -> int:
    """The engine explains it: it has the images."""
    from orlop.client import Client
    from orlop.intent.docker_json import to_docker

    return _show_found(Client().post("/explain", to_docker(request)), values, screen)


def _show_found(found: dict[str, Any], values: Values, screen: Screen) -> int:
    """What an engine has explained."""
    if screen.as_json:
        screen.json(found)
        return 0
    warn(*found["warnings"])
    for group in found["groups"]:
        lines = tuple(map(line_of, group["operations"]))
        _show(Group(group["name"], lines), screen, every=values.flag("all"))
    return 0


def _show(group: Group, screen: Screen, *, every: bool) -> None:
    screen.title(group.name)
    for reason, run in groupby(group.lines, lambda line: line.reason):
        show_reason(reason, screen)
        for line in run:
            show_operation(line, screen, every=every)


def document(explanation: Explanation) -> dict[str, object]:
    """An explanation for programs: docs/json.md."""
    return {
        "warnings": list(explanation.warnings),
        "groups": [
            {
                "name": group.name,
                "operations": [operation_document(line) for line in group.lines],
            }
            for group in explanation.groups
        ],
    }


# --- a script ---------------------------------------------------------------------------------


def _run_script(values: Values, screen: Screen) -> int:
    from orlop.insight.shell import script_of

    if values.text("as") != "shell":
        raise InvalidArgument(f"--as {values.text('as')}: there is no such form", hint="use shell")
    if values.flag("all"):
        raise InvalidArgument("--all: a script has all of it anyway")
    plan = planned(subject_of(values))
    text = script_of(plan)
    if screen.as_json:
        screen.json({"warnings": list(plan.warnings), "script": text})
        return 0
    warn(*plan.warnings)
    for line in text.splitlines():
        screen.line(line)
    return 0


# --- differences ------------------------------------------------------------------------------


def _run_difference(values: Values, screen: Screen) -> int:
    if values.words or values.given("bundle") or values.given("as"):
        raise InvalidArgument("--diff takes two sets of flags, each one word, and nothing else")
    flags_a, flags_b = values.list("diff")
    found = difference(explain(_completed(flags_a)), explain(_completed(flags_b)))
    if screen.as_json:
        screen.json(difference_document(found, flags_a, flags_b))
        return 0
    topics = [(topic, list(run)) for topic, run in groupby(found.changes, lambda c: c.topic)]
    for topic, changes in topics:
        screen.title(topic)
        for change in changes:
            _show_change(change, screen, every=values.flag("all"))
    _show_counts(found, screen, flags_a, flags_b, hint="" if values.flag("all") else "; see --all")
    return 0


def _completed(flags: str) -> Request:
    """The request of a set of flags; image and command may be missing."""
    import shlex

    try:
        words = shlex.split(flags)
    except ValueError as error:
        raise InvalidArgument(f"cannot split {flags!r} into words: {error}") from None
    given = parse(RUN_OPTIONS, words, clusters=True).words
    return parse_run((*words, *(() if given else (_IMAGE, _COMMAND))))


def _show_change(change: Change, screen: Screen, *, every: bool) -> None:
    sign, tone = _SIGNS[change.kind]
    screen.paragraph(Cell(f"  {sign} ", tone), change.text, indent=_INDENT)
    if every:
        for mark, lines in (("-", change.in_a), ("+", change.in_b)):
            for line in lines:
                first = f"{' ' * _INDENT}{mark} {line.side:<9}  "
                screen.paragraph(Cell(first, DIM), Cell(line.notation, DIM), indent=len(first))


def _show_counts(
    found: Difference, screen: Screen, flags_a: str, flags_b: str, *, hint: str
) -> None:
    if not found.changes:
        screen.line("no difference: the same operations in both")
        return
    counts = ((found.only_a, flags_a), (found.only_b, flags_b))
    text = ", ".join(f"{number} only with {flags!r}" for number, flags in counts)
    screen.line()
    screen.line(Cell(f"operations of the start: {text}{hint}", DIM))


def difference_document(found: Difference, flags_a: str, flags_b: str) -> dict[str, object]:
    """A difference for programs: docs/json.md."""
    return {
        "a": flags_a,
        "b": flags_b,
        "changes": [
            {
                "topic": change.topic,
                "kind": change.kind,
                "text": change.text,
                "onlyA": [operation_document(line) for line in change.in_a],
                "onlyB": [operation_document(line) for line in change.in_b],
            }
            for change in found.changes
        ],
        "operationsOnlyA": found.only_a,
        "operationsOnlyB": found.only_b,
    }
