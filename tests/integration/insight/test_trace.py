"""orlop trace: a start on the real kernel, its times, its exit status, and nothing left of it."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from orlop.launch.plan import SIDE_NAMES
from tests import isolation
from tests.integration.support.bundles import BundleFactory
from tests.integration.support.deadlines import eventually
from tests.integration.support.runtimes import Result, execute
from tests.integration.support.streams import Reader

pytestmark = [
    pytest.mark.requires_root,
    pytest.mark.requires_launcher,
    pytest.mark.requires_overlay,
]

ORLOP = Path(sys.executable).with_name("orlop")
Run = Callable[..., Result]


@pytest.fixture
def run(workspace: Path) -> Iterator[Run]:
    """Runs `orlop trace`; in the end nothing is in its temporary directory."""
    temporary = workspace / "tmp"
    temporary.mkdir()
    environment = {"TMPDIR": str(temporary), "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}

    def perform(*words: str | Path, **options: Any) -> Result:
        return execute([str(ORLOP), "trace", *map(str, words)], env=environment, **options)

    yield perform
    assert list(temporary.iterdir()) == []


def flags(*words: str) -> tuple[str, ...]:
    """Flags of docker run, with an image and a command."""
    return ("--", "--network", "none", "host", *words)


@pytest.mark.parametrize(
    ("words", "status"),
    [
        (("true",), 0),
        (("sh", "-c", "exit 7"), 7),
        (("/etc/hostname",), 126),
        (("no-such-program",), 127),
    ],
    ids=["ran", "own status", "not executable", "not found"],
)
def test_the_exit_status_is_dockers(
    run: Run, workspace: Path, words: tuple[str, ...], status: int
) -> None:
    done = run("--output", workspace / "times", *flags(*words))
    assert (done.status, done.out) == (status, "")
    assert (workspace / "times").read_text().count("\n") > 100
    assert bool(done.err) == (status in (126, 127))


def test_a_killed_program(run: Run, workspace: Path) -> None:
    words = [str(ORLOP), "trace", "--json", *flags("sh", "-c", "echo ready; exec sleep 1000")]
    environment = {"TMPDIR": str(workspace / "tmp"), "PATH": "/usr/bin:/bin"}
    with subprocess.Popen(words, stdout=subprocess.PIPE, env=environment) as tracing:
        assert tracing.stdout is not None
        reader = Reader(tracing.stdout.fileno())
        assert reader.line() == "ready"
        (pid,) = {pid for h in isolation.hierarchies() for pid in _inside(h.at)}
        subprocess.run(["kill", "-KILL", pid], check=True)
        document = json.loads(reader.rest())
        assert tracing.wait() == 128 + signal.SIGKILL
    assert document["status"] == 128 + signal.SIGKILL


def test_the_container_ends_with_its_trace(workspace: Path) -> None:
    words = [str(ORLOP), "trace", *flags("sh", "-c", "echo ready; exec sleep 1000")]
    environment = {"TMPDIR": str(workspace), "PATH": "/usr/bin:/bin"}
    with subprocess.Popen(words, stdout=subprocess.PIPE, env=environment) as tracing:
        assert tracing.stdout is not None
        reader = Reader(tracing.stdout.fileno())
        assert reader.line() == "ready"
        tracing.kill()
        reader.rest()  # ends with the last process that has it open
    hierarchies = [h.at for h in isolation.hierarchies()]
    eventually(lambda: not [p for at in hierarchies for p in at.glob("trace-*")], "no cgroups")


def _inside(mount: Path) -> Iterator[str]:
    for procs in mount.glob("trace-*/cgroup.procs"):
        yield from procs.read_text().split()


def test_stdio_is_passed_on(run: Run, workspace: Path) -> None:
    script = "read line; echo out $line; echo err $line >&2"
    done = run("-o", workspace / "times", *flags("sh", "-c", script), stdin="word\n")
    assert (done.status, done.out, done.err) == (0, "out word\n", "err word\n")


def test_the_document_has_every_operation_with_its_time(run: Run) -> None:
    document = run("--json", *flags("true")).ok().json()
    operations = document["operations"]
    assert [operation["index"] for operation in operations] == list(range(len(operations)))
    assert document["notPerformed"] == 0
    assert document["status"] == 0
    assert document["error"] is None
    ends = [operation["beganNs"] + operation["tookNs"] for operation in operations]
    assert all(operation["beganNs"] > 0 <= operation["tookNs"] for operation in operations)
    assert max(ends) <= document["totalNs"] < 60e9
    assert sum(document["byGroupNs"].values()) == sum(document["bySideNs"].values())
    assert operations[-1]["operation"] == "execute"
    assert {operation["side"] for operation in operations} <= set(SIDE_NAMES)
    assert all(operation["reason"] and operation["notation"] for operation in operations)


def test_it_is_what_explain_has_said(run: Run) -> None:
    """But for the id, the directories and the parent cgroup, which are not the same."""
    words = ("--", "--network", "none", "--read-only", "--memory", "64m", "host", "true")
    explained = execute([str(ORLOP), "explain", "--json", *words]).ok().json()
    traced = run("--json", *words).ok().json()

    def told(operation: dict[str, Any]) -> tuple[str, str, str]:
        return operation["operation"], operation["side"], operation["reason"]

    foreseen = [
        told(operation) for group in explained["groups"] for operation in group["operations"]
    ]
    above = {"a cgroup above the container's", "cpuset(7): without these nothing can run there"}
    assert [
        told(operation) for operation in traced["operations"] if told(operation)[2] not in above
    ] == [line for line in foreseen if line[2] not in above]


def test_trace_events_for_viewers(run: Run, workspace: Path) -> None:
    file = workspace / "events.json"
    run("--chrome", file, "-o", workspace / "times", *flags("true")).ok()
    document = json.loads(file.read_text())
    events = document["traceEvents"]
    assert {event["ph"] for event in events} == {"M", "X"}
    threads = {
        event["tid"]: event["args"]["name"] for event in events if event["name"] == "thread_name"
    }
    spans = [event for event in events if event["ph"] == "X"]
    assert set(threads.values()) == {"launcher", "container"}
    assert {event["tid"] for event in spans} == set(threads)
    assert all({"ts", "dur", "pid", "tid", "name", "cat"} <= set(event) for event in spans)
    assert "pivot_root" in {event["name"] for event in spans}


def test_a_start_that_fails_shows_how_far_it_came(run: Run) -> None:
    done = run("--json", *flags("no-such-program"))
    document = done.json()
    assert document["status"] is None
    assert "executable file not found" in document["error"]
    assert document["error"] in done.err
    last = document["operations"][-1]
    assert (last["operation"], last["tookNs"]) == ("find_program", None)
    assert document["notPerformed"] == 1


def test_a_bundle(run: Run, bundle: BundleFactory) -> None:
    made = bundle("echo inside; exit 3", root={"readonly": True})
    done = run("--bundle", made.path)
    assert done.status == 3
    assert done.out.startswith("inside\n")
    assert "from the launcher's start to the program's start" in done.out
    assert "pivot_root" in done.out


@pytest.mark.parametrize(
    "words",
    [
        ("-o", "/nonexistent/file", "--", "host", "true"),
        ("--", "-d", "host", "true"),
        ("--", "--memory", "x", "host", "true"),
        ("--bundle", "/nonexistent"),
        (),
    ],
    ids=["output", "detach", "flag", "bundle", "nothing"],
)
def test_mistakes_start_nothing(run: Run, words: tuple[str, ...]) -> None:
    done = run(*words)
    assert (done.status, done.out) == (125, "")
    assert done.err.startswith("orlop: ")
    assert done.err.count("\n") == 1
