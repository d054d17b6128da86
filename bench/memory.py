"""What one waiting container costs on the host's side: PSS of the process that waits for it."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bench.build import compile_helper
from bench.bundle import make_bundle
from bench.runtime_run import runtimes
from bench.starts import Starter

if TYPE_CHECKING:
    from bench.place import Place


@dataclass(frozen=True)
class Waiter:
    """The memory of a process that waits for a container."""

    name: str
    pss_kb: int
    private_kb: int


def waiters(place: Place) -> list[Waiter]:
    """The launcher of orlop, and the parents that runc and crun leave behind for `run`."""
    pause = f"/bin/{compile_helper('pause', place.rootfs / 'bin').name}"
    label = "memory"
    bundle = make_bundle(
        place.fresh(label), place.rootfs, f"/{place.tag}-{label}", net=True, args=(pause,)
    )
    starter = Starter(bundle, f"{place.tag}-{label}", place.state(label))
    with starter.begin() as launch:
        found = [_read("orlop launcher", launch.pid)]
        starter.remove()
        launch.reap()
    for runtime in runtimes(place):
        label = f"memory-{runtime.name}"
        bundle = make_bundle(
            place.fresh(label), place.rootfs, f"/{place.tag}-{label}", net=True, args=(pause, "say")
        )
        state = place.state(label)
        command = [
            str(runtime.program),
            "--root",
            str(state),
            "run",
            "--bundle",
            str(bundle),
            label,
        ]
        if waiter := _foreign(f"{runtime.name} run", command, hide_unified=runtime.hide_unified):
            found.append(waiter)
    return found


def _foreign(name: str, command: list[str], *, hide_unified: bool) -> Waiter | None:
    """Run a container in the foreground, read its parent's memory, end it."""
    hide = 'umount -l /sys/fs/cgroup/unified; exec "$@"'
    prefix = ["unshare", "-m", "sh", "-c", hide, "-"] if hide_unified else []
    process = subprocess.Popen(
        [*prefix, *command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE
    )
    try:
        inside = _wait_for_pause(process)
        if inside is None:
            return None
        waiter = _read(name, process.pid)
        os.kill(inside, 9)
        return waiter
    finally:
        process.wait()
        if process.stdout:
            process.stdout.close()


def _wait_for_pause(process: subprocess.Popen[bytes]) -> int | None:
    """The PID of the descendant that pauses: it says so on its stdout."""
    assert process.stdout
    if process.stdout.readline() != b"waiting\n":
        return None
    return _descendant(process.pid, "pause")


def _descendant(pid: int, name: str) -> int | None:
    for child in _children(pid):
        if Path(f"/proc/{child}/comm").read_text().strip() == name:
            return child
        if (found := _descendant(child, name)) is not None:
            return found
    return None


def _children(pid: int) -> list[int]:
    tasks = Path(f"/proc/{pid}/task").iterdir()
    return [int(child) for task in tasks for child in (task / "children").read_text().split()]


def _read(name: str, pid: int) -> Waiter:
    rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
    sizes = {
        key: int(value.split()[0])
        for key, _, value in (line.partition(":") for line in rollup.splitlines()[1:])
    }
    return Waiter(name, sizes["Pss"], sizes["Private_Clean"] + sizes["Private_Dirty"])
