"""The image `host`: built in, always there, and made of the machine itself.

See `orlop.intent.host_image`.
"""

from __future__ import annotations

import os

from orlop.engine.container import ResolvedImage
from orlop.engine.host import HOST as HOST_MACHINE
from orlop.engine.images.answers import ImageDetails, ImageSummary
from orlop.errors import Conflict
from orlop.image import digest as digests
from orlop.image import platform as platforms
from orlop.image.config import ImageConfig
from orlop.image.reference import LATEST
from orlop.intent.docker_defaults import COMMAND

HOST = "host"
_CONFIG = ImageConfig(command=COMMAND)


def is_host(ref: str) -> bool:
    """Whether this names the image `host`, by its name or its id."""
    return ref in (HOST, f"{HOST}:{LATEST}") or (ref.startswith("sha256:") and ref == host_id())


def host_id() -> str:
    """Its id: another one whenever the machine has changed in a way that it is made of."""
    return digests.of(f"host {HOST_MACHINE.lookup.host_image().name}".encode())


def resolve() -> ResolvedImage:
    """The image, ready for containers; the planner makes its overlays."""
    return ResolvedImage(HOST, host_id(), _CONFIG, (), str(platforms.host()))


def summary() -> ImageSummary:
    """The image in a list: it takes no space."""
    return ImageSummary(
        id=host_id(),
        tags=(f"{HOST}:{LATEST}",),
        created_ns=_changed_ns(),
        platform=platforms.host(),
        is_host=True,
    )


def _changed_ns() -> int:
    """When what it is made of last got or lost something."""
    shared = HOST_MACHINE.lookup.host_image().shared
    return max((os.stat(f"/{name}").st_mtime_ns for name in shared), default=0)


def details() -> ImageDetails:
    """All about it."""
    comment = "the programs of this machine, without its data and secrets"
    return ImageDetails(summary(), _CONFIG, b'{"Cmd":["/bin/sh"]}', comment=comment)


def check_not_host(ref: str, what: str) -> None:
    """It is another image.

    Raises:
        Conflict: it is `host`.
    """
    if is_host(ref):
        raise Conflict(f"cannot {what} the image {HOST!r}: it is built in")
