"""orlop proof TARGET...: their isolation, read back from the kernel, beside what was asked."""

from __future__ import annotations

from orlop.errors import OrlopError
from orlop.faces.cli import JSON
from orlop.faces.cli.exit_codes import DIFFERENT, FAILED
from orlop.faces.cli.notes import complain
from orlop.faces.cli.proof_document import document
from orlop.faces.cli.proof_probe import probed
from orlop.faces.cli.screen import BOLD, DIM, GREEN, PLAIN, RED, YELLOW, Cell
from orlop.faces.cli.subjects import roots_of, target
from orlop.insight.proof import prove
from orlop.insight.proof.rows import AS_ASKED, MISMATCH, NOT_ASKED, UNREADABLE, VERDICT_NAMES
from orlop.insight.proof.syscalls import disassembled
from orlop.insight.quantities import plural
from orlop.insight.weaknesses import CRITICAL, HIGH, LOW, MEDIUM, SEVERITY_NAMES
from orlop.options import FLAG, LIST, Option

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from orlop.faces.cli.proof_probe import Probed
    from orlop.faces.cli.screen import Screen
    from orlop.insight.proof import Proof
    from orlop.insight.proof.rows import Row
    from orlop.insight.weaknesses import Weakness
    from orlop.options import Values

USAGE = "[OPTIONS] TARGET [TARGET...]"
WORDS = (1, 1000)
ANYWHERE = True
OPTIONS = (
    Option(
        ("--root",), LIST, "where orlop-runtime has the state of its containers (repeatable)", "DIR"
    ),
    Option(("--filters",), FLAG, "disassemble the seccomp filters too"),
    Option(("--probe",), FLAG, "also try, in a copy of its context, what it should not be able to"),
    JSON,
)
EXAMPLE = """\
orlop proof web                 # a container of the engine or of orlop-runtime
orlop proof docker:db podman:mq
orlop proof --probe web         # not only what is set, but what it does
orlop proof --json pid:4711     # any process"""

_VERDICT_TONES = {AS_ASKED: GREEN, MISMATCH: RED, NOT_ASKED: DIM, UNREADABLE: YELLOW}
_SEVERITY_TONES = {CRITICAL: RED, HIGH: RED, MEDIUM: YELLOW, LOW: PLAIN}
_LEAST_WIDTH, _MOST_LEFT = 30, 26
_MOST_PROCESSES = 30


def run(values: Values, screen: Screen) -> int:
    """Shows the proof of each target; the status says whether all is as it was asked."""
    roots = roots_of(values.list("root"))
    proofs: list[Proof] = []
    probes: list[Probed | None] = []
    failed = False
    for word in values.words:
        try:
            proof = prove(target(word, roots), roots)
        except OrlopError as error:
            if len(values.words) == 1:
                raise
            complain(error)
            failed = True
        else:
            proofs.append(proof)
            if not screen.as_json:
                _show(proof, screen, filters=values.flag("filters"))
            probes.append(probed(proof.target, screen) if values.flag("probe") else None)
    if screen.as_json:
        screen.json({"proofs": list(map(document, proofs, probes))})
    tried = [found for found in probes if found is not None]
    if not all(proof.holds for proof in proofs) or not all(found.holds for found in tried):
        return DIFFERENT
    return FAILED if failed or any(found.problem for found in tried) else 0


# --- for people -----------------------------------------------------------------------------


def _show(proof: Proof, screen: Screen, *, filters: bool) -> None:
    target = proof.target
    kind = "process" if target.engine == "process" else f"container of {target.engine}"
    screen.title(f"{target.name}: {kind}, PID {target.process.pid}")
    known = "asked:" if target.asked is not None else "what was asked is not known:"
    screen.line(Cell(f"{known} {target.asked_from}", DIM))
    for section in proof.sections:
        screen.title(section.name)
        rows = section.rows
        if section.name == "processes" and len(rows) > _MOST_PROCESSES:
            rows = rows[:_MOST_PROCESSES]
        _table([_cells(row, known=target.asked is not None) for row in rows], screen)
        if len(rows) < len(section.rows):
            screen.line(Cell(f"  and {len(section.rows) - len(rows)} more; see --json", DIM))
    for number, lines in enumerate(disassembled(proof.facts) if filters else (), 1):
        screen.title(f"seccomp filter {number}")
        for line in lines:
            screen.line(f"  {line}")
    screen.title("weaknesses, most serious first")
    _table([_weakness(found) for found in proof.weaknesses], screen)
    if not proof.weaknesses:
        screen.line("  none that orlop knows of")
    _summary(proof, screen)


def _summary(proof: Proof, screen: Screen) -> None:
    """The verdict as a whole, where nobody can miss it."""
    wrong = [row for section in proof.sections for row in section.mismatches]
    screen.line()
    if proof.target.asked is None:
        screen.line(Cell("nothing to compare with: this is only how it is", BOLD))
    elif not wrong:
        screen.line(Cell("everything that can be read is as it was asked", GREEN))
    else:
        screen.line(Cell(f"MISMATCH: {plural(len(wrong), 'fact')} not as asked", RED))
        _table([_cells(row, known=False) for row in wrong], screen)


_Line = tuple[str, tuple[Cell, ...], Cell]


def _cells(row: Row, *, known: bool) -> _Line:
    """A fact: its name, what is to be told of it, and the verdict, if there can be one."""
    tone = RED if row.verdict == MISMATCH else YELLOW if row.verdict == UNREADABLE else PLAIN
    parts = [Cell(row.observed, tone)]
    if row.verdict == MISMATCH:
        parts.append(Cell(f"asked: {row.asked}", RED))
    if row.note:
        parts.append(Cell(row.note, DIM))
    verdict = VERDICT_NAMES[row.verdict] if known or row.verdict == UNREADABLE else ""
    return row.what, tuple(parts), Cell(verdict, _VERDICT_TONES[row.verdict])


def _weakness(found: Weakness) -> _Line:
    severity = SEVERITY_NAMES[found.severity]
    parts = (Cell(found.sentence), Cell(f"closed by: {found.closes}", DIM))
    return severity, parts, Cell("")


def _table(lines: Sequence[_Line], screen: Screen) -> None:
    """Aligned columns, wrapped to what the screen has room for."""
    left = min(max((len(what) for what, _, _ in lines), default=0), _MOST_LEFT)
    right = max((len(verdict) for _, _, verdict in lines), default=0)
    width = max(screen.width - left - right - 6, _LEAST_WIDTH)
    rows: list[Sequence[str]] = []
    for what, parts, verdict in lines:
        names = [_named(text) for text in _wrapped(what, left)]
        pieces = [Cell(text, part.tone) for part in parts for text in _wrapped(part, width)]
        for number in range(max(len(names), len(pieces))):
            name = names[number] if number < len(names) else Cell("")
            piece = pieces[number] if number < len(pieces) else Cell("")
            rows.append((name, piece, verdict if number == 0 else Cell("")))
    screen.table(rows, indent=2)


def _named(what: str) -> Cell:
    tones = dict(zip(SEVERITY_NAMES, _SEVERITY_TONES.values(), strict=True))
    return Cell(what, tones.get(what, PLAIN))


def _wrapped(text: str, width: int) -> Iterator[str]:
    """Lines of at most so many characters, broken between words where that is possible."""
    indent = " " * min(len(text) - len(text.lstrip(" ")), width // 2)
    line = ""
    for word in text.split():
        if line and len(indent) + len(line) + 1 + len(word) > width:
            yield indent + line
            line = word
        else:
            line = f"{line} {word}" if line else word
    yield indent + line
