"""Starts on machines that are made up: from flags to a plan, without looking at this host."""

from __future__ import annotations

from orlop.insight.explain import Explanation, explained
from orlop.insight.planning import Planned
from orlop.intent.compose import compose
from orlop.intent.flags import parse_run
from orlop.intent.host_facts import HostFacts
from orlop.kernel import capabilities
from orlop.kernel.cgroup import creation
from orlop.kernel.cgroup.detect import CgroupLayout
from orlop.kernel.cgroup.facts import Subtree
from orlop.kernel.seccomp import Filter
from orlop.runtime.device_rules import with_device_rules
from orlop.runtime.planner import plan_container
from orlop.runtime.planner.situation import Handed, Situation
from tests.unit.kernel.cgroup.fixtures import V1, V2, FakeFacts

# Every controller is enabled as far down as it has to be.
_ENABLED = Subtree(frozenset(V2.hierarchies[0].controllers), closed=False)
_FACTS = FakeFacts({"/sys/fs/cgroup": _ENABLED, "/sys/fs/cgroup/orlop": _ENABLED})

__all__ = ["V1", "V2", "planned", "start"]


def planned(flags: str = "", layout: CgroupLayout = V2, command: str = "true") -> Planned:
    """The plan of `docker run FLAGS host COMMAND`."""
    host = HostFacts(cpus=8, capabilities=capabilities.ALL, cgroup_v2=layout is V2)
    request = parse_run([*flags.split(), "host", *command.split()])
    composed = compose(request, host, "ID")
    spec = composed.spec
    resources = with_device_rules(spec.linux.resources)
    profile = spec.linux.seccomp
    # Not a program, but as different as the profiles are.
    text = repr(profile).encode()
    program = text + bytes(-len(text) % 8)
    terminal = spec.process is not None and spec.process.terminal
    situation = Situation(
        id="ID",
        bundle="/bundle",
        root="/bundle/rootfs",
        layout=layout,
        layers=composed.layers,
        cgroup=creation.create(layout, spec.linux.cgroups_path or "", resources, _FACTS),
        seccomp=Filter(program, 0, False) if profile else None,
        handed=Handed(console=0 if terminal else None),
    )
    return Planned(plan_container(spec, situation), spec, composed.origins, composed.warnings)


def start(flags: str = "", layout: CgroupLayout = V2, command: str = "true") -> Explanation:
    """The same, explained."""
    return explained(planned(flags, layout, command))
