"""HTTP to registries: connections that are kept, redirects, proxies, and tries that failed.

- A redirect to another host is followed without credentials, and never from https to http.
- What may work later (network trouble, 429, 5xx) is tried again after a pause that doubles, or that
  the server names; what changes something is tried again only if the server cannot have done it.
- Proxies are those of the environment (HTTPS_PROXY, HTTP_PROXY, NO_PROXY).
"""

from __future__ import annotations

import random
import ssl
import threading
from typing import TYPE_CHECKING
from urllib.parse import urljoin, urlsplit
from urllib.request import getproxies, proxy_bypass

import urllib3
from urllib3.exceptions import HTTPError, NewConnectionError, SSLError

import orlop
from orlop.errors import Unavailable
from orlop.image.registry.answers import finish
from orlop.records import Record

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from urllib3 import BaseHTTPResponse

    from orlop.image.cancellation import Cancellation
    from orlop.image.registry.policy import Endpoint, RegistryPolicy

    Body = bytes | Callable[[], Iterable[bytes]] | None

# Whether a certificate is checked is decided by the policy, which says so to nobody twice.
urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)

AGENT = f"orlop/{orlop.__version__}"
_REDIRECTS = (301, 302, 303, 307, 308)
_REDIRECTS_LIMIT = 10
_LATER = (429, 500, 502, 503, 504)
_TIMEOUT = urllib3.Timeout(connect=15, read=60)
_IDEMPOTENT = ("GET", "HEAD")


class Patience(Record):
    """How often something is tried, and how long the pauses are."""

    tries: int = 5
    first_s: float = 0.25
    longest_s: float = 15.0

    def pause(self, failures: int, asked_s: float = 0) -> float:
        """Seconds to wait after so many failures, or as many as the server asks for."""
        if asked_s:
            return min(asked_s, 2 * self.longest_s)
        longest: float = min(self.longest_s, self.first_s * 2.0 ** (failures - 1))
        return longest * random.uniform(0.5, 1)  # noqa: S311 - so that not all come at once


class Connections:
    """Connections to registries, kept for the next request.

    Args:
        policy: whom to trust.
        patience: with what fails.
    """

    def __init__(self, policy: RegistryPolicy, patience: Patience = Patience()) -> None:  # noqa: B008
        self.policy = policy
        self.patience = patience
        self._lock = threading.Lock()
        self._pools: dict[tuple[Endpoint, str], urllib3.PoolManager] = {}
        self._schemes: dict[Endpoint, str] = {}
        self._strangers = urllib3.PoolManager(num_pools=10, maxsize=8, timeout=_TIMEOUT)

    def request(
        self,
        endpoint: Endpoint,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        cancellation: Cancellation,
        body: Body = None,
    ) -> BaseHTTPResponse:
        """The answer of a registry, without its body, which the caller has to read or to close.

        Args:
            endpoint: the registry.
            method: of HTTP.
            url: absolute, or a path on the registry.
            headers: to send; "Authorization" goes to the endpoint's host only.
            cancellation: ends the pauses.
            body: bytes, or what gives them anew for every try.

        Raises:
            Unavailable: there is no answer, or, after some tries, only one that says "later".
        """
        failures = 0
        while True:
            cancellation.check()
            try:
                answer = self._follow(endpoint, method, url, dict(headers), body)
            except HTTPError as error:
                failures += 1
                if not self._may_try_again(method, error, failures):
                    raise Unavailable(
                        f"cannot reach the registry {endpoint.host}: {_reason(error)}"
                    ) from error
                cancellation.sleep(self.patience.pause(failures))
                continue
            failures += 1
            if answer.status not in _LATER or failures >= self.patience.tries or callable(body):
                return answer
            finish(answer)
            cancellation.sleep(self.patience.pause(failures, _retry_after(answer)))

    def close(self) -> None:
        """Idle connections are closed."""
        with self._lock:
            pools = [*self._pools.values(), self._strangers]
            self._pools.clear()
        for pool in pools:
            pool.clear()

    def _may_try_again(self, method: str, error: HTTPError, failures: int) -> bool:
        if isinstance(error, SSLError) or _is_refused(error):
            return False
        return failures < self.patience.tries and method in _IDEMPOTENT

    def _follow(
        self, endpoint: Endpoint, method: str, url: str, headers: dict[str, str], body: Body
    ) -> BaseHTTPResponse:
        """The answer at the end of all redirects."""
        answer, at = self._first(endpoint, method, url, headers, body)
        for _ in range(_REDIRECTS_LIMIT):
            location = answer.headers.get("Location")
            if answer.status not in _REDIRECTS or not location or method not in _IDEMPOTENT:
                return answer
            finish(answer)
            there = urljoin(at, location)
            if not _same_place(at, there):
                headers.pop("Authorization", None)
            if urlsplit(at).scheme == "https" and urlsplit(there).scheme != "https":
                raise Unavailable(f"the registry {endpoint.host} redirects to a place without TLS")
            at = there
            answer = self._send(self._pool_for(endpoint, at), method, at, headers, body)
        raise Unavailable(f"the registry {endpoint.host} redirects again and again")

    def _first(
        self, endpoint: Endpoint, method: str, url: str, headers: dict[str, str], body: Body
    ) -> tuple[BaseHTTPResponse, str]:
        """The answer of the registry itself, over TLS if it can."""
        if urlsplit(url).scheme:
            if urlsplit(url).netloc != endpoint.host:
                headers.pop("Authorization", None)
            return self._send(self._pool_for(endpoint, url), method, url, headers, body), url
        known = self._schemes.get(endpoint)
        schemes = (known,) if known else endpoint.schemes
        for scheme in schemes:
            at = f"{scheme}://{endpoint.host}{url}"
            try:
                answer = self._send(self._pool(endpoint, scheme), method, at, headers, body)
            except HTTPError as error:
                if scheme == schemes[-1] or not _has_no_tls(error):
                    raise
                continue
            self._schemes[endpoint] = scheme
            return answer, at
        raise Unavailable(f"cannot reach the registry {endpoint.host}")

    def _send(
        self,
        pool: urllib3.PoolManager,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: Body,
    ) -> BaseHTTPResponse:
        return pool.request(
            method,
            url,
            headers={"User-Agent": AGENT, "Accept-Encoding": "identity", **headers},
            body=body() if callable(body) else body,
            redirect=False,
            retries=False,
            preload_content=False,
            decode_content=False,
        )

    def _pool_for(self, endpoint: Endpoint, url: str) -> urllib3.PoolManager:
        """The pool for a URL: the registry's if it is there, else one without its exceptions."""
        parts = urlsplit(url)
        if parts.netloc == endpoint.host:
            return self._pool(endpoint, parts.scheme)
        if self.policy.is_insecure(parts.netloc):
            return self._pool(self.policy.registry(parts.netloc), parts.scheme)
        return self._strangers

    def _pool(self, endpoint: Endpoint, scheme: str) -> urllib3.PoolManager:
        with self._lock:
            pool = self._pools.get((endpoint, scheme))
            if pool is None:
                pool = self._pools[endpoint, scheme] = self._make_pool(endpoint, scheme)
            return pool

    def _make_pool(self, endpoint: Endpoint, scheme: str) -> urllib3.PoolManager:
        tls = self.policy.tls(endpoint) if scheme == "https" else None
        proxy = getproxies().get(scheme)
        if proxy and not proxy_bypass(endpoint.host):
            return urllib3.ProxyManager(proxy, maxsize=16, timeout=_TIMEOUT, ssl_context=tls)
        return urllib3.PoolManager(maxsize=16, timeout=_TIMEOUT, ssl_context=tls)


def _same_place(one: str, other: str) -> bool:
    a, b = urlsplit(one), urlsplit(other)
    return (a.scheme, a.netloc) == (b.scheme, b.netloc)


def _is_refused(error: HTTPError) -> bool:
    return isinstance(error, NewConnectionError) and isinstance(
        error.__context__, ConnectionRefusedError
    )


def _has_no_tls(error: HTTPError) -> bool:
    """Whether it may be that nobody there speaks TLS; a bad certificate is another matter."""
    if isinstance(error, SSLError):
        return not isinstance(error.__context__, ssl.SSLCertVerificationError)
    return isinstance(error, (NewConnectionError, urllib3.exceptions.ProtocolError))


def _reason(error: HTTPError) -> str:
    cause = error.__context__ or error
    if isinstance(cause, OSError) and cause.strerror:
        return cause.strerror
    text = str(cause) if isinstance(cause, OSError) and cause.args else str(error)
    return text.splitlines()[0][:300] if text else type(error).__name__


def _retry_after(answer: BaseHTTPResponse) -> float:
    """What the server asks for, in seconds; 0 if it does not say, or as a date."""
    text = answer.headers.get("Retry-After", "")
    return float(text) if text.isdecimal() and len(text) < 6 else 0.0
