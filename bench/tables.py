"""Results as text for the terminal."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.harness import Series
    from bench.imports import Import
    from bench.marks import Mark
    from bench.memory import Waiter
    from bench.sandbox import Throughput
    from bench.starts import Part


def say(text: str) -> None:
    """Write to the terminal, at once."""
    sys.stdout.write(text)
    sys.stdout.flush()


def progress(text: str) -> None:
    """Show where the benchmark is: a line that is overwritten, unless `text` ends it itself."""
    if sys.stderr.isatty() or text.endswith("\n"):
        sys.stderr.write(f"\r\x1b[K{text}" if sys.stderr.isatty() else text)
        sys.stderr.flush()


def table(title: str, head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table: the first column to the left, the others to the right."""
    widths = [max(len(row[i]) for row in (head, *rows)) for i in range(len(head))]
    lines = [
        "  ".join(
            [
                row[0].ljust(widths[0]),
                *(c.rjust(w) for c, w in zip(row[1:], widths[1:], strict=True)),
            ]
        )
        for row in (head, *rows)
    ]
    lines.insert(1, "  ".join("-" * width for width in widths))
    return "\n".join(["", title, "", *(f"  {line.rstrip()}" for line in lines), ""])


def series_table(title: str, series: dict[str, Series], reference: str) -> str:
    """Readings in milliseconds; the ratio of each median to the reference's."""
    base = series[reference].median if reference in series else None
    rows = [
        (
            each.name,
            *(f"{value:.2f}" for value in (each.median, each.p95, each.p99, each.least)),
            f"{each.median / base:.2f}" if base else "-",
            str(len(each.samples_ms)),
        )
        for each in sorted(series.values(), key=lambda s: s.median)
    ]
    return table(title, ("", "median ms", "p95", "p99", "least", f"/ {reference}", "rounds"), rows)


def memory_table(waiters: list[Waiter]) -> str:
    """Memory in kB."""
    rows = [(each.name, str(each.pss_kb), str(each.private_kb)) for each in waiters]
    return table(
        "Memory of the process that waits for a container", ("", "PSS kB", "private kB"), rows
    )


def imports_table(module: str, imports: list[Import]) -> str:
    """The most expensive imports, in milliseconds."""
    rows = [(each.module, f"{each.self_ms:.2f}") for each in imports]
    return table(f"Imports of {module} by own time", ("", "ms"), rows)


def parts_table(title: str, parts: list[Part]) -> str:
    """Parts of a start, in milliseconds."""
    return table(title, ("", "median ms"), [(each.name, f"{each.ms:.3f}") for each in parts])


def throughput_table(threads: int, readings: list[Throughput]) -> str:
    """How much many threads do."""
    rows = [(each.name, f"{each.per_second:.0f}") for each in readings]
    return table(f"Throughput of {threads} threads", ("", "per second"), rows)


def marks_table(marks: list[Mark]) -> str:
    """The goals."""
    rows = [
        (
            mark.goal,
            f"{mark.limit:.2f} {mark.unit}",
            "-" if mark.reading is None else f"{mark.reading:.2f} {mark.unit}",
            mark.verdict,
        )
        for mark in marks
    ]
    return table("Marks", ("", "at most", "read", ""), rows)
