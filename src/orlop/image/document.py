"""The configuration of an image: a JSON document, whose digest is the image's id.

See: image-spec config.md; moby image/spec/v1.2.md for what Docker has added (Healthcheck, Shell,
OnBuild, comment, container, docker_version).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from orlop.errors import InvalidArgument
from orlop.image import digest as digests
from orlop.image import platform, times
from orlop.image.config import HealthCheck, ImageConfig
from orlop.image.manifest import LAYERS_LIMIT
from orlop.records import Record

if TYPE_CHECKING:
    from collections.abc import Mapping

    from orlop.image.platform import Platform

DOCUMENT_LIMIT = 8 << 20
"""Bytes of a configuration."""
_STEPS_LIMIT = 5000


class Step(Record):
    """One step of how the image was made (an entry of `history`).

    Attributes:
        created_ns: when, 0 if unknown.
        created_by: the command.
        author: who.
        comment: why.
        is_empty: it has made no layer.
    """

    created_ns: int = 0
    created_by: str = ""
    author: str = ""
    comment: str = ""
    is_empty: bool = False


class ImageDocument(Record):
    """What a configuration says.

    Attributes:
        platform: for which the image is.
        config: defaults for containers.
        diff_ids: digests of its layers' tar archives, the lowest first.
        history: the first step first.
        created_ns: when it was made, 0 if unknown.
        author: by whom.
        comment: of its last step (Docker's).
        container: id of the one that it was committed from (Docker's).
        docker_version: with what it was made (Docker's).
        raw_config: the bytes of the member `config`, whole.
    """

    platform: Platform
    config: ImageConfig = ImageConfig()
    diff_ids: tuple[str, ...] = ()
    history: tuple[Step, ...] = ()
    created_ns: int = 0
    author: str = ""
    comment: str = ""
    container: str = ""
    docker_version: str = ""
    raw_config: bytes = b"{}"


class _Health(msgspec.Struct, rename="pascal"):
    test: list[str] | None = None
    interval: int | None = None
    timeout: int | None = None
    start_period: int | None = None
    start_interval: int | None = None
    retries: int | None = None


class _Config(msgspec.Struct, rename="pascal"):
    user: str | None = None
    exposed_ports: dict[str, Any] | None = None
    env: list[str] | None = None
    entrypoint: list[str] | str | None = None
    cmd: list[str] | str | None = None
    volumes: dict[str, Any] | None = None
    working_dir: str | None = None
    labels: dict[str, str] | None = None
    stop_signal: str | None = None
    healthcheck: _Health | None = None
    shell: list[str] | None = None
    on_build: list[str] | None = None


class _RootFs(msgspec.Struct):
    type: str = ""
    diff_ids: list[str] | None = None


class _Step(msgspec.Struct):
    created: str | None = None
    created_by: str | None = None
    author: str | None = None
    comment: str | None = None
    empty_layer: bool | None = None


class _Document(msgspec.Struct):
    architecture: str | None = None
    os: str | None = None
    variant: str | None = None
    created: str | None = None
    author: str | None = None
    comment: str | None = None
    container: str | None = None
    docker_version: str | None = None
    config: msgspec.Raw = msgspec.Raw(b"null")
    rootfs: _RootFs | None = None
    history: list[_Step] | None = None


_decoder = msgspec.json.Decoder(_Document)
_config_decoder = msgspec.json.Decoder(_Config | None)


def parse(raw: bytes) -> ImageDocument:
    """What the bytes of a configuration say.

    Raises:
        InvalidArgument: they say nothing sound.
    """
    if len(raw) > DOCUMENT_LIMIT:
        raise InvalidArgument(
            f"invalid image configuration: it has more than {DOCUMENT_LIMIT >> 20} MiB"
        )
    try:
        found = _decoder.decode(raw)
        config = _config_decoder.decode(found.config) or _Config()
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidArgument(f"invalid image configuration: {error}") from error
    return ImageDocument(
        platform.normal(found.os or "", found.architecture or "amd64", found.variant or ""),
        _image_config(config),
        _diff_ids(found.rootfs),
        _history(found.history or []),
        times.parse(found.created or ""),
        found.author or "",
        found.comment or "",
        found.container or "",
        found.docker_version or "",
        b"{}" if bytes(found.config) == b"null" else bytes(found.config),
    )


def write(document: ImageDocument) -> bytes:
    """The bytes of a configuration; `raw_config` is not looked at."""
    members: dict[str, Any] = {
        "architecture": document.platform.architecture,
        "variant": document.platform.variant,
        "os": document.platform.os,
        "created": times.show(document.created_ns),
        "author": document.author,
        "comment": document.comment,
        "container": document.container,
        "docker_version": document.docker_version,
    }
    said = {name: value for name, value in members.items() if value}
    said["config"] = plain_config(document.config)
    said["rootfs"] = {"type": "layers", "diff_ids": list(document.diff_ids)}
    said["history"] = [_plain_step(step) for step in document.history]
    return msgspec.json.encode(said)


def parse_config(raw: bytes) -> ImageConfig:
    """The defaults for containers, of a JSON object like the member `config`.

    Raises:
        InvalidArgument: a member has a wrong type.
    """
    try:
        return _image_config(_config_decoder.decode(raw) or _Config())
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidArgument(f"invalid image configuration: {error}") from error


def plain_config(config: ImageConfig) -> dict[str, Any]:
    """The member `config` as a JSON object, without what it does not say."""
    members: dict[str, Any] = {
        "User": config.user,
        "ExposedPorts": {port: {} for port in config.exposed_ports},
        "Env": list(config.environment),
        "Volumes": {path: {} for path in config.volumes},
        "WorkingDir": config.directory,
        "Labels": dict(config.labels),
        "StopSignal": config.stop_signal,
        "Healthcheck": _plain_health(config.health),
        "Shell": list(config.shell),
        "OnBuild": list(config.on_build),
    }
    found = {name: value for name, value in members.items() if value}
    if config.entrypoint is not None:
        found["Entrypoint"] = list(config.entrypoint)
    if config.command is not None:
        found["Cmd"] = list(config.command)
    return found


def _plain_health(health: HealthCheck | None) -> dict[str, Any]:
    if health is None:
        return {}
    members = {
        "Test": list(health.test),
        "Interval": health.interval_ns,
        "Timeout": health.timeout_ns,
        "StartPeriod": health.start_period_ns,
        "StartInterval": health.start_interval_ns,
        "Retries": health.retries,
    }
    return {name: value for name, value in members.items() if value}


def _plain_step(step: Step) -> dict[str, Any]:
    members: Mapping[str, Any] = {
        "created": times.show(step.created_ns),
        "created_by": step.created_by,
        "author": step.author,
        "comment": step.comment,
        "empty_layer": step.is_empty,
    }
    return {name: value for name, value in members.items() if value}


def _image_config(found: _Config) -> ImageConfig:
    return ImageConfig(
        tuple(found.env or ()),
        _words(found.entrypoint),
        _words(found.cmd),
        found.user or "",
        found.working_dir or "",
        tuple(sorted(found.volumes or ())),
        tuple(sorted(found.exposed_ports or ())),
        dict(found.labels or {}),
        found.stop_signal or "",
        _health(found.healthcheck),
        tuple(found.shell or ()),
        tuple(found.on_build or ()),
    )


def _words(found: list[str] | str | None) -> tuple[str, ...] | None:
    """A command; Docker takes a single text for a list of one."""
    if found is None:
        return None
    return (found,) if isinstance(found, str) else tuple(found)


def _health(found: _Health | None) -> HealthCheck | None:
    if found is None:
        return None
    return HealthCheck(
        tuple(found.test or ()),
        max(0, found.interval or 0),
        max(0, found.timeout or 0),
        max(0, found.start_period or 0),
        max(0, found.start_interval or 0),
        max(0, found.retries or 0),
    )


def _diff_ids(rootfs: _RootFs | None) -> tuple[str, ...]:
    found = (rootfs and rootfs.diff_ids) or []
    if len(found) > LAYERS_LIMIT:
        raise InvalidArgument(f"invalid image configuration: it has {len(found)} layers")
    for diff_id in found:
        if not diff_id.startswith("sha256:"):
            raise InvalidArgument(f"invalid image configuration: {diff_id!r:.80} is no diff id")
    return tuple(digests.parse(diff_id) for diff_id in found)


def _history(found: list[_Step]) -> tuple[Step, ...]:
    if len(found) > _STEPS_LIMIT:
        raise InvalidArgument(f"invalid image configuration: its history has {len(found)} steps")
    return tuple(
        Step(
            times.parse(step.created or ""),
            step.created_by or "",
            step.author or "",
            step.comment or "",
            bool(step.empty_layer),
        )
        for step in found
    )
