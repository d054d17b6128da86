"""Users and groups by name, as the files of an image say: what a container's owner could be.

The files are an image's, or what a container has made of them, so nothing in them is believed but
numbers, and no path in them leads out of the layer: each part of a path is opened below the one
before it, and links are not followed. Who a name is never matters to the host.

See: passwd(5), group(5), overlayfs (whiteouts and opaque directories).
"""

from __future__ import annotations

import os
import stat

from orlop.errors import NotFound
from orlop.records import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from orlop.intent.host_facts import Account

_MOST_BYTES = 4 << 20
_MOST_ID = 0xFFFFFFFE
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC
_OPAQUE = "trusted.overlay.opaque"


class AccountFiles(Record):
    """The text of an image's /etc/passwd and /etc/group; "" for one that is not there."""

    passwd: str = ""
    group: str = ""

    def account(self, user: str) -> Account:
        """A user by name, with the groups that it is in.

        Raises:
            NotFound: there is no such user.
        """
        found = self._find(0, user)
        if found is None:
            raise NotFound("user", user, hint="the image's /etc/passwd has no such name")
        return found

    def account_of(self, uid: int) -> Account | None:
        """A user by id, None if there is none."""
        return self._find(2, str(uid))

    def group_id(self, group: str) -> int:
        """The id of a group.

        Raises:
            NotFound: there is no such group.
        """
        for name, number, _ in self._groups():
            if name == group:
                return number
        raise NotFound("group", group, hint="the image's /etc/group has no such name")

    def _find(self, field: int, text: str) -> Account | None:
        """The first line that has this text in that field."""
        from orlop.intent.host_facts import Account

        for fields in _lines(self.passwd, 4):
            uid, gid = _number(fields[2]), _number(fields[3])
            if uid is not None and gid is not None and fields[field] == text:
                groups = (n for _, n, members in self._groups() if fields[0] in members)
                return Account(uid, gid, tuple(groups))
        return None

    def _groups(self) -> Iterator[tuple[str, int, list[str]]]:
        for fields in _lines(self.group, 3):
            number = _number(fields[2])
            if number is not None:
                yield fields[0], number, fields[3].split(",") if len(fields) > 3 else []


def _lines(text: str, least: int) -> Iterator[list[str]]:
    for line in text.splitlines():
        fields = line.strip().split(":")
        if len(fields) >= least and not line.startswith("#"):
            yield fields


def _number(text: str) -> int | None:
    if not (text.isascii() and text.isdecimal()) or int(text) > _MOST_ID:
        return None
    return int(text)


def read_account_files(directories: tuple[str, ...]) -> AccountFiles:
    """The files of the layers in these host directories, the uppermost first. Changes nothing."""
    found = (_read(directories, name) for name in ("passwd", "group"))
    return AccountFiles(*found)


def _read(directories: tuple[str, ...], name: str) -> str:
    """The text of a file in /etc of the uppermost layer that says something about it."""
    for directory in directories:
        text, decided = _read_in(directory, name)
        if decided:
            return text
    return ""


def _read_in(directory: str, name: str) -> tuple[str, bool]:
    """The text, and whether lower layers do not count."""
    try:
        layer = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except FileNotFoundError:  # nothing has been written yet
        return "", False
    try:
        etc = os.open("etc", _DIRECTORY, dir_fd=layer)
    except FileNotFoundError:
        return "", False
    except OSError:  # a link, or no directory: what is below is hidden, too
        return "", True
    finally:
        os.close(layer)
    try:
        return _read_at(etc, name)
    finally:
        os.close(etc)


def _read_at(etc: int, name: str) -> tuple[str, bool]:
    try:
        kind = os.stat(name, dir_fd=etc, follow_symlinks=False).st_mode
    except FileNotFoundError:
        return "", _is_opaque(etc)
    if not stat.S_ISREG(kind):  # a whiteout, or what no account file is
        return "", True
    fd = os.open(name, _FILE, dir_fd=etc)
    with open(fd, "rb") as file:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            return "", True
        return file.read(_MOST_BYTES).decode("utf-8", "surrogateescape"), True


def _is_opaque(directory: int) -> bool:
    try:
        return os.getxattr(directory, _OPAQUE) == b"y"
    except OSError:
        return False
