"""Whatever a client sends, the engine answers, and not with an internal error.

schemathesis makes requests of the OpenAPI document: such as fit it, and such as do not.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
import schemathesis
from docker.transport import UnixHTTPAdapter
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.core.result import Ok

from tests.integration.support.engine import Engine, running_engine

pytestmark = [
    pytest.mark.requires_root,
    pytest.mark.requires_launcher,
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]

BASE = "http://localhost"
EXAMPLES = 3
PATIENCE_S = 0.5
SAYS_NO = {501, 503}
"""Not here, not yet, no manager of a swarm, no registry: an answer, and no mistake."""
SWARM = {"swarm", "nodes", "services", "tasks", "secrets", "configs"}
BODIES = (b"", b"{}", b"null", b"[]", b"{", b'"x"', b"\xff", b"[" * 10_000, b'{"Image": {}}')


@pytest.fixture
def engine(workspace: Path) -> Iterator[Engine]:
    """One of its own: requests that fit may remove all images of the others'."""
    with running_engine(workspace) as engine:
        yield engine


@pytest.fixture
def session(engine: Engine) -> Iterator[requests.Session]:
    """Requests that go to the engine's socket."""
    with requests.Session() as session:
        session.mount("http://", UnixHTTPAdapter(f"http+unix://{engine.socket}", 60))
        yield session


def status_of(session: requests.Session, request: dict[str, Any]) -> int:
    """The status of an answer; its body is not waited for."""
    try:
        answer = session.request(**request, timeout=PATIENCE_S, stream=True)
    except requests.Timeout:
        return 200  # a stream that nothing goes through
    answer.close()
    return answer.status_code


def is_fine(status: int) -> bool:
    """Whether it is an answer, and no sign of a bug."""
    return status < 500 or status in SAYS_NO


def requests_of(operation: Any, mode: GenerationMode, requests_made: list[dict[str, Any]]) -> None:
    """Adds some requests to an operation's path."""

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def make(case: Any) -> None:
        requests_made.append(case.as_transport_kwargs(base_url=f"{BASE}/v1.47"))

    with contextlib.suppress(Unsatisfiable):  # there is no way to make a mistake with it
        make()


def simplify(paths: dict[str, Any]) -> None:
    """Takes out what has one answer for everything, and bodies that schemathesis cannot make."""
    paths.pop("/images/bootstrap", None)  # fetches whatever release it is given
    for path in [path for path in paths if path.split("/")[1] in SWARM]:
        del paths[path]
    for operation in [operation for methods in paths.values() for operation in methods.values()]:
        if "application/x-tar" in operation.get("requestBody", {}).get("content", {}):
            del operation["requestBody"]  # test_odd_bodies sends some


def test_requests_as_the_document_describes_them(session: requests.Session) -> None:
    document = session.get(f"{BASE}/openapi.json").json()
    simplify(document["paths"])
    bad = []
    for result in schemathesis.openapi.from_dict(document).get_all_operations():
        assert isinstance(result, Ok)
        operation, made = result.ok(), list[dict[str, Any]]()
        requests_of(operation, GenerationMode.POSITIVE, made)
        if operation.query or operation.body:  # all texts are names: no mistake can be made there
            requests_of(operation, GenerationMode.NEGATIVE, made)
        bad += [request for request in made if not is_fine(status_of(session, request))]
    assert bad == []


def test_odd_bodies(session: requests.Session) -> None:
    document = session.get(f"{BASE}/openapi.json").json()
    bad = []
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            for content_type in operation.get("requestBody", {}).get("content", ()):
                for body in BODIES:
                    url = BASE + path.replace("{name}", "nothing")
                    headers = {"Content-Type": content_type}
                    request = {"method": method, "url": url, "data": body, "headers": headers}
                    if not is_fine(status_of(session, request)):
                        bad.append(request)
    assert bad == []
