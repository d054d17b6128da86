"""`python -m bench [--quick]`: measure everything, print tables, keep the readings as JSON.

Needs root and a C compiler. Full: about three minutes. Quick: half a minute, for a first look.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench import imports, in_process, layers, memory, runtime_run, sandbox
from bench.dockerd import running_dockerd
from bench.harness import interleave
from bench.marks import marks, sandbox_marks
from bench.place import Place
from bench.tables import (
    imports_table,
    marks_table,
    memory_table,
    parts_table,
    progress,
    say,
    series_table,
    throughput_table,
)

if TYPE_CHECKING:
    from bench.harness import Series

RESULTS = Path(__file__).parent / "results"
COMMAND_LINE = "orlop.runtime.cli"


def main() -> None:
    """Measure, and print the marks last."""
    parser = argparse.ArgumentParser(prog="bench", description="Measure orlop.")
    parser.add_argument("--quick", action="store_true", help="about half a minute instead of three")
    scale = 1.0 if parser.parse_args().quick else 7.0
    if os.geteuid():
        parser.exit(1, "bench: starting containers needs root\n")
    with Place() as place:
        run = interleave("run", runtime_run.subjects(place), 6 * scale, progress)
        plain = interleave("in process", in_process.subjects(place, net=False), 4 * scale, progress)
        net = interleave(
            "in process, net", in_process.subjects(place, net=True), 4 * scale, progress
        )
        boxes = interleave("sandbox", sandbox.subjects(place), 4 * scale, progress)
        with running_dockerd(place) as daemon:
            slow = sandbox.slow_subjects(place, daemon)
            docker = interleave("sandbox and docker", slow, 4 * scale, progress)
        unpacking = interleave("layers", layers.subjects(place), 4 * scale, progress)
        throughput = sandbox.throughput(place, 0.5 * scale)
        start_up = interleave("start-up", imports.subjects(place), 2 * scale, progress)
        waiters = memory.waiters(place)
        phases, operations = in_process.parts(place, round(10 * scale))
    heaviest = imports.heaviest(COMMAND_LINE)
    goals = [*marks(run, plain, net, waiters), *sandbox_marks(boxes)]
    progress("\n")

    say(series_table("OCI command lines: run a static program to its end", run, "runc run"))
    say(series_table("Python path, without net namespace", plain, "kernel floor"))
    say(series_table("Python path, with net namespace", net, "kernel floor"))
    say(parts_table("Where a start in process goes, with net namespace", phases))
    say(parts_table("Operations of its plan that take longest", operations))
    say(series_table("A program in a sandbox", boxes, sandbox.BWRAP))
    say(series_table("The same by dockerd", docker, "docker run --rm"))
    say(series_table("Unpacking a layer of Debian's, gzip", unpacking, layers.TAR))
    say(throughput_table(sandbox.THREADS, throughput))
    say(series_table("Start-up of commands", start_up, "python -I -S -c pass"))
    if heaviest:
        say(imports_table(COMMAND_LINE, heaviest))
    say(memory_table(waiters))
    say(marks_table(goals))
    kept = _keep(
        {
            "machine": _machine(),
            "run": _summary(run),
            "in_process": _summary(plain),
            "in_process_net": _summary(net),
            "sandbox": _summary(boxes),
            "sandbox_and_docker": _summary(docker),
            "throughput": [asdict(each) for each in throughput],
            "layers": _summary(unpacking),
            "start_up": _summary(start_up),
            "phases": [asdict(part) for part in phases],
            "operations": [asdict(part) for part in operations],
            "memory": [asdict(waiter) for waiter in waiters],
            "imports": [asdict(each) for each in heaviest],
            "marks": [{**asdict(goal), "verdict": goal.verdict} for goal in goals],
        }
    )
    say(f"\n{_machine()['load']} was the load at the end; all readings are in {kept}\n")


def _machine() -> dict[str, Any]:
    return {
        "kernel": platform.release(),
        "cpus": os.cpu_count(),
        "python": platform.python_version(),
        "load": os.getloadavg()[0],
    }


def _summary(series: dict[str, Series]) -> dict[str, Any]:
    return {
        name: {
            "median_ms": each.median,
            "p95_ms": each.p95,
            "p99_ms": each.p99,
            "samples_ms": each.samples_ms,
        }
        for name, each in series.items()
    }


def _keep(results: dict[str, Any]) -> Path:
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{time.strftime('%Y-%m-%dT%H-%M-%S')}.json"
    path.write_text(json.dumps(results, indent=1))
    return path


if __name__ == "__main__":
    main()
