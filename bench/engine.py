"""An engine of the benchmark's own, asked by the docker client as dockerd is."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from bench.dockerd import Daemon, import_image

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench.place import Place

_START_TAKES_S = 10.0


@contextlib.contextmanager
def running_engine(place: Place, *, network: bool = False) -> Iterator[Daemon | None]:
    """The engine, or None where it cannot be measured; ended with the context.

    Containers have to be gone by then: they would go on.

    Args:
        place: where.
        network: it has a network namespace of its own, as a dockerd with a network has.
    """
    orlop = shutil.which("orlop", path=str(Path(sys.executable).parent))
    if not orlop or not shutil.which("docker"):
        yield None
        return
    directory, run = place.fresh("engine"), place.state("engine")
    directory.mkdir()
    daemon = Daemon(run / "socket")
    command = [
        *(("unshare", "--net") if network else ()),
        *(orlop, "daemon", "--data-root", str(directory / "data"), "--exec-root", str(run)),
        *("--cgroup-parent", f"/{place.tag}-engine", "-H", f"unix://{daemon.socket}"),
        *("--pidfile", str(directory / "pid")),
    ]
    with (directory / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        yield daemon if _answers(daemon, process) and import_image(daemon, place) else None
    finally:
        process.terminate()
        process.wait()


def _answers(daemon: Daemon, process: subprocess.Popen[bytes]) -> bool:
    deadline = time.monotonic() + _START_TAKES_S
    while process.poll() is None and time.monotonic() < deadline:
        if not subprocess.run(
            daemon.command("version"), capture_output=True, check=False
        ).returncode:
            return True
        time.sleep(0.05)
    return False
