"""What a proof is made of: facts, each beside what was asked, with a verdict."""

from __future__ import annotations

from orlop.records import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NewType

    Verdict = NewType("Verdict", int)
else:
    Verdict = int

AS_ASKED, MISMATCH, NOT_ASKED, UNREADABLE = map(Verdict, range(4))
VERDICT_NAMES = ("as asked", "MISMATCH", "not asked", "unreadable")


class Row(Record):
    """One fact.

    Attributes:
        what: its name, the only one in its section.
        observed: what the kernel says; for an unreadable one, what reading it needs.
        asked: what the configuration says, "" if that says nothing or cannot be had.
        verdict: AS_ASKED, MISMATCH, NOT_ASKED or UNREADABLE.
        note: what a reader should know about it, "" for nothing.
    """

    what: str
    observed: str
    asked: str = ""
    verdict: Verdict = NOT_ASKED
    note: str = ""


class Section(Record):
    """The facts of one theme."""

    name: str
    rows: tuple[Row, ...]

    @property
    def mismatches(self) -> tuple[Row, ...]:
        """The facts that are not as they were asked."""
        return tuple(row for row in self.rows if row.verdict == MISMATCH)

    def row(self, what: str) -> Row:
        """The fact of this name.

        Raises:
            KeyError: there is none.
        """
        for row in self.rows:
            if row.what == what:
                return row
        raise KeyError(what)


def compared(what: str, observed: str, asked: str, *, same: bool, note: str = "") -> Row:
    """A fact about which something was asked."""
    return Row(what, observed, asked, AS_ASKED if same else MISMATCH, note)


def unreadable(what: str, needs: str) -> Row:
    """A fact that could not be read."""
    return Row(what, needs, verdict=UNREADABLE)
