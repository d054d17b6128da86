"""A real registry on the loopback: Debian's docker-registry, with TLS and authentication if wanted.

    with running_registry(directory, tls=True, htpasswd=True) as registry:
        registry.fill(layout.directory, "tool:1")     # with skopeo
        ... registry.address, registry.certificates, registry.username, registry.password

The authorities of the certificates are made with openssl. The token server is a few lines in a
thread, which signs with openssl, and records what it was asked for.
"""

from __future__ import annotations

import base64
import contextlib
import http.server
import json
import signal
import socket
import subprocess
import threading
import time
import urllib.parse
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.integration.support.deadlines import eventually
from tests.integration.support.runtimes import Result, execute

USER, PASSWORD = "tester", "secret:with:colons"

_CONFIG = """\
version: 0.1
log: {{level: warn, accesslog: {{disabled: true}}}}
storage: {{filesystem: {{rootdirectory: {directory}/data}}, delete: {{enabled: true}}}}
http:
  addr: {address}
  {tls}
{auth}
"""


@dataclass
class Registry:
    """A registry that runs.

    Attributes:
        address: HOST:PORT, which is the beginning of its images' names.
        certificates: a directory as /etc/docker/certs.d, with its authority if it has TLS.
        scheme: "https" or "http".
        username: who may do all, "" if anybody may.
        password: of that user.
        scopes: what the token server was asked for.
    """

    address: str
    certificates: Path
    scheme: str = "http"
    username: str = ""
    password: str = ""
    scopes: list[str] = field(default_factory=list)

    def fill(self, layout: Path, name: str, *words: str) -> Result:
        """Copy the one image of an OCI layout to NAME[:TAG] of the registry, with skopeo."""
        return self.copy(f"oci:{layout}", f"docker://{self.address}/{name}", *words).ok()

    def copy(self, source: str, target: str, *words: str) -> Result:
        """`skopeo copy` between any two places, with the rights for this registry."""
        flags = ["--insecure-policy", "copy", "--quiet", *words]
        for side, place in (("src", source), ("dest", target)):
            if place.startswith("docker://"):
                flags.append(f"--{side}-tls-verify=false")
                if self.username:
                    flags.append(f"--{side}-creds={self.username}:{self.password}")
        return execute(["skopeo", *flags, source, target])

    def inspect(self, name: str) -> dict[str, object]:
        """What skopeo says of an image of the registry."""
        flags = ["--insecure-policy", "inspect", "--tls-verify=false"]
        if self.username:
            flags.append(f"--creds={self.username}:{self.password}")
        result = execute(["skopeo", *flags, f"docker://{self.address}/{name}"]).ok()
        return dict(json.loads(result.out))


@contextlib.contextmanager
def running_registry(
    directory: Path, *, tls: bool = False, htpasswd: bool = False, token: bool = False
) -> Iterator[Registry]:
    """A registry with its data below a directory, which is made; ends with the context."""
    directory.mkdir(parents=True, exist_ok=True)
    address = f"localhost:{_free_port()}" if tls else f"127.0.0.1:{_free_port()}"
    certificates = directory / "certs.d"
    certificates.mkdir()
    registry = Registry(address, certificates, "https" if tls else "http")
    if htpasswd or token:
        registry.username, registry.password = USER, PASSWORD
    with contextlib.ExitStack() as stack:
        auth = ""
        if htpasswd:
            auth = _htpasswd(directory)
        if token:
            auth = stack.enter_context(_token_server(directory, registry))
        if tls:
            make_authority(directory)
            (certificates / address).mkdir()
            (certificates / address / "ca.crt").write_text((directory / "ca.crt").read_text())
        where = f"tls: {{certificate: {directory}/server.crt, key: {directory}/server.key}}"
        config = directory / "config.yml"
        config.write_text(
            _CONFIG.format(
                directory=directory, address=address, tls=where if tls else "", auth=auth
            )
        )
        stack.enter_context(_running(config, address, directory / "log"))
        yield registry


def make_authority(directory: Path) -> None:
    """ca.crt, and server.crt with server.key for the loopback that it has signed."""

    def openssl(*words: str) -> None:
        subprocess.run(["openssl", *words], check=True, capture_output=True, cwd=directory)

    curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    subject = ["-subj", "/CN=authority", "-days", "2"]
    openssl("req", "-x509", *curve, "-keyout", "ca.key", "-out", "ca.crt", *subject)
    openssl("req", *curve, "-keyout", "server.key", "-out", "server.csr", "-subj", "/CN=localhost")
    (directory / "names").write_text("subjectAltName=DNS:localhost,IP:127.0.0.1\n")
    sign = ["-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial", "-extfile", "names"]
    openssl("x509", "-req", "-in", "server.csr", *sign, "-out", "server.crt", "-days", "2")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _htpasswd(directory: Path) -> str:
    made = execute(["htpasswd", "-nbB", "-C", "4", USER, PASSWORD]).ok()
    (directory / "htpasswd").write_text(made.out)
    return f"auth: {{htpasswd: {{realm: tests, path: {directory}/htpasswd}}}}"


@contextlib.contextmanager
def _running(config: Path, address: str, log: Path) -> Iterator[None]:
    with log.open("wb") as output:
        server = subprocess.Popen(
            ["docker-registry", "serve", str(config)], stdout=output, stderr=output
        )
    host, _, port = address.partition(":")

    def answers() -> bool:
        assert server.poll() is None, log.read_text()
        with contextlib.suppress(OSError), socket.create_connection((host, int(port))):
            return True
        return False

    try:
        eventually(answers, "the registry to answer")
        yield
    finally:
        server.send_signal(signal.SIGKILL)
        server.wait()


# --- tokens -----------------------------------------------------------------------------------


@contextlib.contextmanager
def _token_server(directory: Path, registry: Registry) -> Iterator[str]:
    """A server that gives tokens for user and password; yields the registry's setting for it."""
    names = ["-keyout", "token.key", "-out", "token.crt", "-subj", "/CN=tokens", "-days", "2"]
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", *names],
        check=True,
        capture_output=True,
        cwd=directory,
    )
    server = http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), _handler(directory, registry), bind_and_activate=True
    )
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        realm = f"http://127.0.0.1:{server.server_port}/token"
        bundle = f"{directory}/token.crt"
        yield (
            f"auth: {{token: {{realm: '{realm}', service: tests, issuer: tests,"
            f" rootcertbundle: {bundle}}}}}"
        )
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _handler(directory: Path, registry: Registry) -> type[http.server.BaseHTTPRequestHandler]:
    expected = "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            query = urllib.parse.parse_qs(urllib.parse.urlsplit(self.path).query)
            if self.headers["Authorization"] != expected:
                self._answer(401, {"errors": [{"code": "UNAUTHORIZED"}]})
                return
            scopes = query.get("scope", [])
            registry.scopes += scopes
            answer = {"token": _token(directory, scopes), "expires_in": 300}
            if query.get("offline_token") == ["true"]:
                answer["refresh_token"] = "the refresh token"
            self._answer(200, answer)

        def do_POST(self) -> None:
            length = int(self.headers["Content-Length"])
            form = urllib.parse.parse_qs(self.rfile.read(length).decode())
            if form.get("refresh_token") != ["the refresh token"]:
                self._answer(401, {})
                return
            scopes = form.get("scope", [""])[0].split()
            registry.scopes += scopes
            self._answer(200, {"access_token": _token(directory, scopes), "expires_in": 300})

        def _answer(self, status: int, document: dict[str, object]) -> None:
            body = json.dumps(document).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    return Handler


def _token(directory: Path, scopes: list[str]) -> str:
    """A token that the registry accepts: a JSON web token with the certificate in it."""
    der = subprocess.run(
        ["openssl", "x509", "-in", directory / "token.crt", "-outform", "DER"],
        check=True,
        capture_output=True,
    ).stdout
    access = []
    for scope in scopes:
        kind, name, actions = scope.split(":")
        access.append({"type": kind, "name": name, "actions": actions.split(",")})
    now = int(time.time())
    header = {"typ": "JWT", "alg": "RS256", "x5c": [base64.b64encode(der).decode()]}
    claims: dict[str, object] = {"iss": "tests", "aud": "tests", "sub": USER, "access": access}
    claims |= {"iat": now - 60, "nbf": now - 60, "exp": now + 300}
    signed = b".".join(_base64(json.dumps(part).encode()) for part in (header, claims))
    signature = subprocess.run(
        ["openssl", "dgst", "-sha256", "-sign", directory / "token.key"],
        input=signed,
        check=True,
        capture_output=True,
    ).stdout
    return b".".join((signed, _base64(signature))).decode()


def _base64(data: bytes) -> bytes:
    return base64.urlsafe_b64encode(data).rstrip(b"=")
