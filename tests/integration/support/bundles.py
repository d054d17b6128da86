"""OCI bundles: a root file system and a config.json, from a small base and what a test adds."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

Json = dict[str, Any]
"""A JSON object: tests write configurations as literals, also wrong ones."""

_BASE: Json = {
    "ociVersion": "1.0.2",
    "process": {
        "terminal": False,
        "user": {"uid": 0, "gid": 0},
        "env": ["PATH=/bin", "HOME=/root"],
        "cwd": "/",
        "capabilities": {
            kind: ["CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE"]
            for kind in ("bounding", "effective", "permitted")
        },
        "noNewPrivileges": True,
    },
    "root": {"path": "rootfs", "readonly": False},
    "hostname": "inside",
    "mounts": [
        {"destination": "/proc", "type": "proc", "source": "proc"},
        {
            "destination": "/dev",
            "type": "tmpfs",
            "source": "tmpfs",
            "options": ["nosuid", "strictatime", "mode=755", "size=65536k"],
        },
        {
            "destination": "/dev/pts",
            "type": "devpts",
            "source": "devpts",
            "options": ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"],
        },
        {
            "destination": "/dev/shm",
            "type": "tmpfs",
            "source": "shm",
            "options": ["nosuid", "noexec", "nodev", "mode=1777", "size=65536k"],
        },
        {
            "destination": "/sys",
            "type": "sysfs",
            "source": "sysfs",
            "options": ["nosuid", "noexec", "nodev", "ro"],
        },
    ],
    "linux": {
        "namespaces": [{"type": kind} for kind in ("pid", "network", "ipc", "uts", "mount")],
    },
}

REMOVE = object()
"""As a value in a change: take the field out of the configuration."""

Command = str | Sequence[str]
"""Words to execute, or one string for the shell in the container."""


def words(command: Command) -> list[str]:
    """The argument vector of `command`."""
    return ["sh", "-c", command] if isinstance(command, str) else list(command)


def merged(base: Json, changes: Mapping[str, Any]) -> Json:
    """`base` with `changes`: objects are merged, everything else is replaced."""
    result = dict(base)
    for key, value in changes.items():
        if value is REMOVE:
            result.pop(key, None)
        elif isinstance(value, dict) and isinstance(result.get(key), dict):
            result[key] = merged(result[key], value)
        else:
            result[key] = value
    return result


class Bundle:
    """A directory with config.json and rootfs.

    Attributes:
        path: the directory, on the host.
        config: what is written to config.json by `save`.
    """

    def __init__(self, path: Path, config: Json) -> None:
        self.path = path
        self.config = config
        self.save()

    @property
    def rootfs(self) -> Path:
        """The root file system, on the host."""
        return self.path / "rootfs"

    def save(self) -> None:
        """Write `config` to config.json."""
        (self.path / "config.json").write_text(json.dumps(self.config))


class BundleFactory:
    """Makes bundles: `bundle("id -u", process={"user": {"uid": 7}})`.

    Each has a cgroup of its own.
    """

    def __init__(self, workspace: Path, new_rootfs: Callable[[Path], Path]) -> None:
        self._workspace = workspace
        self._new_rootfs = new_rootfs
        self._made = 0

    def __call__(
        self,
        command: Command = "probe wait",
        *,
        mounts: Sequence[Json] = (),
        namespaces: Mapping[str, object] | None = None,
        **changes: Any,
    ) -> Bundle:
        """A new bundle whose program is `command`.

        Args:
            command: what to run; a string is a shell script.
            mounts: after the base's; one with the same destination replaces the base's.
            namespaces: by type, a path to join, or None for a new one, or REMOVE for the
                runtime's own; types that are not named stay as in the base.
            changes: top-level fields of the configuration, merged into the base.
        """
        config = copy.deepcopy(_BASE)
        config["process"]["args"] = words(command)
        self._made += 1
        name = f"{self._workspace.name}-{self._made}"
        config["linux"]["cgroupsPath"] = f"/orlop-peers-{name}"
        config["mounts"] = _with_mounts(config["mounts"], mounts)
        _set_namespaces(config["linux"], namespaces or {})
        path = self._workspace / f"bundle{self._made}"
        path.mkdir()
        self._new_rootfs(path / "rootfs")
        return Bundle(path, merged(config, changes))


def _with_mounts(base: list[Json], more: Sequence[Json]) -> list[Json]:
    replaced = {mount["destination"]: mount for mount in more}
    own = {mount["destination"] for mount in base}
    kept = [replaced.get(mount["destination"], mount) for mount in base]
    return kept + [mount for mount in more if mount["destination"] not in own]


def _set_namespaces(linux: Json, wanted: Mapping[str, object]) -> None:
    for kind, path in wanted.items():
        linux["namespaces"] = [ns for ns in linux["namespaces"] if ns["type"] != kind]
        if path is not REMOVE:
            entry = {"type": kind} if path is None else {"type": kind, "path": path}
            linux["namespaces"].append(entry)
