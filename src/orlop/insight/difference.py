"""What is different between two starts, in words, and by which operations.

The operations of both plans are compared without regard to their slots' numbers; what they mean is
compared as facts (`orlop.insight.facts`). Every operation that is in one plan only belongs to some
change, so nothing is left unsaid.
"""

from __future__ import annotations

from orlop.errors import Unsupported
from orlop.insight import facts, phrases, syscalls
from orlop.insight.notation import walk
from orlop.insight.phrases import ADDED, CHANGED, REMOVED, Delta
from orlop.kernel.cgroup import devices
from orlop.launch.wire import signature
from orlop.records import Record, values
from orlop.runtime.device_rules import with_device_rules

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from orlop.insight.explain import Explanation, Line
    from orlop.insight.facts import Fact
    from orlop.insight.notation.scene import Scene
    from orlop.kernel.cgroup.resources import DeviceRule
    from orlop.kernel.seccomp import Profile
    from orlop.launch.plan import Operation, Plan
    from orlop.runtime.spec import Spec

OTHER = "other operations"
EVERY_DEVICE = "every device (rwm)"


class Change(Record):
    """One thing that is different.

    Attributes:
        topic: what it is about, "capabilities".
        kind: ADDED (only in B), REMOVED (only in A) or CHANGED.
        text: a sentence, or part of one.
        in_a: the operations of A that make the difference, as far as B has not the same.
        in_b: those of B.
    """

    topic: str
    kind: str
    text: str
    in_a: tuple[Line, ...] = ()
    in_b: tuple[Line, ...] = ()


class Difference(Record):
    """All changes from A to B, the most telling topics first.

    Attributes:
        only_a: how many operations A has that B has not.
        only_b: the other way round.
    """

    changes: tuple[Change, ...]
    only_a: int
    only_b: int


def difference(a: Explanation, b: Explanation) -> Difference:
    """What is different between two starts."""
    sides = _Sides(a, b)
    changes = [sides.change(*found) for found in _worded(a, b)]
    changes += sides.rest(changes)
    order = {topic: number for number, topic in enumerate(phrases.TOPICS)}
    changes.sort(key=lambda change: order.get(change.topic, len(order)))
    return Difference(tuple(changes), len(sides.only_a), len(sides.only_b))


class _Sides:
    """The operations that are in one of the plans only, by their indexes."""

    def __init__(self, a: Explanation, b: Explanation) -> None:
        in_a, in_b = tuple(_contents(a.plan)), tuple(_contents(b.plan))
        self._lines_a, self._lines_b = a.lines, b.lines
        self.only_a = _only(in_a, in_b)
        self.only_b = _only(in_b, in_a)

    def change(self, delta: Delta, text: str) -> Change:
        """A change in these words, with its operations."""
        return Change(
            delta.topic,
            delta.kind,
            text,
            tuple(self._lines_a[n] for n in sorted(delta.steps_a & self.only_a)),
            tuple(self._lines_b[n] for n in sorted(delta.steps_b & self.only_b)),
        )

    def rest(self, changes: Iterable[Change]) -> Iterator[Change]:
        """The operations that no change speaks of, each as one."""
        told_a = [line for change in changes for line in change.in_a]
        told_b = [line for change in changes for line in change.in_b]
        for line in self._untold(self._lines_a, self.only_a, told_a, told_b):
            yield Change(OTHER, REMOVED, f"{line.notation} ({line.reason})", in_a=(line,))
        for line in self._untold(self._lines_b, self.only_b, told_b, told_a):
            yield Change(OTHER, ADDED, f"{line.notation} ({line.reason})", in_b=(line,))

    def _untold(
        self,
        lines: tuple[Line, ...],
        only: frozenset[int],
        told: Iterable[Line],
        told_there: Iterable[Line],
    ) -> Iterator[Line]:
        """What no change has; but not the counterpart of what one has on the other side."""
        indexes = {line.index for line in told}
        kinds = {line.operation for line in told_there if self._is_single(line.operation)}
        for index in sorted(only - indexes):
            if lines[index].operation not in kinds:
                yield lines[index]

    def _is_single(self, operation: str) -> bool:
        sides = (self._lines_a, self._lines_b)
        return all(sum(line.operation == operation for line in side) == 1 for side in sides)


def _contents(plan: Plan) -> Iterator[object]:
    """Each step as it compares: what is in its slots instead of their numbers."""
    for step, _, scene in walk(plan):
        yield step.side, type(step.op), _fields(step.op, scene)


def _fields(op: Operation, scene: Scene) -> tuple[object, ...]:
    pairs = zip(signature(type(op)), values(op), strict=True)
    return tuple(scene.what(value) if letter == "f" else value for letter, value in pairs)


def _only(these: Iterable[object], others: Iterable[object]) -> frozenset[int]:
    """The indexes of what is not among the others, or not as often."""
    from collections import Counter

    left = Counter(others)
    found = set()
    for index, content in enumerate(these):
        if left[content]:
            left[content] -= 1
        else:
            found.add(index)
    return frozenset(found)


def _worded(a: Explanation, b: Explanation) -> Iterator[tuple[Delta, str]]:
    facts_a, facts_b = facts.facts_of(a.plan), facts.facts_of(b.plan)
    yield from phrases.phrase(_deltas(facts_a, facts_b))
    steps = [_steps(found, facts.SYSTEM_CALLS) for found in (facts_a, facts_b)]
    for kind, text in _system_calls(a.spec.linux.seccomp, b.spec.linux.seccomp):
        yield Delta(facts.SYSTEM_CALLS, "", kind, steps_a=steps[0], steps_b=steps[1]), text
    steps = [_steps(found, facts.DEVICES) for found in (facts_a, facts_b)]
    for kind, text in _devices(a.spec, b.spec):
        yield Delta(facts.DEVICES, "", kind, steps_a=steps[0], steps_b=steps[1]), text


def _steps(found: Mapping[tuple[str, str], Fact], topic: str) -> frozenset[int]:
    fact = found.get((topic, ""))
    return fact.steps if fact else frozenset()


def _deltas(
    facts_a: Mapping[tuple[str, str], Fact], facts_b: Mapping[tuple[str, str], Fact]
) -> Iterator[Delta]:
    for topic, key in {**facts_a, **facts_b}:
        a, b = facts_a.get((topic, key)), facts_b.get((topic, key))
        if a and b and a.words == b.words:
            continue
        none: frozenset[str] = frozenset()
        words_a, words_b = a.words if a else none, b.words if b else none
        yield Delta(
            topic,
            key,
            CHANGED if a and b else ADDED if b else REMOVED,
            words_b - words_a,
            words_a - words_b,
            a.steps if a else frozenset(),
            b.steps if b else frozenset(),
        )


# --- what is in the configuration rather than in the plan -------------------------------------


def _system_calls(a: Profile | None, b: Profile | None) -> Iterator[tuple[str, str]]:
    """Kind and text of each way in which a seccomp profile changes."""
    if a == b:
        return
    if a is None or b is None:
        yield (REMOVED, "no filter is loaded") if b is None else (ADDED, "a filter is loaded")
    named = syscalls.named_calls(a) | syscalls.named_calls(b)
    calls = syscalls.known_calls() or tuple(sorted(named))
    before, after = syscalls.verdicts(a, calls), syscalls.verdicts(b, calls)
    moves: dict[tuple[str, str], list[str]] = {}
    for name in calls:
        if before[name] != after[name]:
            moves.setdefault((before[name], after[name]), []).append(name)
    for (was, now), names in sorted(moves.items()):
        kind = ADDED if now == syscalls.ALLOWED else REMOVED if was == syscalls.ALLOWED else CHANGED
        yield kind, f"{now} instead of {was}: {', '.join(sorted(names))}"


def _devices(a: Spec, b: Spec) -> Iterator[tuple[str, str]]:
    """Kind and text of what devices may and may no longer be used."""
    before, after = _usable(a), _usable(b)
    gained, lost = after - before, before - after
    if gained:
        yield ADDED, f"may be used: {', '.join(sorted(gained))}"
    if lost and EVERY_DEVICE not in after:
        yield REMOVED, f"may no longer be used: {', '.join(sorted(lost))}"


def _rule(rule: DeviceRule) -> str:
    major, minor = ("*" if n in (None, -1) else n for n in (rule.major, rule.minor))
    return f"{rule.type} {major}:{minor} {rule.access}"


def _usable(spec: Spec) -> frozenset[str]:
    rules = with_device_rules(spec.linux.resources).devices
    try:
        state = devices.exceptions(rules)
    except Unsupported:  # only v2 can express it; then the rules speak for themselves
        return frozenset(f"{'allow' if rule.allow else 'deny'} {_rule(rule)}" for rule in rules)
    words = {f"{kind} {devices.letters(access)}" for kind, access in state.accesses.items()}
    if not state.allow:
        return frozenset(words)
    return frozenset({EVERY_DEVICE, *(f"not {word}" for word in words)})
