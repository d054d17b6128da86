"""Containers in listings."""

from __future__ import annotations

from orlop.faces.cli.output import ages
from orlop.faces.cli.output.ports import displayed
from orlop.faces.cli.output.references import without_digest
from orlop.faces.cli.output.text import labels, short_id, shortened
from orlop.faces.cli.output.views import Column, View, label_of
from orlop.faces.cli.template.literals import quoted
from orlop.faces.cli.template.values import NilPointer
from orlop.faces.sizes import decimal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from orlop.faces.cli.output.views import Shown

    Item = Mapping[str, Any]

_COMMAND_WIDTH, _MOUNT_WIDTH = 20, 15
_SIZE_DIGITS = 3
RUNNING = ("running", "paused", "restarting")
_NO_PLATFORM = NilPointer("*v1.Platform")


def is_active(item: Item) -> bool:
    """Whether it has processes, or will have some again by itself."""
    return any(state in item.get("State", "").lower() for state in RUNNING)


def _id(item: Item, shown: Shown) -> str:
    identity: str = item["Id"]
    return short_id(identity) if shown.short else identity


def _names(item: Item, shown: Shown) -> str:
    names = [name.removeprefix("/") for name in item.get("Names") or ()]
    own = [name for name in names if "/" not in name]  # others are links'
    return ",".join(own[:1] if shown.short and own else names)


def _image(item: Item, shown: Shown) -> str:
    image: str = item.get("Image") or ""
    if not image:
        return "<no image>"
    if not shown.short:
        return image
    identity = short_id(item.get("ImageID") or "")
    return identity if identity == short_id(image) else without_digest(image)


def _command(item: Item, shown: Shown) -> str:
    command = item.get("Command") or ""
    return quoted(shortened(command, _COMMAND_WIDTH) if shown.short else command)


def _size(item: Item, _: Shown) -> str:
    own = decimal(item.get("SizeRw") or 0, _SIZE_DIGITS)
    if not item.get("SizeRootFs"):
        return own
    return f"{own} (virtual {decimal(item['SizeRootFs'], _SIZE_DIGITS)})"


def _mounts(item: Item, shown: Shown) -> str:
    names = (mount.get("Name") or mount.get("Source") or "" for mount in item.get("Mounts") or ())
    return ",".join(shortened(name, _MOUNT_WIDTH) if shown.short else name for name in names)


def _local_volumes(item: Item, _: Shown) -> str:
    return str(sum(mount.get("Driver") == "local" for mount in item.get("Mounts") or ()))


def _networks(item: Item, _: Shown) -> str:
    return ",".join(sorted((item.get("NetworkSettings") or {}).get("Networks") or ()))


CONTAINERS = View(
    "*formatter.ContainerContext",
    {
        "ID": Column("CONTAINER ID", _id),
        "Names": Column("NAMES", _names),
        "Image": Column("IMAGE", _image),
        "Command": Column("COMMAND", _command),
        "CreatedAt": Column("CREATED AT", lambda item, _: ages.local(item["Created"])),
        "RunningFor": Column("CREATED", lambda item, shown: ages.ago(item["Created"], shown.now)),
        "Ports": Column("PORTS", lambda item, _: displayed(item.get("Ports") or ())),
        "State": Column("STATE", lambda item, _: item.get("State") or ""),
        "Status": Column("STATUS", lambda item, _: item.get("Status") or ""),
        "Size": Column("SIZE", _size),
        "Labels": Column("LABELS", lambda item, _: labels(item.get("Labels"))),
        "Mounts": Column("MOUNTS", _mounts),
        "LocalVolumes": Column("LOCAL VOLUMES", _local_volumes),
        "Networks": Column("NETWORKS", _networks),
        "Platform": Column("PLATFORM", lambda _, __: _NO_PLATFORM),
    },
    {"Label": lambda item: label_of(item.get("Labels"))},
)
