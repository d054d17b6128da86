"""What the launcher does, in the notation of strace(1): for each operation, its system calls.

The functions follow the launcher's code (launch/*.c), one module for each group of its files, and
a test compares them with what strace(1) sees of it. See `syntax` for what is left out.
"""

from __future__ import annotations

from orlop.errors import InternalError
from orlop.insight.notation import (
    cgroups,
    files,
    mounts,
    namespaces,
    network,
    process,
    program,
    served,
    supervised,
)
from orlop.insight.notation.scene import Scene

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from orlop.insight.notation.scene import Notations
    from orlop.insight.notation.syntax import Calls
    from orlop.launch.plan import Plan, Slot, Step

NOTATIONS: Notations = {
    **cgroups.CALLS,
    **namespaces.CALLS,
    **network.CALLS,
    **mounts.CALLS,
    **files.CALLS,
    **process.CALLS,
    **program.CALLS,
    **served.CALLS,
    **supervised.CALLS,
}
"""For each operation: what it looks like."""
_NO_NAMES: Mapping[Slot, str] = {}


def notate(plan: Plan, names: Mapping[Slot, str] = _NO_NAMES) -> tuple[Calls, ...]:
    """The system calls of each step of a plan; `names` are those of slots that are handed over."""
    return tuple(calls for _, calls, _ in walk(plan, names))


def walk(plan: Plan, names: Mapping[Slot, str] = _NO_NAMES) -> Iterator[tuple[Step, Calls, Scene]]:
    """Each step with its system calls, and what is known after it (one scene, which goes on)."""
    scene = Scene(plan, names)
    for step in plan.steps:
        if type(step.op) not in NOTATIONS:
            raise InternalError(f"{type(step.op).__name__} has no notation")
        scene.side = step.side
        yield step, NOTATIONS[type(step.op)](step.op, scene), scene
