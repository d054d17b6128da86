"""Images, in lists and in inspect."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from orlop.faces.api.rendering.containers import DRIVER
from orlop.faces.api.rendering.times import rfc3339

if TYPE_CHECKING:
    from collections.abc import Iterable

    from orlop.engine.images import HistoryEntry, ImageDetails, ImageSummary, Removed
    from orlop.faces.api.versions import Version
    from orlop.image.platform import Platform

_NO_VIRTUAL_SIZE = (1, 44)
_MANIFESTS = (1, 47)
_SECOND = 1_000_000_000

# What a container's configuration has beyond an image's; always empty here, and there to be read
# by clients of their time.
_OF_CONTAINERS = {
    "Hostname": "",
    "Domainname": "",
    "AttachStdin": False,
    "AttachStdout": False,
    "AttachStderr": False,
    "Tty": False,
    "OpenStdin": False,
    "StdinOnce": False,
    "Image": "",
}
_OF_IMAGES = {
    "User": "",
    "Env": None,
    "Cmd": None,
    "Volumes": None,
    "WorkingDir": "",
    "Entrypoint": None,
    "OnBuild": None,
    "Labels": None,
}


def summary(image: ImageSummary, version: Version, *, manifests: bool = False) -> dict[str, Any]:
    """One row of `docker images`."""
    document: dict[str, Any] = {
        "Id": image.id,
        "ParentId": image.parent,
        "RepoTags": list(image.tags),
        "RepoDigests": list(image.digests),
        "Created": image.created_ns // _SECOND,
        "Size": image.size,
        "SharedSize": image.shared_size,
        "Labels": dict(image.labels) or None,
        "Containers": image.containers,
    }
    if version < _NO_VIRTUAL_SIZE:
        document["VirtualSize"] = image.size
    if manifests and version >= _MANIFESTS:
        document["Manifests"] = [_manifest(image)]
    return document


def _manifest(image: ImageSummary) -> dict[str, Any]:
    """The one manifest of an image: images are stored for one platform."""
    digest = next((text.partition("@")[2] for text in image.digests), image.id)
    media_type = "application/vnd.oci.image.manifest.v1+json"
    return {
        "ID": digest,
        "Descriptor": {"mediaType": media_type, "digest": digest, "size": 0},
        "Available": True,
        "Size": {"Total": image.size, "Content": 0},
        "Kind": "image",
        "ImageData": {
            "Platform": platform_document(image.platform),
            "Containers": [],
            "Size": {"Unpacked": image.size},
        },
    }


def platform_document(platform: Platform) -> dict[str, str]:
    """A platform as the OCI writes it."""
    document = {"architecture": platform.architecture, "os": platform.os}
    more = {"variant": platform.variant, "os.version": platform.os_version}
    return document | {name: value for name, value in more.items() if value}


def details(image: ImageDetails, version: Version) -> dict[str, Any]:
    """The answer of inspect."""
    brief = image.summary
    config = {**_OF_CONTAINERS, **_OF_IMAGES, **msgspec.json.decode(image.raw_config or b"{}")}
    document: dict[str, Any] = {
        "Id": brief.id,
        "RepoTags": list(brief.tags),
        "RepoDigests": list(brief.digests),
        "Parent": brief.parent,
        "Comment": image.comment,
        "Created": rfc3339(brief.created_ns),
        "DockerVersion": image.docker_version,
        "Author": image.author,
        "Config": config,
        "Architecture": brief.platform.architecture,
        "Os": brief.platform.os,
        "Size": brief.size,
        "GraphDriver": {"Name": DRIVER, "Data": _layers(image.lowers)},
        "RootFS": {"Type": "layers", "Layers": list(image.diff_ids)},
        "Metadata": {"LastTagTime": rfc3339(image.tagged_ns)},
    }
    if brief.platform.variant:
        document["Variant"] = brief.platform.variant
    if version < _NO_VIRTUAL_SIZE:
        document["VirtualSize"] = brief.size
    # Gone from Docker's since 1.45, but Compose 1.29 asks for the newest version and then for this.
    document |= {"Container": image.container, "ContainerConfig": config}
    return document


def _layers(lowers: tuple[str, ...]) -> dict[str, str] | None:
    if not lowers:
        return None
    data = {"UpperDir": lowers[0]}
    return data | {"LowerDir": ":".join(lowers[1:])} if len(lowers) > 1 else data


def history(entries: Iterable[HistoryEntry]) -> list[dict[str, Any]]:
    """The answer of history."""
    return [
        {
            "Id": entry.id or "<missing>",
            "Created": entry.created_ns // _SECOND,
            "CreatedBy": entry.created_by,
            "Tags": list(entry.tags) or None,
            "Size": entry.size,
            "Comment": entry.comment,
        }
        for entry in entries
    ]


def removed(done: Removed) -> list[dict[str, str]]:
    """What a removal has done, step by step."""
    return [{kind.capitalize(): text} for kind, text in done.steps]
