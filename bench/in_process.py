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
from orlop.runtime.lifecycle.gather import Choices
from orlop.runtime.lifecycle.run import run
from orlop.runtime.state import Store

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from bench.place import Place


def orlop_start(bundle: Path, name: str, state: Path) -> Callable[[], int]:
    """A function that runs the bundle from this process, waits, cleans up; returns the status.

    All of `orlop-runtime run` but the interpreter and command line: the configuration is read and
    checked, the plan made, the launcher started and waited for, the state written and removed.
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
    start = orlop_start(bundle, f"{place.tag}-{label}", place.state(label))
    found.append(Called("orlop in process", start))
    if bwrap := shutil.which("bwrap"):
        command = _bwrap(place, bwrap, net=net)
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


def _bwrap(place: Place, bwrap: str, *, net: bool) -> list[str | Path]:
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
