"""A blob from a registry into the content store, however often the way there breaks.

See: distribution-spec spec.md#pulling-blobs; RFC 9110, section 14 (ranges).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from urllib3.exceptions import HTTPError

from orlop.errors import NotFound, Unauthorized, Unavailable
from orlop.image.registry.answers import finish
from orlop.image.registry.connections import Patience

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from urllib3 import BaseHTTPResponse

    from orlop.image.content import Ingest
    from orlop.image.manifest import Descriptor
    from orlop.image.registry.client import Repository

    Told = Callable[[int], None]

READ = 1 << 18
"""Bytes that are taken from a connection at a time."""
_RANGE = re.compile(r"bytes (\d+)-\d+/(?:\d+|\*)\Z")


def download(
    repositories: tuple[Repository, ...],
    descriptor: Descriptor,
    ingest: Ingest,
    told: Told,
    patience: Patience = Patience(),  # noqa: B008 - a frozen value
) -> None:
    """The blob is here, verified; it goes on behind what is here already.

    A try that has brought something does not count as failed.

    Args:
        repositories: to try, in order: mirrors, and the registry itself.
        descriptor: of the blob.
        ingest: where it goes.
        told: gets the number of bytes that are here.
        patience: with broken connections.

    Raises:
        NotFound: nobody has it ("blob").
        Unauthorized: nobody shows it to this person.
        Unavailable: it cannot be had, or is not what it should be.
    """
    failures = 0
    while ingest.offset < ingest.size:
        before = ingest.offset
        try:
            _fetch(repositories, descriptor, ingest, told)
        except (HTTPError, OSError) as error:  # the connection broke
            failures = 1 if ingest.offset > before else failures + 1
            if failures >= patience.tries:
                raise Unavailable(f"cannot fetch {descriptor.digest}: {error}") from error
            repositories[-1].cancellation.sleep(patience.pause(failures))
    ingest.verify()


def _fetch(
    repositories: tuple[Repository, ...], descriptor: Descriptor, ingest: Ingest, told: Told
) -> None:
    """Takes what one answer has."""
    answer = _ask(repositories, descriptor, ingest.offset)
    cancellation = repositories[-1].cancellation
    try:
        for data in _behind(answer, ingest.offset):
            cancellation.check()
            ingest.write(data)
            told(ingest.offset)
    except BaseException:
        answer.close()
        raise
    finish(answer)
    if ingest.offset < ingest.size:
        raise OSError(f"the registry sent {ingest.offset} of {ingest.size} bytes")


def _ask(
    repositories: tuple[Repository, ...], descriptor: Descriptor, offset: int
) -> BaseHTTPResponse:
    """The first good answer, with the bytes from an offset on if the server can do that."""
    headers = {"Range": f"bytes={offset}-"} if offset else {}
    last: Exception = NotFound("blob", descriptor.digest)
    for repository in repositories:
        try:
            answer = repository.request("GET", f"./blobs/{descriptor.digest}", headers=headers)
        except (Unavailable, Unauthorized) as error:
            repository.cancellation.check()
            last = error
            continue
        if answer.status in {200, 206}:
            return answer
        last = repository.failure(answer, "pull", "blob", descriptor.digest)
    if isinstance(last, NotFound):
        for url in descriptor.urls:
            answer = _foreign(repositories[-1], url, headers)
            if answer.status in {200, 206}:
                return answer
            answer.close()
    raise last


def _foreign(repository: Repository, url: str, headers: dict[str, str]) -> BaseHTTPResponse:
    """A layer that its makers keep themselves."""
    if urlsplit(url).scheme != "https":
        raise Unavailable(f"a layer is at {url!r:.200}, which is no https address")
    return repository.stranger(url, headers)


def _behind(answer: BaseHTTPResponse, offset: int) -> Iterator[bytes]:
    """The bytes of an answer from an offset of the blob on."""
    position = 0
    if answer.status == 206:
        match = _RANGE.match(answer.headers.get("Content-Range", ""))
        position = int(match[1]) if match else -1
    if not 0 <= position <= offset:
        raise Unavailable("the registry sends another part of the blob than it was asked for")
    while data := answer.read(READ):
        end = position + len(data)
        if end > offset:
            yield data[max(0, offset - position) :]
            offset = end
        position = end
