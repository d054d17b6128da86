"""`python -m bench.containers [--quick]`: whole lives of containers, beside dockerd, podman, crun.

A container of a program that ends at once: by the docker command with both engines, by `orlop` and
podman, and by the API alone beside `crun run`. Then a list of 200 containers, 300 containers in a
row, and the memory of the engine.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING

from bench import runtime_run
from bench.build import compile_helper
from bench.dockerd import IMAGE, running_dockerd
from bench.engine import running_engine
from bench.harness import Called, Series, interleave
from bench.marks import Mark
from bench.observing import DOCKER, ORLOP, Peer, command_of, quiet
from bench.place import Place
from bench.podman import podman_of_its_own
from bench.tables import marks_table, progress, say, series_table
from orlop.client import Client
from orlop.intent.docker_json import to_docker
from orlop.intent.flags import parse_run

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from bench.harness import Subject
    from bench.podman import Podman

RUN_RATIO, OWN_RATIO, LIST_RATIO = 0.15, 0.3, 1.0
OVER_CRUN_MS, ENGINE_MB = 5.0, 80.0
LISTED, IN_A_ROW = 200, 300
_SOME = 30
PAUSE = "/bin/pause"
_RUN = ("run", "--rm", "--network=none")
_OWN = "orlop run --rm"
_DOCKER, _PODMAN = f"docker run --rm ({DOCKER})", "podman run --rm"


def run_subjects(peers: Sequence[Peer], podman: Podman | None) -> Iterator[Subject]:
    """From the command to its end."""
    if podman is not None:
        command = podman.run_command(*_RUN[1:], IMAGE, "/bin/true")
        yield Called(_PODMAN, partial(quiet, command))
    for peer in peers:
        words = (*_RUN, IMAGE, "/bin/true")
        yield Called(f"docker run --rm ({peer.name})", partial(quiet, peer.daemon.command(*words)))
        if peer.name == ORLOP:
            yield Called(_OWN, partial(quiet, command_of(peer, *words)))
            name = f"docker run --rm, of the host's files ({peer.name})"
            hosts = peer.daemon.command(*_RUN, "host", "/bin/true")
            yield Called(name, partial(quiet, hosts))


class Cycle:
    """Create, start, wait and remove, by the API over one client."""

    def __init__(self, url: str) -> None:
        self._client = Client(url)
        self._body = to_docker(parse_run(["--network=none", IMAGE, "/bin/true"]))

    def __call__(self) -> int:
        """Lets a container live; returns its exit status."""
        made = self._client.post("/containers/create", self._body)["Id"]
        self._client.post(f"/containers/{made}/start", None)
        ended = self._client.post(f"/containers/{made}/wait", None)
        self._client.delete(f"/containers/{made}")
        return int(ended["StatusCode"])


def cycle_subjects(place: Place, engine: Peer) -> Iterator[Subject]:
    """The API beside a runtime that does nothing but run."""
    yield Called("create, start, wait, remove (orlop)", Cycle(f"unix://{engine.daemon.socket}"))
    yield from (one for one in runtime_run.subjects(place) if one.name.startswith("crun"))


def list_subjects(peers: Sequence[Peer]) -> Iterator[Subject]:
    """All containers, in a list."""
    for peer in peers:
        command = peer.daemon.command("ps", "-a")
        yield Called(f"docker ps -a ({peer.name})", partial(quiet, command))


def in_a_row(engine: Peer, rounds: int) -> tuple[float, float]:
    """Seconds of a start, the median of the first thirty of many that go on, and of the last.

    In several rounds, so that what else the machine does is not taken for growth.
    """
    first: list[float] = []
    last: list[float] = []
    for turn in range(rounds):
        engine.remove_all()
        times = []
        for number in range(IN_A_ROW):
            began = time.perf_counter()
            engine.start(f"row{number}", PAUSE)
            times.append(time.perf_counter() - began)
            progress(f"round {turn + 1} of {rounds}: {number + 1} containers in a row")
        first += times[:_SOME]
        last += times[-_SOME:]
    return statistics.median(first), statistics.median(last)


def engine_mb(place: Place) -> float:
    """Proportional memory of the engine, in millions of bytes."""
    pid = int(_pid_file(place).read_text())
    with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as file:
        line = next(line for line in file if line.startswith("Pss:"))
    return int(line.split()[1]) * 1024 / 1e6


def _pid_file(place: Place) -> Path:
    return place.fresh("engine") / "pid"


def measure(place: Place, scale: float) -> tuple[list[dict[str, Series]], list[Mark]]:
    """The readings, and what they are measured against."""
    with ExitStack() as stack:
        peers = []
        if engine := stack.enter_context(running_engine(place)):
            peers.append(Peer(ORLOP, engine))
        if daemon := stack.enter_context(running_dockerd(place)):
            peers.append(Peer(DOCKER, daemon))
        for peer in peers:
            stack.callback(peer.remove_all)
        podman = stack.enter_context(podman_of_its_own(place))
        runs = interleave("run", list(run_subjects(peers, podman)), 8 * scale, progress)
        cycles = interleave("cycle", list(cycle_subjects(place, peers[0])), 3 * scale, progress)
        for peer in peers:
            progress(f"{peer.name}: {LISTED} containers")
            for number in range(LISTED):
                peer.ok("create", "--name", f"c{number}", "--network=none", IMAGE, "/bin/true")
        lists = interleave("list", list(list_subjects(peers)), 2 * scale, progress)
        first, last = in_a_row(peers[0], 1 if scale == 1 else 3)
        marks = [
            Mark("docker run --rm to dockerd's", RUN_RATIO, _ratio(runs, "docker run --rm"), "x"),
            Mark("orlop run --rm to docker's", OWN_RATIO, _own(runs, _DOCKER), "x"),
            Mark("orlop run --rm to podman's", OWN_RATIO, _own(runs, _PODMAN), "x"),
            Mark("API cycle above crun run", OVER_CRUN_MS, _above_crun(cycles), "ms"),
            Mark(f"docker ps of {LISTED}", LIST_RATIO, _ratio(lists, "docker ps -a"), "x"),
            Mark(f"last of {IN_A_ROW} in a row to the first", 1.0, last / first, "x"),
            Mark("engine", ENGINE_MB, engine_mb(place), "MB"),
        ]
        return [runs, cycles, lists], marks


def _ratio(series: dict[str, Series], name: str) -> float | None:
    ours, theirs = (series.get(f"{name} ({whose})") for whose in (ORLOP, DOCKER))
    return ours.median / theirs.median if ours and theirs else None


def _own(series: dict[str, Series], name: str) -> float | None:
    ours, theirs = series.get(_OWN), series.get(name)
    return ours.median / theirs.median if ours and theirs else None


def _above_crun(series: dict[str, Series]) -> float | None:
    (ours, *others) = series.values()
    return ours.median - others[0].median if others else None


def main() -> None:
    """Measures, and prints."""
    parser = argparse.ArgumentParser(prog="bench.containers", description="Measure containers.")
    parser.add_argument("--quick", action="store_true", help="a first look")
    scale = 1.0 if parser.parse_args().quick else 4.0
    if os.geteuid():
        parser.exit(1, "bench: starting containers needs root\n")
    with Place() as place:
        compile_helper("pause", place.rootfs / "bin")
        readings, marks = measure(place, scale)
    progress("\n")
    titles = ("From the command to its end", "By the API", f"A list of {LISTED}")
    for title, series in zip(titles, readings, strict=True):
        say(series_table(title, series, list(series)[-1]))
    say(marks_table(marks))


if __name__ == "__main__":
    main()
