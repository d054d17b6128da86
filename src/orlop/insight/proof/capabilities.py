"""The five sets of capabilities of the first process, against what was asked and Docker's default.

A process can always give capabilities up, and the kernel takes them from one that executes a
program as another user than root. So fewer than asked is no fault; more is.

See: capabilities(7), "Transformation of capabilities during execve()".
"""

from __future__ import annotations

from orlop.insight.proof.rows import Row, Section, compared
from orlop.kernel.capabilities import ALL, BITS, DOCKER_DEFAULT, mask, names
from orlop.runtime.spec import Capabilities

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from orlop.insight.proof.facts import Facts
    from orlop.runtime.spec import Spec

NAME = "capabilities"
SETS = ("effective", "permitted", "inheritable", "bounding", "ambient")

_FEW = 5
_DOCKER = mask(DOCKER_DEFAULT)


def section(facts: Facts, asked: Spec | None) -> Section:
    """One row for each set."""
    if facts.status is None:
        return Section(NAME, ())
    held = facts.status.capabilities
    wanted = None
    if asked is not None and asked.process is not None:
        wanted = asked.process.capabilities or Capabilities()
    rows: list[Row] = []
    told: set[int] = set()
    for kind in SETS:
        bits = getattr(held, kind)
        note = "" if bits in told else _against_docker(bits)
        told.add(bits)
        rows.append(_row(kind, bits, None if wanted is None else getattr(wanted, kind), note))
    return Section(NAME, tuple(rows))


def _against_docker(held: int) -> str:
    """How a set differs from Docker's default; "" for an empty one."""
    if held == _DOCKER:
        return "Docker's default"
    beyond, lacking = held & ~_DOCKER, _DOCKER & ~held
    words = [f"beyond Docker's default: {shown(beyond)}"] if beyond else []
    if lacking and held:
        words.append(f"of Docker's default it lacks {shown(lacking)}")
    return "; ".join(words)


def _row(kind: str, held: int, wanted: tuple[str, ...] | None, note: str) -> Row:
    if wanted is None:
        return Row(kind, shown(held), note=note)
    expected = _known(wanted)
    if lacking := expected & ~held:
        without = f"without {shown(lacking)}, given up or never had"
        note = f"{without}; {note}" if note else without
    return compared(kind, shown(held), shown(expected), same=not held & ~expected, note=note)


def _known(wanted: Iterable[str]) -> int:
    return mask(name for name in wanted if name in BITS)


def shown(bits: int) -> str:
    """A set as text: by name, or "none", "all", and "all but" a few."""
    found, lacking = names(bits), names(ALL & ~bits)
    if not found:
        return "none"
    if not lacking:
        return "all"
    return f"all but {', '.join(lacking)}" if len(lacking) < _FEW else ", ".join(found)


def capability_names(bits: int) -> tuple[str, ...]:
    """The names of the capabilities in a set."""
    return names(bits)
