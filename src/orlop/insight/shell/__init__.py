"""A start as a shell script: the same container, made with the tools of Debian 12.

It is made for people to read, and it works. What no tool can do is said in it, and is said again
when it runs.
"""

from __future__ import annotations

from orlop.errors import InternalError
from orlop.insight.groups import groups_of
from orlop.insight.shell import (
    cgroups,
    files,
    hooks,
    mounts,
    namespaces,
    network,
    preparation,
    process,
    program,
)
from orlop.insight.shell.draft import Draft
from orlop.insight.shell.layout import text_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from orlop.insight.planning import Planned
    from orlop.insight.reasons import Origins
    from orlop.insight.shell.draft import Renderings
    from orlop.intent.preparation import Preparation
    from orlop.launch.plan import Plan

RENDERINGS: Renderings = {
    **cgroups.RENDERINGS,
    **namespaces.RENDERINGS,
    **network.RENDERINGS,
    **hooks.RENDERINGS,
    **mounts.RENDERINGS,
    **files.RENDERINGS,
    **process.RENDERINGS,
    **program.RENDERINGS,
}
"""For each operation: what it adds to a script."""

NO_ORIGINS: Origins = {}


def script(
    plan: Plan,
    origins: Origins = NO_ORIGINS,
    preparations: Sequence[Preparation] = (),
    directory: str = "",
) -> str:
    """The plan of a container's start as a bash script, to be run as root on Debian 12.

    It makes the container, waits for the end of its program, removes what it has made, and ends
    with the program's status.

    Args:
        plan: of a start; not of an exec.
        origins: the flags and defaults by the fields of the configuration.
        preparations: what has to be on the host's disk before.
        directory: the container's own on the host, "" if there is none.
    """
    d = Draft(plan, origins)
    if directory:
        preparation.render(preparations, directory, d)
    cgroups.name_cgroups(plan, d)
    for step, group in zip(plan.steps, groups_of(plan), strict=True):
        if type(step.op) not in RENDERINGS:
            raise InternalError(f"{type(step.op).__name__} has no rendering")
        d.side = step.side
        d.because(group, step.reason)
        RENDERINGS[type(step.op)](step.op, d)
    return text_of(d)


def script_of(planned: Planned) -> str:
    """The script of a start that was planned."""
    return script(planned.plan, planned.origins, planned.preparations, planned.directory)
