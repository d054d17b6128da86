"""What a start would do, and why: its plan in groups, with notation and reasons.

Nothing is started or changed for it, and no rights are needed: it is what root would do.
"""

from __future__ import annotations

from itertools import groupby

from orlop.insight.groups import groups_of
from orlop.insight.notation import notate
from orlop.insight.planning import plan_of_bundle, plan_of_request
from orlop.insight.reasons import reason_of
from orlop.launch.plan import SIDE_NAMES
from orlop.launch.wire import op_name
from orlop.records import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from orlop.insight.notation.syntax import Call, Calls
    from orlop.insight.planning import Planned
    from orlop.intent.request import Request
    from orlop.launch.plan import Plan
    from orlop.runtime.spec import Spec


class BundleDirectory(Record):
    """An OCI bundle: a host directory with a config.json."""

    path: str


class Line(Record):
    """One operation.

    Attributes:
        index: its position in the plan, from 0.
        operation: its name in docs/launch-plan.md.
        side: the process that performs it: launcher, middle or container.
        calls: its system calls, in order.
        reason: the flag, default or field that it comes from, or what it is good for.
    """

    index: int
    operation: str
    side: str
    calls: Calls
    reason: str

    @property
    def notation(self) -> str:
        """What it is for, on one line: without the calls that only prepare or check."""
        return "; ".join(call.text for call in self.essential)

    @property
    def essential(self) -> tuple[Call, ...]:
        """The calls that do what the operation is for."""
        return tuple(call for call in self.calls if not call.detail)


class Group(Record):
    """Operations in a row that are about the same: "cgroup", "mounts", ..."""

    name: str
    lines: tuple[Line, ...]


class Explanation(Record):
    """A start, explained.

    Attributes:
        groups: all operations, in the order of the plan.
        plan: the plan itself.
        spec: the configuration that it was made from.
        warnings: what of the request has no effect.
    """

    groups: tuple[Group, ...]
    plan: Plan
    spec: Spec
    warnings: tuple[str, ...] = ()

    @property
    def lines(self) -> tuple[Line, ...]:
        """All operations, one by one."""
        return tuple(line for group in self.groups for line in group.lines)


def explain(subject: Request | BundleDirectory) -> Explanation:
    """What a start of this would do.

    Raises:
        InvalidArgument, NotFound, PermissionDenied, SpecError, Unsupported: as
            `orlop.insight.planning`.
    """
    return explained(planned(subject))


def planned(subject: Request | BundleDirectory) -> Planned:
    """The plan of a start of this.

    Raises:
        As `explain`.
    """
    match subject:
        case BundleDirectory():
            return plan_of_bundle(subject.path)
        case _:
            return plan_of_request(subject)


def explained(planned: Planned) -> Explanation:
    """The explanation of a plan."""
    steps = planned.plan.steps
    kinds = tuple(namespace.type for namespace in planned.spec.linux.namespaces)
    lines = tuple(
        Line(
            index,
            op_name(type(step.op)),
            SIDE_NAMES[step.side],
            calls,
            reason_of(step.reason, planned.origins, kinds),
        )
        for index, (step, calls) in enumerate(zip(steps, notate(planned.plan), strict=True))
    )
    names = groups_of(planned.plan)
    groups = tuple(
        Group(name, tuple(run)) for name, run in groupby(lines, lambda line: names[line.index])
    )
    return Explanation(groups, planned.plan, planned.spec, planned.warnings)
