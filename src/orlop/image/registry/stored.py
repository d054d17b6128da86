"""Credentials as Docker's clients keep them: config.json, and the programs that it names.

    auths:        SERVER -> {"auth": base64 of USER:PASSWORD, "identitytoken": ...}
    credHelpers:  SERVER -> NAME of a program docker-credential-NAME
    credsStore:   NAME of the program for all other servers

Of a server its host is what counts, so https://host/v1/ and host are the same; Docker Hub is
https://index.docker.io/v1/.

See: docs.docker.com, "docker login", credential stores; docker-credential-helpers README.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import json
import os
import subprocess
import tempfile
from typing import TYPE_CHECKING, Any

from orlop.errors import InvalidArgument, SyscallError, Unavailable
from orlop.image.registry.credentials import ANONYMOUS, Credentials

if TYPE_CHECKING:
    from collections.abc import Mapping

_HELPER_S = 30
_TOKEN_USER = "<token>"  # noqa: S105 - what helpers say instead of a user's name
_NOT_FOUND = "credentials not found"


def default_path() -> str:
    """Where the user's config.json is: $DOCKER_CONFIG, or ~/.docker.

    podman's $REGISTRY_AUTH_FILE has the same format, and comes first.
    """
    if named := os.environ.get("REGISTRY_AUTH_FILE"):
        return named
    directory = os.environ.get("DOCKER_CONFIG") or os.path.expanduser("~/.docker")
    return f"{directory}/config.json"


class StoredCredentials:
    """The credentials of one config.json, which may not exist yet.

    Args:
        path: host path of the file.

    Raises:
        InvalidArgument: it is no JSON object.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self._document = _read(path)

    def get(self, server: str) -> Credentials:
        """Those for a server (`policy.server_of`), or nobody's.

        Raises:
            Unavailable: the program that should know them failed.
        """
        if helper := self._helper(server):
            return _ask(helper, server)
        wanted = _host(server)
        for name, entry in _object(self._document.get("auths")).items():
            if _host(name) == wanted and isinstance(entry, dict):
                return _decode(entry, self.path, name)
        return ANONYMOUS

    def all(self) -> dict[str, Credentials]:
        """All that the file itself and the programs of `credHelpers` know, by server."""
        names = {*_object(self._document.get("auths")), *_object(self._document.get("credHelpers"))}
        return {name: self.get(name) for name in sorted(names)}

    def store(self, server: str, credentials: Credentials) -> None:
        """They are kept for the server, by a program if there is one for it.

        Raises:
            Unavailable: the program failed.
            SyscallError: the file cannot be written.
        """
        auths = _object(self._document.get("auths"))
        if helper := self._helper(server):
            _tell(helper, server, credentials)
            auths[server] = {}
        else:
            auths[server] = _encode(credentials)
        self._write({**self._document, "auths": auths})

    def erase(self, server: str) -> bool:
        """They are kept no more; False if they were not.

        Raises:
            Unavailable: the program that has them failed.
            SyscallError: the file cannot be written.
        """
        auths = _object(self._document.get("auths"))
        gone = [name for name in auths if _host(name) == _host(server)]
        if helper := self._helper(server):
            _run(helper, "erase", server)
        for name in gone:
            del auths[name]
        if gone:
            self._write({**self._document, "auths": auths})
        return bool(gone)

    def is_plain(self, server: str) -> bool:
        """Whether a password for the server would be in the file itself, for all to read."""
        return not self._helper(server)

    def _helper(self, server: str) -> str:
        """Name of the program for a server, "" if there is none."""
        for name, helper in _object(self._document.get("credHelpers")).items():
            if _host(name) == _host(server):
                return str(helper)
        return str(self._document.get("credsStore") or "")

    def _write(self, document: dict[str, Any]) -> None:
        directory = os.path.dirname(self.path) or "."
        temporary = ""
        try:
            os.makedirs(directory, mode=0o700, exist_ok=True)
            descriptor, temporary = tempfile.mkstemp(dir=directory)  # mode 0600
            with open(descriptor, "w", encoding="utf-8") as file:
                json.dump(document, file, indent="\t")
            os.rename(temporary, os.path.realpath(self.path))
        except OSError as error:
            with contextlib.suppress(OSError):
                os.unlink(temporary)
            raise SyscallError("write", error.errno or 0, self.path) from error
        self._document = document


def _read(path: str) -> dict[str, Any]:
    try:
        with open(path, "rb") as file:
            found = json.loads(file.read() or b"{}")
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, RecursionError) as error:
        raise InvalidArgument(f"cannot read the credentials in {path}: {error}") from error
    if not isinstance(found, dict):
        raise InvalidArgument(f"cannot read the credentials in {path}: it is no JSON object")
    return found


def _object(value: object) -> dict[str, Any]:
    return dict(value) if isinstance(value, dict) else {}


def _host(server: str) -> str:
    return server.removeprefix("https://").removeprefix("http://").split("/")[0]


def _decode(entry: Mapping[str, object], path: str, name: str) -> Credentials:
    token = str(entry.get("identitytoken") or "")
    registry_token = str(entry.get("registrytoken") or "")
    text = entry.get("auth")
    if not text:
        user, password = str(entry.get("username") or ""), str(entry.get("password") or "")
        return Credentials(user, password, token, registry_token)
    try:
        decoded = base64.b64decode(str(text), validate=True).decode().rstrip("\0")
    except (binascii.Error, UnicodeDecodeError):
        raise InvalidArgument(f"the credentials for {name} in {path} are damaged") from None
    user, _, password = decoded.partition(":")
    return Credentials(user, password, token, registry_token)


def _encode(credentials: Credentials) -> dict[str, str]:
    pair = f"{credentials.username}:{credentials.password}"
    found = {"auth": base64.b64encode(pair.encode()).decode()}
    if credentials.identity_token:
        found = {"auth": base64.b64encode(f"{credentials.username}:".encode()).decode()}
        found["identitytoken"] = credentials.identity_token
    return found


def _ask(helper: str, server: str) -> Credentials:
    answer = _run(helper, "get", server)
    if answer is None:
        return ANONYMOUS
    try:
        found = json.loads(answer)
        user, secret = str(found.get("Username", "")), str(found.get("Secret", ""))
    except (ValueError, AttributeError):
        raise Unavailable(f"docker-credential-{helper} answers no credentials") from None
    return Credentials(identity_token=secret) if user == _TOKEN_USER else Credentials(user, secret)


def _tell(helper: str, server: str, credentials: Credentials) -> None:
    said = {"ServerURL": server, "Username": credentials.username, "Secret": credentials.password}
    if credentials.identity_token:
        said |= {"Username": _TOKEN_USER, "Secret": credentials.identity_token}
    _run(helper, "store", json.dumps(said))


def _run(helper: str, verb: str, said: str) -> str | None:
    """What the program answers; None if it knows nothing of that."""
    program = f"docker-credential-{helper}"
    if "/" in helper:
        raise InvalidArgument(f"invalid credential helper {helper!r}")
    try:
        done = subprocess.run(
            [program, verb], input=said, capture_output=True, text=True, timeout=_HELPER_S,
            check=False,
        )  # fmt: skip
    except FileNotFoundError:
        raise Unavailable(
            f"cannot run {program}, which has the credentials",
            hint="install it, or remove it from config.json (credsStore, credHelpers)",
        ) from None
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Unavailable(f"cannot run {program}: {error}") from error
    if done.returncode == 0:
        return done.stdout
    words = (done.stdout + done.stderr).strip()
    # The protocol has no other way to say it than this text.
    if verb in {"get", "erase"} and _NOT_FOUND in words:
        return None
    raise Unavailable(f"{program} {verb} failed: {words[:200]}")
