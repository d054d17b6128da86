"""Containers, in lists and in inspect."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from orlop.engine.containers.copies import copy_of
from orlop.faces.api.rendering.networks import endpoint_document, port_rows, settings_document
from orlop.faces.api.rendering.state import state_document, status_text
from orlop.faces.api.rendering.times import rfc3339
from orlop.intent.docker_json import config_of, to_docker
from orlop.intent.docker_json.networks import mode_word

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orlop.engine.container import Container, MountPoint
    from orlop.engine.containers import Size
    from orlop.engine.networks import Endpoint
    from orlop.engine.settings import Settings
    from orlop.faces.api.versions import Version

DRIVER, COPIES = "overlay2", "vfs"
"""What the storage is called to clients, some of which look for the name: overlays, or copies."""
RUNTIME = "orlop"
_ANNOTATIONS = (1, 46)


def summary(
    container: Container,
    endpoints: Sequence[Endpoint],
    version: Version,
    size: Size | None = None,
) -> dict[str, Any]:
    """One row of `docker ps`."""
    request = container.request
    host_config: dict[str, Any] = {"NetworkMode": network_mode(container)}
    if version >= _ANNOTATIONS and request.annotations:
        host_config["Annotations"] = dict(request.annotations)
    document = {
        "Id": container.id,
        "Names": [f"/{container.name}"],
        "Image": container.image.ref,
        "ImageID": container.image.id,
        "Command": command_text(container),
        "Created": container.created_ns // 1_000_000_000,
        "Ports": port_rows(container, endpoints),
        "Labels": dict(request.labels),
        "State": container.state.status,
        "Status": status_text(container, time.time_ns()),
        "HostConfig": host_config,
        "NetworkSettings": {"Networks": {e.network.name: endpoint_document(e) for e in endpoints}},
        "Mounts": [mount_document(mount) for mount in container.mounts],
    }
    return document if size is None else document | size_members(size)


def details(
    container: Container,
    settings: Settings,
    endpoints: Sequence[Endpoint],
    execs: Sequence[str],
    size: Size | None = None,
) -> dict[str, Any]:
    """The answer of inspect."""
    body = to_docker(container.request)
    words = command_words(container)
    directory = container.directory
    document = {
        "Id": container.id,
        "Created": rfc3339(container.created_ns),
        "Path": words[0] if words else "",
        "Args": list(words[1:]),
        "State": state_document(container),
        "Image": container.image.id,
        "ResolvConfPath": f"{directory}/resolv.conf",
        "HostnamePath": f"{directory}/hostname",
        "HostsPath": f"{directory}/hosts",
        "LogPath": container.log_path,
        "Name": f"/{container.name}",
        "RestartCount": container.state.restarts,
        "Driver": storage_driver(container),
        "Platform": "linux",
        "MountLabel": "",
        "ProcessLabel": "",
        "AppArmorProfile": "",
        "ExecIDs": list(execs) or None,
        "HostConfig": host_config_document(container, settings, body["HostConfig"]),
        "GraphDriver": graph_driver(container),
        "Mounts": [mount_document(mount) for mount in container.mounts],
        "Config": config_document(container, body),
        "NetworkSettings": settings_document(container, endpoints),
    }
    return document if size is None else document | size_members(size)


def host_config_document(
    container: Container, settings: Settings, asked: dict[str, Any]
) -> dict[str, Any]:
    """`HostConfig`: what was asked, and what the engine does where nothing was."""
    document = dict(asked)
    if not container.request.handling.log.driver:
        options = dict(settings.log_options)
        document["LogConfig"] = {"Type": settings.log_driver, "Config": options}
    document["ShmSize"] = document.get("ShmSize") or settings.shm_bytes
    document["Runtime"] = document.get("Runtime") or RUNTIME
    document["CgroupnsMode"] = document.get("CgroupnsMode") or "private"
    return document


def config_document(container: Container, body: dict[str, Any]) -> dict[str, Any]:
    """`Config`: what the container was made from, in the words of ContainerCreate."""
    config = config_of(body)
    config["Hostname"] = config.get("Hostname") or container.id[:12]
    config["Image"] = container.image.ref
    config["OnBuild"] = None
    return config


def storage_driver(container: Container) -> str:
    """What its files are kept by: that of its making, which may not be that of new ones."""
    return COPIES if copy_of(container) else DRIVER


def graph_driver(container: Container) -> dict[str, Any]:
    """`GraphDriver`: the directories of the overlay; there are none of a copy."""
    if storage_driver(container) == COPIES:
        return {"Name": COPIES, "Data": None}
    layers = f"{container.directory}/layers"
    data = {
        "LowerDir": ":".join(container.image.lowers),
        "MergedDir": f"{container.directory}/root",
        "UpperDir": f"{layers}/upper",
        "WorkDir": f"{layers}/work",
    }
    return {"Name": DRIVER, "Data": data}


def mount_document(mount: MountPoint) -> dict[str, Any]:
    """One of a container's `Mounts`."""
    document: dict[str, Any] = {"Type": mount.type}
    if mount.name:
        document["Name"] = mount.name
    document |= {"Source": mount.source, "Destination": mount.target}
    if mount.driver:
        document["Driver"] = mount.driver
    return document | {
        "Mode": mount.mode,
        "RW": mount.writable,
        "Propagation": mount.propagation,
    }


def size_members(size: Size) -> dict[str, Any]:
    """The bytes that a container has written, and sees."""
    return {"SizeRw": size.writable_bytes, "SizeRootFs": size.root_bytes}


def network_mode(container: Container) -> str:
    """`HostConfig.NetworkMode`."""
    networks = container.request.namespaces.networks
    return mode_word(networks[0]) if networks else "default"


def command_words(container: Container) -> tuple[str, ...]:
    """Program and arguments."""
    request = container.request
    return (*(request.entrypoint or ()), *request.command)


def command_text(container: Container) -> str:
    """Them as one text; what has a blank in it is in quotes."""
    return " ".join(f"'{word}'" if " " in word else word for word in command_words(container))
