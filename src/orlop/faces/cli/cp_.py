"""orlop cp: files between a container and this machine, in either direction."""

from __future__ import annotations

import os

from orlop.client import Client
from orlop.errors import InvalidArgument
from orlop.faces.cli.archives import read_archive, refuse_terminal
from orlop.faces.cli.copying import inside, outside
from orlop.faces.cli.copying.places import STREAM, Inside, Outside, destination, place_of
from orlop.faces.cli.notes import note, warn
from orlop.faces.cli.streams import write_all
from orlop.options import FLAG, Option

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from orlop.faces.cli.screen import Screen
    from orlop.options import Values

USAGE = "[OPTIONS] CONTAINER:PATH PATH|- or PATH|- CONTAINER:PATH"
WORDS = (2, 2)
ANYWHERE = True
OPTIONS = (
    Option(("--archive", "-a"), FLAG, "keep owners, and all of the modes"),
    Option(("--follow-link", "-L"), FLAG, "copy what a link leads to"),
    Option(("--quiet", "-q"), FLAG, "do not say how much was copied"),
)
EXAMPLE = """\
orlop cp web:/etc/nginx ./nginx
orlop cp page.html web:/srv/
orlop cp ./site/. web:/srv
orlop cp web:/var/log - | tar -t"""


def run(values: Values, _: Screen) -> int:
    """Copies."""
    source, target = map(place_of, values.words)
    client = Client()
    match source, target:
        case Inside(), Outside():
            copied = _out(client, source, target.path, values)
        case Outside(), Inside():
            copied = _in(client, source.path, target, values)
        case Inside(), Inside():
            raise InvalidArgument("cannot copy from one container to another")
        case _:
            raise InvalidArgument("one of the paths has to be CONTAINER:PATH")
    if os.isatty(2) and not values.flag("quiet") and STREAM not in values.words:
        from orlop.faces.sizes import decimal

        note(f"copied {decimal(copied)} to {values.words[1]}")
    return 0


def _out(client: Client, source: Inside, target: str, values: Values) -> int:
    if target == STREAM:
        refuse_terminal()
        _, _, response = inside.fetch(client, source, follow=values.flag("follow-link"))
        with response:
            for piece in response:
                write_all(1, piece)
        return 0
    place = outside.target_of(target)
    found, called, response = inside.fetch(client, source, follow=values.flag("follow-link"))
    with response:
        directory, name = destination(found, place)
        return outside.write(
            response,
            directory,
            (called, name),
            owners=values.flag("archive"),
            warn=warn,
        )


def _in(client: Client, source: str, target: Inside, values: Values) -> int:
    owners = values.flag("archive")
    place = inside.target_of(client, target)
    if source == STREAM:
        if not place.is_directory:
            raise InvalidArgument(f"{target.path} is no directory, which an archive needs")
        with read_archive("") as archive:
            inside.send(client, target.container, place.path, archive, owners=owners)
        return 0
    found, real = outside.source_of(source, follow=values.flag("follow-link"))
    directory, name = destination(found, place)
    counted = _Counted(outside.read(real, name))
    inside.send(client, target.container, directory, counted, owners=owners)
    return counted.size


class _Counted:
    """Pieces, and how many bytes they had."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self.size = 0
        self._pieces = pieces

    def __iter__(self) -> Iterator[bytes]:
        for piece in self._pieces:
            self.size += len(piece)
            yield piece
