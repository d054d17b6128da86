"""Roots of containers where there are no overlays: each has a copy of its image's files.

See: `orlop.storage.copying`.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from orlop.engine.blocking import in_thread
from orlop.errors import InvalidArgument, SyscallError, Unsupported
from orlop.intent.request import HostImage, InMemory
from orlop.storage import copying
from orlop.storage.overlay import can_be_upper

if TYPE_CHECKING:
    from orlop.engine.container import Container
    from orlop.engine.settings import Settings

# Whether containers get copies; the last two are Docker's names.
_DRIVERS = {"overlay": False, "copy": True, "overlay2": False, "vfs": True}


def copy_of(container: Container) -> str:
    """The host directory of a container's copy, "" if its root is made of overlays."""
    path = f"{container.directory}/files"
    return path if os.path.isdir(path) else ""


class Copies:
    """Makes the copies, where there have to be any.

    Args:
        settings: which driver is wanted, and where containers are.

    Raises:
        InvalidArgument: there is no such driver.
    """

    def __init__(self, settings: Settings) -> None:
        driver = settings.storage_driver
        if driver and driver not in _DRIVERS:
            known = ", ".join(_DRIVERS)
            raise InvalidArgument(
                f"there is no storage driver {driver!r}", hint=f"known are {known}"
            )
        self._settings = settings
        self._wanted = _DRIVERS.get(driver)

    def are_wanted(self) -> bool:
        """Whether new containers get copies; looks at the host once."""
        if self._wanted is None:
            self._wanted = not can_be_upper(self._settings.containers)
        return self._wanted

    async def make(self, container: Container) -> None:
        """A new container has its copy.

        Raises:
            Unsupported: its image, or where it writes to, needs overlays.
            NotFound: a layer is gone.
            Unavailable: the disk is nearly full.
            SyscallError: something cannot be read or made.
        """
        needs = "overlays, and containers here get copies (--storage-driver)"
        hint = "be root" if os.geteuid() else "take a data root on another file system"
        if isinstance(container.request.image, HostImage):
            raise Unsupported("the image `host`", needs=needs, hint=hint)
        if isinstance(container.request.writable, InMemory):
            raise Unsupported("a root in memory", needs=needs, hint=hint)
        await in_thread(_make, container)


def _make(container: Container) -> None:
    try:
        os.makedirs(container.directory, 0o710, exist_ok=True)
        lowers = container.image.lowers
        copying.make_root(lowers, f"{container.directory}/files", lambda _: None)
    except OSError as error:
        if isinstance(error, SyscallError):
            raise
        raise SyscallError("copy the image", error.errno or 0, container.directory) from error
