"""What a probe has found, for people and for programs: `orlop proof --probe`."""

from __future__ import annotations

from orlop.errors import OrlopError
from orlop.faces.cli.screen import BOLD, DIM, GREEN, PLAIN, RED, YELLOW, Cell
from orlop.insight.probe.outcomes import DONE
from orlop.insight.quantities import plural
from orlop.records import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from orlop.faces.cli.screen import Screen
    from orlop.insight.probe.outcomes import Outcome
    from orlop.insight.probe.report import Finding, Report
    from orlop.insight.targets import Target

_WIDE = 140  # columns, to have room for the reasons


class Probed(Record):
    """What a probe has found, or why there was none."""

    report: Report | None = None
    problem: OrlopError | None = None

    @property
    def holds(self) -> bool:
        """Whether nothing came out otherwise than expected."""
        return self.report is None or not self.report.differences


def probed(target: Target, screen: Screen) -> Probed:
    """Probes a target, and shows what comes out, unless the screen is for programs."""
    from orlop.insight.probe.run import probe

    try:
        found = Probed(probe(target))
    except OrlopError as error:
        found = Probed(problem=error)
    if not screen.as_json:
        _show(found, screen)
    return found


def _show(found: Probed, screen: Screen) -> None:
    screen.title("probe: what a program in its place gets")
    if found.report is not None:
        _show_report(found.report, screen)
    else:
        screen.line(Cell(f"  nothing was tried: {found.problem}", RED))


def _show_report(report: Report, screen: Screen) -> None:
    wide = screen.width >= _WIDE
    head = ("to", "observed", "expected", *(("because",) if wide else ()))
    screen.table([_cells(found, wide=wide) for found in report.findings], head=head, indent=2)
    for note in report.notes:
        screen.line(Cell(f"  {note}", DIM))
    _summary(report, screen)


def _cells(found: Finding, *, wide: bool) -> Sequence[Cell]:
    why = found.skipped or found.expected.because
    if found.skipped:
        return (Cell(found.attempt.title), Cell("not tried", DIM), Cell(why, DIM))
    tone = RED if found.differs else PLAIN
    cells = (
        Cell(found.attempt.title, tone),
        Cell(_text(found.observed), tone or _tone(found.observed)),
        Cell(found.expected.text, tone),
    )
    return (*cells, Cell(why, DIM)) if wide else cells


def _tone(observed: Outcome | None) -> str:
    """Of what is as expected: whether it is possible, or not."""
    return YELLOW if observed is not None and observed.word == DONE else GREEN


def _text(observed: Outcome | None) -> str:
    return "nothing was heard" if observed is None else observed.text


def _summary(report: Report, screen: Screen) -> None:
    wrong = report.differences
    tried = sum(not found.skipped for found in report.findings)
    screen.line()
    if not wrong:
        screen.line(Cell(f"all {plural(tried, 'attempt')} came out as expected", GREEN))
        return
    count = plural(len(wrong), "attempt")
    screen.line(Cell(f"DIFFERENT: {count} of {tried} did not come out as expected", RED))
    screen.table(map(_difference, wrong), indent=2)


def _difference(found: Finding) -> Sequence[Cell]:
    return (
        Cell(found.attempt.title, BOLD),
        Cell(_text(found.observed), RED),
        Cell(f"expected: {found.expected.text}, because {found.expected.because}"),
    )


# --- for programs ---------------------------------------------------------------------------


def document(found: Probed) -> dict[str, object]:
    """The same as JSON; see docs/json.md."""
    report = found.report
    return {
        "holds": None if report is None else not report.differences,
        "problem": None if found.problem is None else str(found.problem),
        "attempts": [] if report is None else list(map(_attempt, report.findings)),
        "notes": [] if report is None else list(report.notes),
    }


def _attempt(found: Finding) -> dict[str, object]:
    return {
        "name": found.attempt.name,
        "title": found.attempt.title,
        "expected": list(_outcomes(found.expected.outcomes)),
        "because": found.expected.because,
        "observed": next(_outcomes([found.observed]), None) if found.observed else None,
        "skipped": found.skipped or None,
        "differs": found.differs,
    }


def _outcomes(outcomes: Sequence[Outcome]) -> Iterator[dict[str, object]]:
    for outcome in outcomes:
        yield {"outcome": outcome.word, "number": outcome.number, "text": outcome.text}
