"""All paths through random filters, beside an interpreter that goes one of them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orlop.insight import filter_paths
from orlop.insight.filter_conditions import Computed, conditions, holds, joined
from orlop.insight.filter_paths import Path, TooComplex, paths
from orlop.kernel.seccomp_program import decode
from tests import bpf
from tests.random_filters import (
    ARCH,
    FULL,
    NUMBER,
    any_programs,
    calls,
    decide,
    plain_programs,
)


def through(*programs: bytes) -> tuple[Path, ...]:
    return paths([decode(program) for program in programs], NUMBER, ARCH)


def revealing(found: tuple[Path, ...], call: tuple[int, ...]) -> list[tuple[int, ...]]:
    """That call, and others on both sides of every test."""
    made = [call]
    for path in found:
        made.append((NUMBER, ARCH, *(path.example() or call)[2:]))
        for test in path.tests:
            for value in (test.value, test.value + 1):
                changed = list(made[-1])
                changed[test.word] = value & FULL
                made.append(tuple(changed))
    return made


def taken(found: Path, call: tuple[int, ...]) -> bool:
    tested = all(test.passes(call[test.word]) for test in found.tests)
    return tested and holds(tuple(Computed(one) for one in found.comparisons), call)


@given(st.lists(any_programs, min_size=1, max_size=3), st.lists(calls, min_size=1, max_size=5))
def test_a_call_takes_one_path_to_what_it_gets(
    programs: list[bytes], some: list[tuple[int, ...]]
) -> None:
    found = through(*programs)
    for call in (*some, *revealing(found, some[0])):
        (path,) = (path for path in found if taken(path, call))
        assert path.value in (None, decide(programs, call))


@given(st.lists(plain_programs, min_size=1, max_size=3))
def test_every_path_without_formulas_can_be_gone(programs: list[bytes]) -> None:
    for path in through(*programs):
        example = path.example()
        assert example is not None
        assert path.comparisons == ()
        assert path.value == decide(programs, (NUMBER, ARCH, *example[2:]))


@given(st.lists(any_programs, min_size=1, max_size=2), calls)
def test_conditions_say_the_same_as_the_path(programs: list[bytes], call: tuple[int, ...]) -> None:
    found = through(*programs)
    for some in revealing(found, call):
        for path in found:
            assert holds(conditions(path), some) == taken(path, some)


@given(st.lists(plain_programs, min_size=1, max_size=2), calls)
def test_joined_alternatives_say_the_same(programs: list[bytes], call: tuple[int, ...]) -> None:
    found = through(*programs)
    together = joined(conditions(path) for path in found)
    assert any(holds(conjunction, call) for conjunction in together)
    by_value = {path.value for path in found}
    for value in by_value:
        those = joined(conditions(path) for path in found if path.value == value)
        for some in revealing(found, call):
            expected = decide(programs, some) == value
            assert any(holds(conjunction, some) for conjunction in those) == expected


def test_no_filter_allows() -> None:
    assert through() == (Path(),)


def test_too_many_paths(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(filter_paths, "MAX_PATHS", 100)
    rows = []
    for word in range(16, 64, 4):  # twelve questions whose answers do not matter
        rows += [(0x20, 0, 0, word), (0x15, 0, 0, 7)]
    program = bpf.assemble(*rows, (0x06, 0, 0, bpf.ALLOW))
    with pytest.raises(TooComplex):
        through(program)


def test_too_many_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(filter_paths, "MAX_STEPS", 100)
    with pytest.raises(TooComplex):
        through(bpf.assemble(*[(0x20, 0, 0, 0)] * 200, (0x06, 0, 0, bpf.ALLOW)))


class TestOpenValues:
    """Instructions that random programs seldom apply to arguments."""

    LOAD_X = ((0x20, 0, 0, 16), (0x07, 0, 0, 0))  # X is the first word of the first argument

    @pytest.mark.parametrize("code", [0x1D, 0x2D, 0x3D, 0x4D], ids=["jeq", "jgt", "jge", "jset"])
    def test_a_constant_is_compared_with_an_argument(self, code: int) -> None:
        rows = (*self.LOAD_X, (0x00, 0, 0, 5), (code, 0, 1, 0), (0x06, 0, 0, bpf.TRAP))
        self.agree(*rows, (0x06, 0, 0, bpf.ALLOW))

    def test_division_by_an_argument(self) -> None:
        rows = (*self.LOAD_X, (0x00, 0, 0, 20), (0x3C, 0, 0, 0), (0x15, 0, 1, 4))
        self.agree(*rows, (0x06, 0, 0, bpf.TRAP), (0x06, 0, 0, bpf.ALLOW))

    @pytest.mark.parametrize("code", [0x0C, 0x1C, 0x2C, 0x4C, 0x5C, 0x6C, 0x7C, 0xAC, 0x84])
    def test_arithmetic_with_an_argument(self, code: int) -> None:
        rows = (*self.LOAD_X, (0x00, 0, 0, 12), (code, 0, 0, 0), (0x25, 0, 1, 9))
        self.agree(*rows, (0x06, 0, 0, bpf.TRAP), (0x06, 0, 0, bpf.ALLOW))

    def test_a_computed_answer(self) -> None:
        (path,) = through(bpf.assemble((0x20, 0, 0, 16), (0x16, 0, 0, 0)))
        assert path.value is None

    @staticmethod
    def agree(*rows: tuple[int, int, int, int]) -> None:
        program = bpf.assemble(*rows)
        found = through(program)
        for word in (*range(40), 0x7FFFFFFF, 0x80000000, FULL):
            call = (NUMBER, ARCH, 0, 0, word, *[0] * 11)
            (path,) = (path for path in found if taken(path, call))
            assert path.value == decide([program], call)
            assert holds(conditions(path), call)


class TestStacks:
    @staticmethod
    def answer(*values: int) -> int | None:
        (path,) = through(*(bpf.assemble((0x06, 0, 0, value)) for value in values))
        return path.value

    def test_the_most_restrictive_counts(self) -> None:
        assert self.answer(bpf.ALLOW, bpf.errno(1)) == bpf.errno(1)
        assert self.answer(bpf.TRAP, bpf.errno(1), bpf.LOG) == bpf.TRAP
        assert self.answer(bpf.KILL_THREAD, bpf.KILL_PROCESS) == bpf.KILL_PROCESS

    def test_of_two_that_are_alike_the_newest(self) -> None:
        assert self.answer(bpf.errno(1), bpf.errno(2)) == bpf.errno(2)

    def test_a_later_filter_knows_what_the_newer_one_has_seen(self) -> None:
        is_five = bpf.assemble(
            (0x20, 0, 0, 16),
            (0x15, 0, 1, 5),
            (0x06, 0, 0, bpf.errno(1)),
            (0x06, 0, 0, bpf.ALLOW),
        )
        assert sorted(path.value or 0 for path in through(is_five, is_five)) == [
            bpf.errno(1),
            bpf.ALLOW,
        ]
