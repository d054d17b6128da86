"""Requests and answers as a whole: versions, errors, waiting."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from orlop.engine.containers import Ended, WaitCondition
from orlop.errors import CommandNotFound, InternalError, Unavailable
from orlop.faces.api.table import ROUTES
from orlop.intent.request import HostImage
from tests.unit.faces.api.serving import RUNNING, FakeEngine, ask, container, with_client


@pytest.fixture
def engine() -> FakeEngine:
    return FakeEngine(container("web", 1, state=RUNNING))


def test_ping(tmp_path: Path, engine: FakeEngine) -> None:
    async def use(client: aiohttp.ClientSession) -> None:
        for method in ("HEAD", "GET"):
            async with client.request(method, "/_ping") as answer:
                assert answer.status == 200
                assert await answer.text() == ("OK" if method == "GET" else "")
                assert answer.headers["Api-Version"] == "1.47"
                assert answer.headers["Ostype"] == "linux"
                assert answer.headers["Builder-Version"] == "1"
                assert answer.headers["Docker-Experimental"] == "false"
                assert answer.headers["Cache-Control"].startswith("no-cache")

    with_client(tmp_path, engine, use)


@pytest.mark.parametrize(
    ("path", "status", "words"),
    [
        ("/v1.24/version", 200, ""),
        ("/v1.47/version", 200, ""),
        ("/version", 200, ""),
        ("/v1.23/version", 400, "too old. Minimum supported API version is 1.24"),
        ("/v1.48/version", 400, "too new. Maximum supported API version is 1.47"),
        ("/v1/version", 400, "too old"),
        ("/v1..2/version", 400, "invalid API version"),
        ("/v1.47", 404, "page not found"),
        ("/v1.47/nothing", 404, "page not found"),
        ("/", 404, "page not found"),
        ("/v1.47/containers/%00/json", 400, "NUL"),
        ("/v1.47/containers/nobody/json", 404, "No such container: nobody"),
        ("/v1.47/swarm", 503, "This node is not a swarm manager"),
        ("/v1.47/services/a/logs", 503, "This node is not a swarm manager"),
        ("/v1.47/plugins", 200, ""),
        ("/v1.47/plugins/vieux/sshfs:latest/json", 404, "plugin"),
    ],
)
def test_paths(tmp_path: Path, engine: FakeEngine, path: str, status: int, words: str) -> None:
    found, answer = ask(tmp_path, engine, "GET", path)
    assert found == status
    assert words in (answer["message"] if status >= 400 else "")


def test_builds_say_that_they_are_not_there(tmp_path: Path, engine: FakeEngine) -> None:
    status, answer = ask(tmp_path, engine, "POST", "/v1.47/build?t=x", data=b"tar")
    assert status == 501
    assert "builder" in answer["message"]


def test_create(tmp_path: Path, engine: FakeEngine) -> None:
    body = {"Image": "host", "Cmd": ["true"], "Unknown": [1], "Env": None}
    status, answer = ask(
        tmp_path, engine, "POST", "/v1.47/containers/create?name=/web2&platform=linux", json=body
    )
    assert (status, answer) == (201, {"Id": "ab" * 32, "Warnings": ["a warning"]})
    ((_, request, name, platform),) = engine.containers.calls
    assert (request.image, request.command) == (HostImage(), ("true",))
    assert (name, platform) == ("web2", "linux")


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "config cannot be empty"),
        (b"{", "invalid JSON"),
        (b"[]", "object"),
        (b"{}", "Image"),
        (b'{"Image": "host", "Cmd": 1}', "Cmd"),
        (b'{"Image": "host", "HostConfig": {"Memory": "1"}}', "HostConfig.Memory"),
    ],
)
def test_bodies_that_make_no_sense(
    tmp_path: Path, engine: FakeEngine, body: bytes, words: str
) -> None:
    headers = {"Content-Type": "application/json"}
    status, answer = ask(tmp_path, engine, "POST", "/containers/create", data=body, headers=headers)
    assert status == 400
    assert words in answer["message"]
    assert engine.containers.calls == []


def test_bodies_are_json(tmp_path: Path, engine: FakeEngine) -> None:
    status, answer = ask(tmp_path, engine, "POST", "/containers/create", data=b"Image=host")
    assert status == 400
    assert "must be 'application/json'" in answer["message"]


@pytest.mark.parametrize(
    ("error", "status", "words"),
    [
        (CommandNotFound("no", op="execute", op_index=1, errno=2, path="sh"), 400, "not found in"),
        (Unavailable("the launcher is gone", hint="try again"), 503, "gone (try again)"),
        (InternalError("a bug"), 500, "a bug"),
        (RuntimeError("secret"), 500, "internal error"),
    ],
)
def test_errors(tmp_path: Path, engine: FakeEngine, error: Any, status: int, words: str) -> None:
    engine.containers.fails = error
    found, answer = ask(tmp_path, engine, "POST", "/containers/web/start")
    assert found == status
    assert words in answer["message"]
    assert "secret" not in answer["message"]


def test_wait_has_headers_at_once(tmp_path: Path, engine: FakeEngine) -> None:
    async def use(client: aiohttp.ClientSession) -> None:
        async with client.post("/v1.47/containers/web/wait?condition=next-exit") as answer:
            assert answer.status == 200
            assert answer.headers["Transfer-Encoding"] == "chunked"
            assert engine.containers.ended is not None
            engine.containers.ended.set_result(Ended(3, "it broke"))
            found = await answer.json()
        assert found == {"StatusCode": 3, "Error": {"Message": "it broke"}}
        assert engine.containers.calls == [("wait", "web", WaitCondition.NEXT_EXIT)]

    with_client(tmp_path, engine, use)


def test_wait_ends_with_its_client(tmp_path: Path, engine: FakeEngine) -> None:
    async def use(client: aiohttp.ClientSession) -> None:
        answer = await client.post("/containers/web/wait")
        answer.close()
        assert engine.containers.ended is not None
        with pytest.raises(asyncio.CancelledError):
            await asyncio.wait_for(asyncio.shield(engine.containers.ended), 10)

    with_client(tmp_path, engine, use)


def test_wait_conditions(tmp_path: Path, engine: FakeEngine) -> None:
    status, answer = ask(tmp_path, engine, "POST", "/containers/web/wait?condition=never")
    assert status == 400
    assert "invalid condition" in answer["message"]


def test_a_start_that_runs_already(tmp_path: Path, engine: FakeEngine) -> None:
    assert ask(tmp_path, engine, "POST", "/containers/web/start")[0] == 304


def test_events_have_both_forms(tmp_path: Path, engine: FakeEngine) -> None:
    from orlop.engine.events import of_container

    async def use(client: aiohttp.ClientSession) -> Any:
        filters = json.dumps({"container": ["web"], "event": ["start"]})
        async with client.get("/events", params={"filters": filters}) as answer:
            for action in ("create", "start", "die"):
                engine.events.publish(of_container(engine.containers.get("web"), action))
            return json.loads(await answer.content.readline())

    event = with_client(tmp_path, engine, use)
    assert (event["status"], event["from"], event["scope"]) == ("start", "host", "local")
    assert event["id"] == event["Actor"]["ID"] == "01" * 32
    assert (event["Type"], event["Action"]) == ("container", "start")
    assert event["Actor"]["Attributes"]["name"] == "web"
    assert event["timeNano"] // 1_000_000_000 == event["time"]


def test_every_route_is_described() -> None:
    for route in ROUTES:
        assert route.title
        assert route.path.startswith("/")
    paths = [(route.method, route.path) for route in ROUTES]
    assert len(paths) == len(set(paths))


def test_websocket(tmp_path: Path, engine: FakeEngine) -> None:
    async def use(client: aiohttp.ClientSession) -> None:
        path = "/v1.47/containers/web/attach/ws?stream=1&stdin=1&stdout=1"
        async with client.ws_connect(path) as ws:
            attachment = await engine.containers.attached.get()
            assert (attachment.stdin, attachment.stdout, attachment.framed) == (True, True, False)
            container = socket.socket(fileno=attachment.fd)
            container.setblocking(False)
            loop = asyncio.get_running_loop()
            await ws.send_str("typed")
            assert await loop.sock_recv(container, 100) == b"typed"
            await loop.sock_sendall(container, b"shown")
            assert await ws.receive_bytes(timeout=10) == b"shown"
            container.close()
            assert (await ws.receive(timeout=10)).type is aiohttp.WSMsgType.CLOSE
        async with client.get(path) as answer:  # no websocket
            assert answer.status == 400

    with_client(tmp_path, engine, use)


def test_websocket_of_a_client_that_leaves(tmp_path: Path, engine: FakeEngine) -> None:
    async def use(client: aiohttp.ClientSession) -> None:
        async with client.ws_connect("/v1.41/containers/web/attach/ws?stream=1") as ws:
            attachment = await engine.containers.attached.get()
            assert attachment.stderr is True  # there was no choice
            await ws.close()
        with socket.socket(fileno=attachment.fd) as container:
            container.setblocking(False)
            async with asyncio.timeout(10):
                assert await asyncio.get_running_loop().sock_recv(container, 10) == b""

    with_client(tmp_path, engine, use)


def test_a_stream_that_breaks(tmp_path: Path, engine: FakeEngine) -> None:
    """The status has been sent: the client sees that the answer has no end."""

    class BrokenLogs:
        async def render(self, *_: Any, **__: Any) -> AsyncIterator[bytes]:
            yield b"some"
            raise Unavailable("the disk is gone")

    engine.logs = BrokenLogs()  # type: ignore[attr-defined]

    async def use(client: aiohttp.ClientSession) -> None:
        async with client.get("/containers/web/logs?stdout=1") as answer:
            assert answer.status == 200
            with pytest.raises(aiohttp.ClientPayloadError):
                await answer.read()

    with_client(tmp_path, engine, use)
