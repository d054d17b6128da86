"""The sandbox library beside what else runs a program that nobody trusts.

All start the same static program, with a network namespace, and with limits of memory, CPU and
processes, but for bwrap, which can set none.
"""

from __future__ import annotations

import os
import threading
import time
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from bench.bundle import PROGRAM
from bench.dockerd import IMAGE
from bench.harness import Called, SubjectFailed, Timed
from bench.in_process import bwrap_command
from bench.runtime_run import runtimes, subject
from orlop import Pool, Sandbox

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from bench.dockerd import Daemon
    from bench.harness import Subject
    from bench.place import Place
    from orlop.sandbox import BoxOptions

FRESH = "orlop: fresh sandbox"
POOLED = "orlop: fresh, from a pool"
AGAIN = "orlop: again in one sandbox"
BWRAP = "bwrap"
CRUN = "crun run"
THREADS = 8
_LIMITS = ("--memory=256m", "--cpus=1", "--pids-limit=64", "--network=none")


def subjects(place: Place) -> list[Subject]:
    """What takes milliseconds."""
    found: list[Subject] = [Fresh(place), Pooled(place), Again(place)]
    if command := bwrap_command(place, net=True):
        found.append(Timed(BWRAP, command, place.fresh("sandbox-bwrap.log")))
    peers = (each for each in runtimes(place) if each.name == "crun")
    found += [subject(place, peer, "sandbox", net=True) for peer in peers]
    return found


def slow_subjects(place: Place, daemon: Daemon | None) -> list[Subject]:
    """What takes tenths of a second, and the library beside it."""
    found: list[Subject] = [Fresh(place)]
    if daemon is None:
        return found
    words = daemon.command("run", "--rm", *_LIMITS, IMAGE, PROGRAM)
    found.append(Timed("docker run --rm", [place.spawn, *words], place.fresh("docker-run.log")))
    found += _docker_py(daemon)
    return found


def _docker_py(daemon: Daemon) -> Iterator[Subject]:
    try:
        import docker
    except ImportError:  # it is a development tool
        return
    client = docker.DockerClient(f"unix://{daemon.socket}")

    def start() -> int:
        client.containers.run(
            IMAGE,
            [PROGRAM],
            remove=True,
            mem_limit="256m",
            nano_cpus=10**9,
            pids_limit=64,
            network_mode="none",
        )
        return 0

    yield Called("docker-py containers.run", start)


def options(place: Place) -> BoxOptions:
    """The limits of all."""
    return {"root": str(place.rootfs), "memory": "256m", "cpus": 1, "pids": 64, "timeout_s": 10}


class Fresh:
    """A sandbox for one run."""

    name = FRESH

    def __init__(self, place: Place) -> None:
        self._options = options(place)

    def once(self) -> float:
        """One sandbox, from nothing to nothing."""
        begin = time.perf_counter()
        with Sandbox(**self._options) as box:
            _run(box)
        return time.perf_counter() - begin

    def close(self) -> None:
        """Nothing waits."""


class Pooled:
    """A prepared sandbox for one run; the pool makes another one meanwhile."""

    name = POOLED

    def __init__(self, place: Place) -> None:
        self._pool = Pool(4, **options(place))

    def once(self) -> float:
        """One sandbox of the pool."""
        begin = time.perf_counter()
        with self._pool.sandbox() as box:
            _run(box)
        return time.perf_counter() - begin

    def close(self) -> None:
        """End the pool."""
        self._pool.close()


class Again:
    """A further run in a sandbox that lives."""

    name = AGAIN

    def __init__(self, place: Place) -> None:
        self._box = Sandbox(**options(place))

    def once(self) -> float:
        """One run."""
        begin = time.perf_counter()
        _run(self._box)
        return time.perf_counter() - begin

    def close(self) -> None:
        """End the sandbox."""
        self._box.close()


def _run(box: Sandbox) -> None:
    result = box.run([PROGRAM])
    if not result.ok:
        raise SubjectFailed(f"{result.verdict}, status {result.status}")


# --- throughput -------------------------------------------------------------------------------


@dataclass(frozen=True)
class Throughput:
    """How often something was done in a second, by so many threads together."""

    name: str
    per_second: float


def throughput(place: Place, seconds: float) -> list[Throughput]:
    """Of what can be done from threads: the library, and bwrap for scale."""
    box_options = options(place)

    def fresh() -> None:
        with Sandbox(**box_options) as box:
            _run(box)

    found = [_measured(FRESH, [fresh] * THREADS, seconds)]
    with Pool(THREADS, **box_options) as pool:

        def pooled() -> None:
            with pool.sandbox() as box:
                _run(box)

        found.append(_measured(POOLED, [pooled] * THREADS, seconds))
    boxes = [Sandbox(**box_options) for _ in range(THREADS)]
    again = [partial(_run, box) for box in boxes]
    found.append(_measured("orlop: again, one sandbox a thread", again, seconds))
    for box in boxes:
        box.close()
    if command := bwrap_command(place, net=True):
        words = [str(word) for word in command[command.index("-f") + 2 :]]
        plain = [word for at, word in enumerate(words) if not _is_filter(words, at)]
        found.append(_measured(f"{BWRAP}, without a filter", [lambda: _spawn(plain)] * 8, seconds))
    return found


def _is_filter(words: list[str], at: int) -> bool:
    """Bwrap reads its filter from a descriptor, which many processes cannot share."""
    return "--seccomp" in words[max(0, at - 1) : at + 1]


def _spawn(words: list[str]) -> None:
    pid = os.posix_spawn(words[0], words, {})
    if os.waitpid(pid, 0)[1]:
        raise SubjectFailed(words[0])


def _measured(name: str, works: Sequence[Callable[[], None]], seconds: float) -> Throughput:
    counts = [0] * len(works)
    begin = time.monotonic()

    def loop(number: int) -> None:
        while time.monotonic() < begin + seconds:
            works[number]()
            counts[number] += 1

    threads = [threading.Thread(target=loop, args=(number,)) for number in range(len(works))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return Throughput(name, sum(counts) / (time.monotonic() - begin))
