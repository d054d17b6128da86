"""Proof: a target's isolation read back from the kernel, beside what was asked of it.

Nothing here trusts a configuration to say how things are; it only says how they were meant to be.
Every fact comes from the kernel: /proc, the cgroup file systems, descriptors.
"""

from __future__ import annotations

from orlop.errors import PermissionDenied
from orlop.insight.proof import (
    capabilities,
    cgroups,
    isolation,
    mounts,
    network,
    privileges,
    processes,
    settings,
    syscalls,
)
from orlop.insight.proof.reading import read_facts
from orlop.insight.proof.rows import MISMATCH, UNREADABLE, Section, unreadable
from orlop.insight.targets import Target, default_roots
from orlop.insight.weaknesses import Weakness, weaknesses
from orlop.records import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from orlop.insight.proof.facts import Facts


class Proof(Record):
    """What the kernel says about a target.

    Attributes:
        target: of what.
        facts: as they were read.
        sections: the same in rows, each with a verdict.
        weaknesses: what weakens the isolation, most serious first.
    """

    target: Target
    facts: Facts
    sections: tuple[Section, ...]
    weaknesses: tuple[Weakness, ...]

    @property
    def holds(self) -> bool:
        """Whether nothing is otherwise than it was asked."""
        return not any(section.mismatches for section in self.sections)

    def section(self, name: str) -> Section:
        """The section of this name.

        Raises:
            KeyError: there is none.
        """
        for section in self.sections:
            if section.name == name:
                return section
        raise KeyError(name)


def prove(target: Target, roots: Sequence[str] = ()) -> Proof:
    """The proof of a target that runs.

    Args:
        target: as `orlop.insight.targets.resolve` gives it.
        roots: state directories of orlop-runtime, by default its own; containers in them are named
            where they share something with the target.

    Raises:
        NotFound: it has ended, or another process has its PID now.
        PermissionDenied: nothing at all may be read.
    """
    facts = read_facts(target, roots or default_roots())
    return proof_of(target, facts)


def proof_of(target: Target, facts: Facts) -> Proof:
    """The proof that these facts make.

    Raises:
        PermissionDenied: there are none.
    """
    asked = target.asked
    sections = tuple(
        _with_missing(section, facts)
        for section in (
            isolation.section(facts, asked),
            processes.section(facts, asked),
            cgroups.section(facts, asked, target),
            capabilities.section(facts, asked),
            privileges.section(facts, asked),
            syscalls.section(facts, asked),
            mounts.section(facts, asked),
            network.section(facts, asked, target.rates),
            settings.section(facts, asked),
        )
    )
    if all(row.verdict == UNREADABLE for section in sections for row in section.rows):
        raise PermissionDenied(f"cannot read anything of {target.name}", hint="be root")
    return Proof(target, facts, sections, weaknesses(facts))


def _with_missing(section: Section, facts: Facts) -> Section:
    """A section, with a row for each thing in it that could not be read."""
    known = {row.what for row in section.rows}
    missing = (
        unreadable(found.what, found.needs)
        for found in facts.missing
        if found.section == section.name and found.what not in known
    )
    return section.replace(rows=(*section.rows, *missing))


__all__ = ["MISMATCH", "Proof", "proof_of", "prove"]
