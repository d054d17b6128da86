"""Volumes in memory, which all containers that have them share.

A tmpfs lasts as long as it is mounted somewhere, and two of one description are two. So one is
mounted at the volume's directory while a container with the volume runs, as Docker does it, and
containers get what is there. Nobody else is shown anything: the directory is the engine's alone.

A mount that a dead engine has left is found by its place; the next one takes it over, or away.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from orlop.errors import NotFound
from orlop.kernel import new_mounts
from orlop.kernel.mounts import parse_options

if TYPE_CHECKING:
    from orlop.intent.request import Pairs

_TMPFS = "tmpfs"


def is_in_memory(options: Pairs) -> bool:
    """Whether a volume with these options is a tmpfs."""
    given = dict(options)
    return given.get("type") == _TMPFS and not {"bind", "rbind"} & set(words(options))


def words(options: Pairs) -> tuple[str, ...]:
    """The mount options among a volume's."""
    return tuple(word for word in dict(options).get("o", "").split(",") if word)


def is_mounted(directory: str) -> bool:
    """Whether a volume's directory has its tmpfs."""
    return os.path.ismount(directory)


def mount(directory: str, options: Pairs) -> None:
    """A volume's directory has its tmpfs; blocks. Without rights each container gets its own.

    Raises:
        NotFound: the directory is gone (kind "volume").
        SyscallError: the kernel does not like an option.
    """
    if is_mounted(directory) or os.geteuid() != 0:
        return
    asked = parse_options(words(options))
    made = new_mounts.new_filesystem(_TMPFS, (*asked.superblock, *asked.data), asked.set)
    try:
        target = os.open(directory, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError as error:
        os.close(made)
        raise NotFound("volume", os.path.basename(os.path.dirname(directory))) from error
    try:
        new_mounts.attach(made, target)
    finally:
        os.close(target)
        os.close(made)


def unmount(directory: str) -> None:
    """A volume's directory has no tmpfs any more, and its files are gone; blocks.

    Raises:
        SyscallError: as in umount2(2).
    """
    if is_mounted(directory):
        new_mounts.detach(directory)


class Users:
    """Which running containers have which volumes in memory."""

    def __init__(self) -> None:
        self._of: dict[str, set[str]] = {}

    def add(self, name: str, container: str) -> None:
        """A container has the volume from now on."""
        self._of.setdefault(name, set()).add(container)

    def names_of(self, container: str) -> tuple[str, ...]:
        """The volumes that a container has."""
        return tuple(name for name, users in self._of.items() if container in users)

    def drop(self, name: str, container: str) -> None:
        """It has the volume no more."""
        users = self._of.get(name, set())
        users.discard(container)
        if not users:
            self._of.pop(name, None)

    def has(self, name: str) -> bool:
        """Whether some running container has the volume."""
        return name in self._of
