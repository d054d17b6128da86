"""All ways through seccomp filters for one system call: under which conditions they return what.

Number and architecture are known, the arguments are not, so a filter is executed with words whose
value is open: at each jump that depends on one, both ways are gone that can be gone. Filters have
no loops, but may have more paths than anybody wants to read; then the search gives up and says so.

Arithmetic on arguments other than masking is carried along as a formula. Two different formulas
are taken for independent, so paths that depend on one may be impossible. libseccomp writes none.
"""

from __future__ import annotations

from orlop.errors import InternalError
from orlop.insight.filter_words import FULL, WordTest, example
from orlop.kernel import seccomp_program as bpf
from orlop.records import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from typing import TypeAlias

    from orlop.kernel.seccomp_program import Instruction

    Term: TypeAlias = "int | Masked | Formula"
    Condition: TypeAlias = "bool | WordTest | Comparison"
    Program: TypeAlias = tuple[Instruction, ...]

MAX_PATHS = 256
MAX_STEPS = 50_000


class Masked(Record):
    """Some bits of an open word."""

    word: int
    mask: int


class Formula(Record):
    """The result of an arithmetic operation of BPF on open words."""

    operation: str
    left: Term
    right: Term


class Comparison(Record):
    """How a formula compares: `relation` is a name in `seccomp_program.JUMPS`."""

    left: Term
    relation: str
    right: Term
    holds: bool


class Path(Record):
    """One way through the filters.

    Attributes:
        tests: what the open words are then.
        comparisons: what formulas are then.
        value: what the filters return; None if that is computed from open words.
    """

    tests: tuple[WordTest, ...] = ()
    comparisons: tuple[Comparison, ...] = ()
    value: int | None = bpf.ALLOW

    def example(self) -> tuple[int, ...] | None:
        """Sixteen words that take this path, as far as formulas do not count; None if none can."""
        words = [0] * (bpf.DATA_SIZE // 4)
        for word in {test.word for test in self.tests}:
            found = example(tuple(test for test in self.tests if test.word == word))
            if found is None:
                return None
            words[word] = found
        return tuple(words)


class TooComplex(Exception):
    """There are more paths, or longer ones, than the search will follow."""


def paths(programs: Sequence[Program], number: int, arch: int) -> tuple[Path, ...]:
    """All paths of a call through a stack of filters.

    Args:
        programs: the filters, in the order in which they were loaded.
        number: the system call's.
        arch: as the filters see it, AUDIT_ARCH_ of linux/audit.h.

    Raises:
        TooComplex: there are more than MAX_PATHS.
    """
    return follow((Path(),), programs, number, arch)


def follow(
    found: tuple[Path, ...], programs: Sequence[Program], number: int, arch: int
) -> tuple[Path, ...]:
    """The continuation of paths through further filters, which were loaded before them."""
    for program in reversed(programs):  # the newest is asked first
        found = tuple(
            after.replace(value=_joined(before.value, after.value))
            for before in found
            for after in _through(program, before, number, arch)
        )
        if len(found) > MAX_PATHS:
            raise TooComplex
    return found


def _joined(newer: int | None, older: int | None) -> int | None:
    if bpf.KILL_PROCESS in (newer, older):
        return bpf.KILL_PROCESS
    return None if newer is None or older is None else bpf.stricter(newer, older)


def _through(program: Program, before: Path, number: int, arch: int) -> Iterator[Path]:
    """What becomes of a path in one more filter; the values are that filter's."""
    known = {bpf.NUMBER_WORD: number, bpf.ARCH_WORD: arch}
    waiting = [_State(before.tests, before.comparisons)]
    steps = ended = 0
    while waiting:
        state = waiting.pop()
        if state.returned is None:
            waiting += state.after(program[state.at], known)
            steps += 1
        else:
            yield state.path()
            ended += 1
        if steps > MAX_STEPS or ended > MAX_PATHS:
            raise TooComplex


class _State:
    """A filter in the middle of its execution, and what has been supposed so far."""

    __slots__ = ("a", "at", "comparisons", "memory", "returned", "tests", "x")

    def __init__(self, tests: tuple[WordTest, ...], comparisons: tuple[Comparison, ...]) -> None:
        self.at = 0
        self.a: Term = 0
        self.x: Term = 0
        self.memory: tuple[Term, ...] = (0,) * 16
        self.returned: Term | None = None
        self.tests = tests
        self.comparisons = comparisons

    def path(self) -> Path:
        value = self.returned
        return Path(self.tests, self.comparisons, value if isinstance(value, int) else None)

    def after(self, made: Instruction, known: Mapping[int, int]) -> Sequence[_State]:
        """The states after an instruction: one, or two if it depends on an open word."""
        self.at += 1
        operand = self._operand(made, known)
        match made.name:
            case "ret":
                self.returned = operand
            case "ld":
                self.a = operand
            case "ldx":
                self.x = operand
            case "tax":
                self.x = self.a
            case "txa":
                self.a = self.x
            case "st":
                self._store(made.value, self.a)
            case "stx":
                self._store(made.value, self.x)
            case "ja":
                self.at += made.value
            case "neg":
                self.a = _calculated("sub", 0, self.a)
            case "jeq" | "jgt" | "jge" | "jset" as relation:
                return self._jump(_compared(self.a, relation, operand), made)
            case "div":
                return self._divide(operand)
            case operation:
                self.a = _calculated(operation, self.a, operand)
        return (self,)

    def _operand(self, made: Instruction, known: Mapping[int, int]) -> Term:
        match made.source:
            case "k":
                return made.value
            case "x":
                return self.x
            case "a":
                return self.a
            case "mem":
                return self.memory[made.value]
            case "data":
                word = made.value // 4
                return known[word] if word in known else Masked(word, FULL)
            case _:
                return 0

    def _store(self, at: int, value: Term) -> None:
        self.memory = (*self.memory[:at], value, *self.memory[at + 1 :])

    def _jump(self, condition: Condition, made: Instruction) -> Sequence[_State]:
        if isinstance(condition, bool):  # nearly always: this is a list of numbers
            self.at += made.if_true if condition else made.if_false
            return (self,)
        yes, no = self._either(condition)
        for state, distance in ((yes, made.if_true), (no, made.if_false)):
            if state is not None:
                state.at += distance
        return [state for state in (yes, no) if state is not None]

    def _divide(self, divisor: Term) -> Sequence[_State]:
        """The kernel ends a filter that divides by 0, as if it had returned 0."""
        yes, no = self._either(_compared(divisor, "jeq", 0))
        if yes is not None:
            yes.returned = bpf.KILL_THREAD
        if no is not None:
            no.a = _calculated("div", no.a, divisor)
        return [state for state in (yes, no) if state is not None]

    def _either(self, condition: Condition) -> tuple[_State | None, _State | None]:
        """The states in which the condition holds, and does not; None where that is impossible."""
        if isinstance(condition, bool):
            return (self, None) if condition else (None, self)
        return self._supposing(condition), self._supposing(_negated(condition))

    def _supposing(self, condition: WordTest | Comparison) -> _State | None:
        tests, comparisons = self.tests, self.comparisons
        if isinstance(condition, WordTest):
            tests = tests if condition in tests else (*tests, condition)
            if example(tuple(test for test in tests if test.word == condition.word)) is None:
                return None
        elif _negated(condition) in comparisons:
            return None
        elif condition not in comparisons:
            comparisons = (*comparisons, condition)
        made = _State(tests, comparisons)
        made.at, made.a, made.x, made.memory = self.at, self.a, self.x, self.memory
        return made


def _negated(condition: WordTest | Comparison) -> WordTest | Comparison:
    return condition.replace(holds=not condition.holds)


# --- values, as far as they are known ---------------------------------------------------------


def _calculated(operation: str, left: Term, right: Term) -> Term:
    match left, right:
        case int(), int():
            return calculate(operation, left, right)
        case Masked(word, mask), int(constant) if operation == "and":
            return Masked(word, mask & constant) if mask & constant else 0
        case int(), Masked() if operation == "and":
            return _calculated(operation, right, left)
        case _:
            return Formula(operation, left, right)


def calculate(operation: str, left: int, right: int) -> int:
    """The result of an arithmetic operation of BPF on two words; a division by 0 has none."""
    match operation:
        case "add":
            result = left + right
        case "sub":
            result = left - right
        case "mul":
            result = left * right
        case "div":
            result = left // right
        case "or":
            result = left | right
        case "and":
            result = left & right
        case "xor":
            result = left ^ right
        case "lsh":
            result = left << (right & 31)
        case "rsh":
            result = left >> (right & 31)
        case _:
            raise InternalError(f"unknown operation {operation}")
    return result & FULL


def compare(left: int, relation: str, right: int) -> bool:
    """Whether a condition of BPF holds for two words."""
    match relation:
        case "jeq":
            return left == right
        case "jgt":
            return left > right
        case "jge":
            return left >= right
        case _:
            return left & right != 0


_TURNED = {"jgt": "jge", "jge": "jgt"}  # k > w is the opposite of w >= k


def _compared(left: Term, relation: str, right: Term) -> bool | WordTest | Comparison:
    match left, right:
        case int(), int():
            return compare(left, relation, right)
        case Masked(word, mask), int(constant):
            return _tested(word, mask, relation, constant)
        case int(), Masked() if relation in _TURNED:
            condition = _compared(right, _TURNED[relation], left)
            return not condition if isinstance(condition, bool) else _negated(condition)
        case int(), Masked():
            return _compared(right, relation, left)
        case _:
            return Comparison(left, relation, right, True)


def _tested(word: int, mask: int, relation: str, constant: int) -> bool | WordTest:
    match relation:
        case "jset":
            mask &= constant
            return WordTest(word, mask, False, 0, False) if mask else False
        case "jeq":
            return WordTest(word, mask, False, constant, True)
        case "jgt":
            return WordTest(word, mask, True, constant, True)
        case _:
            return WordTest(word, mask, True, constant - 1, True) if constant else True
