"""Tests on words, and which words pass."""

from __future__ import annotations

from hypothesis import assume, given
from hypothesis import strategies as st

from orlop.insight.filter_words import (
    FULL,
    WordTest,
    as_ranges,
    complement,
    example,
    intersection,
    needed,
    union,
)

SMALL = 64
small = st.integers(0, SMALL - 1)
words = st.sampled_from([0, 1, 2, 7, 38, 0x80000000, FULL - 1, FULL]) | st.integers(0, FULL)
masks = st.sampled_from([FULL, 0xFFFFFFF0, 0xFFFF0000, 0xFF, 0x7E020000, 1]) | st.integers(1, FULL)
low_tests = st.builds(WordTest, st.just(4), small.filter(bool), st.booleans(), small, st.booleans())
any_tests = st.builds(WordTest, st.just(4), masks, st.booleans(), words, st.booleans())
some_ranges = st.lists(st.tuples(small, small)).map(
    lambda pairs: union(tuple((min(pair), max(pair)) for pair in pairs))
)


def passes(tests: tuple[WordTest, ...], word: int) -> bool:
    return all(test.passes(word) for test in tests)


@given(st.lists(low_tests, max_size=8).map(tuple))
def test_an_example_is_found_if_there_is_one(tests: tuple[WordTest, ...]) -> None:
    # No test looks at higher bits, so these words are all there are.
    expected = next((word for word in range(SMALL) if passes(tests, word)), None)
    assert example(tests) == expected


@given(st.lists(any_tests, max_size=8).map(tuple))
def test_an_example_is_one(tests: tuple[WordTest, ...]) -> None:
    found = example(tests)
    assert found is None or passes(tests, found)


@given(st.lists(any_tests, max_size=5).map(tuple), words)
def test_ranges_say_the_same_as_the_tests(tests: tuple[WordTest, ...], word: int) -> None:
    assume(example(tests) is not None)
    ranges, rest = as_ranges(tests)
    for nearby in {word, *(test.value for test in tests), example(tests) or 0}:
        inside = any(first <= nearby <= last for first, last in ranges)
        assert (inside and passes(rest, nearby)) == passes(tests, nearby)


@given(st.lists(low_tests, max_size=6).map(tuple))
def test_nothing_is_lost_with_what_is_not_needed(tests: tuple[WordTest, ...]) -> None:
    kept = needed(tests)
    assert set(kept) <= set(tests)
    assert all(passes(kept, word) == passes(tests, word) for word in range(SMALL))


def test_what_follows_is_not_needed() -> None:
    eight = WordTest(4, FULL, False, 8, True)
    assert needed((WordTest(4, FULL, False, 0, False), eight)) == (eight,)
    assert as_ranges((WordTest(4, 0xF, False, 8, True), eight)) == (((8, 8),), ())


@given(some_ranges, some_ranges, small)
def test_sets_of_ranges(
    one: tuple[tuple[int, int], ...], other: tuple[tuple[int, int], ...], number: int
) -> None:
    def within(ranges: tuple[tuple[int, int], ...]) -> bool:
        return any(first <= number <= last for first, last in ranges)

    assert within(union(one, other)) == (within(one) or within(other))
    assert within(intersection(one, other)) == (within(one) and within(other))
    assert within(complement(one, SMALL)) == (not within(one))
    assert complement(complement(one, SMALL), SMALL) == one
