"""A registry's client, and what is asked of a repository: manifests, tags, the way to blobs.

See: distribution-spec spec.md#pull and #content-discovery.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING
from urllib.parse import urlencode, urljoin, urlsplit, urlunsplit

from urllib3.exceptions import HTTPError

from orlop.errors import Unauthorized, Unavailable
from orlop.image import digest as digests
from orlop.image import media
from orlop.image.cancellation import Cancellation
from orlop.image.manifest import MANIFEST_LIMIT, Descriptor
from orlop.image.registry.answers import failure, finish
from orlop.image.registry.connections import Connections
from orlop.image.registry.credentials import ANONYMOUS, Credentials
from orlop.image.registry.tokens import Scope, Tokens
from orlop.records import Record

if TYPE_CHECKING:
    from collections.abc import Mapping

    from urllib3 import BaseHTTPResponse

    from orlop.image.reference import Reference
    from orlop.image.registry.connections import Body
    from orlop.image.registry.policy import Endpoint, RegistryPolicy

_ACCEPT = ", ".join((*media.ACCEPTED, *media.DOCKER_SCHEMA_1))
_TAGS_LIMIT = 16 << 20
_PAGES_LIMIT = 1000


class Fetched(Record):
    """A manifest or index as a registry has it.

    Attributes:
        raw: its bytes, whose digest was checked.
        descriptor: of it.
    """

    raw: bytes
    descriptor: Descriptor


class Client:
    """Speaks to all registries; keeps connections and tokens.

    Args:
        connections: to send requests through.
    """

    def __init__(self, connections: Connections) -> None:
        self._connections = connections
        self._tokens = Tokens(connections)

    @classmethod
    def of(cls, policy: RegistryPolicy) -> Client:
        """A client with connections of its own."""
        return cls(Connections(policy))

    @property
    def policy(self) -> RegistryPolicy:
        """Whom it trusts."""
        return self._connections.policy

    def close(self) -> None:
        """Idle connections are closed."""
        self._connections.close()

    def repositories(
        self,
        reference: Reference,
        credentials: Credentials = ANONYMOUS,
        cancellation: Cancellation | None = None,
    ) -> tuple[Repository, ...]:
        """The repository on its mirrors and, last, on its registry itself."""
        return tuple(
            Repository(
                self,
                endpoint,
                reference.path,
                ANONYMOUS if endpoint.is_mirror else credentials,
                cancellation or Cancellation(),
            )
            for endpoint in self.policy.endpoints(reference.domain)
        )

    def repository(
        self,
        reference: Reference,
        credentials: Credentials = ANONYMOUS,
        cancellation: Cancellation | None = None,
    ) -> Repository:
        """The repository on its registry itself, to push to."""
        return self.repositories(reference, credentials, cancellation)[-1]

    def login(self, domain: str, credentials: Credentials) -> str:
        """The registry accepts the credentials; returns an identity token, "" if it gives none.

        Raises:
            Unauthorized: it does not.
            Unavailable: it cannot be reached, or is no registry.
        """
        endpoint, cancellation = self.policy.registry(domain), Cancellation()
        bare = self._connections.request(
            endpoint, "GET", "/v2/", headers={}, cancellation=cancellation
        )
        fields = _challenges(bare)
        finish(bare)
        token = ""
        if bare.status == 401 and not credentials.registry_token:
            token = self._tokens.identity_token(endpoint, credentials, fields, cancellation)
        answer = self.request(endpoint, "GET", "/v2/", credentials, Scope(), cancellation)
        if answer.status != 200:
            raise failure(answer, endpoint.host, "log in", "registry", endpoint.host)
        finish(answer)
        return token

    def request(
        self,
        endpoint: Endpoint,
        method: str,
        url: str,
        credentials: Credentials,
        scope: Scope,
        cancellation: Cancellation,
        *,
        headers: Mapping[str, str] | None = None,
        body: Body = None,
    ) -> BaseHTTPResponse:
        """The answer of a registry to somebody whom it knows by now.

        Raises:
            Unauthorized: it wants credentials, or other ones.
            Unavailable: it cannot be reached.
        """
        shown = self._tokens.known(endpoint, credentials, scope)
        for _ in range(2):
            said = dict(headers or {}) | ({"Authorization": shown} if shown else {})
            answer = self._connections.request(
                endpoint, method, url, headers=said, body=body, cancellation=cancellation
            )
            if answer.status != 401:
                return answer
            fields = _challenges(answer)
            finish(answer)
            shown = self._tokens.answer(
                endpoint,
                credentials,
                scope,
                fields=fields,
                refused=shown,
                cancellation=cancellation,
            )
        raise Unauthorized(
            f"the registry {endpoint.host} does not accept what its token server gave",
            hint="the credentials may not allow this",
        )


class Repository:
    """One repository of one registry, for one person.

    Args:
        client: to ask through.
        endpoint: the registry.
        path: of the repository: "library/debian".
        credentials: of who asks.
        cancellation: of what he asks for.
    """

    def __init__(
        self,
        client: Client,
        endpoint: Endpoint,
        path: str,
        credentials: Credentials,
        cancellation: Cancellation,
    ) -> None:
        self.endpoint = endpoint
        self.path = path
        self.cancellation = cancellation
        self.scope = Scope((f"repository:{path}:pull",))
        self._client = client
        self._credentials = credentials

    @property
    def host(self) -> str:
        """Of the registry."""
        return self.endpoint.host

    def for_push(self, *sources: str) -> Repository:
        """The same with the right to write, and to read from other repositories of the registry."""
        other = Repository(
            self._client, self.endpoint, self.path, self._credentials, self.cancellation
        )
        reading = (f"repository:{source}:pull" for source in sorted(sources))
        other.scope = Scope((f"repository:{self.path}:pull,push", *reading))
        return other

    def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: Body = None,
    ) -> BaseHTTPResponse:
        """The registry's answer; a URL that begins with "./" is below the repository."""
        if url.startswith("./"):
            url = f"{self.endpoint.prefix}/v2/{self.path}/{url.removeprefix('./')}"
        return self._client.request(
            self.endpoint,
            method,
            url,
            self._credentials,
            self.scope,
            self.cancellation,
            headers=headers,
            body=body,
        )

    def stranger(self, url: str, headers: Mapping[str, str]) -> BaseHTTPResponse:
        """The answer of a server that has nothing to do with the registry, nor its credentials."""
        return self._client.request(
            self.endpoint, "GET", url, ANONYMOUS, Scope(), self.cancellation, headers=headers
        )

    def absolute(self, location: str) -> str:
        """A URL that the registry has named; a path if it is on the registry itself.

        So it is asked there as before, also if it stands behind something that adds TLS.
        """
        parts = urlsplit(urljoin(f"//{self.host}/v2/{self.path}/blobs/uploads/", location))
        if parts.netloc == self.host:
            return urlunsplit(("", "", parts.path, parts.query, ""))
        return urlunsplit(parts)

    def failure(self, answer: BaseHTTPResponse, what: str, kind: str, ref: str) -> Exception:
        """The error that an answer stands for."""
        return failure(answer, self.host, f"{what} {self.path}", kind, ref)

    def manifest(self, wanted: str) -> Fetched:
        """A manifest or index, by tag or digest.

        Raises:
            NotFound: there is none ("manifest").
            Unauthorized: the registry does not show it to this person.
            Unavailable: it cannot be had, or is not the one that was asked for.
        """
        answer = self.request("GET", f"./manifests/{wanted}", headers={"Accept": _ACCEPT})
        if answer.status != 200:
            raise self.failure(answer, "pull", "manifest", f"{self.path}:{wanted}")
        raw = _read(answer, MANIFEST_LIMIT, self.host)
        named = wanted if ":" in wanted else ""
        digest = digests.of(raw)
        if named and not digests.fits(named, raw):
            raise Unavailable(f"the registry {self.host} sends something else than {named}")
        kind = answer.headers.get("Content-Type", "").partition(";")[0].strip()
        return Fetched(raw, Descriptor(kind, named or digest, len(raw)))

    def head(self, wanted: str) -> Descriptor | None:
        """What a manifest or index is, without fetching it; None if there is none.

        The digest is "" if the registry does not tell it.
        """
        answer = self.request("HEAD", f"./manifests/{wanted}", headers={"Accept": _ACCEPT})
        finish(answer)
        if answer.status == 404:
            return None
        if answer.status != 200:
            raise self.failure(answer, "pull", "manifest", f"{self.path}:{wanted}")
        digest = answer.headers.get("Docker-Content-Digest", "")
        length = answer.headers.get("Content-Length", "")
        return Descriptor(
            answer.headers.get("Content-Type", "").partition(";")[0].strip(),
            digest if digests.is_digest(digest) else "",
            int(length) if length.isdecimal() else 0,
        )

    def put_manifest(self, wanted: str, raw: bytes, media_type: str) -> str:
        """The repository has the manifest under a tag or its digest; returns its digest.

        Raises:
            Unauthorized: this person may not write.
            InvalidArgument: the registry does not take it.
            Unavailable: the registry cannot be reached.
        """
        headers = {"Content-Type": media_type}
        answer = self.request("PUT", f"./manifests/{wanted}", headers=headers, body=raw)
        if answer.status != 201:
            raise self.failure(answer, "push to", "repository", self.path)
        finish(answer)
        return digests.of(raw)

    def small_blob(self, descriptor: Descriptor, limit: int) -> bytes:
        """All of a small blob, as a configuration is.

        Raises:
            NotFound: there is none ("blob").
            Unavailable: it cannot be had, or is another one.
        """
        answer = self.request("GET", f"./blobs/{descriptor.digest}")
        if answer.status != 200:
            raise self.failure(answer, "pull", "blob", descriptor.digest)
        raw = _read(answer, min(limit, descriptor.size), self.host)
        if not digests.fits(descriptor.digest, raw):
            raise Unavailable(
                f"the registry {self.host} sends something else than {descriptor.digest}"
            )
        return raw

    def has_blob(self, digest: str) -> bool:
        """Whether the repository has a blob."""
        answer = self.request("HEAD", f"./blobs/{digest}")
        finish(answer)
        return answer.status == 200

    def tags(self) -> tuple[str, ...]:
        """All tags of the repository.

        Raises:
            NotFound: there is no such repository.
        """
        found: list[str] = []
        url = f"./tags/list?{urlencode({'n': 1000})}"
        for _ in range(_PAGES_LIMIT):
            answer = self.request("GET", url)
            if answer.status != 200:
                raise self.failure(answer, "list the tags of", "repository", self.path)
            following = _next_page(answer)
            found += _tags(_read(answer, _TAGS_LIMIT, self.host), self.host)
            if not following:
                break
            url = urljoin(f"/v2/{self.path}/tags/list", following)
        return tuple(found)


def _challenges(answer: BaseHTTPResponse) -> list[str]:
    return list(answer.headers.getlist("WWW-Authenticate"))


def _read(answer: BaseHTTPResponse, limit: int, host: str) -> bytes:
    """The body, which has no more than so many bytes."""
    try:
        data = answer.read(limit + 1)
        while len(data) <= limit and (more := answer.read(limit + 1 - len(data))):
            data += more
    except HTTPError as error:
        raise Unavailable(f"the registry {host} broke off: {error}") from error
    finally:
        finish(answer)
    if len(data) > limit:
        raise Unavailable(f"the registry {host} sends more than {limit} bytes")
    return data


def _tags(raw: bytes, host: str) -> list[str]:
    try:
        found = json.loads(raw)["tags"] or []
    except (ValueError, LookupError, TypeError, RecursionError):
        raise Unavailable(f"the registry {host} sends no list of tags") from None
    return [tag for tag in found if isinstance(tag, str)]


def _next_page(answer: BaseHTTPResponse) -> str:
    """The URL of the header Link with rel="next", "" if there is none (RFC 8288)."""
    for field in answer.headers.getlist("Link"):
        url, _, rest = field.strip().removeprefix("<").partition(">")
        if 'rel="next"' in rest.replace(" ", "") or "rel=next" in rest.replace(" ", ""):
            return url
    return ""
