"""The start of a box, planned and encoded once; each box then differs in its name only.

All names of kernel objects that a start makes are derived from the box's id, and all ids are of one
length. So another box's plan is the same bytes with another id in them.
"""

from __future__ import annotations

import itertools
import os
import threading
from functools import lru_cache
from typing import TYPE_CHECKING

from orlop.errors import Unsupported
from orlop.intent.host_image import read_host_image
from orlop.kernel.cgroup import creation
from orlop.kernel.cgroup.detect import CgroupLayout
from orlop.kernel.features import read_features
from orlop.launch.plan import FORWARD_SIGNALS, KILL_ON_HANGUP, LINGER, STAY
from orlop.launch.wire import encode
from orlop.records import Record, values
from orlop.runtime.lifecycle.gather import compiled_seccomp, validation_facts
from orlop.runtime.planner import plan_container
from orlop.runtime.planner.situation import Handed, Situation
from orlop.runtime.validate import validate
from orlop.sandbox import leftovers
from orlop.sandbox.composition import SECCOMP_CACHE, compose_box, is_layered

if TYPE_CHECKING:
    from collections.abc import Mapping

    from orlop.intent.host_image import HostImageFacts
    from orlop.launch.plan import Plan
    from orlop.runtime.spec import Spec
    from orlop.sandbox.options import Environment

_PLACEHOLDER = f"{leftovers.PREFIX}PPPPPPPP-NNNNNNNN"
_CONTROLLERS = frozenset({"cpu", "cpuacct", "memory", "pids", "io"})
_SERVER = Handed(server=0)  # the planner only counts

# Signals are for the caller: what the terminal sends to all must not end a launcher, whose last
# task is to clean up. It blocks and forwards them, and a first process ignores what comes.
_FLAGS = STAY | KILL_ON_HANGUP | LINGER | FORWARD_SIGNALS

_numbers = itertools.count()
_planning = threading.Lock()


class Start(Record):
    """One box's start.

    Attributes:
        id: its name.
        plan: what will be performed, with a placeholder for the id.
        encoded: the plan as the launcher takes it.
        cgroups: directories by mount point.
    """

    id: str
    plan: Plan
    encoded: bytes
    cgroups: Mapping[str, str]


class Template(Record):
    """What all boxes of one environment have in common."""

    environment: Environment
    spec: Spec
    plan: Plan
    encoded: bytes
    layout: CgroupLayout
    cgroups: Mapping[str, str]

    @property
    def owner(self) -> tuple[int, int]:
        """User and group id of the programs, on the host."""
        return (self.environment.uid, self.environment.gid)

    def start(self) -> Start:
        """What is to be launched for the next box."""
        name = leftovers.name_of(os.getpid(), next(_numbers))
        return Start(
            id=name,
            plan=self.plan,
            encoded=self.encoded.replace(_PLACEHOLDER.encode(), name.encode()),
            cgroups={
                mount: path.replace(_PLACEHOLDER, name) for mount, path in self.cgroups.items()
            },
        )


def template_of(environment: Environment) -> Template:
    """The template of an environment, made once for each state of the host that shows in it.

    Raises:
        InvalidArgument, Unsupported: the environment cannot be had here.
    """
    state = read_host_image() if is_layered(environment) else None
    with _planning:
        return _make(environment, state)


@lru_cache(maxsize=32)
def _make(environment: Environment, _state: HostImageFacts | None) -> Template:
    features = read_features()
    if not features.is_privileged:
        raise Unsupported("a sandbox", needs="root (CAP_SYS_ADMIN)")
    spec, layers = values(compose_box(environment, _PLACEHOLDER))
    validate(spec, validation_facts(spec))
    layout = _with_limits_only(features.cgroup)
    leftovers.sweep(layout)
    path = creation.plan_path(None, _PLACEHOLDER, layout)
    made = creation.create(layout, path, spec.linux.resources)
    situation = Situation(
        id=_PLACEHOLDER,
        bundle="/",
        root="/",
        layers=layers,
        layout=layout,
        cgroup=made,
        handed=_SERVER,
        seccomp=compiled_seccomp(spec, SECCOMP_CACHE),
        capabilities=features.capabilities.bounding,
        flags=_FLAGS,
    )
    plan = plan_container(spec, situation)
    return Template(environment, spec, plan, encode(plan), layout, made.paths)


def _with_limits_only(layout: CgroupLayout) -> CgroupLayout:
    """Of several v1 hierarchies those that limit or count something: each costs 0.1 ms a box.

    Devices are not among them: without capabilities nobody makes a node, and the mounts have none.
    """
    return CgroupLayout(
        tuple(found for found in layout.hierarchies if _CONTROLLERS.intersection(found.controllers))
    )
