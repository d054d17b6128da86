"""What is known about one 32-bit word of a system call: tests on it, and whether they can all hold.

A seccomp filter looks at words, masks some bits out, and compares with constants. For a set of such
tests `example` finds a word that passes all of them, or that there is none: word by word this is
exact, so the paths through a filter that cannot be gone are left out.
"""

from __future__ import annotations

from orlop.records import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    Ranges = tuple[tuple[int, int], ...]

BITS = 32
FULL = (1 << BITS) - 1


class WordTest(Record):
    """Whether (word & mask) equals `value`, or with `above` is greater; `holds` says which it is.

    `word` counts the words of struct seccomp_data.
    """

    word: int
    mask: int
    above: bool
    value: int
    holds: bool

    def passes(self, word: int) -> bool:
        """Whether a word is such."""
        part = word & self.mask
        return (part > self.value if self.above else part == self.value) == self.holds

    def negated(self) -> WordTest:
        """The test that all other words pass."""
        return self.replace(holds=not self.holds)


_found: dict[tuple[WordTest, ...], int | None] = {}
_REMEMBERED = 20_000


def example(tests: tuple[WordTest, ...]) -> int | None:
    """A word that passes all tests (the lowest), None if there is none."""
    if tests not in _found:
        if len(_found) >= _REMEMBERED:
            _found.clear()
        _found[tests] = _search(tests)
    return _found[tests]


def _search(tests: Sequence[WordTest]) -> int | None:
    """The bits from the highest down; only tests that are undecided so far matter for the rest.

    The undecided ones are those with which the bits so far agree, which are few; together with the
    position they are all that the search has to remember.
    """
    dead: set[tuple[int, int]] = set()

    def below(bit: int, undecided: int, word: int) -> int | None:
        if not undecided:
            return word
        if bit < 0:
            return word if all(_equal_passes(test) for test in _of(tests, undecided)) else None
        if (bit, undecided) in dead:
            return None
        for choice in (0, 1):
            left = _step(tests, undecided, bit, choice)
            if left is not None:
                found = below(bit - 1, left, word | choice << bit)
                if found is not None:
                    return found
        dead.add((bit, undecided))
        return None

    return below(BITS - 1, (1 << len(tests)) - 1, 0)


def _of(tests: Sequence[WordTest], chosen: int) -> list[WordTest]:
    return [test for index, test in enumerate(tests) if chosen >> index & 1]


def _equal_passes(test: WordTest) -> bool:
    """Whether a word passes whose masked bits are the value's."""
    return test.holds != test.above


def _step(tests: Sequence[WordTest], undecided: int, bit: int, choice: int) -> int | None:
    """Which tests are undecided with this bit too; None if one has failed."""
    left = 0
    for index, test in enumerate(tests):
        if not undecided >> index & 1:
            continue
        ours, theirs = choice & test.mask >> bit, test.value >> bit & 1
        if ours == theirs:
            left |= 1 << index
        elif (test.above and ours > theirs) != test.holds:
            return None
    return left


# --- as ranges ------------------------------------------------------------------------------


def needed(tests: tuple[WordTest, ...]) -> tuple[WordTest, ...]:
    """The tests without those that follow from the others."""
    kept = tests
    for test in tests:
        others = tuple(other for other in kept if other != test)
        if example((*others, test.negated())) is None:
            kept = others
    return kept


def as_ranges(tests: tuple[WordTest, ...]) -> tuple[Ranges, tuple[WordTest, ...]]:
    """The words that pass, as ranges, and those tests on single bits that no ranges can express.

    A word has to be in the ranges and pass these tests too.
    """
    found = example(tests)
    if found is not None and example((*tests, WordTest(0, FULL, False, found, False))) is None:
        return ((found, found),), ()
    ranges: Ranges = ((0, FULL),)
    rest = []
    for test in needed(tests):
        if _is_prefix(test.mask):
            ranges = intersection(ranges, _passing(test))
        else:
            rest.append(test)
    return ranges, tuple(rest)


def _is_prefix(mask: int) -> bool:
    """Whether the bits of the mask are the highest ones, without a hole."""
    hidden = FULL & ~mask
    return hidden & (hidden + 1) == 0


def _passing(test: WordTest) -> Ranges:
    """The words that pass a test with a prefix as its mask."""
    size = (FULL & ~test.mask) + 1
    block = test.value // size * size  # the first word of the block that the value is in
    if test.above:
        found: Ranges = ((block + size, FULL),) if block + size <= FULL else ()
    else:
        found = ((block, block + size - 1),) if block == test.value else ()
    return found if test.holds else complement(found, FULL)


def union(*many: Ranges) -> Ranges:
    """All numbers that are in any of them, as few ranges, ascending."""
    merged: list[tuple[int, int]] = []
    for first, last in sorted(pair for ranges in many for pair in ranges):
        if merged and first <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(last, merged[-1][1]))
        else:
            merged.append((first, last))
    return tuple(merged)


def intersection(one: Ranges, other: Ranges) -> Ranges:
    """All numbers that are in both."""
    return union(
        tuple(
            (max(first, start), min(last, end))
            for first, last in one
            for start, end in other
            if max(first, start) <= min(last, end)
        )
    )


def complement(ranges: Ranges, top: int) -> Ranges:
    """All numbers from 0 to `top` that are in none of them."""
    left, free = [], 0
    for first, last in union(ranges):
        if first > free:
            left.append((free, first - 1))
        free = last + 1
    if free <= top:
        left.append((free, top))
    return tuple(left)
