"""Listings of a real engine: what `orlop` and docker's client show of the same containers."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.support.engine import Engine, running_engine
from tests.preconditions import need

pytestmark = [pytest.mark.requires_root, pytest.mark.requires_docker]

STEADY = r"""
ps -a --format 'table {{.ID}}\t{{.Names}}\t{{.Image}}\t{{.Command}}\t{{.State}}\t{{.Labels}}'
ps -aq --no-trunc
ps -a --filter status=exited --format '{{.Names}}'
ps --filter label=job=1 --format '{{.Names}} {{.Label "job"}}'
ps -a --filter name=web --format json
ps -as --format '{{.Names}} {{.Size}}'
images --format '{{.Repository}} {{.Tag}} {{.ID}}'
volume ls
volume ls -q --filter dangling=true
network ls --no-trunc
inspect web
inspect -f '{{json .}}' web
inspect -f '{{.State.Status}} {{.State.Pid}} {{.HostConfig.Memory}} {{.Config.Cmd}}' web ended
inspect data
volume inspect data
network inspect host
image inspect host
port web
diff ended
history host
info --format '{{json .Plugins}} {{.Driver}} {{.DockerRootDir}} {{.Containers}}'
version --format '{{json .Server}}'
system df --format '{{.Type}} {{.TotalCount}} {{.Active}}'
"""


RUN = ("run", "--network", "host")


@pytest.fixture(scope="session")
def shared_engine(session_directory: Path) -> Iterator[Engine]:
    """The session's engine."""
    need("launcher")
    directory = session_directory / "f"
    directory.mkdir()
    with running_engine(directory) as engine:
        # Once, for what stays: control groups of all containers, and the like.
        engine.docker(*RUN, "--rm", "host", "true").ok()
        yield engine


@pytest.fixture
def engine(shared_engine: Engine) -> Iterator[Engine]:
    """The engine with a container that runs, one that has ended, and a volume."""
    engine = shared_engine
    engine.docker("volume", "create", "--label", "a=b", "data").ok()
    flags = ("-d", "--name", "web", "--label", "job=1", "-m", "64m")
    engine.docker(*RUN, *flags, "host", "sleep", "1000").ok()
    engine.docker(*RUN, "--name", "ended", "host", "sh", "-c", "echo done >/srv/x; exit 3")
    yield engine
    engine.remove_all()
    engine.docker("volume", "rm", "data").ok()


def test_all_of_it(engine: Engine) -> None:
    for command in STEADY.strip().splitlines():
        words = shlex.split(command)
        before, ours, after = engine.docker(*words), engine.orlop(*words), engine.docker(*words)
        theirs = before if ours.out == before.out else after  # "Up 1 second" may have begun
        assert (command, ours.status, ours.out) == (command, theirs.status, theirs.out)
    tables(engine)
    usage(engine)
    processes(engine)
    events(engine)
    reasons(engine)
    chain(engine)
    explanations(engine)
    times(engine)
    names(engine)


def tables(engine: Engine) -> None:
    head, *lines = engine.orlop("ps", "-a").ok().lines()
    assert head.split("  ")[0] == "CONTAINER ID"
    assert [line.split()[-1] for line in lines] == ["ended", "web"]
    assert "Exited (3)" in lines[0]
    assert "Up " in lines[1]


def usage(engine: Engine) -> None:
    head, line = engine.orlop("stats", "--no-stream").ok().lines()
    assert head.startswith("CONTAINER ID   NAME")
    assert line.split()[1] == "web"
    assert "/ 64MiB" in line
    name = engine.orlop("stats", "--no-stream", "--format", "{{.PIDs}} {{.Name}}", "web").ok().out
    assert name == "1 web\n"


def processes(engine: Engine) -> None:
    head, line = engine.orlop("top", "web").ok().lines()
    assert "PID" in head
    assert "sleep 1000" in line


def events(engine: Engine) -> None:
    form = ("--format", "{{.Type}} {{.Action}} {{.Actor.Attributes.name}}")
    words = ("events", "--since", "1m", "--until", "0s", "--filter", "container=ended", *form)
    assert "container die ended" in engine.orlop(*words).ok().lines()
    assert "(" in engine.orlop("events", "--since", "1m", "--until", "0s").ok().lines()[0]


def reasons(engine: Engine) -> None:
    said = engine.orlop("why", "ended").ok().out
    assert "ended is exited" in said
    assert "3" in said
    assert engine.orlop("why", "--json", "web").ok().json()["Status"] == "running"
    engine.orlop("why", "nosuch").refused("nosuch")


def chain(engine: Engine) -> None:
    pid = engine.inspect("web")["State"]["Pid"]
    found = json.loads(engine.orlop("info", "--tree", "--json").ok().out)
    assert found["engine"]["pid"] == engine.pid
    (container,) = found["containers"]
    assert container["process"]["pid"] == pid
    assert container["process"]["command"] == ["sleep", "1000"]
    assert "orlop-launch" in container["launcher"]["command"][0]
    text = engine.orlop("info", "--tree").ok().out
    assert f"engine {engine.pid}" in text
    assert f"daemon --data-root={engine.data_root}" in text
    assert f"web ({container['id'][:12]}) {pid} sleep 1000" in text


def explanations(engine: Engine) -> None:
    shown = engine.orlop("explain", "--container", "web").ok().out
    assert "memory" in shown
    assert 'execve("$PATH/sleep"' in shown
    assert engine.orlop("explain", "--json", "--container", "web").ok().json()["groups"]
    engine.orlop("explain", "--container", "nosuch").refused("nosuch")
    engine.orlop("explain", "--container", "web", "host").refused("--container")


def times(engine: Engine) -> None:
    shown = engine.orlop("trace", "--container", "web").ok().out
    assert "execute" in shown or "execve" in shown
    found = engine.orlop("trace", "--json", "--container", "web").ok().json()
    assert found["notPerformed"] == 0
    assert found["totalNs"] > 0
    engine.orlop("trace", "--container", "nosuch").refused("nosuch")


def names(engine: Engine) -> None:
    short = engine.inspect("web")["Id"][:12]
    for name in ("web", short):
        (proof,) = json.loads(engine.orlop("proof", "--json", name).out)["proofs"]
        assert proof["pid"] == engine.inspect("web")["State"]["Pid"]
    assert engine.orlop("compare", "web").ok().lines()[0].split()[-1] == "web"
    engine.orlop("proof", "ended").refused("ended", "has no process")
    engine.orlop("proof", "nosuch").refused("nosuch")
    assert "web" in engine.orlop("ps", "--machine", "-q").ok().lines()
