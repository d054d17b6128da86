"""The command line: `orlop-runtime run` beside `runc run` and `crun run`, one bundle for all."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.bundle import make_bundle
from bench.harness import Timed

if TYPE_CHECKING:
    from pathlib import Path

    from bench.place import Place


@dataclass(frozen=True)
class Runtime:
    """An OCI runtime on this machine. `hide_unified`: it refuses hybrid cgroups (see spawn.c)."""

    name: str
    program: Path
    hide_unified: bool = False


def runtimes(place: Place) -> list[Runtime]:
    """Those that are installed."""
    found = [Runtime("orlop-runtime", place.orlop_runtime)] if place.orlop_runtime else []
    for name, hide_unified in (("runc", False), ("crun", True)):
        if program := shutil.which(name):
            found.append(Runtime(name, place.path(program), hide_unified))
    return found


def subject(place: Place, runtime: Runtime, group: str, *, net: bool) -> Timed:
    """`RUNTIME run` of the benchmark's bundle, measured within a group of subjects."""
    label = f"{group}-{runtime.name}"
    cgroup = f"/{place.tag}-{label}"
    bundle = make_bundle(place.fresh(label), place.rootfs, cgroup, net=net)
    command: tuple[str | Path, ...] = (
        place.spawn,
        *(["-p"] if runtime.hide_unified else []),
        *(runtime.program, "--root", place.state(label)),
        *("run", "--bundle", bundle, f"{place.tag}-{label}"),
    )
    return Timed(f"{runtime.name} run", command, place.fresh(f"{label}.log"))


def subjects(place: Place) -> list[Timed]:
    """Every installed runtime, with a net namespace as containers have it."""
    return [subject(place, runtime, "run", net=True) for runtime in runtimes(place)]
