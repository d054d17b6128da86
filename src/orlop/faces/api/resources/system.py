"""The engine as a whole: /info, /system/df, /metrics, /openapi.json."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING, Any

import msgspec

from orlop import __version__
from orlop.engine import container as states
from orlop.errors import InvalidArgument, NotFound
from orlop.faces.api import answers, versions
from orlop.faces.api.rendering import containers, images
from orlop.faces.api.rendering.times import rfc3339
from orlop.faces.api.rendering.volumes import volume_document
from orlop.faces.api.routes import Call, Plain, Route

if TYPE_CHECKING:
    from aiohttp.web_response import StreamResponse

    from orlop.engine.container import Container
    from orlop.engine.engine import Engine
    from orlop.engine.settings import Settings
    from orlop.engine.system import SystemFacts
    from orlop.faces.api.bodies import NoBody
    from orlop.faces.api.versions import Version

_NO_BUILDER_SIZE = (1, 42)
_DF_TYPES = ("container", "image", "volume", "build-cache")
_HUB = "https://index.docker.io/v1/"


async def info(call: Plain) -> StreamResponse:
    """The engine and its machine."""
    engine = call.engine
    facts = engine.system.facts()
    document = {
        **_counts(engine),
        **_machine(facts),
        **_limits(facts),
        **_engine(engine.settings, facts),
        **_registries(engine.settings),
        **_CONSTANTS,
    }
    return answers.json(document)


def _counts(engine: Engine) -> dict[str, Any]:
    status = [container.state.status for container in engine.containers.all()]
    running = status.count(states.RUNNING) + status.count(states.RESTARTING)
    paused = status.count(states.PAUSED)
    return {
        "Containers": len(status),
        "ContainersRunning": running,
        "ContainersPaused": paused,
        "ContainersStopped": len(status) - running - paused,
        "Images": len(engine.images.list()),
    }


def _machine(facts: SystemFacts) -> dict[str, Any]:
    return {
        "ID": facts.id,
        "Name": facts.host_name,
        "KernelVersion": facts.kernel,
        "OperatingSystem": facts.system,
        "OSVersion": facts.system_version,
        "OSType": "linux",
        "Architecture": facts.machine,
        "NCPU": facts.cpus,
        "MemTotal": facts.memory_bytes,
        "CgroupDriver": "cgroupfs",
        "CgroupVersion": str(facts.cgroup_version),
        "IPv4Forwarding": facts.forwards_ipv4,
        "SecurityOptions": _security(facts),
        "Warnings": list(facts.warnings) or None,
    }


def _security(facts: SystemFacts) -> list[str]:
    options = [
        "name=seccomp,profile=builtin" if name == "seccomp" else f"name={name}"
        for name in facts.security
    ]
    return [*options, "name=cgroupns", *(["name=rootless"] if facts.rootless else [])]


def _limits(facts: SystemFacts) -> dict[str, Any]:
    has = {name: name in facts.controllers for name in ("memory", "cpu", "cpuset", "pids")}
    return {
        "MemoryLimit": has["memory"],
        "SwapLimit": facts.swap,
        "CpuCfsPeriod": has["cpu"],
        "CpuCfsQuota": has["cpu"],
        "CPUShares": has["cpu"],
        "CPUSet": has["cpuset"],
        "PidsLimit": has["pids"],
        "OomKillDisable": has["memory"] and facts.cgroup_version == 1,
    }


def _engine(settings: Settings, facts: SystemFacts) -> dict[str, Any]:
    return {
        "Driver": containers.COPIES if facts.copies else containers.DRIVER,
        "DriverStatus": [["Orlop Version", __version__]],
        "DockerRootDir": settings.data_root,
        "LoggingDriver": settings.log_driver,
        "Labels": [f"{name}={value}" if value else name for name, value in settings.labels],
        "LiveRestoreEnabled": True,
        "Debug": logging.getLogger().isEnabledFor(logging.DEBUG),
        "NFd": -1,
        "NGoroutines": len(asyncio.all_tasks()),
        "NEventsListener": 0,
        "SystemTime": rfc3339(time.time_ns()),
        "ServerVersion": versions.ENGINE_VERSION,
        "InitBinary": "orlop-launch",
    }


def _registries(settings: Settings) -> dict[str, Any]:
    networks = [text for text in settings.insecure_registries if "/" in text]
    hosts = [text for text in settings.insecure_registries if "/" not in text]
    mirrors = list(settings.registry_mirrors)
    indexes = {"docker.io": {"Name": "docker.io", "Mirrors": mirrors, "Secure": True}}
    indexes["docker.io"]["Official"] = True
    for host in hosts:
        indexes[host] = {"Name": host, "Mirrors": [], "Secure": False, "Official": False}
    return {
        "IndexServerAddress": _HUB,
        "RegistryConfig": {
            "AllowNondistributableArtifactsCIDRs": None,
            "AllowNondistributableArtifactsHostnames": None,
            "InsecureRegistryCIDRs": ["::1/128", "127.0.0.0/8", *networks],
            "IndexConfigs": indexes,
            "Mirrors": mirrors,
        },
    }


_NO_COMMIT = {"ID": "", "Expected": ""}
_CONSTANTS: dict[str, Any] = {
    "Plugins": {
        "Volume": ["local"],
        "Network": ["bridge", "host", "null"],
        "Authorization": None,
        "Log": ["json-file", "local", "none"],
    },
    "BridgeNfIptables": False,
    "BridgeNfIp6tables": False,
    "KernelMemoryTCP": False,
    "GenericResources": None,
    "HttpProxy": "",
    "HttpsProxy": "",
    "NoProxy": "",
    "ExperimentalBuild": False,
    "Runtimes": {"orlop": {"path": "orlop-runtime"}},
    "DefaultRuntime": "orlop",
    "Swarm": {
        "NodeID": "",
        "NodeAddr": "",
        "LocalNodeState": "inactive",
        "ControlAvailable": False,
        "Error": "",
        "RemoteManagers": None,
    },
    "Isolation": "",
    "ContainerdCommit": _NO_COMMIT,
    "RuncCommit": _NO_COMMIT,
    "InitCommit": _NO_COMMIT,
    "ProductLicense": "",
    "DefaultAddressPools": None,
    "CDISpecDirs": ["/etc/cdi", "/var/run/cdi"],
}


# --- disk space -----------------------------------------------------------------------------------


class UsageQuery(msgspec.Struct, frozen=True):
    """The parameters of df."""

    type: tuple[str, ...] = ()


async def usage(call: Call[UsageQuery, NoBody]) -> StreamResponse:
    """What images, containers and volumes take of the disk."""
    kinds = call.query.type or _DF_TYPES
    if unknown := [kind for kind in kinds if kind not in _DF_TYPES]:
        raise InvalidArgument(f"unknown object type: {unknown[0]}")
    document: dict[str, Any] = {}
    if "image" in kinds:
        document |= _images(call.engine, call.version)
    if "container" in kinds:
        document["Containers"] = await _containers(call.engine, call.version)
    if "volume" in kinds:
        document["Volumes"] = await _volumes(call.engine)
    if "build-cache" in kinds:
        document["BuildCache"] = []
        if call.version < _NO_BUILDER_SIZE:
            document["BuilderSize"] = 0
    return answers.json(document)


def _images(engine: Engine, version: Version) -> dict[str, Any]:
    found = engine.images.usage()
    rows = [images.summary(image, version) for image in found.images]
    return {"LayersSize": found.layers_size, "Images": rows}


async def _containers(engine: Engine, version: Version) -> list[dict[str, Any]]:
    async def row(container: Container) -> dict[str, Any] | None:
        try:
            size = await engine.containers.size(container.id)
        except NotFound:  # removed in the meantime
            return None
        endpoints = engine.networks.endpoints(container)
        return containers.summary(container, endpoints, version, size)

    rows = await asyncio.gather(*map(row, engine.containers.all()))
    return [found for found in rows if found]


async def _volumes(engine: Engine) -> list[dict[str, Any]]:
    sizes = await engine.volumes.sizes()
    return [
        volume_document(
            volume,
            {
                "RefCount": len(engine.volumes.users(volume.name)),
                "Size": sizes.get(volume.name, -1),
            },
        )
        for volume in engine.volumes.all()
    ]


async def metrics(call: Plain) -> StreamResponse:
    """Numbers for Prometheus."""
    return answers.text(await call.engine.metrics.text(), "text/plain; version=0.0.4")


ROUTES = (
    Route("GET", "/info", info, "the engine and its machine"),
    Route("GET", "/system/df", usage, "disk space", UsageQuery),
    Route("GET", "/metrics", metrics, "numbers for Prometheus", answer="text/plain"),
)
