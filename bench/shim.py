"""`python -m bench.shim [--quick]`: what containers write, on its way into the log, beside dockerd.

Both keep a json-file log of three parts of 10 MB, and nobody is attached. A round is a container
from its start to the end of its output; how long an empty one takes is measured, too, and taken
off. Without --quick one of the rounds is of a gigabyte. Beside it the memory of a launcher that has
nothing to do.
"""

from __future__ import annotations

import argparse
import os
import random
import statistics
import time
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from bench.dockerd import IMAGE, running_dockerd
from bench.engine import running_engine
from bench.harness import Called, Series, interleave
from bench.marks import LAUNCHER_PSS_MB, Mark
from bench.observing import DOCKER, ORLOP, Peer, with_shell
from bench.place import Place
from bench.tables import marks_table, progress, say, series_table, table

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from bench.harness import Subject

RATIO = 0.5
IDLE = 20
_USUAL = "lines of 100 bytes"
LINES = {"lines of 2 bytes": "y", _USUAL: "x" * 99, "lines of 10 kB": "z" * 9_999}
_LOG = ("--log-driver=json-file", "--log-opt=max-size=10m", "--log-opt=max-file=3")


def written(peer: Peer, script: str) -> int:
    """Runs a container whose output goes nowhere but into its log; returns its exit status."""
    name = peer.ok("run", "-d", "--network=none", *_LOG, IMAGE, "/bin/sh", "-c", script)
    status = int(peer.ok("wait", name))
    peer.ok("rm", name)
    return status


def subjects(peers: Sequence[Peer], line: str, megabytes: int) -> Iterator[Subject]:
    """The same output by all of them, and none."""
    script = f"yes {line} | head -c {megabytes}000000"
    for peer in peers:
        yield Called(peer.name, partial(written, peer, script))
        yield Called(f"{peer.name}, nothing", partial(written, peer, "true"))


def gigabyte(peers: Sequence[Peer], rounds: int) -> dict[str, Series]:
    """The readings of a thousand megabytes in lines of 100 bytes, in turn."""
    script = f"yes {LINES[_USUAL]} | head -c 1000000000"
    taken: dict[str, list[float]] = {peer.name: [] for peer in peers}
    for number in range(rounds):
        for peer in random.sample(list(peers), len(peers)):
            progress(f"a gigabyte by {peer.name}, round {number + 1} of {rounds}")
            begin = time.perf_counter()
            if status := written(peer, script):
                raise RuntimeError(f"{peer.name}: exit status {status}")
            taken[peer.name].append((time.perf_counter() - begin) * 1000)
    return {name: Series(name, tuple(times)) for name, times in taken.items()}


def measure(peers: Sequence[Peer], seconds: float, megabytes: int) -> dict[str, dict[str, Series]]:
    """The readings for each kind of lines."""
    return {
        what: interleave(what, list(subjects(peers, line, megabytes)), seconds, progress)
        for what, line in LINES.items()
    }


def launcher_pss_kb(peer: Peer) -> list[int]:
    """What launchers of containers use that have been idle for a moment."""
    for number in range(IDLE):
        peer.start(f"idle{number}", "/bin/sh", "-c", "echo once; while :; do sleep 1000; done")
    ids = peer.ok("ps", "-q", "--no-trunc").split()
    time.sleep(2)
    found = [_pss_kb(pid) for pid in _launchers(ids)]
    peer.ok("rm", "-f", *ids)
    return found


def _launchers(ids: Sequence[str]) -> Iterator[Path]:
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        words = entry.read_bytes().split(b"\0")
        if words[0] == b"orlop-launch" and words[1].decode() in ids:
            yield entry.parent


def _pss_kb(process: Path) -> int:
    rows = (line.split() for line in (process / "smaps_rollup").read_text().splitlines())
    return next(int(row[1]) for row in rows if row[0] == "Pss:")


def marks(
    readings: dict[str, dict[str, Series]], whole: dict[str, Series], pss_kb: Sequence[int]
) -> list[Mark]:
    """What is to be reached."""
    found = [
        Mark(f"{what}: orlop to docker", RATIO, _ratio(r), "x") for what, r in readings.items()
    ]
    memory = statistics.median(pss_kb) / 1000 if pss_kb else None
    if DOCKER in whole:
        ratio = whole[ORLOP].median / whole[DOCKER].median
        found.append(Mark("a gigabyte: orlop to docker", RATIO, ratio, "x"))
    return [*found, Mark("PSS of an idle launcher", LAUNCHER_PSS_MB, memory, "MB")]


def _ratio(series: dict[str, Series]) -> float | None:
    if DOCKER not in series:
        return None
    ours, theirs = (series[n].median - series[f"{n}, nothing"].median for n in (ORLOP, DOCKER))
    return ours / theirs


def throughput(readings: dict[str, dict[str, Series]], megabytes: int) -> str:
    """The net rates."""
    rows = [
        (
            what,
            *(
                f"{megabytes * 1000 / (series[n].median - series[f'{n}, nothing'].median):.0f}"
                if n in series
                else "-"
                for n in (ORLOP, DOCKER)
            ),
        )
        for what, series in readings.items()
    ]
    return table("Output that is logged, MB/s", ("", ORLOP, DOCKER), rows)


def main() -> None:
    """Measures, and prints."""
    parser = argparse.ArgumentParser(prog="bench.shim", description="Measure the shim.")
    parser.add_argument("--quick", action="store_true", help="a first look")
    quick = parser.parse_args().quick
    megabytes, seconds = (4, 1.0) if quick else (50, 20.0)
    if os.geteuid():
        parser.exit(1, "bench: starting containers needs root\n")
    with Place() as place, ExitStack() as stack:
        if not with_shell(place):
            parser.exit(1, "bench: this needs busybox-static\n")
        peers = []
        pss: list[int] = []
        if engine := stack.enter_context(running_engine(place)):
            peers.append(Peer(ORLOP, engine))
        if daemon := stack.enter_context(running_dockerd(place)):
            peers.append(Peer(DOCKER, daemon))
        readings = measure(peers, seconds, megabytes)
        whole = {} if quick else gigabyte(peers, 3)
        if engine:
            pss = launcher_pss_kb(peers[0])
    progress("\n")
    for what, series in readings.items():
        say(series_table(f"{megabytes} MB in {what}, logged", series, DOCKER))
    if whole:
        say(series_table(f"1 GB in {_USUAL}, logged", whole, DOCKER))
    say(throughput(readings, megabytes))
    say(marks_table(marks(readings, whole, pss)))


if __name__ == "__main__":
    main()
