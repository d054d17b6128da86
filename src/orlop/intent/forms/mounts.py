"""Mounts: -v, --mount, --tmpfs and --volumes-from.

See: docker/cli opts/mount.go, moby volume/mounts/linux_parser.go.
"""

from __future__ import annotations

import posixpath

from orlop.errors import InvalidArgument
from orlop.intent import units
from orlop.intent.forms.text import boolean, comma_separated, host_path, one_of, pair
from orlop.intent.request import Bind, Tmpfs, Volume, VolumesFrom
from orlop.records import Record
from orlop.runtime.spec import ROOTFS_PROPAGATIONS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from orlop.intent.request import Mount

_NAME = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-")
_VOLUME_FORM = "SOURCE:TARGET[:OPTIONS], as /data:/srv:ro or cache:/var/cache"
_TMPFS_FORM = "TARGET[:OPTIONS], as /run:size=64m,mode=1777"
_GENERIC = """
    exec noexec suid nosuid dev nodev ro rw atime noatime diratime nodiratime relatime norelatime
    strictatime nostrictatime sync async dirsync mand nomand defaults
"""
_TMPFS_FLAGS = frozenset((*_GENERIC.split(), *ROOTFS_PROPAGATIONS))
_TMPFS_VALUES = frozenset(("uid", "gid", "nr_inodes", "nr_blocks", "mpol", "huge", "size"))


# --- -v ---------------------------------------------------------------------------------------


def volume(text: str) -> Mount:
    """What `-v TEXT` asks for.

    Raises:
        InvalidArgument: it is not of that form.
    """
    parts = text.split(":")
    if len(parts) > 3 or not all(parts):
        raise InvalidArgument(f"is not of the form {_VOLUME_FORM}")
    if len(parts) == 1:
        return Volume("", target(parts[0]))
    source, container_path = parts[0], target(parts[1])
    options = _volume_options(parts[2] if len(parts) == 3 else "")
    if source.startswith(("/", ".")):
        return _bind(source, container_path, options)
    volume_name(source)
    if options.propagation or options.relabel:
        raise InvalidArgument("has an option that only a bind mount can have")
    return Volume(source, container_path, read_only=options.read_only, copy=not options.no_copy)


def volume_name(text: str) -> str:
    """A volume's name.

    Raises:
        InvalidArgument: it is too short, or has a character that no name has.
    """
    if len(text) < 2 or not _NAME.issuperset(text) or text[0] in "_.-":
        raise InvalidArgument(
            f"has {text!r}, which is neither an absolute path nor a volume's name",
            hint="a name has at least two letters, digits and then also _.-",
        )
    return text


class _Options(Record):
    read_only: bool = False
    no_copy: bool = False
    propagation: str = ""
    relabel: str = ""


_VOLUME_OPTIONS: dict[str, dict[str, object]] = {
    "ro": {"read_only": True},
    "rw": {"read_only": False},
    "nocopy": {"no_copy": True},
    "z": {"relabel": "z"},
    "Z": {"relabel": "Z"},
    # How fresh what Docker Desktop's virtual machine sees is; there is none here.
    "cached": {},
    "consistent": {},
    "delegated": {},
    **{name: {"propagation": name} for name in ROOTFS_PROPAGATIONS if "unbindable" not in name},
}


def _volume_options(text: str) -> _Options:
    found: dict[str, Any] = {}
    for word in filter(None, text.split(",")):
        if word not in _VOLUME_OPTIONS:
            known = ", ".join(_VOLUME_OPTIONS)
            raise InvalidArgument(f"has the unknown option {word!r}", hint=f"known are {known}")
        change = _VOLUME_OPTIONS[word]
        if any(found.get(name, value) != value for name, value in change.items()):
            raise InvalidArgument(f"has options that contradict each other: {text}")
        found |= change
    return _Options(**found)


def _bind(source: str, container_path: str, options: _Options) -> Bind:
    if options.no_copy:
        raise InvalidArgument("has the option nocopy, which only a volume can have")
    return Bind(
        host_path(source),
        container_path,
        read_only=options.read_only,
        propagation=options.propagation or "rprivate",
        make_source=True,
        relabel=options.relabel,
    )


def target(path: str) -> str:
    """The container path, normal.

    Raises:
        InvalidArgument: it is not absolute, or the root.
    """
    if not path.startswith("/"):
        raise InvalidArgument(f"has {path!r}, which is not an absolute path in the container")
    clean = posixpath.normpath("/" + path.lstrip("/"))
    if clean == "/":
        raise InvalidArgument("would cover the container's root")
    return clean


# --- --tmpfs ----------------------------------------------------------------------------------


def tmpfs(text: str) -> Tmpfs:
    """What `--tmpfs TEXT` asks for.

    Raises:
        InvalidArgument: it is not of that form.
    """
    path, _, options = text.partition(":")
    if not path:
        raise InvalidArgument(f"is not of the form {_TMPFS_FORM}")
    size = mode = None
    rest: list[str] = []
    for word in filter(None, options.split(",")):
        name, equals, value = word.partition("=")
        if name == "size" and not value.endswith("%"):
            size = units.size(value)
        elif name == "mode":
            mode = _octal(value)
        elif name in (_TMPFS_VALUES if equals else _TMPFS_FLAGS):
            rest.append(word)
        else:
            raise InvalidArgument(f"has the unknown option {word!r}", hint=f"as {_TMPFS_FORM}")
    return Tmpfs(target(path), size, mode, tuple(rest))


def _octal(text: str) -> int:
    if not text or not set(text) <= set("01234567") or int(text, 8) > 0o7777:
        raise InvalidArgument(f"has {text!r}, which is not an octal mode as 1777")
    return int(text, 8)


# --- --mount ----------------------------------------------------------------------------------


def _negated(text: str) -> bool:
    return not boolean(text)


def _recursive(text: str) -> dict[str, object]:
    choices: dict[str, dict[str, object]] = {
        "enabled": {},
        "disabled": {"recursive": False},
        "writable": {"recursive_read_only": False},
        "readonly": {"recursive_read_only": True},
    }
    return choices[one_of(*choices)(text)]


def _nothing(_: str) -> dict[str, object]:
    return {}


class _Key(Record):
    """A key of --mount: for which types, the field that it sets ("" if its value says), how."""

    types: tuple[str, ...]
    field: str
    read: Callable[[str], Any]
    many: bool = False
    bare: bool = False  # it may stand without a value, which means true


_ALL = ("bind", "volume", "tmpfs")
_KEYS = {
    "target": _Key(_ALL, "target", target),
    "source": _Key(("bind", "volume"), "source", str),
    "readonly": _Key(_ALL, "read_only", boolean, bare=True),
    "consistency": _Key(_ALL, "", _nothing),
    "bind-propagation": _Key(("bind",), "propagation", one_of(*ROOTFS_PROPAGATIONS)),
    "bind-nonrecursive": _Key(("bind",), "recursive", _negated, bare=True),
    "bind-recursive": _Key(("bind",), "", _recursive),
    "bind-create-src": _Key(("bind",), "make_source", boolean, bare=True),
    "volume-nocopy": _Key(("volume",), "copy", _negated, bare=True),
    "volume-driver": _Key(("volume",), "driver", str),
    "volume-opt": _Key(("volume",), "driver_options", pair, many=True),
    "volume-label": _Key(("volume",), "labels", pair, many=True),
    "volume-subpath": _Key(("volume",), "subpath", str),
    "tmpfs-size": _Key(("tmpfs",), "size_bytes", units.size),
    "tmpfs-mode": _Key(("tmpfs",), "mode", _octal),
    "tmpfs-options": _Key(("tmpfs",), "options", lambda text: tmpfs(f"/x:{text}").options),
}
_SAME = {"src": "source", "dst": "target", "destination": "target", "ro": "readonly"}


def mount(text: str) -> Mount:
    """What `--mount TEXT` asks for.

    Raises:
        InvalidArgument: it is not of the form KEY=VALUE,KEY=VALUE..., or has a wrong value.
    """
    words = list(comma_separated(text))
    kind = next((word[5:] for word in words if word.startswith("type=")), "volume")
    if kind not in _ALL:
        raise InvalidArgument(f"has the unknown type {kind!r}", hint=f"known are {', '.join(_ALL)}")
    given: dict[str, Any] = {}
    for word in words:
        if not word.startswith("type="):
            _take(given, kind, word)
    if "target" not in given:
        raise InvalidArgument("has no target", hint="as type=bind,src=/data,dst=/srv")
    return _MAKERS[kind](given)


def _take(given: dict[str, Any], kind: str, word: str) -> None:
    name, equals, value = word.partition("=")
    name = _SAME.get(name.lower(), name.lower())
    key = _KEYS.get(name)
    if key is None:
        raise InvalidArgument(f"has the unknown key {name!r}", hint=f"known are {', '.join(_KEYS)}")
    if kind not in key.types:
        raise InvalidArgument(f"has {name}, which is for mounts of type {' and '.join(key.types)}")
    if not equals and not key.bare:
        raise InvalidArgument(f"has {name} without a value")
    found = key.read(value if equals else "true")
    if not key.field:
        given |= found
    elif key.many:
        given[key.field] = (*given.get(key.field, ()), found)
    else:
        given[key.field] = found


def _make_bind(given: dict[str, Any]) -> Bind:
    if not given.get("source"):
        raise InvalidArgument("has no source", hint="as type=bind,src=/data,dst=/srv")
    return Bind(**{**given, "source": host_path(given["source"])})


def _make_volume(given: dict[str, Any]) -> Volume:
    name = given.pop("source", "")
    if name.startswith(("/", ".")):
        raise InvalidArgument(
            f"has {name!r}, which is a path", hint="for a host path use type=bind"
        )
    if name:
        volume_name(name)
    return Volume(name, **given)


def _make_tmpfs(given: dict[str, Any]) -> Tmpfs:
    read_only = given.pop("read_only", False)
    options = (*given.pop("options", ()), *(("ro",) if read_only else ()))
    return Tmpfs(**given, options=options)


_MAKERS: dict[str, Callable[[dict[str, Any]], Mount]] = {
    "bind": _make_bind,
    "volume": _make_volume,
    "tmpfs": _make_tmpfs,
}


def volumes_from(text: str) -> VolumesFrom:
    """What `--volumes-from TEXT` asks for.

    Raises:
        InvalidArgument: it is not of the form CONTAINER[:ro|rw].
    """
    ref, _, mode = text.partition(":")
    if not ref or mode not in ("", "ro", "rw", "z", "Z"):
        raise InvalidArgument("is not of the form CONTAINER[:ro|rw]")
    return VolumesFrom(ref, read_only=mode == "ro")
