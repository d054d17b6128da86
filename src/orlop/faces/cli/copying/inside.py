"""The container's side of a copy."""

from __future__ import annotations

import binascii
from posixpath import dirname, join, normpath

from orlop import jsontext
from orlop.client.addresses import part
from orlop.errors import InvalidArgument, NotFound, Unavailable
from orlop.faces.cli.copying.places import Source, Target, is_content
from orlop.records import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from orlop.client import Client, Response
    from orlop.faces.cli.copying.places import Inside

_STAT = "x-docker-container-path-stat"
# Bits of a mode as the Go language has them, which the API shows (fs.FileMode).
_DIRECTORY, _SYMLINK, _OTHER = 1 << 31, 1 << 27, (1 << 26) | (1 << 25) | (1 << 24) | (1 << 19)
_MOST_LINKS = 10


class PathStat(Record):
    """What is at a path: Go's mode, and where it leads if it is a symlink."""

    mode: int
    link: str

    @property
    def is_directory(self) -> bool:
        """It is one."""
        return bool(self.mode & _DIRECTORY)

    @property
    def is_symlink(self) -> bool:
        """It is one."""
        return bool(self.mode & _SYMLINK)


def stat(client: Client, place: Inside) -> PathStat:
    """What is at a path in a container.

    Raises:
        NotFound: nothing, or there is no such container.
    """
    return _decoded(client.head(_path(place), {"path": place.path}).get(_STAT, ""))


def _decoded(text: str) -> PathStat:
    try:
        document = jsontext.loads(binascii.a2b_base64(text))
    except (ValueError, InvalidArgument):
        document = None
    if not isinstance(document, dict):
        raise Unavailable("the engine does not say what is at the path")
    return PathStat(int(document.get("mode", 0)), str(document.get("linkTarget") or ""))


def _path(place: Inside) -> str:
    return f"/containers/{part(place.container)}/archive"


def followed(client: Client, place: Inside) -> tuple[Inside, PathStat]:
    """The path with links at its end followed, and what is there.

    Raises:
        NotFound: nothing, as at a link that leads nowhere; the error's `ref` is that path.
        InvalidArgument: links lead in a circle.
    """
    for _ in range(_MOST_LINKS):
        try:
            found = stat(client, place)
        except NotFound as error:
            error.ref = place.path
            raise
        if not found.is_symlink:
            return place, found
        link = normpath(join(dirname(place.path.rstrip("/")), found.link))
        place = place.replace(path=f"{link}/." if is_content(place.path) else link)
    raise InvalidArgument(f"{place.path} is a link that leads in a circle")


def target_of(client: Client, place: Inside) -> Target:
    """Where a copy to a container goes.

    Raises:
        NotFound: there is no such container.
        InvalidArgument: it is a device or the like.
    """
    try:
        place, found = followed(client, place)
    except NotFound as error:
        client.get(f"/containers/{part(place.container)}/json")  # if that is what is missing
        return Target(error.ref, exists=False, is_directory=False)
    if found.mode & _OTHER:
        raise InvalidArgument(f"{place.path} is no file and no directory")
    return Target(place.path, exists=True, is_directory=found.is_directory)


def fetch(client: Client, place: Inside, *, follow: bool) -> tuple[Source, str, Response]:
    """An archive of what is at a path.

    Args:
        client: the engine.
        place: the path.
        follow: a link is what it leads to.

    Returns:
        What it is, under the name that was asked for; the name that it has in the archive; and the
        archive, to be closed by the caller.

    Raises:
        NotFound: there is nothing.
    """
    asked = place
    if follow:
        place, _ = followed(client, place)
    response = client.open("GET", _path(place), {"path": place.path})
    found = _decoded(response.headers.get(_STAT, ""))
    source = Source(asked.path, found.is_directory)
    return source, Source(place.path, found.is_directory).name, response


def send(
    client: Client, container: str, directory: str, archive: Iterable[bytes], *, owners: bool
) -> None:
    """The entries of an archive are in a directory of the container.

    Raises:
        NotFound: there is no such directory.
        Refused: a directory would replace a file, or the other way round.
    """
    query = {"path": directory, "noOverwriteDirNonDir": "true"}
    if owners:
        query["copyUIDGID"] = "true"
    client.put(f"/containers/{part(container)}/archive", archive, query)
