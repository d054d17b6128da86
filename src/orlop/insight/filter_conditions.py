"""Conditions on the arguments of a system call, as people say them: "arg0 in {0, 8}".

A path through a filter is a list of tests on halves of arguments, many of which follow from others.
Here these become statements on arguments, all of which must hold (a `Conjunction`), and paths that
end alike are joined where one statement can say both.
"""

from __future__ import annotations

from orlop.insight.filter_paths import Comparison, Formula, Masked, calculate, compare
from orlop.insight.filter_words import BITS, FULL, WordTest, as_ranges, complement, union
from orlop.kernel import seccomp_program as bpf
from orlop.records import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import TypeAlias

    from orlop.insight.filter_paths import Path, Term
    from orlop.insight.filter_words import Ranges

    Condition: TypeAlias = "InRanges | BitTest | Computed"
    Conjunction: TypeAlias = tuple[Condition, ...]

POINTER = -1  # counts as an argument: the address from which the call was made
_TOP = {"": (1 << 64) - 1, "low": FULL, "high": FULL}
_FEW = 16


class InRanges(Record):
    """An argument is in one of these ranges, whose ends are included.

    Attributes:
        argument: 0 to 5, or POINTER.
        half: "low" or "high" if only these 32 bits are meant, "" for all 64.
        ranges: ascending.
    """

    argument: int
    half: str
    ranges: Ranges

    def holds(self, call: Sequence[int]) -> bool:
        """Whether it does for a struct seccomp_data, taken as sixteen words."""
        value = _value(self.argument, call)
        if self.half:
            value = value >> BITS if self.half == "high" else value & FULL
        return any(first <= value <= last for first, last in self.ranges)

    @property
    def text(self) -> str:
        """As "arg0 in {0, 8}"; the low half is "(u32)arg0", the high one "arg0 >> 32"."""
        name = _name(self.argument)
        name = {"": name, "low": f"(u32){name}", "high": f"{name} >> 32"}[self.half]
        return _ranges_text(name, self.ranges, _TOP[self.half])


class BitTest(Record):
    """Some bits of an argument, `argument & mask`, compare with a value.

    `relation` is "==", "!=", ">" or "<=".
    """

    argument: int
    mask: int
    relation: str
    value: int

    def holds(self, call: Sequence[int]) -> bool:
        """As `InRanges.holds`."""
        part = _value(self.argument, call) & self.mask
        match self.relation:
            case "==":
                return part == self.value
            case "!=":
                return part != self.value
            case ">":
                return part > self.value
            case _:
                return part <= self.value

    @property
    def text(self) -> str:
        """As "arg0 & 0x7e020000 == 0"."""
        left = f"{_name(self.argument)} & {self.mask:#x}"
        return (
            f"{left} {self.relation} {self.value:#x}" if self.value else f"{left} {self.relation} 0"
        )


class Computed(Record):
    """A filter has calculated with arguments, and compares the result."""

    comparison: Comparison

    def holds(self, call: Sequence[int]) -> bool:
        """As `InRanges.holds`; a formula that divides by 0 holds for nothing."""
        it = self.comparison
        try:
            left, right = _calculate(it.left, call), _calculate(it.right, call)
        except ZeroDivisionError:
            return False
        return compare(left, it.relation, right) == it.holds

    @property
    def text(self) -> str:
        """The comparison in C's notation, of numbers of 32 bits."""
        it = self.comparison
        relation = _RELATIONS[it.relation] if it.holds else _OPPOSITES[it.relation]
        left, right = _formula_text(it.left), _formula_text(it.right)
        if it.relation == "jset":
            return f"({left} & {right}) {relation} 0"
        return f"{left} {relation} {right}"


_RELATIONS = {"jeq": "==", "jgt": ">", "jge": ">=", "jset": "!="}
_OPPOSITES = {"jeq": "!=", "jgt": "<=", "jge": "<", "jset": "=="}
_OPERATORS = {
    "add": "+",
    "sub": "-",
    "mul": "*",
    "div": "/",
    "or": "|",
    "and": "&",
    "xor": "^",
    "lsh": "<<",
    "rsh": ">>",
}


def holds(conjunction: Conjunction, call: Sequence[int]) -> bool:
    """Whether all its conditions do for a struct seccomp_data, taken as sixteen words."""
    return all(condition.holds(call) for condition in conjunction)


def text_of(alternatives: Iterable[Conjunction]) -> str:
    """Conditions of which any may be met, as text."""
    parts = [" and ".join(condition.text for condition in found) for found in alternatives]
    return " or ".join(parts)


def _value(argument: int, call: Sequence[int]) -> int:
    first = _first_word(argument)
    return call[first + bpf.LOW_HALF] | call[first + 1 - bpf.LOW_HALF] << BITS


def _first_word(argument: int) -> int:
    return bpf.POINTER_WORD if argument == POINTER else bpf.FIRST_ARGUMENT_WORD + 2 * argument


def _calculate(term: Term, call: Sequence[int]) -> int:
    match term:
        case Masked(word, mask):
            return call[word] & mask
        case Formula(operation, left, right):
            return calculate(operation, _calculate(left, call), _calculate(right, call))
        case _:
            return term


# --- from paths ---------------------------------------------------------------------------------


def conditions(found: Path) -> Conjunction:
    """What has to hold for a path to be taken."""
    made: list[Condition] = []
    for argument in (POINTER, *range(bpf.ARGUMENTS)):
        made += _of_argument(argument, found.tests)
    return (*made, *(Computed(comparison) for comparison in found.comparisons))


def _of_argument(argument: int, tests: tuple[WordTest, ...]) -> list[Condition]:
    low_word = _first_word(argument) + bpf.LOW_HALF
    high_word = _first_word(argument) + 1 - bpf.LOW_HALF
    low, low_bits = as_ranges(tuple(test for test in tests if test.word == low_word))
    high, high_bits = as_ranges(tuple(test for test in tests if test.word == high_word))
    ranges = _in_ranges(argument, low, high)
    return ranges + _bit_tests(argument, low_bits, high_bits)


def _in_ranges(argument: int, low: Ranges, high: Ranges) -> list[Condition]:
    everything = ((0, FULL),)
    if low == everything and high == everything:
        return []
    if high == everything:
        return [InRanges(argument, "low", low)]
    if low == everything:
        whole = tuple((first << BITS, last << BITS | FULL) for first, last in high)
        return [InRanges(argument, "", whole)]
    if sum(last - first + 1 for first, last in high) <= _FEW:
        tops = [top << BITS for first, last in high for top in range(first, last + 1)]
        whole = union(tuple((top | first, top | last) for top in tops for first, last in low))
        return [InRanges(argument, "", whole)]
    return [InRanges(argument, "high", high), InRanges(argument, "low", low)]


def _bit_tests(
    argument: int, low: tuple[WordTest, ...], high: tuple[WordTest, ...]
) -> list[Condition]:
    made = [_bit_test(argument, test, 0) for test in low]
    made += [_bit_test(argument, test, BITS) for test in high]
    equal = [found for found in made if found.relation == "=="]
    if len(equal) < 2:
        return list(made)
    mask = value = 0
    for found in equal:
        mask, value = mask | found.mask, value | found.value
    rest = [found for found in made if found.relation != "=="]
    return [BitTest(argument, mask, "==", value), *rest]


def _bit_test(argument: int, test: WordTest, shift: int) -> BitTest:
    mask, value = test.mask << shift, test.value << shift
    if test.above:
        return BitTest(argument, mask, ">" if test.holds else "<=", value)
    if not test.holds and mask & (mask - 1) == 0:  # a bit that is not 1 is 0
        return BitTest(argument, mask, "==", mask & ~value)
    return BitTest(argument, mask, "==" if test.holds else "!=", value)


# --- joining ------------------------------------------------------------------------------------


def joined(alternatives: Iterable[Conjunction]) -> tuple[Conjunction, ...]:
    """The same alternatives as fewer ones, where they differ in the range of one argument only."""
    found = tuple(dict.fromkeys(alternatives))
    while True:
        longest = max(map(len, found), default=0)
        before = len(found)
        for at in range(longest):
            found = _joined_at(found, at)
        if len(found) == before:
            return found


def _joined_at(alternatives: Iterable[Conjunction], at: int) -> tuple[Conjunction, ...]:
    """Together what is alike but for the ranges of the condition in one position."""
    groups: dict[object, list[Conjunction]] = {}
    for found in alternatives:
        key: object = found
        if at < len(found):
            condition = found[at]
            if isinstance(condition, InRanges):
                key = (at, found[:at], condition.argument, condition.half, found[at + 1 :])
        groups.setdefault(key, []).append(found)
    return tuple(_united(group, at) if len(group) > 1 else group[0] for group in groups.values())


def _united(group: list[Conjunction], at: int) -> Conjunction:
    first = group[0]
    conditions = [found[at] for found in group]
    ranges = union(*(found.ranges for found in conditions if isinstance(found, InRanges)))
    condition = conditions[0].replace(ranges=ranges)
    everything = isinstance(condition, InRanges) and ranges == ((0, _TOP[condition.half]),)
    return (*first[:at], *(() if everything else (condition,)), *first[at + 1 :])


def cost(alternatives: Iterable[Conjunction]) -> int:
    """How much there is to read."""
    return sum(2 + sum(map(_cost, found)) for found in alternatives)


def _cost(condition: Condition) -> int:
    if not isinstance(condition, InRanges):
        return 3 if isinstance(condition, BitTest) and condition.relation == "!=" else 2
    return sum(1 if first == last else 2 for first, last in condition.ranges)


# --- text ---------------------------------------------------------------------------------------


def _name(argument: int) -> str:
    return "instruction pointer" if argument == POINTER else f"arg{argument}"


def _number(value: int) -> str:
    """Decimal as long as that is short."""
    return str(value) if value < 1 << 12 else f"{value:#x}"


def _ranges_text(name: str, ranges: Ranges, top: int) -> str:
    holes = complement(ranges, top)
    if len(holes) < len(ranges) and all(first == last for first, last in holes):
        return _points_text(name, ("!=", "not in"), holes)
    match ranges:
        case ((0, last),):
            return f"{name} <= {_number(last)}" if last else f"{name} == 0"
        case ((first, last),) if last == top and first != last:
            return f"{name} >= {_number(first)}"
        case _:
            return _points_text(name, ("==", "in"), ranges)


def _points_text(name: str, words: tuple[str, str], ranges: Ranges) -> str:
    parts = [_number(a) if a == b else f"{_number(a)}..{_number(b)}" for a, b in ranges]
    if len(ranges) == 1 and ranges[0][0] == ranges[0][1]:
        return f"{name} {words[0]} {parts[0]}"
    return f"{name} {words[1]} {{{', '.join(parts)}}}"


def _formula_text(term: Term) -> str:
    match term:
        case Masked(word, mask):
            name = _word_name(word)
            return name if mask == FULL else f"({name} & {_number(mask)})"
        case Formula(operation, left, right):
            return f"({_formula_text(left)} {_OPERATORS[operation]} {_formula_text(right)})"
        case _:
            return _number(term)


def _word_name(word: int) -> str:
    argument = POINTER if word < bpf.FIRST_ARGUMENT_WORD else (word - bpf.FIRST_ARGUMENT_WORD) // 2
    is_low = word == _first_word(argument) + bpf.LOW_HALF
    name = _name(argument)
    return f"(u32){name}" if is_low else f"({name} >> 32)"
