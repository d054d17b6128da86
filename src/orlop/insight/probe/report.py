"""What a probe has found: expected beside observed."""

from __future__ import annotations

from orlop.insight.probe.attempts import ATTEMPTS
from orlop.insight.probe.expectations import expect
from orlop.insight.probe.outcomes import WORDS, Outcome
from orlop.records import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from orlop.insight.probe.attempts import Attempt
    from orlop.insight.probe.expectations import Expected
    from orlop.insight.probe.facts import Facts


class Finding(Record):
    """One attempt.

    Attributes:
        attempt: what was tried.
        expected: what should have come out.
        observed: what did; None if it was not tried, or the probe ended before it could tell.
        skipped: why it was not tried, "" if it was.
    """

    attempt: Attempt
    expected: Expected
    observed: Outcome | None = None
    skipped: str = ""

    @property
    def differs(self) -> bool:
        """Whether it came out otherwise than expected."""
        if self.skipped:
            return False
        return self.observed is None or not self.expected.fits(self.observed)


class Report(Record):
    """All attempts, and what the copy of the context lacks."""

    findings: tuple[Finding, ...]
    notes: tuple[str, ...] = ()

    @property
    def differences(self) -> tuple[Finding, ...]:
        """Those that came out otherwise than expected."""
        return tuple(finding for finding in self.findings if finding.differs)

    def outcome(self, name: str) -> Outcome | None:
        """What came out of the attempt of that name."""
        found = (f.observed for f in self.findings if f.attempt.name == name)
        return next(found, None)


def compare(facts: Facts, skipped: Mapping[str, str], observed: Mapping[str, Outcome]) -> Report:
    """The report on these observations.

    Args:
        facts: of the target.
        skipped: why attempts were not made, by name.
        observed: how they ended, by name.
    """
    return Report(
        tuple(
            Finding(
                attempt,
                expect(attempt.name, facts),
                None if attempt.name in skipped else observed.get(attempt.name),
                skipped.get(attempt.name, ""),
            )
            for attempt in ATTEMPTS
        )
    )


def parse(output: bytes) -> dict[str, Outcome]:
    """What `orlop-probe` has told: lines "NAME WORD NUMBER".

    A process of the target may have disturbed it, so anything may be in there; what is no such
    line is passed over, and of several about the same attempt the first one counts.
    """
    found: dict[str, Outcome] = {}
    for line in output.decode(errors="replace").split("\n"):
        words = line.split(" ")
        if len(words) == 3 and words[1] in WORDS and words[2].isascii() and words[2].isdecimal():
            found.setdefault(words[0], Outcome(words[1], int(words[2])))
    return found
