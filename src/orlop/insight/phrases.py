"""Differences of facts in words: what is alike is said once."""

from __future__ import annotations

from orlop.insight import facts
from orlop.kernel.capabilities import BITS
from orlop.records import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

ADDED, REMOVED, CHANGED = "added", "removed", "changed"

TOPICS = (
    facts.NAMESPACES,
    facts.ID_MAPS,
    facts.CAPABILITIES,
    facts.SYSTEM_CALLS,
    facts.PRIVILEGES,
    facts.HIDDEN,
    facts.PROTECTED,
    facts.DEVICES,
    facts.NODES,
    facts.ROOT,
    facts.MOUNTS,
    facts.LINKS,
    facts.LIMITS,
    facts.CGROUPS,
    facts.NETWORK,
    facts.SETTINGS,
    facts.NAMES,
    facts.PROCESS,
    facts.HOOKS,
)
"""The topics, in the order in which they are told."""

_NO_WORDS: frozenset[str] = frozenset()
_NO_STEPS: frozenset[int] = frozenset()


class Delta(Record):
    """A fact that is different: what is said about it in B only, and in A only."""

    topic: str
    key: str
    kind: str
    gained: frozenset[str] = _NO_WORDS
    lost: frozenset[str] = _NO_WORDS
    steps_a: frozenset[int] = _NO_STEPS
    steps_b: frozenset[int] = _NO_STEPS


# {keys}, {gained} and {lost}, by topic: added, removed, changed.
_SENTENCES = {
    facts.NAMESPACES: (
        "{keys}: {gained} instead of the host's",
        "{keys}: the host's instead of {lost}",
        "{keys}: {gained} instead of {lost}",
    ),
    facts.HIDDEN: ("hidden: {keys}", "no longer hidden: {keys}", ""),
    facts.PROTECTED: ("read-only: {keys}", "no longer read-only: {keys}", ""),
    facts.NODES: ("{keys}", "no longer there: {keys}", "{keys}: {gained} instead of {lost}"),
    facts.CGROUPS: ("made: {keys}", "not made: {keys}", ""),
    facts.MOUNTS: ("{keys}: {gained}", "nothing at {keys} (it was {lost})", ""),
    facts.PRIVILEGES: ("{keys}: {gained}", "{keys}: not {lost}", "{keys}: {gained}, not {lost}"),
}
_ANY = ("{keys}: {gained}", "{keys}: none (it was {lost})", "{keys}: {gained} instead of {lost}")
_COLUMNS = (ADDED, REMOVED, CHANGED)
# What is a list of its keys; what they are in detail does not matter.
_LISTS = frozenset({facts.HIDDEN, facts.PROTECTED, facts.NODES, facts.CGROUPS})
# What has words that come and go one by one.
_SETS = frozenset({facts.CAPABILITIES, facts.MOUNTS, facts.ROOT})
_VARIABLE = "variable "


def phrase(deltas: Iterable[Delta]) -> Iterator[tuple[Delta, str]]:
    """Each group of differences that are alike as one, with its words."""
    for delta, keys in _merged(deltas):
        yield from _sentences(delta, keys)


def _merged(deltas: Iterable[Delta]) -> Iterator[tuple[Delta, tuple[str, ...]]]:
    groups: dict[object, list[Delta]] = {}
    silent: list[Delta] = []
    for delta in deltas:
        if delta.key:
            groups.setdefault(_likeness(delta), []).append(delta)
        else:
            silent.append(delta)
    for group in groups.values():
        first = group[0]
        keys = tuple(delta.key for delta in group)
        group += [d for d in silent if (d.topic, d.kind) == (first.topic, first.kind)]
        yield (
            first.replace(
                steps_a=_NO_STEPS.union(*(delta.steps_a for delta in group)),
                steps_b=_NO_STEPS.union(*(delta.steps_b for delta in group)),
            ),
            keys,
        )


def _likeness(delta: Delta) -> object:
    listed = delta.topic in _LISTS and delta.kind != CHANGED
    if listed or delta.key.startswith(_VARIABLE):
        return delta.topic, delta.kind
    return delta.topic, delta.kind, delta.gained, delta.lost


def _sentences(delta: Delta, keys: tuple[str, ...]) -> Iterator[tuple[Delta, str]]:
    if delta.topic == facts.CAPABILITIES:
        sets = ", ".join(keys)
        if delta.gained:
            yield delta.replace(kind=ADDED), f"{_listed(delta.gained)} ({sets})"
        if delta.lost:
            yield delta.replace(kind=REMOVED), f"{_listed(delta.lost)} ({sets})"
    elif delta.key.startswith(_VARIABLE):
        names = ", ".join(key.removeprefix(_VARIABLE) for key in keys)
        yield delta, f"environment: {names}{_VARIABLES[delta.kind]}"
    elif delta.topic in _SETS and delta.kind == CHANGED:
        lost = [f"no longer {_listed(delta.lost)}"] if delta.lost else []
        gained = [f"now {_listed(delta.gained)}"] if delta.gained else []
        yield delta, f"{', '.join(keys)}: {', '.join((*lost, *gained))}"
    else:
        sentence = _SENTENCES.get(delta.topic, _ANY)[_COLUMNS.index(delta.kind)]
        words = {"gained": _listed(delta.gained), "lost": _listed(delta.lost)}
        yield delta, sentence.format(keys=", ".join(_with_ranges(keys)), **words)


# Values are left out: secrets are passed in variables.
_VARIABLES = {ADDED: "", REMOVED: " no longer set", CHANGED: " with another value"}


def _with_ranges(keys: Iterable[str]) -> Iterator[str]:
    """The keys; three and more that are numbered one after the other as /dev/tty0-63."""
    runs: dict[tuple[str, bool], list[int]] = {}
    for key in keys:
        name = key.rstrip("0123456789")
        digits = key[len(name) :]
        is_numbered = bool(digits) and str(int(digits)) == digits
        run = runs.setdefault((name if is_numbered else key, is_numbered), [])
        run += [int(digits)] if is_numbered else []
    for (name, is_numbered), numbers in runs.items():
        if not is_numbered:
            yield name
        for first, last in _consecutive(sorted(numbers)):
            if last - first > 1:
                yield f"{name}{first}-{last}"
            else:
                yield from (f"{name}{number}" for number in range(first, last + 1))


def _consecutive(numbers: list[int]) -> Iterator[tuple[int, int]]:
    """First and last of each row of consecutive numbers."""
    first = 0
    for at, number in enumerate(numbers):
        if at + 1 == len(numbers) or numbers[at + 1] != number + 1:
            yield numbers[first], number
            first = at + 1


_FIRST = ("new ", "bind of ", "rbind of ")


def _listed(words: frozenset[str]) -> str:
    """The words: what a mount is of first, capabilities in the kernel's order."""
    return ", ".join(
        sorted(words, key=lambda word: (not word.startswith(_FIRST), BITS.get(word, -1), word))
    )
