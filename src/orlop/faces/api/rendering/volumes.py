"""Volumes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from orlop.faces.api.rendering.times import rfc3339

if TYPE_CHECKING:
    from orlop.engine.volumes import Volume


def volume_document(volume: Volume, usage: dict[str, int] | None = None) -> dict[str, Any]:
    """A volume, in lists and in inspect."""
    document = {
        "CreatedAt": rfc3339(volume.created_ns),
        "Driver": volume.driver,
        "Labels": dict(volume.labels) or None,
        "Mountpoint": volume.mountpoint,
        "Name": volume.name,
        "Options": dict(volume.options) or None,
        "Scope": "local",
    }
    return document if usage is None else document | {"UsageData": usage}
