"""The times of a start as a waterfall: a bar for each operation, where and as long as it was."""

from __future__ import annotations

from orlop.faces.cli.screen import BOLD, CYAN, DIM, GREEN, MAGENTA, RED, YELLOW, Cell

TYPE_CHECKING = False
if TYPE_CHECKING:
    from orlop.faces.cli.screen import Screen
    from orlop.insight.timing import Timed, Timing

_SLOWEST = 3
_BAR = 32  # columns
_EIGHTHS = " ▏▎▍▌▋▊▉█"
_ASCII = " ---====="  # for encodings that have no blocks
_TONES = {"launcher": CYAN, "middle": MAGENTA, "container": GREEN}


def show_waterfall(timing: Timing, screen: Screen) -> None:
    """All operations with their times, and what took longest."""
    slowest = timing.slowest(_SLOWEST)
    group = ""
    screen.line(Cell(f"  {'began':>8}  {'took':>8}  (milliseconds)", DIM))
    for timed in timing.operations:
        if timed.group != group:
            group = timed.group
            screen.title(group)
        _show(timed, timing, screen, is_slow=timed in slowest)
    _summary(timing, slowest, screen)


def _show(timed: Timed, timing: Timing, screen: Screen, *, is_slow: bool) -> None:
    blocks = _EIGHTHS if screen.can_show(_EIGHTHS) else _ASCII
    tone = RED if is_slow else _TONES[timed.line.side]
    took = "did not end" if timed.took_ns is None else milliseconds(timed.took_ns)
    mark = "*" if is_slow else " "
    screen.line(
        Cell(f"  {milliseconds(timed.began_ns):>8}", DIM),
        Cell(f"  {took:>8}{mark} ", tone if is_slow else ""),
        Cell(bar(timed.began_ns, timed.duration_ns, timing.total_ns, blocks=blocks), tone),
        f"  {timed.line.side:<9}  {_cut(timed.line.notation, screen)}",
    )


def _cut(text: str, screen: Screen) -> str:
    """As much of a text as there is room for behind the other columns; all of it in a file."""
    room = max(20, screen.width - _BAR - 37)
    return text if len(text) <= room or not screen.is_terminal else f"{text[: room - 3]}..."


def bar(
    began_ns: int, took_ns: int, total_ns: int, columns: int = _BAR, blocks: str = _EIGHTHS
) -> str:
    """A bar of this many columns for the whole, filled where the operation was, to an eighth."""
    if total_ns <= 0:
        return " " * columns
    first = min(began_ns * 8 * columns // total_ns, 8 * columns - 1)
    last = min(max(first + 1, (began_ns + took_ns) * 8 * columns // total_ns), 8 * columns)
    start = first // 8
    cells = []
    for column in range(columns):
        covered = min(last, 8 * column + 8) - (8 * column if column > start else first)
        # A block can only be filled from its left, so the first one begins a little early.
        cells.append(blocks[min(covered, 8)] if column >= start and covered > 0 else " ")
    return "".join(cells)


def milliseconds(ns: int) -> str:
    """A time with two digits behind the point."""
    return f"{ns / 1e6:.2f}"


def _summary(timing: Timing, slowest: tuple[Timed, ...], screen: Screen) -> None:
    screen.title("total")
    goal = "to the program's start" if timing.running else "to the failure"
    screen.line(
        Cell(f"  {milliseconds(timing.total_ns):>8} ms", BOLD),
        f"  from the launcher's start {goal}",
    )
    rows = [*timing.by_group().items(), ("between operations", timing.between_ns)]
    for name, ns in rows:
        screen.line(f"  {milliseconds(ns):>8} ms  {_percent(ns, timing.total_ns):>4}  {name}")
    if timing.missing:
        screen.line(Cell(f"  {timing.missing} operations were not performed", YELLOW))
    screen.title("slowest (*)")
    for timed in slowest:
        percent = _percent(timed.duration_ns, timing.total_ns)
        screen.line(
            f"  {milliseconds(timed.duration_ns):>8} ms  {percent:>4}  ",
            f"{timed.line.operation}: {timed.line.reason}",
        )


def _percent(part: int, whole: int) -> str:
    return f"{100 * part / whole:.0f}%" if whole > 0 else ""
