"""System calls: the seccomp filters that the kernel has, and what they say to each call.

The filters are read from the live process. They are compared with those that were asked for, and
with Docker's default, by what they do and not by how they are written.
"""

from __future__ import annotations

import os

from orlop.errors import OrlopError
from orlop.insight.filters import FILTER, answers, differences, docker_default, reading_of
from orlop.insight.proof.rows import NOT_ASKED, UNREADABLE, Row, Section, compared
from orlop.insight.quantities import plural
from orlop.kernel.capabilities import names
from orlop.kernel.seccomp import OF_MACHINE
from orlop.kernel.seccomp_bpf import INSTRUCTION_SIZE
from orlop.kernel.seccomp_program import disassemble

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from orlop.insight.filters import AnswerDifference, ArchitectureAnswers, FilterReading
    from orlop.insight.proof.facts import Facts
    from orlop.kernel.seccomp import Profile
    from orlop.runtime.spec import Spec

NAME = "system calls"
WHAT = "seccomp"

_FEW = 5


def section(facts: Facts, asked: Spec | None) -> Section:
    """Mode and filters; then what they say to which calls."""
    reading = facts.seccomp
    if reading is None:
        return Section(NAME, ())
    rows = [_mode(reading, asked)]
    if reading.other_threads:
        rows.append(_other_threads(reading))
    if reading.problem is not None:
        rows.append(Row("filters", str(reading.problem), verdict=UNREADABLE))
    elif reading.mode == FILTER:
        rows.append(_filters(reading, asked.linux.seccomp if asked is not None else None))
        laxer = facts.beyond_docker
        shown = f"{len(laxer)}: {', '.join(laxer)}" if laxer else "nothing"
        rows.append(Row("allowed beyond Docker's default", shown))
        rows += _answers(reading)
    return Section(NAME, tuple(rows))


def _mode(reading: FilterReading, asked: Spec | None) -> Row:
    """A process can load filters itself, but never get rid of one."""
    if asked is None:
        return Row(WHAT, reading.mode)
    wanted = asked.linux.seccomp is not None
    here = reading.mode == FILTER
    note = "it has loaded one itself" if here and not wanted else ""
    return compared(
        WHAT, reading.mode, FILTER if wanted else "none", same=here or not wanted, note=note
    )


def _other_threads(reading: FilterReading) -> Row:
    threads = (f"{each.thread}: {each.mode}, {each.count}" for each in reading.other_threads)
    return Row("threads with other filters", "; ".join(threads))


# --- filters --------------------------------------------------------------------------------


def _filters(reading: FilterReading, wanted: Profile | None) -> Row:
    sizes = (len(live.program) // INSTRUCTION_SIZE for live in reading.filters)
    observed = "; ".join(plural(size, "instruction") for size in sizes)
    if wanted is None:
        return Row("filters", observed)
    asked = f"a profile of {plural(len(wanted.syscalls), 'rule')}, else {wanted.default_action}"
    try:
        found = differences(reading, reading_of(wanted))
    except OrlopError as error:
        return Row("filters", observed, asked, NOT_ASKED, f"cannot be compared: {error}")
    return compared("filters", observed, asked, same=not found, note=_differing(found))


def _differing(found: tuple[AnswerDifference, ...]) -> str:
    """The first few differences in words."""
    words = [
        f"{each.live.name or 'newer calls'} ({each.architecture}): {each.live.text}, "
        f"asked: {each.expected.text}"
        for each in found[:_FEW]
    ]
    if len(found) > _FEW:
        words.append(f"and {len(found) - _FEW} more")
    return "; ".join(words)


def beyond_docker(reading: FilterReading | None, capabilities: int) -> tuple[str, ...]:
    """The calls of the machine's own kind that get through, and would not in Docker by default.

    Args:
        reading: the filters; without any there is nothing to compare.
        capabilities: a set, on which Docker's default depends.

    Raises:
        Unsupported: it cannot be found out here.
    """
    if reading is None or reading.mode != FILTER or reading.problem is not None:
        return ()
    found = differences(reading, docker_default(names(capabilities)), (_native(),))
    return tuple(each.live.name or "newer calls" for each in found if _is_laxer(each))


def _is_laxer(found: AnswerDifference) -> bool:
    """Whether a call gets through with the example's arguments, and would not in Docker."""
    live = found.live.action_for(found.example)
    docker = found.expected.action_for(found.example)
    return live is not None and live.kind in _LETS and (docker is None or docker.kind not in _LETS)


_LETS = ("allow", "log")


# --- answers --------------------------------------------------------------------------------


def _native() -> str:
    first, *_ = OF_MACHINE[os.uname().machine]
    return first.removeprefix("SCMP_ARCH_").lower()


def _answers(reading: FilterReading) -> Iterator[Row]:
    """Which calls get which answer, of the machine's own kind."""
    try:
        (native,) = answers(reading, (_native(),))
    except OrlopError:
        return
    by_answer: dict[str, list[str]] = {}
    for each in native.answers:
        if each.action is not None:
            by_answer.setdefault(each.text, []).append(each.name)
        else:
            yield Row(each.name, each.text)
    for text, calls in sorted(by_answer.items(), key=lambda entry: -len(entry[1])):
        shown = plural(len(calls), "system call")
        yield Row(text, shown if text == "allow" else f"{shown}: {', '.join(calls)}")
    yield Row("newer calls", native.newer.text)


def disassembled(facts: Facts) -> tuple[tuple[str, ...], ...]:
    """The instructions of each filter, in the order in which they were loaded."""
    filters = facts.seccomp.filters if facts.seccomp is not None else ()
    return tuple(disassemble(live.program) for live in filters)


def all_answers(facts: Facts) -> tuple[ArchitectureAnswers, ...]:
    """What the filters say to every call of every architecture; nothing if that is not known."""
    reading = facts.seccomp
    if reading is None or reading.mode != FILTER:
        return ()
    try:
        return answers(reading)
    except OrlopError:
        return ()
