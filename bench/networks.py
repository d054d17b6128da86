"""`python -m bench.networks [--quick]`: containers with a network, beside those without one.

orlop and dockerd have a network namespace each, where they make what they want. A container of a
program that ends at once, with `--network none` and on the default bridge; then many containers on
one bridge, the time of each start; and what the engine itself does for one of them.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING

from bench.build import compile_helper
from bench.containers import PAUSE
from bench.dockerd import IMAGE, running_dockerd
from bench.engine import running_engine
from bench.harness import Called, Series, interleave
from bench.marks import Mark
from bench.observing import DOCKER, ORLOP, Peer, quiet
from bench.place import Place
from bench.tables import marks_table, progress, say, series_table
from bench.wiring import WIRE

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from bench.harness import Subject

WIRE_MS, BRIDGE_MS, GROWTH = 2.0, 10.0, 1.2
ON_ONE_BRIDGE, A_FEW = 200, 20
_MODES = ("none", "bridge")


def subjects(peers: Sequence[Peer]) -> Iterator[Subject]:
    """From the docker command to its end."""
    for peer in peers:
        for mode in _MODES:
            words = ("run", "--rm", f"--network={mode}", IMAGE, "/bin/true")
            yield Called(_name(peer.name, mode), partial(quiet, peer.daemon.command(*words)))


def _name(peer: str, mode: str) -> str:
    return f"docker run --rm --network {mode} ({peer})"


def on_one_bridge(peer: Peer) -> list[float]:
    """How long each of many starts takes, in milliseconds; all go on until the end."""
    times = []
    for number in range(ON_ONE_BRIDGE):
        begin = time.perf_counter()
        peer.ok("run", "-d", "--name", f"bridged{number}", IMAGE, PAUSE)
        times.append((time.perf_counter() - begin) * 1000)
        progress(f"{peer.name}: {number + 1} containers on one bridge")
    peer.remove_all()
    return times


def wiring(rounds: int) -> dict[str, Series]:
    """What the engine does, measured within one process in a network namespace of its own."""
    command = ["unshare", "--net", sys.executable, "-m", "bench.wiring", str(rounds)]
    said = subprocess.run(command, check=True, capture_output=True).stdout
    return {name: Series(name, tuple(taken)) for name, taken in json.loads(said).items()}


def marks(
    runs: dict[str, Series], many: dict[str, list[float]], parts: dict[str, Series]
) -> list[Mark]:
    """What is to be reached."""
    plain, bridged = (runs[_name(ORLOP, mode)].median for mode in _MODES)
    starts = many[ORLOP]
    growth = statistics.median(starts[-A_FEW:]) / statistics.median(starts[:A_FEW])
    return [
        Mark("wiring of one namespace", WIRE_MS, parts[WIRE].median, "ms"),
        Mark("a run on a bridge above one without", BRIDGE_MS, bridged - plain, "ms"),
        Mark(f"last of {ON_ONE_BRIDGE} on one bridge to the first", GROWTH, growth, "x"),
    ]


def main() -> None:
    """Measures, and prints."""
    parser = argparse.ArgumentParser(prog="bench.networks", description="Measure networks.")
    parser.add_argument("--quick", action="store_true", help="a first look")
    scale = 1.0 if parser.parse_args().quick else 4.0
    if os.geteuid():
        parser.exit(1, "bench: starting containers needs root\n")
    with Place() as place, ExitStack() as stack:
        compile_helper("pause", place.rootfs / "bin")
        peers = []
        if engine := stack.enter_context(running_engine(place, network=True)):
            peers.append(Peer(ORLOP, engine))
        if daemon := stack.enter_context(running_dockerd(place, network=True)):
            peers.append(Peer(DOCKER, daemon))
        for peer in peers:
            stack.callback(peer.remove_all)
        runs = interleave("networks", list(subjects(peers)), 8 * scale, progress)
        many = {peer.name: on_one_bridge(peer) for peer in peers}
        parts = wiring(round(100 * scale))
    progress("\n")
    reference = list(runs)[-1]
    say(series_table("A run with a network, and without", runs, reference))
    rows = {name: Series(f"docker run -d ({name})", tuple(taken)) for name, taken in many.items()}
    say(series_table(f"{ON_ONE_BRIDGE} containers on one bridge", rows, DOCKER))
    say(series_table("What the engine does for one", parts, WIRE))
    say(marks_table(marks(runs, many, parts)))


if __name__ == "__main__":
    main()
