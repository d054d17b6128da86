"""An engine that always says the same: documents by path, over HTTP on a Unix socket.

So commands can be compared that are given the same answers, which no two engines do.
"""

from __future__ import annotations

import contextlib
import json
import os
import socketserver
import threading
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

from tests.integration.support.runtimes import Result, execute

API_VERSION = "1.47"


class _Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True
    request_queue_size = 100

    def __init__(self, path: Path, answers: Mapping[str, Any]) -> None:
        self.answers = answers
        super().__init__(str(path), _Handler)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def log_message(self, *_: object) -> None:
        """Says nothing."""

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        if path.startswith("/v1."):
            path = "/" + path.split("/", 2)[2]
        found = "OK" if path == "/_ping" else self.server.answers.get(path)
        status = 404 if found is None else 200
        if found is None:
            found = {"message": f"there is nothing at {path}"}
        self._answer(status, found if isinstance(found, bytes) else json.dumps(found).encode())

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        for name, value in (
            ("Api-Version", API_VERSION),
            ("Ostype", "linux"),
            ("Content-Type", "application/json"),
            ("Content-Length", str(len(body))),
        ):
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


class Answering:
    """Clients of such an engine, and of any other at the same kind of address."""

    def __init__(self, socket: Path) -> None:
        self.url = f"unix://{socket}"
        self._home = socket.parent

    @property
    def environment(self) -> dict[str, str]:
        """Nothing of the user's own settings."""
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self._home),
            "DOCKER_CONFIG": str(self._home),
            "TZ": "UTC",
        }

    def docker(self, *words: str, **options: Any) -> Result:
        """What docker's client shows."""
        return execute(["docker", "-H", self.url, *words], env=self.environment, **options)

    def orlop(self, *words: str, **options: Any) -> Result:
        """What `orlop` shows."""
        from tests.integration.support.orlop import PROGRAM

        command = [str(PROGRAM), "-H", self.url, *words]
        return execute(command, env=self.environment, **options)


@contextlib.contextmanager
def answering(directory: Path, answers: Mapping[str, Any]) -> Iterator[Answering]:
    """An engine that answers GET with these documents, or bytes; 404 to all else."""
    path = directory / "answers.sock"
    with _Server(path, answers) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield Answering(path)
        finally:
            server.shutdown()
            thread.join()
            path.unlink()
