"""The Python path: plan, launch and wait inside this process, beside the kernel's floor.

bwrap and crun are there for scale. bwrap makes no cgroups.
"""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from bench.bundle import CAPABILITIES, PROGRAM, make_bundle
from bench.harness import Called, Subject, Timed
from bench.runtime_run import runtimes, subject
from bench.starts import Part, Starter, breakdown
from orlop.launch.executor import launch
from orlop.launch.plan import STAY
from orlop.runtime.lifecycle.create import open_bundle
from orlop.runtime.lifecycle.gather import Choices, compiled_seccomp, gather
from orlop.runtime.lifecycle.run import run
from orlop.runtime.planner import plan_container
from orlop.runtime.planner.situation import Handed
from orlop.runtime.state import Store

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from bench.place import Place


PLANNED = "orlop: plan, launch, wait"
WITH_STATE = "orlop: as orlop-runtime run"


def planned_start(bundle: Path, name: str) -> Callable[[], int]:
    """A function that plans a start of the bundle, launches it, and waits until nothing is left.

    As the floor does, it begins with a configuration and a compiled filter, and keeps no state.
    """
    choices = Choices(bundle=str(bundle))
    opened = open_bundle(choices, _ignore)
    filter_ = compiled_seccomp(opened.spec, None)

    def start() -> int:
        handed = Handed()
        situation = gather(opened.spec, name, opened.path, choices, handed, STAY, filter_)
        with launch(plan_container(opened.spec, situation), handed.fds(), name=name) as launched:
            launched.wait_running()
            status = launched.wait_exit()
            assert launched.read_report().cgroups_left == 0
        return status

    return start


def start_with_state(bundle: Path, name: str, state: Path) -> Callable[[], int]:
    """A function that does all of `orlop-runtime run` but the interpreter and command line.

    The configuration is read and checked, the filter comes from the cache, and state is kept.
    """
    store = Store(str(state))
    choices = Choices(bundle=str(bundle))

    def start() -> int:
        status, errors = run(store, name, choices, _ignore, keep=False)
        return status or len(errors)

    return start


def _ignore(warning: str) -> None:
    """Warnings are for people."""


def subjects(place: Place, *, net: bool) -> list[Subject]:
    """The Python path, the floor, bwrap and crun; with or without a net namespace."""
    label = "in-process-net" if net else "in-process"
    found: list[Subject] = [_floor(place, label, net=net)]
    bundle = make_bundle(place.fresh(label), place.rootfs, f"/{place.tag}-{label}", net=net)
    name = f"{place.tag}-{label}"
    found.append(Called(PLANNED, planned_start(bundle, name)))
    found.append(Called(WITH_STATE, start_with_state(bundle, name, place.state(label))))
    if command := bwrap_command(place, net=net):
        found.append(Timed("bwrap", command, place.fresh(f"{label}-bwrap.log")))
    peers = (each for each in runtimes(place) if each.name == "crun")
    found += [subject(place, peer, label, net=net) for peer in peers]
    return found


def parts(place: Place, rounds: int) -> tuple[list[Part], list[Part]]:
    """The phases of a start, and the operations that take longest; medians of so many starts."""
    label = "parts"
    bundle = make_bundle(place.fresh(label), place.rootfs, f"/{place.tag}-{label}", net=True)
    return breakdown(Starter(bundle, f"{place.tag}-{label}", place.state(label)), rounds)


def _floor(place: Place, label: str, *, net: bool) -> Timed:
    command: tuple[str | Path, ...] = (
        *(place.floor, place.rootfs, f"/{place.tag}-{label}-floor", place.filter, PROGRAM),
        *(["net"] if net else []),
    )
    return Timed("kernel floor", command, place.fresh(f"{label}-floor.log"))


def bwrap_command(place: Place, *, net: bool) -> list[str | Path]:
    """Bwrap with what it has of the bundle, behind the helper that times it; [] without bwrap."""
    bwrap = shutil.which("bwrap")
    if bwrap is None:
        return []
    unshare = ["pid", "ipc", "uts", "cgroup", *(["net"] if net else [])]
    keep = [word for name in CAPABILITIES for word in ("--cap-add", name)]
    return [
        *(place.spawn, "-f", place.filter, bwrap),
        *(f"--unshare-{name}" for name in unshare),
        *("--bind", place.rootfs, "/", "--proc", "/proc", "--dev", "/dev"),
        *("--mqueue", "/dev/mqueue", "--ro-bind", "/sys", "/sys", "--hostname", "floor"),
        *("--cap-drop", "ALL", *keep, "--seccomp", "9", "--new-session", "--die-with-parent"),
        PROGRAM,
    ]
