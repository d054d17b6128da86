"""Requests, answers and errors of the client; one real socket, whose other side is a script.

The script stands for an engine that says exactly this: which error is which status, what is sent.
"""

from __future__ import annotations

import json
import os
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from orlop import errors
from orlop.client import Client, Refused, Target, select
from orlop.client.addresses import part, with_query
from orlop.client.endpoint import SshHost, TcpPort, UnixSocket, connect, parse_endpoint
from orlop.client.selection import current


class Engine:
    """Answers each connection with the same bytes, and keeps what it was asked."""

    def __init__(self, path: Path) -> None:
        self.asked: list[bytes] = []
        self.answer = b"HTTP/1.1 204 No Content\r\n\r\n"
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        self._listener.listen()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def says(self, status: str, document: object = None) -> None:
        body = b"" if document is None else json.dumps(document).encode()
        self.answer = f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with connection:
                asked = b""
                while b"\r\n\r\n" not in asked:
                    asked += connection.recv(65536)
                self.asked.append(asked)
                connection.sendall(self.answer)

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(10)


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    engine = Engine(tmp_path / "s")
    yield engine
    engine.close()


@pytest.fixture
def client(engine: Engine, tmp_path: Path) -> Client:
    return Client(f"unix://{tmp_path}/s")


class TestRequests:
    def test_a_document_goes_as_json(self, client: Client, engine: Engine) -> None:
        engine.says("201 Created", {"Id": "x"})
        assert client.post("/containers/create", {"Image": "host"}, {"name": "a b"}) == {"Id": "x"}
        head, _, body = engine.asked[0].partition(b"\r\n\r\n")
        assert head.startswith(b"POST /containers/create?name=a%20b HTTP/1.1\r\n")
        assert b"Content-Type: application/json" in head
        assert json.loads(body) == {"Image": "host"}

    def test_no_answer_is_none(self, client: Client) -> None:
        assert client.delete("/containers/x") is None

    def test_a_stream_of_documents(self, client: Client, engine: Engine) -> None:
        engine.answer = b'HTTP/1.1 200 OK\r\n\r\n{"a": 1}\r\n{"a": 2}\n'
        assert [message["a"] for message in client.stream("GET", "/events")] == [1, 2]

    def test_an_answer_that_is_no_json(self, client: Client, engine: Engine) -> None:
        engine.answer = b"HTTP/1.1 200 OK\r\n\r\n<html>"
        with pytest.raises(errors.Unavailable, match="answer is broken"):
            client.get("/info")

    def test_several_at_a_time(self, client: Client, engine: Engine) -> None:
        begun = [client.begin("POST", f"/containers/{n}/stop") for n in range(5)]
        for pending in begun:
            with pending.response() as response:
                assert response.status == 204


class TestErrors:
    @pytest.mark.parametrize(
        ("status", "kind"),
        [
            ("400 Bad Request", errors.InvalidArgument),
            ("401 Unauthorized", errors.Unauthorized),
            ("403 Forbidden", errors.PermissionDenied),
            ("404 Not Found", errors.NotFound),
            ("405 Method Not Allowed", errors.Unsupported),
            ("409 Conflict", errors.Conflict),
            ("418 I'm a teapot", errors.InvalidArgument),
            ("500 Internal Server Error", Refused),
            ("501 Not Implemented", errors.Unsupported),
            ("503 Service Unavailable", errors.Unavailable),
            ("599 ?", Refused),
        ],
    )
    def test_the_status_says_which(
        self, client: Client, engine: Engine, status: str, kind: type[errors.OrlopError]
    ) -> None:
        engine.says(status, {"message": "no such\n thing"})
        with pytest.raises(kind) as caught:
            client.get("/x")
        assert isinstance(caught.value, Refused)
        assert caught.value.status == int(status[:3])
        assert str(caught.value) == "no such thing"

    @pytest.mark.parametrize("body", [b"", b"plain text", b"[1]", b'{"message": null}'])
    def test_every_error_has_a_text(self, client: Client, engine: Engine, body: bytes) -> None:
        engine.answer = b"HTTP/1.1 404 Not Found\r\n\r\n" + body
        with pytest.raises(errors.NotFound) as caught:
            client.get("/x")
        assert str(caught.value)

    def test_nobody_listens(self, tmp_path: Path) -> None:
        with pytest.raises(errors.Unavailable, match="cannot connect to the engine at unix://"):
            Client(f"unix://{tmp_path}/none").ping()

    def test_an_engine_that_cannot_be_started(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("orlop.client.on_demand.program", lambda: "/nonexistent/orlop")
        client = Client(Target(UnixSocket(f"{tmp_path}/none"), ()))
        with pytest.raises(errors.Unavailable, match="cannot start an engine: /nonexistent"):
            client.ping()

    @pytest.mark.parametrize(
        ("script", "reason"),
        [
            ("echo 'no room' >/proc/self/fd/$4", "no room"),
            ("exit 3", "ended without a word"),
        ],
    )
    def test_what_it_says_is_passed_on(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, reason: str
    ) -> None:
        # A stand-in for the command: no real engine fails on demand in these ways.
        program = tmp_path / "orlop"
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)
        monkeypatch.setattr("orlop.client.on_demand.program", lambda: str(program))
        client = Client(Target(UnixSocket(f"{tmp_path}/none"), ()))
        with pytest.raises(errors.Unavailable, match=reason):
            client.ping()


class TestAddresses:
    @pytest.mark.parametrize(
        ("text", "endpoint"),
        [
            ("unix:///run/x.sock", UnixSocket("/run/x.sock")),
            ("/run/x.sock", UnixSocket("/run/x.sock")),
            ("tcp://localhost:2375", TcpPort("localhost", 2375)),
            ("tcp://[::1]:2375/", TcpPort("::1", 2375)),
            ("ssh://far", SshHost("far")),
            ("ssh://me@far:2222", SshHost("me@far", 2222)),
            (
                "ssh://me@[fe80::1%eth0]:22/run/x.sock",
                SshHost("me@fe80::1%eth0", 22, "/run/x.sock"),
            ),
        ],
    )
    def test_forms(self, text: str, endpoint: object) -> None:
        assert parse_endpoint(text) == endpoint

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "x",
            "unix://x",
            "tcp://x",
            "tcp://:1",
            "tcp://x:y",
            "tcp://x:99999",
            "ssh://",
            "ssh://-o",
            "ssh://@a",
            "ssh://a:b",
        ],
    )
    def test_malformed_ones(self, text: str) -> None:
        with pytest.raises(errors.InvalidArgument):
            parse_endpoint(text)

    @pytest.mark.parametrize("text", ["npipe:////./pipe/x", "https://x"])
    def test_what_only_docker_knows(self, text: str) -> None:
        with pytest.raises(errors.Unsupported):
            parse_endpoint(text)

    def test_a_socket_deep_down_can_be_reached(self, tmp_path: Path) -> None:
        deep = tmp_path / ("d" * 80) / ("e" * 80)
        deep.mkdir(parents=True)
        listener = socket.socket(socket.AF_UNIX)
        directory = os.open(deep, os.O_PATH)
        listener.bind(f"/proc/self/fd/{directory}/s")
        listener.listen()
        connect(UnixSocket(f"{deep}/s")).close()
        listener.close()
        os.close(directory)

    @pytest.mark.parametrize(
        ("query", "target"),
        [
            (None, "/x"),
            ({}, "/x"),
            ({"a": None}, "/x"),
            ({"a": True, "b": False, "c": 3}, "/x?a=1&b=0&c=3"),
            ({"names": ("a", "b")}, "/x?names=a&names=b"),
            ({"filters": {"label": ["a=b"]}}, "/x?filters=%7B%22label%22%3A%5B%22a%3Db%22%5D%7D"),
            ({"path": "/ü &"}, "/x?path=%2F%C3%BC%20%26"),
        ],
    )
    def test_queries(self, query: dict[str, object] | None, target: str) -> None:
        assert with_query("/x", query) == target

    def test_names_cannot_change_the_path(self) -> None:
        assert part("a?b#c%d e") == "a%3Fb%23c%25d%20e"
        assert part("registry:5000/a/b@sha256:0") == "registry:5000/a/b@sha256:0"


class TestSelection:
    @pytest.fixture(autouse=True)
    def _nothing(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        for name in ("ORLOP_HOST", "ORLOP_CONTEXT", "ORLOP_HOME"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
        monkeypatch.setenv("DOCKER_HOST", "unix:///dockers.sock")

    def context(self, tmp_path: Path, name: str, document: object) -> None:
        from hashlib import sha256

        directory = tmp_path / "contexts/meta" / sha256(name.encode()).hexdigest()
        directory.mkdir(parents=True)
        (directory / "meta.json").write_text(json.dumps(document))

    def test_the_machines_own_without_anything(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("os.geteuid", lambda: 0)
        assert select() == Target(UnixSocket("/run/orlop/orlop.sock"), ())
        assert current() == "default"

    def test_a_users_own(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("os.geteuid", lambda: 1000)
        monkeypatch.setattr("os.access", lambda *_: False)
        monkeypatch.setenv("XDG_RUNTIME_DIR", "/run/user/7")
        assert select() == Target(UnixSocket("/run/user/7/orlop/orlop.sock"), ())

    def test_the_machines_for_who_may(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("os.geteuid", lambda: 1000)
        monkeypatch.setattr("os.access", lambda *_: True)
        assert select() == Target(UnixSocket("/run/orlop/orlop.sock"), None)

    def test_one_below_a_directory(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("ORLOP_HOME", "/x/y/")
        target = select()
        assert target.endpoint == UnixSocket("/x/y/run/orlop.sock")
        assert target.daemon is not None
        assert target.daemon[:4] == ("--data-root", "/x/y/data", "--exec-root", "/x/y/run")

    def test_the_order(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        self.context(tmp_path, "far", {"Endpoints": {"docker": {"Host": "tcp://far:1"}}})
        monkeypatch.setenv("ORLOP_CONTEXT", "far")
        assert select().endpoint == TcpPort("far", 1)
        assert current() == "far"
        monkeypatch.setenv("ORLOP_HOST", "unix:///variable")
        assert select().endpoint == UnixSocket("/variable")
        assert select(context="far").endpoint == TcpPort("far", 1)
        assert select("unix:///given") == Target(UnixSocket("/given"))
        with pytest.raises(errors.InvalidArgument):
            select("unix:///given", "far")

    def test_docker_is_only_meant_if_it_is_named(self) -> None:
        assert select(context="docker").endpoint == UnixSocket("/dockers.sock")

    def test_contexts_that_are_not_there_or_useless(self, tmp_path: Path) -> None:
        self.context(tmp_path, "empty", {"Endpoints": {}})
        with pytest.raises(errors.NotFound):
            select(context="none")
        with pytest.raises(errors.InvalidArgument):
            select(context="empty")
