"""`Binds`, `Mounts`, `Tmpfs` and `Volumes`: Docker has four places for what is mounted.

What `-v` can say is written to Binds, everything else to Mounts, as the docker command does.
"""

from __future__ import annotations

from orlop.decode import Mismatch, boolean, i64, list_of, mapping_of, string
from orlop.intent.docker_json.member import at, look_up, pairs, put, read_text
from orlop.intent.forms import mounts as forms
from orlop.intent.forms.text import one_of
from orlop.intent.request import Bind, Filesystem, Tmpfs, Volume
from orlop.runtime.spec import ROOTFS_PROPAGATIONS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from typing import Any

    from orlop.intent.docker_json.member import Document
    from orlop.intent.given import Given
    from orlop.intent.request import Mount, Request

_BINDS = "HostConfig.Binds"
_MOUNTS = "HostConfig.Mounts"
_TMPFS = "HostConfig.Tmpfs"
_VOLUMES = "Config.Volumes"


def take_mounts(document: object, given: Given) -> None:
    """All of them. A volume without a name that another mount covers is left out, as in Docker."""
    for path, read in ((_BINDS, list_of(_bind_text)), (_MOUNTS, list_of(_mount))):
        value = look_up(document, path)
        for index, mount in enumerate(() if value is None else at(path, read, value)):
            given.append("mounts", mount, f"{path}[{index}]")
    tmpfs = look_up(document, _TMPFS)
    for target, options in () if tmpfs is None else at(_TMPFS, pairs, tmpfs):
        path = f"{_TMPFS}[{target!r}]"
        given.append("mounts", at(path, _tmpfs_text, f"{target}:{options}"), path)
    taken = {mount.target for mount in given.values.get("mounts", ())}
    volumes = look_up(document, _VOLUMES)
    for target in () if volumes is None else at(_VOLUMES, mapping_of(_anything), volumes):
        clean = at(f"{_VOLUMES}[{target!r}]", _target, target)
        if clean not in taken:
            given.append("mounts", Volume("", clean), f"{_VOLUMES}[{target!r}]")


def give_mounts(request: Request, document: Document) -> None:
    """The same, the other way."""
    binds: list[str] = []
    others: list[Document] = []
    tmpfs: dict[str, str] = {}
    volumes: dict[str, Document] = {}
    for mount in request.mounts:
        if isinstance(mount, Filesystem):  # what a volume is at a start, and nobody asks for
            continue
        text = _text(mount)
        if isinstance(mount, Tmpfs):
            tmpfs[mount.target] = _tmpfs_options(mount)
        elif mount == Volume("", mount.target):
            volumes[mount.target] = {}
        elif text:
            binds.append(text)
        else:
            others.append(_document(mount))
    put(document, _BINDS, binds or None)
    put(document, _MOUNTS, others)
    put(document, _TMPFS, tmpfs)
    put(document, _VOLUMES, volumes or None)


def _anything(value: object) -> object:
    return value


def _target(value: object) -> str:
    target: str = read_text(forms.target, string(value))
    return target


# --- the forms of -v and --tmpfs --------------------------------------------------------------


def _bind_text(value: object) -> Mount:
    text = string(value)
    if text.startswith("."):
        raise Mismatch(f"must have an absolute path or a volume's name, not {text!r:.80}")
    mount: Mount = read_text(forms.volume, text)
    return mount


def _tmpfs_text(value: object) -> Tmpfs:
    mount: Tmpfs = read_text(forms.tmpfs, string(value))
    return mount


def _text(mount: Bind | Volume | Tmpfs) -> str:
    """The mount in the form of -v; "" if that form cannot say all of it."""
    match mount:
        case Bind(source, target) if ":" not in source + target:
            return _bind_form(mount)
        case Volume(source, target) if source:
            return _volume_form(mount)
        case _:
            return ""


def _bind_form(mount: Bind) -> str:
    source, target, relabel, shared = mount.source, mount.target, mount.relabel, mount.propagation
    plain = Bind(source, target, mount.read_only, True, True, shared, True, relabel)
    words = ("ro" if mount.read_only else "", relabel, "" if shared == "rprivate" else shared)
    return _form(source, target, words) if plain == mount else ""


def _volume_form(mount: Volume) -> str:
    plain = Volume(mount.name, mount.target, mount.read_only, mount.copy)
    words = ("ro" if mount.read_only else "", "" if mount.copy else "nocopy")
    return _form(mount.name, mount.target, words) if plain == mount else ""


def _form(source: str, target: str, options: Iterable[str]) -> str:
    return ":".join(filter(None, (source, target, ",".join(filter(None, options)))))


def _tmpfs_options(mount: Tmpfs) -> str:
    size = "" if mount.size_bytes is None else f"size={mount.size_bytes}"
    mode = "" if mount.mode is None else f"mode={mount.mode:o}"
    return ",".join(filter(None, (size, mode, *mount.options)))


# --- the form of --mount ----------------------------------------------------------------------


def _mount(value: object) -> Mount:
    given = mapping_of(_anything)(value)
    kind = at("Type", string, given.get("Type") or "")
    if kind not in _READERS:
        raise Mismatch(f"must have bind, volume or tmpfs as its Type, not {kind!r:.80}")
    target = at("Target", _target, given.get("Target") or "")
    return _READERS[kind](given, target)


def _option(given: Mapping[str, Any], path: str, read: Callable[[object], Any]) -> Any:
    value = look_up(given, path)
    return None if value is None else at(path, read, value)


def _read_bind(given: Mapping[str, Any], target: str) -> Bind:
    source = _option(given, "Source", string) or ""
    if not source.startswith("/"):
        raise Mismatch(f"must have an absolute path as its Source, not {source!r:.80}")
    shared = _option(given, "BindOptions.Propagation", string)
    return Bind(
        source,
        target,
        read_only=_option(given, "ReadOnly", boolean) or False,
        recursive=not _option(given, "BindOptions.NonRecursive", boolean),
        recursive_read_only=not _option(given, "BindOptions.ReadOnlyNonRecursive", boolean),
        propagation=read_text(one_of(*ROOTFS_PROPAGATIONS), shared) if shared else "rprivate",
        make_source=_option(given, "BindOptions.CreateMountpoint", boolean) or False,
    )


def _read_volume(given: Mapping[str, Any], target: str) -> Volume:
    name = _option(given, "Source", string) or ""
    if name:
        at("Source", _volume_name, name)
    return Volume(
        name,
        target,
        read_only=_option(given, "ReadOnly", boolean) or False,
        copy=not _option(given, "VolumeOptions.NoCopy", boolean),
        driver=_option(given, "VolumeOptions.DriverConfig.Name", string) or "",
        driver_options=_option(given, "VolumeOptions.DriverConfig.Options", pairs) or (),
        labels=_option(given, "VolumeOptions.Labels", pairs) or (),
        subpath=_option(given, "VolumeOptions.Subpath", string) or "",
    )


def _volume_name(value: object) -> object:
    return read_text(forms.volume_name, string(value))


def _read_tmpfs(given: Mapping[str, Any], target: str) -> Tmpfs:
    if _option(given, "Source", string):
        raise Mismatch("must have no Source, which is of binds and volumes")
    size = _option(given, "TmpfsOptions.SizeBytes", i64)
    options = _option(given, "TmpfsOptions.Options", list_of(list_of(string))) or ()
    words = [*("=".join(option) for option in options)]
    if _option(given, "ReadOnly", boolean):
        words.append("ro")
    plain = _tmpfs_text(f"{target}:{','.join(words)}")
    mode = _option(given, "TmpfsOptions.Mode", i64)
    return plain.replace(size_bytes=size or plain.size_bytes, mode=mode or plain.mode)


_READERS: Mapping[str, Callable[[Mapping[str, Any], str], Mount]] = {
    "bind": _read_bind,
    "volume": _read_volume,
    "tmpfs": _read_tmpfs,
}


def _document(mount: Bind | Volume) -> Document:
    document: Document = {
        "Type": "bind" if isinstance(mount, Bind) else "volume",
        "Source": mount.source if isinstance(mount, Bind) else mount.name,
        "Target": mount.target,
    }
    if mount.read_only:
        document["ReadOnly"] = True
    if isinstance(mount, Bind):
        options: Document = {
            "Propagation": mount.propagation,
            "NonRecursive": not mount.recursive,
            "CreateMountpoint": mount.make_source,
            "ReadOnlyNonRecursive": not mount.recursive_read_only,
        }
        return document | {"BindOptions": {key: value for key, value in options.items() if value}}
    options = {"NoCopy": not mount.copy, "Labels": dict(mount.labels), "Subpath": mount.subpath}
    if mount.driver or mount.driver_options:
        options["DriverConfig"] = {"Name": mount.driver, "Options": dict(mount.driver_options)}
    return document | {"VolumeOptions": {key: value for key, value in options.items() if value}}
