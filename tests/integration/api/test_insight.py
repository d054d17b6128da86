"""What Docker's API lacks: explain, proof, reach, trace, why; and what is there for machines."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import requests
from docker.transport import UnixHTTPAdapter

from tests.integration.api.conftest import PLAIN
from tests.integration.support.engine import Engine
from tests.integration.support.images import IMAGE

pytestmark = [pytest.mark.requires_root, pytest.mark.requires_launcher]


@pytest.fixture
def session(engine: Engine) -> Iterator[requests.Session]:
    with requests.Session() as session:
        session.mount("http://", UnixHTTPAdapter(f"http+unix://{engine.socket}", 60))
        yield session


@pytest.fixture
def web(engine: Engine) -> str:
    engine.docker("run", "-d", "--name", "web", "-m", "64m", *PLAIN, "probe", "wait").ok()
    return "web"


def get(session: requests.Session, path: str) -> Any:
    answer = session.get(f"http://localhost{path}")
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_explain(session: requests.Session, web: str) -> None:
    groups = get(session, f"/containers/{web}/explain")["groups"]
    notations = [line["notation"] for group in groups for line in group["operations"]]
    assert any("memory" in text and "67108864" in text for text in notations)


def test_explain_what_there_is_not(session: requests.Session) -> None:
    body: Any = {"Image": "host", "HostConfig": {"ReadonlyRootfs": True}}
    answer = session.post("http://localhost/v1.47/explain", json=body)
    assert answer.status_code == 200
    assert answer.json()["groups"]


def test_explain_with_an_image(session: requests.Session, engine: Engine) -> None:
    words = ("--memory", "64m", IMAGE, "true")
    out = engine.orlop("explain", "--", *words).ok().out
    assert '"67108864"' in out
    assert "--memory 64m" in out
    document = engine.orlop("explain", "--json", "--", *words).ok().json()
    assert document["groups"]
    engine.orlop("explain", "--", "no-such-image:1").refused("No such image")
    answer = session.post("http://localhost/explain", json={"Image": "no-such-image:1"})
    assert answer.status_code == 404


def test_proof(session: requests.Session, engine: Engine, web: str) -> None:
    found = get(session, f"/containers/{web}/proof")
    assert found["holds"] is True
    assert found["pid"] == engine.inspect(web)["State"]["Pid"]


def test_reach(session: requests.Session, engine: Engine) -> None:
    engine.docker(
        "run", "-d", "--name", "web", "-p", "127.0.0.1:18130:80", "host", "sleep", "99"
    ).ok()
    (port,) = get(session, "/containers/web/reach")["Ports"]
    assert port["Published"] == [{"HostIp": "127.0.0.1", "HostPort": 18130}]
    assert port["Listens"] == []
    (way, *_) = port["Ways"]
    assert (way["From"], way["Address"], way["Reaches"]) == ("host", "127.0.0.1", "yes")
    assert way["Outcomes"][0]["Rule"]["Verdict"] == "redirect"
    (asked,) = get(session, "/containers/web/reach?port=53/udp")["Ports"]
    assert (asked["Port"], asked["Protocol"], asked["Published"]) == (53, "udp", [])
    for query, status in (("port=0", 400), ("port=80/icmp", 400)):
        answer = session.get(f"http://localhost/containers/web/reach?{query}")
        assert (answer.status_code, "is not a p" in answer.text) == (status, True)
    engine.docker("stop", "-t0", "web").ok()
    assert session.get("http://localhost/containers/web/reach").status_code == 409
    assert session.get("http://localhost/containers/nobody/reach").status_code == 404


def test_trace(session: requests.Session, web: str) -> None:
    found = get(session, f"/containers/{web}/trace")
    assert found["totalNs"] > 0
    assert found["notPerformed"] == 0


def test_why(session: requests.Session, engine: Engine, web: str) -> None:
    engine.docker("kill", web).ok()
    found = get(session, f"/containers/{web}/why")
    assert (found["Name"], found["Status"]) == ("web", "exited")
    assert found["Summary"]


def test_of_one_that_does_not_run(session: requests.Session, engine: Engine) -> None:
    engine.docker("create", "--name", "made", *PLAIN, "true").ok()
    for path in ("proof", "trace"):
        assert session.get(f"http://localhost/containers/made/{path}").status_code == 409


def test_metrics(session: requests.Session, web: str) -> None:
    answer = session.get("http://localhost/metrics")
    assert answer.headers["Content-Type"].startswith("text/plain")
    assert 'orlop_containers{state="running"} 1' in answer.text


def test_headers_of_every_answer(session: requests.Session) -> None:
    for path in ("/_ping", "/containers/nobody/json", "/nothing"):
        headers = session.get(f"http://localhost{path}").headers
        assert headers["Api-Version"] == "1.47"
        assert headers["Server"].startswith("Docker/")
