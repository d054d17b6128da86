"""Objects of an engine by name: which kinds there are, and how to ask for one."""

from __future__ import annotations

from orlop.client.addresses import part
from orlop.errors import InvalidArgument, NotFound
from orlop.records import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from orlop.client import Client


class Kind(Record):
    """A kind of objects.

    Attributes:
        name: as `--type` has it.
        path: of one of them in the API, with a place for its name.
        go_type: the type that templates see.
        raw: whether templates may also ask for what only the JSON document has.
    """

    name: str
    path: str
    go_type: str
    raw: bool = True


CONTAINER = Kind("container", "/containers/{}/json", "container.InspectResponse")
IMAGE = Kind("image", "/images/{}/json", "image.InspectResponse")
NETWORK = Kind("network", "/networks/{}", "network.Inspect")
VOLUME = Kind("volume", "/volumes/{}", "volume.Volume")
KINDS = (CONTAINER, IMAGE, NETWORK, VOLUME)
"""In the order in which a name is looked for."""


class Found(Record):
    """One object: its kind, and what the engine says of it."""

    kind: Kind
    document: Any


def kind_of(name: str) -> Kind:
    """The kind that `--type` names.

    Raises:
        InvalidArgument: there is no such kind.
    """
    for kind in KINDS:
        if kind.name == name:
            return kind
    names = ", ".join(kind.name for kind in KINDS)
    raise InvalidArgument(f"there is no type {name!r}", hint=f"there are {names}")


def find(client: Client, name: str, kinds: tuple[Kind, ...], query: dict[str, object]) -> Found:
    """The first object of that name.

    Raises:
        NotFound: there is none of these kinds.
    """
    for kind in kinds:
        try:
            document = client.get(kind.path.format(part(name)), query or None)
        except NotFound:
            if len(kinds) == 1:
                raise
        else:
            return Found(kind, document)
    raise NotFound("object", name, hint="looked for containers, images, networks and volumes")
