"""`python -m bench.pulling [--quick]`: an image of a Debian system's size, from the loopback.

Each pull begins without the image: it is removed before, and the disk is given time to settle. The
docker command asks orlop and dockerd; podman and `orlop` ask for themselves. Beside the times is
what the image takes on the disk.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import time
from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING

from bench.debian import system_archive
from bench.dockerd import running_dockerd
from bench.engine import running_engine
from bench.harness import Series, SubjectFailed, interleave
from bench.marks import Mark
from bench.observing import DOCKER, ORLOP, Peer, command_of, quiet
from bench.place import Place
from bench.podman import podman_of_its_own
from bench.registry import running_registry
from bench.tables import marks_table, progress, say, series_table, table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from bench.harness import Subject
    from bench.podman import Podman
    from bench.registry import Registry

RATIO, STORED_RATIO = 0.5, 1.1
PODMAN = "podman"


class Pull:
    """One way to pull the image; removing it before does not count."""

    def __init__(self, name: str, pull: Sequence[str], remove: Sequence[str]) -> None:
        self.name = name
        self._pull = pull
        self._remove = remove

    def once(self) -> float:
        """Pulls it once; it is there afterwards."""
        quiet(self._remove)
        os.sync()  # what was written or removed before is not this one's trouble
        begin = time.perf_counter()
        if status := quiet(self._pull):
            raise SubjectFailed(f"{self.name}: exit status {status}")
        return time.perf_counter() - begin

    def close(self) -> None:
        """Nothing is left of it."""
        quiet(self._remove)


def subjects(peers: Sequence[Peer], podman: Podman | None, image: str) -> Iterator[Subject]:
    """The daemons by the docker command, orlop's own, and podman."""
    for peer in peers:
        command = peer.daemon.command
        yield Pull(f"docker pull ({peer.name})", command("pull", image), command("rmi", image))
        if peer.name == ORLOP:
            remove = command("rmi", image)
            yield Pull("orlop pull", command_of(peer, "pull", image), remove)
    if podman is not None:
        pull = podman.command("pull", "--tls-verify=false", image)
        yield Pull("podman pull", pull, podman.command("rmi", image))


def stored(
    peers: Sequence[Peer], podman: Podman | None, place: Place, image: str
) -> Iterator[tuple[str, int]]:
    """What the image takes on the disk of each, in bytes."""
    for peer in peers:
        where = place.fresh("engine" if peer.name == ORLOP else "docker")
        yield peer.name, _growth(where, partial(peer.ok, "pull", image))
        peer.ok("rmi", image)
    if podman is not None:
        pull = podman.command("pull", "--tls-verify=false", image)
        yield PODMAN, _growth(podman.directory, partial(quiet, pull))
        quiet(podman.command("rmi", image))


def _growth(directory: Path, work: Callable[[], object]) -> int:
    before = _used(directory)
    work()
    os.sync()
    return _used(directory) - before


def _used(directory: Path) -> int:
    said = subprocess.run(["du", "-sxB1", directory], check=False, capture_output=True).stdout
    return int(said.split()[0])


def measure(
    place: Place, seconds: float
) -> tuple[dict[str, Series], list[tuple[str, int]], Registry | None, int]:
    """The readings, what is stored, where it came from, and the layer's size."""
    with ExitStack() as stack:
        progress("an archive of a system")
        layer = system_archive(place)
        registry = stack.enter_context(running_registry(place, layer))
        if registry is None:
            return {}, [], None, 0
        peers = []
        if engine := stack.enter_context(running_engine(place)):
            peers.append(Peer(ORLOP, engine))
        if daemon := stack.enter_context(running_dockerd(place)):
            peers.append(Peer(DOCKER, daemon))
        podman = stack.enter_context(podman_of_its_own(place))
        found = list(subjects(peers, podman, registry.image))
        readings = interleave("pull", found, seconds, progress, warm_up=1)
        size = list(stored(peers, podman, place, registry.image))
        return readings, size, registry, layer.stat().st_size


def marks(readings: dict[str, Series], sizes: dict[str, int]) -> list[Mark]:
    """What is to be reached."""
    ours = readings.get(f"docker pull ({ORLOP})")
    rows = ((DOCKER, f"docker pull ({DOCKER})"), (PODMAN, "podman pull"))
    found = [
        Mark(
            f"pull to {name}'s",
            RATIO,
            ours.median / readings[theirs].median if ours and theirs in readings else None,
            "x",
        )
        for name, theirs in rows
    ]
    disk = sizes[ORLOP] / sizes[DOCKER] if ORLOP in sizes and DOCKER in sizes else None
    return [*found, Mark("on the disk to docker's", STORED_RATIO, disk, "x")]


def main() -> None:
    """Measures, and prints."""
    parser = argparse.ArgumentParser(prog="bench.pulling", description="Measure pulls.")
    parser.add_argument("--quick", action="store_true", help="a first look")
    seconds = 1.0 if parser.parse_args().quick else 240.0
    if os.geteuid():
        parser.exit(1, "bench: an engine of its own needs root\n")
    with Place() as place:
        readings, sizes, registry, size = measure(place, seconds)
    progress("\n")
    if registry is None:
        parser.exit(1, "bench: this needs docker-registry and skopeo\n")
    title = f"Pull of {size / 1e6:.0f} MB, {registry.compressed_bytes / 1e6:.0f} MB with gzip"
    say(series_table(title, readings, f"docker pull ({DOCKER})"))
    rows = [(name, f"{taken / 1e6:.0f}") for name, taken in sizes]
    say(table("What it takes on the disk", ("", "MB"), rows))
    say(marks_table(marks(readings, dict(sizes))))


if __name__ == "__main__":
    main()
