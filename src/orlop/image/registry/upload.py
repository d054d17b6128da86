"""A blob from the content store into a repository.

It is mounted from another repository of the registry if that has it; else it is sent in one piece,
a large one apart from the request that finishes it, so that it can go on where a connection broke.

See: distribution-spec spec.md#pushing-blobs.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from urllib3.exceptions import HTTPError

from orlop.errors import Unavailable
from orlop.image.registry.answers import finish
from orlop.image.registry.connections import Patience

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import BinaryIO

    from urllib3 import BaseHTTPResponse

    from orlop.image.manifest import Descriptor
    from orlop.image.registry.client import Repository

    Told = Callable[[int], None]
    Opener = Callable[[], BinaryIO]

SMALL = 1 << 20
"""Up to so many bytes go with the request that finishes the upload."""
_READ = 1 << 18
_RANGE = re.compile(r"(?:bytes=)?0-(\d+)\Z")
_OCTETS = "application/octet-stream"


def mount(repository: Repository, descriptor: Descriptor, source: str) -> str:
    """The repository has the blob now if another one has ("" is returned), or an upload begins.

    Returns:
        "" for a blob that was mounted, else the URL to send it to.

    Raises:
        Unauthorized: this person may not write.
        Unavailable: the registry cannot be reached.
    """
    query = f"?{urlencode({'mount': descriptor.digest, 'from': source})}" if source else ""
    answer = repository.request("POST", f"./blobs/uploads/{query}", body=b"")
    if answer.status == 201:
        finish(answer)
        return ""
    return _location(repository, answer, {202})


def upload(
    repository: Repository,
    descriptor: Descriptor,
    url: str,
    opener: Opener,
    told: Told,
    patience: Patience = Patience(),  # noqa: B008 - a frozen value
) -> None:
    """The repository has the blob.

    Args:
        repository: with the right to write.
        descriptor: of the blob.
        url: of the upload that has begun (`mount`).
        opener: gives the blob's bytes, anew each time.
        told: gets the number of bytes that were sent.
        patience: with broken connections.

    Raises:
        Unauthorized: this person may not write.
        Unavailable: the registry cannot be reached, or breaks off again and again.
    """
    if descriptor.size <= SMALL:
        with opener() as blob:
            _finish(repository, descriptor, url, blob.read())
        told(descriptor.size)
        return
    failures, offset = 0, 0
    while offset < descriptor.size:
        try:
            url = _send(repository, descriptor, url, opener, told, offset)
            break
        except (HTTPError, OSError, Unavailable) as error:
            repository.cancellation.check()
            failures += 1
            if failures >= patience.tries:
                raise Unavailable(f"cannot push {descriptor.digest}: {error}") from error
            repository.cancellation.sleep(patience.pause(failures))
            url, offset = _where(repository, url)
    _finish(repository, descriptor, url, b"")


def _send(
    repository: Repository,
    descriptor: Descriptor,
    url: str,
    opener: Opener,
    told: Told,
    offset: int,
) -> str:
    """The bytes from an offset on have arrived; returns where to finish."""
    count = descriptor.size - offset
    headers = {
        "Content-Type": _OCTETS,
        "Content-Length": str(count),
        "Content-Range": f"{offset}-{descriptor.size - 1}",
    }
    if not offset:
        del headers["Content-Range"]  # some registries take it for one chunk of many

    def body() -> Iterator[bytes]:
        sent = offset
        with opener() as blob:
            blob.seek(offset)
            while data := blob.read(_READ):
                repository.cancellation.check()
                yield data
                sent += len(data)
                told(sent)

    answer = repository.request("PATCH", url, headers=headers, body=body)
    return _location(repository, answer, {202, 204})


def _where(repository: Repository, url: str) -> tuple[str, int]:
    """Where the upload goes on, and at which offset; a new one if the registry has forgotten it."""
    answer = repository.request("GET", url)
    match = _RANGE.match(answer.headers.get("Range", ""))
    if answer.status != 204 or not match:
        finish(answer)
        fresh = repository.request("POST", "./blobs/uploads/", body=b"")
        return _location(repository, fresh, {202}), 0
    end = int(match[1])
    return _location(repository, answer, {204}), end + 1 if end else 0


def _finish(repository: Repository, descriptor: Descriptor, url: str, data: bytes) -> None:
    parts = urlsplit(url)
    query = urlencode([*parse_qsl(parts.query), ("digest", descriptor.digest)])
    answer = repository.request(
        "PUT",
        urlunsplit(parts._replace(query=query)),
        headers={"Content-Type": _OCTETS, "Content-Length": str(len(data))},
        body=data,
    )
    if answer.status != 201:
        raise repository.failure(answer, "push to", "repository", repository.path)
    finish(answer)


def _location(repository: Repository, answer: BaseHTTPResponse, good: set[int]) -> str:
    """Where the answer says that it goes on."""
    if answer.status not in good:
        raise repository.failure(answer, "push to", "repository", repository.path)
    location = answer.headers.get("Location", "")
    finish(answer)
    if not location:
        raise Unavailable(f"the registry {repository.host} does not say where to push to")
    return repository.absolute(location)
