"""`python -m bench.observing [--quick]`: exec, stats and logs, beside dockerd.

The client is the docker command in both cases, so its own time (some 15 ms) is in all readings. For
`stats` that of version 28 waits for the first tick of a clock of half a second before it prints,
even if it was told all at once (later ones do not), so there is a reading of `orlop stats` too.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import time
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from bench.dockerd import IMAGE, Daemon, running_dockerd
from bench.engine import running_engine
from bench.harness import Called, Series, interleave
from bench.marks import Mark
from bench.place import Place
from bench.tables import marks_table, progress, say, series_table

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from bench.harness import Subject

ORLOP, DOCKER = "orlop", "docker"
EXEC_RATIO, STATS_RATIO, LOGS_RATIO = 0.4, 0.1, 0.5
CONTAINERS = 50
_LINE = "x" * 99
_FOREVER = ("/bin/sh", "-c", "while :; do sleep 1000; done")


@dataclass(frozen=True)
class Peer:
    """A daemon with the benchmark's image."""

    name: str
    daemon: Daemon

    def ok(self, *words: str) -> str:
        """What a command of the docker client has written; it has to succeed."""
        done = subprocess.run(
            self.daemon.command(*words), capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise RuntimeError(f"{self.name}: docker {words[0]}: {done.stderr.strip()}")
        return done.stdout.strip()

    def start(self, name: str, *command: str) -> None:
        """A container without a network that goes on."""
        self.ok("run", "-d", "--name", name, "--network=none", IMAGE, *command)

    def remove_all(self) -> None:
        """None of its containers is left."""
        if ids := self.ok("ps", "-aq").split():
            self.ok("rm", "-f", *ids)


def with_shell(place: Place) -> bool:
    """Whether the root file system has a shell now: Debian's busybox-static."""
    busybox = shutil.which("busybox")
    if busybox is None:
        return False
    target = place.rootfs / "bin" / "busybox"
    shutil.copy(busybox, target)
    for name in ("sh", "sleep", "yes", "head", "cat"):
        (target.parent / name).symlink_to("busybox")
    return True


def exec_subjects(peers: Sequence[Peer]) -> Iterator[Subject]:
    """A program in a container that runs."""
    for peer in peers:
        command = peer.daemon.command("exec", "one", "/bin/true")
        yield Called(f"docker exec ({peer.name})", partial(quiet, command))
        if peer.name == ORLOP:
            yield Called("orlop exec", partial(quiet, command_of(peer, "exec", "one", "/bin/true")))


def stats_subjects(peers: Sequence[Peer]) -> Iterator[Subject]:
    """The usage of all containers, once."""
    for peer in peers:
        command = peer.daemon.command("stats", "--no-stream")
        yield Called(f"docker stats --no-stream ({peer.name})", partial(quiet, command))
        if peer.name == ORLOP:
            yield Called("orlop stats --no-stream", partial(quiet, command_of(peer, *command[3:])))


def logs_subjects(peers: Sequence[Peer]) -> Iterator[Subject]:
    """All that a container has written."""
    for peer in peers:
        command = peer.daemon.command("logs", "writer")
        yield Called(f"docker logs ({peer.name})", partial(quiet, command))


def command_of(peer: Peer, *words: str) -> list[str]:
    """A command of `orlop` itself to that engine."""
    program = Path(sys.executable).parent / "orlop"
    return [str(program), "-H", f"unix://{peer.daemon.socket}", *words]


def quiet(command: Sequence[str]) -> int:
    """The exit status of a command whose output nobody reads."""
    return subprocess.run(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False
    ).returncode


def _prepare(peer: Peer, megabytes: int) -> None:
    peer.start("one", *_FOREVER)
    for number in range(CONTAINERS - 1):
        peer.start(f"idle{number}", *_FOREVER)
    lines = megabytes * 10_000
    options = () if peer.name == DOCKER else ("--log-opt", "max-size=-1")
    peer.ok(
        *("run", "--name", "writer", "--network=none", *options, "--log-driver=json-file"),
        *("-d", IMAGE, "/bin/sh", "-c", f"yes {_LINE} | head -n {lines}"),
    )
    peer.ok("wait", "writer")


def measure(place: Place, scale: float, megabytes: int) -> list[dict[str, Series]]:
    """The readings of exec, stats and logs."""
    with ExitStack() as stack:
        peers = []
        if engine := stack.enter_context(running_engine(place)):
            peers.append(Peer(ORLOP, engine))
        if daemon := stack.enter_context(running_dockerd(place)):
            peers.append(Peer(DOCKER, daemon))
        for peer in peers:
            stack.callback(peer.remove_all)
            progress(f"{peer.name}: {CONTAINERS} containers")
            _prepare(peer, megabytes)
        time.sleep(11 if scale > 1 else 1)  # so that there are readings to compare with
        return [
            interleave("exec", list(exec_subjects(peers)), 3 * scale, progress),
            interleave("stats", list(stats_subjects(peers)), 3 * scale, progress),
            interleave("logs", list(logs_subjects(peers)), 3 * scale, progress),
        ]


def observing_marks(readings: Sequence[dict[str, Series]]) -> list[Mark]:
    """What is to be reached."""
    rows = (
        ("docker exec to dockerd's", EXEC_RATIO, f"docker exec ({ORLOP})", "docker exec"),
        (
            f"orlop stats of {CONTAINERS} containers to docker's",
            STATS_RATIO,
            "orlop stats --no-stream",
            "docker stats --no-stream",
        ),
        (
            f"docker stats of {CONTAINERS} containers, with its half second, to dockerd's",
            STATS_RATIO,
            f"docker stats --no-stream ({ORLOP})",
            "docker stats --no-stream",
        ),
        ("docker logs to dockerd's", LOGS_RATIO, f"docker logs ({ORLOP})", "docker logs"),
    )
    execs, stats, logs = readings
    return [
        Mark(goal, limit, _ratio(series, name, f"{to} ({DOCKER})"), "x")
        for (goal, limit, name, to), series in zip(rows, (execs, stats, stats, logs), strict=True)
    ]


def _ratio(series: dict[str, Series], name: str, to: str) -> float | None:
    if name not in series or to not in series:
        return None
    return series[name].median / series[to].median


def main() -> None:
    """Measures, and prints."""
    parser = argparse.ArgumentParser(prog="bench.observing", description="Measure the engine.")
    parser.add_argument("--quick", action="store_true", help="a first look")
    quick = parser.parse_args().quick
    if os.geteuid():
        parser.exit(1, "bench: starting containers needs root\n")
    with Place() as place:
        if not with_shell(place):
            parser.exit(1, "bench: this needs busybox-static\n")
        readings = measure(place, 1.0 if quick else 4.0, 20 if quick else 200)
    progress("\n")
    titles = ("A program in a running container", "Usage of all containers", "All lines of a log")
    names = ("docker exec", "docker stats --no-stream", "docker logs")
    for title, name, series in zip(titles, names, readings, strict=True):
        say(series_table(title, series, f"{name} ({DOCKER})"))
    say(marks_table(observing_marks(readings)))


if __name__ == "__main__":
    main()
