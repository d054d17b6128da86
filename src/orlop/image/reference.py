"""References: the names by which people call images, as `debian:12` or `host:5000/a/b@sha256:...`.

Docker's grammar and its normalisation: a name without a registry is of docker.io, one of docker.io
without a directory is in `library`. What has a dot, a colon or a capital letter before the first
slash, or is `localhost`, is a registry.

    reference = name [":" tag] ["@" digest]
    name      = [domain "/"] component {"/" component}

See: github.com/distribution/reference, reference.go and normalize.go.
"""

from __future__ import annotations

import re

from orlop.errors import InvalidArgument
from orlop.image import digest as digests
from orlop.records import Record

DOCKER_HUB = "docker.io"
OFFICIAL = "library"
LATEST = "latest"
NAME_LIMIT = 255
"""Characters of a name without its registry, as registries limit it."""

_ALIASES = {"index.docker.io": DOCKER_HUB}
_COMPONENT = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_LABEL = r"(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])"
_DOMAIN = re.compile(rf"(?:{_LABEL}(?:\.{_LABEL})*|\[[a-fA-F0-9:]+\])(?::[0-9]+)?\Z")
_PATH = re.compile(rf"{_COMPONENT}(?:/{_COMPONENT})*\Z")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}\Z")
_IDENTIFIER = re.compile(r"[a-f0-9]{64}\Z")


class Reference(Record):
    """A name that is whole: its registry is known.

    Attributes:
        domain: of the registry: HOST[:PORT]; docker.io for Docker Hub.
        path: below the registry, as "library/debian".
        tag: "" without one.
        digest: of the manifest, "" without one.
    """

    domain: str
    path: str
    tag: str = ""
    digest: str = ""

    @property
    def name(self) -> str:
        """The repository, whole: docker.io/library/debian."""
        return f"{self.domain}/{self.path}"

    @property
    def familiar_name(self) -> str:
        """The repository as people write it: debian."""
        if self.domain != DOCKER_HUB:
            return self.name
        inside = self.path.removeprefix(f"{OFFICIAL}/")
        # docker.io/library/a/b is not docker.io/a/b; and `localhost/x` must not become a registry.
        if "/" in inside:
            inside = self.path
        return inside if "/" not in inside or not _is_domain(inside.split("/")[0]) else self.name

    @property
    def familiar(self) -> str:
        """The reference as people write it: debian:12, debian@sha256:..."""
        return self.familiar_name + self._end()

    def __str__(self) -> str:
        return self.name + self._end()

    def _end(self) -> str:
        return (f":{self.tag}" if self.tag else "") + (f"@{self.digest}" if self.digest else "")

    def with_default_tag(self) -> Reference:
        """The same, with the tag `latest` if it has neither tag nor digest."""
        return self if self.tag or self.digest else self.replace(tag=LATEST)

    def repository(self) -> Reference:
        """The same without tag and digest."""
        return Reference(self.domain, self.path)

    @property
    def wanted(self) -> str:
        """What to ask the registry for: the digest before the tag, `latest` for want of both."""
        return self.digest or self.tag or LATEST


def parse(text: str) -> Reference:
    """The reference that a text stands for.

    Raises:
        InvalidArgument: it stands for none.
    """
    if _IDENTIFIER.match(text):
        raise _invalid(text, "64 hexadecimal digits are the id of an image")
    rest, at, digest = text.partition("@")
    if at and not digests.is_digest(digest):
        raise _invalid(text, f"{digest!r:.100} is no digest")
    name, tag = _split_tag(rest)
    if tag is not None and not _TAG.match(tag):
        raise _invalid(text, f"{tag!r:.140} is no tag")
    domain, path = _split_domain(name)
    _check_name(text, domain, path)
    return Reference(domain, path, tag or "", digest)


def parse_tagged(text: str) -> Reference:
    """A name that an image can be given: with a tag, `latest` by default, and no digest.

    Raises:
        InvalidArgument: it is none, or has a digest.
    """
    reference = parse(text)
    if reference.digest:
        raise _invalid(text, "a name with a digest cannot be given to an image")
    return reference.with_default_tag()


def parse_repository(text: str) -> Reference:
    """The name of a repository, without tag and digest.

    Raises:
        InvalidArgument: it is none.
    """
    reference = parse(text)
    if reference.tag or reference.digest:
        raise _invalid(text, "a repository has neither tag nor digest")
    return reference


def check_tag(tag: str) -> str:
    """The tag itself.

    Raises:
        InvalidArgument: it is none.
    """
    if not _TAG.match(tag):
        raise InvalidArgument(f"invalid tag {tag!r:.140}")
    return tag


def _split_tag(text: str) -> tuple[str, str | None]:
    """Name and tag; the colon of a registry's port has a slash behind it."""
    name, colon, tag = text.rpartition(":")
    return (name, tag) if colon and "/" not in tag else (text, None)


def _is_domain(first: str) -> bool:
    return first == "localhost" or "." in first or ":" in first or first.lower() != first


def _split_domain(name: str) -> tuple[str, str]:
    first, slash, rest = name.partition("/")
    if slash and _is_domain(first):
        domain, path = _ALIASES.get(first, first), rest
    else:
        domain, path = DOCKER_HUB, name
    if domain == DOCKER_HUB and "/" not in path:
        path = f"{OFFICIAL}/{path}"
    return domain, path


def _check_name(text: str, domain: str, path: str) -> None:
    if len(path) > NAME_LIMIT:
        raise _invalid(text, f"a repository has at most {NAME_LIMIT} characters")
    if path != path.lower():
        raise _invalid(text, "a repository's name is in lower case")
    if not _DOMAIN.match(domain) or not _PATH.match(path):
        raise _invalid(text, "it is not as [HOST[:PORT]/]NAME[:TAG][@DIGEST]")


def _invalid(text: str, reason: str) -> InvalidArgument:
    return InvalidArgument(f"invalid reference format {text!r:.300}: {reason}")
