"""Which containers a list shows, and how they look in it."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any, cast

import pytest

from orlop.engine.container import (
    Container,
    HealthState,
    MountPoint,
    ResolvedImage,
    State,
)
from orlop.engine.engine import Engine
from orlop.errors import InvalidArgument, NotFound
from orlop.faces.api import filters
from orlop.faces.api.rendering.networks import port_rows
from orlop.faces.api.rendering.state import state_document, status_text
from orlop.faces.api.resources.containers.listing import ListQuery, select
from orlop.intent.flags import parse_run
from orlop.intent.request import Host, HostImage, Namespaces, NoNetwork, Port, Request
from tests.unit.faces.api.serving import SECOND, FakeEngine, ask, container

NONE = Namespaces(networks=(NoNetwork(),))
HOST = Namespaces(networks=(Host(),))


def engine() -> FakeEngine:
    return FakeEngine(
        container(
            "web",
            1,
            state=State("running", pid=10, started_ns=SECOND, health=HealthState("healthy")),
            request=Request(
                HostImage(),
                namespaces=HOST,
                labels=(("a", "1"), ("b", "2")),
                ports=(Port(80), Port(443, published=False)),
            ),
            mounts=(MountPoint("volume", "/data", "vol", "/v/vol", "local"),),
        ),
        container(
            "db",
            2,
            state=State("exited", exit_code=3, finished_ns=2 * SECOND),
            request=Request(HostImage(), namespaces=NONE, command=("sh", "-c", "exit 3")),
            image=ResolvedImage("db:1", "sha256:" + "d" * 64),
        ),
        container("new", 3, request=Request(HostImage(), namespaces=HOST, labels=(("a", "2"),))),
        container("frozen", 4, state=State("paused", pid=12, started_ns=SECOND)),
        container("loops", 5, state=State("restarting", exit_code=1, finished_ns=SECOND)),
    )


def names(query: str = "{}", **options: Any) -> list[str]:
    found = select(cast("Engine", engine()), ListQuery(filters=filters.parse(query), **options))
    return [one.name for one in found]


def test_by_default_those_that_run() -> None:
    assert names() == ["loops", "frozen", "web"]
    assert names(all=True) == ["loops", "frozen", "new", "db", "web"]
    assert names(limit=2) == ["loops", "frozen"]
    assert names(limit=-1) == ["loops", "frozen", "web"]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"status": ["exited", "created"]}, ["new", "db"]),
        ({"exited": ["3"]}, ["db"]),
        ({"exited": ["0"]}, []),
        ({"name": ["^/we"]}, ["web"]),
        ({"name": ["o"]}, ["loops", "frozen"]),
        ({"name": ["["]}, []),
        ({"name": ["web", "frozen"]}, ["frozen", "web"]),
        ({"id": ["0101"]}, ["web"]),
        ({"label": ["a"]}, ["web"]),
        ({"label": ["a=2"]}, []),
        ({"label": ["a=1", "b=2"], "name": ["web"]}, ["web"]),
        ({"label!": ["a"]}, ["loops", "frozen"]),
        ({"health": ["healthy"]}, ["web"]),
        ({"health": ["none"]}, ["loops", "frozen"]),
        ({"network": ["host"]}, ["loops", "frozen", "web"]),
        ({"network": ["none"], "status": ["exited"]}, ["db"]),
        ({"volume": ["vol"]}, ["web"]),
        ({"volume": ["/data"]}, ["web"]),
        ({"volume": ["/other"]}, []),
        ({"publish": ["80"]}, ["web"]),
        ({"publish": ["443"]}, []),
        ({"expose": ["440-450/tcp"]}, ["web"]),
        ({"expose": ["80/udp"]}, []),
        ({"before": ["db"]}, ["web"]),
        ({"since": ["new"]}, ["loops", "frozen"]),
        ({"is-task": ["false"]}, ["loops", "frozen", "web"]),
        ({"is-task": ["true"]}, []),
    ],
)
def test_filters(query: dict[str, list[str]], found: list[str]) -> None:
    assert names(json.dumps(query)) == found


@pytest.mark.parametrize(
    "query",
    [
        {"status": ["dancing"]},
        {"health": ["fine"]},
        {"exited": ["x"]},
        {"publish": ["http"]},
        {"color": ["red"]},
        {"is-task": ["maybe"]},
    ],
)
def test_wrong_filters_are_refused(query: dict[str, list[str]]) -> None:
    with pytest.raises(InvalidArgument):
        names(json.dumps(query))


def test_before_nobody() -> None:
    with pytest.raises(NotFound):
        names('{"before": ["nobody"]}')


def test_a_pattern_cannot_hold_the_engine_up() -> None:
    assert names(json.dumps({"name": ["(" * 10_000]})) == []


@pytest.mark.parametrize(
    ("state", "text"),
    [
        (State(), "Created"),
        (State("running", started_ns=95 * SECOND), "Up 5 seconds"),
        (State("running", started_ns=SECOND, health=HealthState()), "(health: starting)"),
        (State("running", started_ns=SECOND, health=HealthState("healthy")), "(healthy)"),
        (State("paused", started_ns=40 * SECOND), "Up About a minute (Paused)"),
        (State("restarting", exit_code=2, finished_ns=99 * SECOND), "Restarting (2) 1 second ago"),
        (State("exited", exit_code=1, finished_ns=90 * SECOND), "Exited (1) 10 seconds ago"),
        (State("removing"), "Removal In Progress"),
        (State("dead"), "Dead"),
    ],
)
def test_status(state: State, text: str) -> None:
    assert status_text(container("x", 1, state=state), 100 * SECOND).endswith(text)


def test_state_of_inspect() -> None:
    known: Container = container(
        "x", 1, state=State("paused", pid=3, started_ns=SECOND, health=HealthState("unhealthy", 4))
    )
    found = state_document(known)
    assert (found["Running"], found["Paused"], found["Status"]) == (True, True, "paused")
    assert found["Health"] == {"Status": "unhealthy", "FailingStreak": 4, "Log": []}
    assert found["FinishedAt"] == "0001-01-01T00:00:00Z"


def test_ports_are_those_of_a_network_of_its_own() -> None:
    request = parse_run(["--expose", "80", "host"])
    running = container("x", 1, request=request, state=State("running", pid=3))
    assert port_rows(running, ()) == [{"PrivatePort": 80, "Type": "tcp"}]
    none = parse_run(["--expose", "80", "--network", "none", "host"])
    assert port_rows(running.replace(request=none), ()) == []


def test_rows(tmp_path: Path) -> None:
    status, rows = ask(tmp_path, engine(), "GET", "/v1.47/containers/json?all=1")
    assert status == 200
    row = rows[-1]
    assert (row["Names"], row["Image"], row["State"]) == (["/web"], "host", "running")
    assert row["HostConfig"] == {"NetworkMode": "host"}
    assert list(row["NetworkSettings"]["Networks"]) == ["host"]
    assert row["Created"] == 1
    assert row["Ports"] == []  # it has the host's network
    assert row["Mounts"][0]["Name"] == "vol"
    assert row["Labels"] == {"a": "1", "b": "2"}
    assert rows[-2]["Command"] == "sh -c 'exit 3'"
    assert "SizeRw" not in row


def test_time_goes_on() -> None:
    state = State("running", started_ns=time.time_ns() - 5 * SECOND)
    assert status_text(container("x", 1, state=state), time.time_ns()) == "Up 5 seconds"
