"""Names of an engine's objects. No engine is started for them, and none is waited for."""

from __future__ import annotations

from orlop.client import Client
from orlop.client.selection import select
from orlop.errors import OrlopError
from orlop.faces.cli.completing import arguments as kinds
from orlop.faces.cli.output.text import short_id

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    Names = Iterator[tuple[str, str]]

_STATES: Mapping[str, tuple[str, ...]] = {
    kinds.RUNNING: ("running", "paused", "restarting"),
    kinds.STOPPED: ("created", "exited", "dead"),
    kinds.PAUSED: ("paused",),
    kinds.CONTAINER: (),
    kinds.TARGET: ("running", "paused"),
    kinds.OBJECT: (),
}
_SHELLS = (("bash", ""), ("fish", ""), ("zsh", ""))


def names(kind: str, beginning: str) -> list[tuple[str, str]]:
    """The names of all objects of a kind, each with a word about it.

    Args:
        kind: of `arguments`.
        beginning: what the names begin with; ids are names too if this is not empty.
    """
    if kind == kinds.SHELL:
        return list(_SHELLS)
    try:
        client = Client(select().replace(daemon=None))
        return list(_names(client, kind, beginning))
    except OrlopError:
        return []


def _names(client: Client, kind: str, beginning: str) -> Names:
    if kind in _STATES:
        yield from _containers(client, _STATES[kind], beginning)
    if kind in (kinds.IMAGE, kinds.OBJECT):
        yield from _images(client)
    if kind in (kinds.VOLUME, kinds.OBJECT):
        for volume in client.get("/volumes").get("Volumes") or ():
            yield volume["Name"], f"volume, {volume.get('Driver')}"
    if kind in (kinds.NETWORK, kinds.OBJECT):
        for network in client.get("/networks") or ():
            yield network["Name"], f"network, {network.get('Driver')}"


def _containers(client: Client, states: tuple[str, ...], beginning: str) -> Names:
    filters = {"status": list(states)} if states else None
    for item in client.get("/containers/json", {"all": True, "filters": filters}):
        about = f"{item.get('Image')}, {item.get('Status')}"
        for name in item.get("Names") or ():
            yield name.removeprefix("/"), about
        if beginning and item["Id"].startswith(beginning):
            yield short_id(item["Id"]), about


def _images(client: Client) -> Names:
    for image in client.get("/images/json"):
        for tag in image.get("RepoTags") or ():
            if "<none>" not in tag:
                yield tag, "image"
                repository, _, label = tag.rpartition(":")
                if label == "latest":
                    yield repository, "image"
