"""Names and options of volumes of the driver `local`: checked, and as mounts.

What options describe is mounted by each container's own process, in its mount namespace: nothing of
it is on the host. What is in memory only is the exception; see `orlop.engine.volumes.memory`.

See: docs.docker.com "volume create", driver-specific options.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from orlop.engine.volumes.answers import LOCAL
from orlop.errors import InvalidArgument, NotFound, Unsupported
from orlop.intent.request import Bind, Filesystem, Tmpfs
from orlop.kernel.features import read_features

if TYPE_CHECKING:
    from orlop.intent import request
    from orlop.intent.request import Pairs

_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]+")
_LONGEST_NAME = 255
_KNOWN = ("type", "o", "device", "size")
_NEEDS = {"type": ("device",), "device": ("type",), "o": ("device", "type")}
_BINDS = ("bind", "rbind")


def check_name(name: str) -> None:
    """It can be the name of a volume.

    Raises:
        InvalidArgument: it cannot.
    """
    if not _NAME.fullmatch(name) or len(name) > _LONGEST_NAME:
        raise InvalidArgument(
            f"{name!r:.80} is no name of a volume: it has to be of two or more letters, digits,"
            " and after the first of '_', '.' and '-'",
            hint="a host directory is written as an absolute path",
        )


def check_driver(driver: str) -> None:
    """There is such a driver.

    Raises:
        NotFound: there is none.
    """
    if driver not in ("", LOCAL):
        raise NotFound("volume driver", driver, hint="the only one is `local`")


def check_options(options: Pairs) -> None:
    """The driver knows these options, and has all that it needs.

    Raises:
        InvalidArgument: it does not.
        Unsupported: they ask for a quota.
    """
    given = dict(options)
    for name in given:
        if name not in _KNOWN:
            raise InvalidArgument(
                f"the volume driver `local` has no option {name!r}",
                hint=f"known are {', '.join(_KNOWN)}",
            )
        for needed in _NEEDS.get(name, ()):
            if not given.get(needed):
                raise InvalidArgument(f"the option {name!r} of a volume needs {needed!r} too")
    if "size" in given:
        raise Unsupported(
            "the option 'size' of a volume",
            needs="quotas, which orlop does not have",
            hint="type=tmpfs with o=size=SIZE limits one in memory",
        )


def placed(options: Pairs, asked: request.Volume) -> request.Mount:
    """What is mounted for a volume with options.

    Raises:
        NotFound: what it is to show of the host is not there (kind "volume device").
        Unsupported: the kernel has no such file system.
    """
    given = dict(options)
    kind, device = given.get("type", ""), given.get("device", "")
    words = tuple(word for word in given.get("o", "").split(",") if word)
    read_only = asked.read_only or "ro" in words
    if kind in ("", "none", "bind") or any(word in _BINDS for word in words):
        if not os.path.exists(device):
            raise NotFound("volume device", device, hint="make it, or the volume with another one")
        return Bind(device, asked.target, read_only, recursive="bind" not in words)
    if kind == "tmpfs":
        others = tuple(word for word in words if word not in ("ro", "rw"))
        return Tmpfs(asked.target, options=(*others, "ro") if read_only else others)
    _check_filesystem(kind)
    others = tuple(word for word in words if word not in ("ro", "rw"))
    return Filesystem(kind, device, asked.target, (*others, "ro" if read_only else "rw"))


def _check_filesystem(kind: str) -> None:
    """The kernel has the type, or may load a module that has."""
    if kind in read_features().filesystems:
        return
    if not os.path.isdir(f"/lib/modules/{os.uname().release}"):
        raise Unsupported(f"a volume of type {kind!r}", needs=f"a kernel with {kind}")
