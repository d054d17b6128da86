"""How an attempt ends: the words of `orlop-probe` (probe/probe.h)."""

from __future__ import annotations

from orlop.records import Record

BROKEN, DONE, REFUSED, ABSENT, KILLED, STUCK, LIMITED = WORDS = (
    "broken",
    "done",
    "refused",
    "absent",
    "killed",
    "stuck",
    "limited",
)

_SHOWS_NUMBER = (REFUSED, KILLED, BROKEN)


class Outcome(Record):
    """One outcome.

    Attributes:
        word: one of WORDS.
        number: with REFUSED and BROKEN an errno, with KILLED a signal, with LIMITED (and DONE of
            the same attempt) thousandths of one CPU.
    """

    word: str
    number: int = 0

    def fits(self, observed: Outcome) -> bool:
        """Whether that is what this stands for: what was measured does not count."""
        return self.word == observed.word and (
            self.word not in _SHOWS_NUMBER or self.number == observed.number
        )

    @property
    def text(self) -> str:
        """As "done", "refused: EPERM", "killed by SIGSYS"."""
        match self.word:
            case "refused" | "broken":
                return f"{self.word}: {_error_name(self.number)}"
            case "killed":
                return f"killed by {_signal_name(self.number)}"
            case "limited" | "done" if self.number:
                return f"{self.word} ({self.number / 1000:g} CPUs)"
            case _:
                return self.word


def refused(*errors: int) -> tuple[Outcome, ...]:
    """The outcomes of a call that fails with one of these."""
    return tuple(Outcome(REFUSED, error) for error in errors)


def _error_name(number: int) -> str:
    import errno

    return errno.errorcode.get(number, f"errno {number}")


def _signal_name(number: int) -> str:
    import signal

    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
