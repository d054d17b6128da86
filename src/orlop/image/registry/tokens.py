"""How to answer a registry that wants to know who asks.

A registry challenges: with `Basic` it wants user and password themselves; with `Bearer` a token,
which a server of its choice gives for them, for a scope, for a time. Nothing is shown before it is
asked for, and passwords are sent over TLS, or to registries that may do without.

See: distribution docs/spec/auth/token.md, oauth.md, scope.md.
"""

from __future__ import annotations

import base64
import json
import threading
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urlsplit

from orlop.errors import Unauthorized, Unavailable
from orlop.image.registry import challenge
from orlop.image.registry.answers import finish
from orlop.records import Record

if TYPE_CHECKING:
    from orlop.image.cancellation import Cancellation
    from orlop.image.registry.challenge import Challenge
    from orlop.image.registry.connections import Connections
    from orlop.image.registry.credentials import Credentials
    from orlop.image.registry.policy import Endpoint

CLIENT = "orlop"
_DEFAULT_S = 60
_ANSWER_LIMIT = 1 << 20


class Scope(Record):
    """What somebody wants to do, as "repository:library/debian:pull"; empty for a login."""

    texts: tuple[str, ...] = ()


class _Grant(Record):
    """A header, and until when (monotonic time, in s) it will do."""

    header: str
    until_s: float


class Tokens:
    """Headers that registries have accepted, by registry, person and scope."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections
        self._lock = threading.Lock()
        self._grants: dict[tuple[Endpoint, Credentials, Scope], _Grant] = {}

    def known(self, endpoint: Endpoint, credentials: Credentials, scope: Scope) -> str:
        """The header Authorization to send first, "" if nothing was asked for so far."""
        if credentials.registry_token:
            return f"Bearer {credentials.registry_token}"
        grant = self._grants.get((endpoint, credentials, scope))
        return grant.header if grant and time.monotonic() < grant.until_s else ""

    def answer(
        self,
        endpoint: Endpoint,
        credentials: Credentials,
        scope: Scope,
        *,
        fields: list[str],
        refused: str,
        cancellation: Cancellation,
    ) -> str:
        """The header Authorization that answers a challenge.

        Args:
            endpoint: the registry.
            credentials: of who asks.
            scope: for what.
            fields: WWW-Authenticate, as it came.
            refused: the header that was not good enough, "" for none.
            cancellation: of the request.

        Raises:
            Unauthorized: the registry wants credentials, or other ones.
            Unavailable: the token server does not answer.
        """
        with self._lock:  # one for all who wait for the same
            known = self.known(endpoint, credentials, scope)
            if known and known != refused:
                return known
            grant = self._obtain(endpoint, credentials, scope, fields, refused, cancellation)
            self._grants[endpoint, credentials, scope] = grant
            return grant.header

    def identity_token(
        self,
        endpoint: Endpoint,
        credentials: Credentials,
        fields: list[str],
        cancellation: Cancellation,
    ) -> str:
        """A refresh token that stands for the password from now on, "" if the server gives none.

        Raises:
            Unauthorized: the credentials are wrong.
        """
        for offered in challenge.parse(fields):
            if offered.scheme == "bearer" and offered.parameter("realm"):
                answer = self._ask(endpoint, offered, credentials, Scope(), cancellation, keep=True)
                return str(answer.get("refresh_token") or "")
        return ""

    def _obtain(
        self,
        endpoint: Endpoint,
        credentials: Credentials,
        scope: Scope,
        fields: list[str],
        refused: str,
        cancellation: Cancellation,
    ) -> _Grant:
        for offered in challenge.parse(fields):
            if offered.scheme == "bearer" and offered.parameter("realm"):
                answer = self._ask(endpoint, offered, credentials, scope, cancellation)
                return _grant(answer)
            if offered.scheme == "basic" and credentials.username:
                header = _basic(credentials)
                if header != refused:
                    return _Grant(header, time.monotonic() + 3600)
        raise _unauthorized(endpoint, credentials)

    def _ask(
        self,
        endpoint: Endpoint,
        offered: Challenge,
        credentials: Credentials,
        scope: Scope,
        cancellation: Cancellation,
        *,
        keep: bool = False,
    ) -> dict[str, Any]:
        """What the token server says."""
        realm = offered.parameter("realm")
        service = offered.parameter("service")
        scopes = scope.texts or tuple(filter(None, [offered.parameter("scope")]))
        if credentials.identity_token:
            return self._refresh(endpoint, realm, service, scopes, credentials, cancellation)
        query = [("service", service)] if service else []
        query += [("scope", text) for text in scopes]
        query += [("account", credentials.username)] if credentials.username else []
        query += [("offline_token", "true"), ("client_id", CLIENT)] if keep else []
        url = f"{realm}{'&' if '?' in realm else '?'}{urlencode(query)}"
        headers = {"Authorization": _basic(credentials)} if credentials.username else {}
        return self._exchange(endpoint, "GET", url, headers, None, credentials, cancellation)

    def _refresh(
        self,
        endpoint: Endpoint,
        realm: str,
        service: str,
        scopes: tuple[str, ...],
        credentials: Credentials,
        cancellation: Cancellation,
    ) -> dict[str, Any]:
        form = {
            "grant_type": "refresh_token",
            "refresh_token": credentials.identity_token,
            "service": service,
            "client_id": CLIENT,
            "scope": " ".join(scopes),
        }
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        body = urlencode(form).encode()
        return self._exchange(endpoint, "POST", realm, headers, body, credentials, cancellation)

    def _exchange(
        self,
        endpoint: Endpoint,
        method: str,
        url: str,
        headers: dict[str, str],
        body: bytes | None,
        credentials: Credentials,
        cancellation: Cancellation,
    ) -> dict[str, Any]:
        host = urlsplit(url).netloc
        server = self._connections.policy.registry(host)
        if urlsplit(url).scheme not in server.schemes:
            raise Unauthorized(
                f"the registry {endpoint.host} wants a token of {host}, which has no TLS"
            )
        answer = self._connections.request(
            server, method, url, headers=headers, body=body, cancellation=cancellation
        )
        try:
            data = answer.read(_ANSWER_LIMIT)
        finally:
            finish(answer)
        if answer.status in {400, 401, 403}:
            raise _unauthorized(endpoint, credentials)
        if answer.status != 200:
            raise Unavailable(f"the token server {host} answers with status {answer.status}")
        return _document(data, host)


def _document(data: bytes, host: str) -> dict[str, Any]:
    try:
        found = json.loads(data)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise Unavailable(f"the token server {host} answers nothing that can be read")
    return found


def _grant(answer: dict[str, Any]) -> _Grant:
    token = answer.get("token") or answer.get("access_token")
    if not isinstance(token, str) or not token.isascii() or not token.isprintable():
        raise Unavailable("the token server gives no token")
    life = answer.get("expires_in")
    seconds = life if isinstance(life, int) and life > 0 else _DEFAULT_S
    # Renewed a little early: the registry's clock is another one.
    return _Grant(f"Bearer {token}", time.monotonic() + 0.8 * min(seconds, 86400))


def _basic(credentials: Credentials) -> str:
    pair = f"{credentials.username}:{credentials.password}"
    return f"Basic {base64.b64encode(pair.encode()).decode()}"


def _unauthorized(endpoint: Endpoint, credentials: Credentials) -> Unauthorized:
    if credentials.is_anonymous:
        return Unauthorized(
            f"the registry {endpoint.host} wants to know who asks",
            hint=f"log in first: orlop login {endpoint.host}",
        )
    who = f" of {credentials.username!r}" if credentials.username else ""
    return Unauthorized(f"the registry {endpoint.host} does not accept the credentials{who}")
