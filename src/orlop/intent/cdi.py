"""Devices of the Container Device Interface: what a vendor says that a container needs for one.

Specifications are files in /etc/cdi and /run/cdi; of two that know one device, the one in /run
counts. They are in JSON or in YAML, which is what `nvidia-ctk cdi generate` writes; the parser of
the latter is imported only when there is such a file. The specification's `intelRdt` is refused.

See: github.com/cncf-tags/container-device-interface SPEC.md, version 1.0.
"""

from __future__ import annotations

import os

from orlop import jsontext
from orlop.decode import (
    absolute_path,
    decode,
    filled,
    i32,
    list_of,
    one_of,
    optional,
    record,
    required,
    string,
    u32,
)
from orlop.errors import InvalidArgument, NotFound, OrlopError, Unsupported
from orlop.intent.preparation import MakeDirectory, WriteFile
from orlop.intent.request import CdiDevice
from orlop.kernel.cgroup.resources import DeviceRule, Resources
from orlop.records import Record, fields, values
from orlop.runtime.config_document import document
from orlop.runtime.spec import Device, Hook, Hooks, Mount, NetDevice, Process

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from typing import Any

    from orlop.intent.draft import Draft
    from orlop.intent.preparation import Preparation
    from orlop.intent.request import Gpus
    from orlop.runtime.spec import Spec

DIRECTORIES = ("/etc/cdi", "/run/cdi")
"""Host directories of specifications, the more important last."""

NVIDIA = "nvidia.com/gpu"
_MOST_BYTES = 16 << 20
_HOOKS = {
    "prestart": "prestart",
    "createRuntime": "create_runtime",
    "createContainer": "create_container",
    "startContainer": "start_container",
    "poststart": "poststart",
    "poststop": "poststop",
}


class DeviceEdit(Record):
    """A device node; what it does not say is the host's node's."""

    path: str
    host_path: str = ""
    type: str | None = None
    major: int | None = None
    minor: int | None = None
    file_mode: int | None = None
    permissions: str = "rwm"
    uid: int | None = None
    gid: int | None = None


class MountEdit(Record):
    """A mount."""

    host_path: str
    container_path: str
    options: tuple[str, ...] = ()
    type: str = ""


class HookEdit(Record):
    """A program of the host at one point of the container's life."""

    hook_name: str
    path: str
    args: tuple[str, ...] = ()
    env: tuple[str, ...] = ()
    timeout: int | None = None


class NetDeviceEdit(Record):
    """A network device of the host that moves in."""

    host_interface_name: str
    name: str = ""


class Edits(Record):
    """What a device changes of a container's configuration."""

    env: tuple[str, ...] = ()
    device_nodes: tuple[DeviceEdit, ...] = ()
    net_devices: tuple[NetDeviceEdit, ...] = ()
    mounts: tuple[MountEdit, ...] = ()
    hooks: tuple[HookEdit, ...] = ()
    additional_gids: tuple[int, ...] = ()
    intel_rdt: object = None


class SpecifiedDevice(Record):
    """A device of a specification."""

    name: str
    container_edits: Edits


class CdiSpec(Record):
    """A specification: devices of one vendor and class, and what all of them need."""

    cdi_version: str
    kind: str
    devices: tuple[SpecifiedDevice, ...]
    container_edits: Edits = Edits()


# --- reading ----------------------------------------------------------------------------------

_EDITS = "SPEC.md#containeredits"
_edits = record(
    Edits,
    _EDITS,
    env=optional(list_of(filled)),
    device_nodes=optional(
        list_of(
            record(
                DeviceEdit,
                _EDITS,
                path=required(absolute_path),
                host_path=optional(string),
                type=optional(one_of("b", "c", "u", "p", "")),
                major=optional(u32),
                minor=optional(u32),
                file_mode=optional(u32),
                permissions=optional(filled),
                uid=optional(u32),
                gid=optional(u32),
            )
        )
    ),
    net_devices=optional(
        list_of(
            record(
                NetDeviceEdit,
                _EDITS,
                host_interface_name=required(filled),
                name=optional(string),
            )
        )
    ),
    mounts=optional(
        list_of(
            record(
                MountEdit,
                _EDITS,
                host_path=required(filled),
                container_path=required(absolute_path),
                options=optional(list_of(string)),
                type=optional(string),
            )
        )
    ),
    hooks=optional(
        list_of(
            record(
                HookEdit,
                _EDITS,
                hook_name=required(one_of(*_HOOKS)),
                path=required(absolute_path),
                args=optional(list_of(string)),
                env=optional(list_of(string)),
                timeout=optional(i32),
            )
        )
    ),
    additional_gids=optional(list_of(u32), "additionalGids"),
    intel_rdt=optional(lambda value: value),
)
_spec = record(
    CdiSpec,
    "SPEC.md#cdi-json-specification",
    cdi_version=required(filled),
    kind=required(filled),
    devices=required(
        list_of(
            record(
                SpecifiedDevice,
                "SPEC.md#cdi-json-specification",
                name=required(filled),
                container_edits=required(_edits),
            )
        )
    ),
    container_edits=optional(_edits),
)


class Specifications(Record):
    """What the host's directories have.

    Attributes:
        devices: what each device changes, by its whole name.
        broken: why some files could not be read, in words.
    """

    devices: Mapping[str, Edits]
    broken: tuple[str, ...] = ()


def read_specifications(directories: Iterable[str] = DIRECTORIES) -> Specifications:
    """All devices that the host knows. Changes nothing; a broken file spoils only itself."""
    devices: dict[str, Edits] = {}
    broken: list[str] = []
    for directory in directories:
        found: dict[str, Edits] = {}
        for path in _files(directory):
            try:
                found |= _without_twins(devices_of_spec(_spec_in(path)), found, path)
            except OrlopError as error:
                broken.append(f"{path}: {error}")
            except OSError as error:
                broken.append(f"{path}: {error.strerror}")
        devices |= found
    return Specifications(devices, tuple(broken))


def _files(directory: str) -> Iterator[str]:
    try:
        names = sorted(os.listdir(directory))
    except OSError:
        return
    for name in names:
        if name.endswith((".json", ".yaml", ".yml")):
            yield f"{directory}/{name}"


def _spec_in(path: str) -> CdiSpec:
    with open(path, "rb") as file:
        text = file.read(_MOST_BYTES)
    return parse(text) if path.endswith(".json") else parse_yaml(text)


def parse(text: bytes) -> CdiSpec:
    """A specification in JSON.

    Raises:
        InvalidArgument: it is none.
    """
    return _decoded(jsontext.loads(text))


def parse_yaml(text: bytes) -> CdiSpec:
    """A specification in YAML.

    Raises:
        InvalidArgument: it is none.
        Unsupported: there is no parser.
    """
    try:
        import yaml
    except ImportError:
        raise Unsupported(
            "a specification in YAML",
            needs="the Python package PyYAML",
            hint="or JSON, as of `nvidia-ctk cdi generate --format=json`",
        ) from None
    try:
        document = yaml.load(text, getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        reason = getattr(error, "problem", None) or "it is damaged"
        mark = getattr(error, "problem_mark", None)
        place = f" at line {mark.line + 1}" if mark else ""
        raise InvalidArgument(f"is not YAML: {reason}{place}") from None
    return _decoded(document)


def _decoded(document: object) -> CdiSpec:
    spec: CdiSpec = decode(_spec, document)
    return spec


def devices_of_spec(spec: CdiSpec) -> dict[str, Edits]:
    """What each of its devices changes, by its whole name."""
    return {
        f"{spec.kind}={device.name}": joined((spec.container_edits, device.container_edits))
        for device in spec.devices
    }


def _without_twins(
    new: dict[str, Edits], known: dict[str, Edits], path: str
) -> Mapping[str, Edits]:
    """The devices, if no file of the same directory has one of them, too."""
    for name in new:
        if name in known:
            raise InvalidArgument(f"{name} is in another file as well as in {path}")
    return new


def joined(edits: Iterable[Edits]) -> Edits:
    """All of them, one after the other."""
    lists: dict[str, Any] = {name: [] for name in fields(Edits)[:-1]}
    rdt = None
    for edit in edits:
        for name, found in lists.items():
            found += [item for item in getattr(edit, name) if item not in found]
        rdt = edit.intel_rdt if edit.intel_rdt is not None else rdt
    return Edits(**{name: tuple(found) for name, found in lists.items()}, intel_rdt=rdt)


# --- names ------------------------------------------------------------------------------------


def names_of_gpus(gpus: Gpus) -> tuple[str, ...]:
    """The devices that a request for GPUs means.

    Raises:
        Unsupported: they are another vendor's, of which no names are known.
    """
    if gpus.driver not in ("", "nvidia", "cdi"):
        raise Unsupported(
            f"GPUs of the driver {gpus.driver!r}",
            needs="their names",
            hint="--device VENDOR/CLASS=NAME takes any device of the Container Device Interface",
        )
    if gpus.ids:
        return tuple(name if "=" in name else f"{NVIDIA}={name}" for name in gpus.ids)
    if gpus.count < 0:
        return (f"{NVIDIA}=all",)
    return tuple(f"{NVIDIA}={index}" for index in range(gpus.count))


def _asked(draft: Draft) -> Iterator[tuple[str, str]]:
    """The devices that are asked for, each with its cause."""
    for index, device in enumerate(draft.request.devices):
        if isinstance(device, CdiDevice):
            yield device.name, draft.written(f"devices[{index}]")
    if draft.request.gpus is not None:
        for name in names_of_gpus(draft.request.gpus):
            yield name, draft.written("gpus")


# --- applying ---------------------------------------------------------------------------------


def with_cdi_devices(draft: Draft, spec: Spec) -> Spec:
    """The configuration with what the devices need that are asked for.

    Raises:
        NotFound: the host has no such device.
        Unsupported: it needs what orlop does not do.
    """
    asked = tuple(_asked(draft))
    if not asked:
        return spec
    known, done = draft.host.lookup.cdi(), Edits()
    for name, cause in asked:
        edits = known.devices.get(name)
        if edits is None:
            raise NotFound("device", name, hint="; ".join((f"for {cause}", *known.broken)))
        if edits.intel_rdt is not None:
            raise Unsupported(f"{cause}: intelRdt", needs="the resctrl file system")
        spec = _applied(draft, spec, _without(edits, done), cause)
        done = joined((done, edits))
    if done.hooks:
        draft.preparations += _for_hooks(draft, spec)
    return spec


def _for_hooks(draft: Draft, spec: Spec) -> Iterator[Preparation]:
    """Hooks find the root by the path that config.json has, and config.json in the bundle.

    See: OCI runtime-spec, runtime.md "State"; libnvidia-container's and nvidia-cdi-hook's hooks.
    """
    if spec.root is not None:
        yield MakeDirectory(spec.root.path)
    yield MakeDirectory(draft.directory, 0o710)
    yield WriteFile(f"{draft.directory}/config.json", jsontext.dumps(document(spec)))


def _without(edits: Edits, done: Edits) -> Edits:
    """What is not done yet: devices of one vendor have much in common."""
    names = fields(Edits)[:-1]
    left = {n: [item for item in getattr(edits, n) if item not in getattr(done, n)] for n in names}
    return Edits(**{name: tuple(items) for name, items in left.items()})


def _applied(draft: Draft, spec: Spec, edits: Edits, cause: str) -> Spec:
    linux, process = spec.linux, spec.process or Process(cwd="/")
    nodes = tuple(_node(draft, edit) for edit in edits.device_nodes)
    rules = tuple(
        DeviceRule(True, node.type, node.major, node.minor, edit.permissions)
        for node, edit in zip(nodes, edits.device_nodes, strict=True)
        if node.type in ("b", "c")
    )
    resources = linux.resources or Resources()
    mounts = tuple(
        Mount(m.container_path, m.type or "bind", m.host_path, m.options or ("rbind", "rprivate"))
        for m in edits.mounts
    )
    moved = {d.host_interface_name: NetDevice(d.name or None) for d in edits.net_devices}
    gids = (*process.user.additional_gids, *edits.additional_gids)
    devices = _replaced(linux.devices, nodes)
    _note(draft, spec, edits, devices, cause)
    return spec.replace(
        process=process.replace(
            env=_with_env(draft, process.env, edits.env, cause),
            user=process.user.replace(additional_gids=tuple(dict.fromkeys(gids))),
        ),
        mounts=(*spec.mounts, *mounts),
        hooks=_with_hooks(spec.hooks, edits.hooks),
        linux=linux.replace(
            devices=devices,
            net_devices={**linux.net_devices, **moved},
            resources=resources.replace(devices=(*resources.devices, *rules)),
        ),
    )


def _node(draft: Draft, edit: DeviceEdit) -> Device:
    """The node, with what it does not say as the host's node has it."""
    if edit.type and (edit.type == "p" or edit.major is not None):
        device = Device(edit.type, edit.path, edit.major, edit.minor)
    else:
        (found, *_) = draft.host.lookup.nodes(edit.host_path or edit.path)
        device = Device(found.type, edit.path, *values(found)[2:])
    own = {name: getattr(edit, name) for name in ("file_mode", "uid", "gid")}
    return device.replace(**{name: value for name, value in own.items() if value is not None})


def _replaced(devices: tuple[Device, ...], nodes: tuple[Device, ...]) -> tuple[Device, ...]:
    """The devices with the new ones, which count where both have a path."""
    paths = {node.path for node in nodes}
    return (*(device for device in devices if device.path not in paths), *nodes)


def _with_env(
    draft: Draft, env: tuple[str, ...], new: tuple[str, ...], cause: str
) -> tuple[str, ...]:
    """The variables with the new ones, each in the place of one of its name."""
    places = {pair.partition("=")[0]: place for place, pair in enumerate(env)}
    found = list(env)
    for pair in new:
        place = places.setdefault(pair.partition("=")[0], len(found))
        found[place : place + 1] = [pair]
        draft.note(f"process.env[{place}]", cause)
    return tuple(found)


def _with_hooks(hooks: Hooks, edits: tuple[HookEdit, ...]) -> Hooks:
    for edit in edits:
        kind = _HOOKS[edit.hook_name]
        hook = Hook(edit.path, edit.args, edit.env, edit.timeout)
        hooks = hooks.replace(**{kind: (*getattr(hooks, kind), hook)})
    return hooks


def _note(draft: Draft, spec: Spec, edits: Edits, devices: tuple[Device, ...], cause: str) -> None:
    """Remembers what has caused what is added."""
    for index in range(len(edits.mounts)):
        draft.note(f"mounts[{len(spec.mounts) + index}]", cause)
    for index in range(len(devices) - len(edits.device_nodes), len(devices)):
        draft.note(f"linux.devices[{index}]", cause)
    rules = len(spec.linux.resources.devices) if spec.linux.resources else 0
    for index in range(len(edits.device_nodes)):
        draft.note(f"linux.resources.devices[{rules + index}]", cause)
    if edits.hooks:
        draft.note("hooks", cause)
