"""What is written to a container's files. Everything here blocks."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING

from orlop.errors import PermissionDenied, SyscallError
from orlop.intent.image_accounts import AccountFiles
from orlop.kernel.paths import open_in_root, reopen_regular
from orlop.storage import places
from orlop.storage.decompress import decompressed
from orlop.storage.extract import Rules, extract
from orlop.storage.tar.reader import TarReader

if TYPE_CHECKING:
    from collections.abc import Iterable

    from orlop.engine.container import Container
    from orlop.engine.roots import Roots
    from orlop.intent.request import User

_MOST_BYTES = 4 << 20


def put(
    roots: Roots,
    container: Container,
    path: str,
    archive: Iterable[bytes],
    *,
    keep_kinds: bool,
    own: bool,
) -> None:
    """The entries of an archive are below a container's directory; see `Archives.put`."""

    def work(root: int) -> None:
        user = container.request.user
        owner = owner_of(root, user) if own and user is not None else None  # as Docker
        rules = Rules(
            owner=owner, owners=privileged, devices=privileged, keep_kinds=keep_kinds, top=False
        )
        directory = places.find_directory(root, path)
        try:
            extract(TarReader(decompressed(archive)), directory, rules, lambda _: None)
        except SyscallError as error:
            raise _refused(error, container, path) from error
        finally:
            os.close(directory)

    privileged = os.geteuid() == 0
    roots.work(container, work, writable=True)


def _refused(error: SyscallError, container: Container, path: str) -> Exception:
    if error.errno == errno.EROFS:
        what = "root file system" if container.request.read_only else "volume"
        return PermissionDenied(f"cannot write to {path}: the container's {what} is read-only")
    if error.errno in (errno.EPERM, errno.EACCES):
        return PermissionDenied(f"cannot write to {path}: {os.strerror(error.errno)}")
    return error


def owner_of(root: int, user: User) -> tuple[int, int]:
    """The ids of a user as the files of the root say; 0 for a group that nobody names.

    Raises:
        NotFound: there is no such user or group.
    """
    accounts = AccountFiles(_text(root, "/etc/passwd"), _text(root, "/etc/group"))
    by_name = isinstance(user.user, str)
    account = accounts.account(str(user.user)) if by_name else accounts.account_of(int(user.user))
    uid = account.uid if account else int(user.user)
    if user.group is None:
        return uid, account.gid if account else 0
    return uid, accounts.group_id(user.group) if isinstance(user.group, str) else user.group


def _text(root: int, path: str) -> str:
    """The text of a file of the container's, "" if there is none that can be read at once."""
    try:
        place = open_in_root(root, path, os.O_PATH)
    except SyscallError:
        return ""
    try:
        fd = reopen_regular(place, path)
    except SyscallError:
        return ""
    finally:
        os.close(place)
    with open(fd, "rb") as file:
        return file.read(_MOST_BYTES).decode("utf-8", "surrogateescape")
