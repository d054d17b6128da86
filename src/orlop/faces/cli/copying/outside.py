"""The host's side of a copy.

What comes from a container is not trusted: nothing of it gets out of the directory that it was to
go to, devices are left out, and without `--archive` nobody gets a set-user-id program of its own.
"""

from __future__ import annotations

import os
import stat
from posixpath import basename, dirname, normpath

from orlop.errors import InvalidArgument, NotFound, PermissionDenied, SyscallError
from orlop.faces.cli.copying.places import CONTENT, Source, Target, is_content
from orlop.storage.archive import archived
from orlop.storage.extract import Extraction, Rules
from orlop.storage.names import clean
from orlop.storage.tar.entry import LINK
from orlop.storage.tar.reader import TarReader

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from orlop.storage.tar.entry import Entry

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_PERMISSIONS = 0o777


def source_of(path: str, *, follow: bool) -> tuple[Source, str]:
    """What is to be copied, and the host path where it really is.

    A link is copied as such, unless there is a slash behind it.

    Args:
        path: as it was given.
        follow: a link is what it leads to.

    Raises:
        NotFound: nothing is there.
        InvalidArgument: it was named as a directory, and is none.
    """
    follow = follow or path.endswith("/") or is_content(path)
    real = os.path.realpath(path) if follow else _with_real_parent(path)
    try:
        found = os.lstat(real)
    except OSError as error:
        raise _failed(error, path) from None
    is_directory = stat.S_ISDIR(found.st_mode)
    if not is_directory and (path.endswith("/") or is_content(path)):
        raise InvalidArgument(f"{path} is no directory")
    return Source(_named(path), is_directory), real


def _with_real_parent(path: str) -> str:
    cut = normpath(path)
    return os.path.join(os.path.realpath(dirname(cut) or "."), basename(cut))


def _named(path: str) -> str:
    """The path so that its last part is a name: of `..` and the like that of the directory."""
    if is_content(path) or basename(normpath(path)) != "..":
        return path
    return os.path.realpath(path)


def read(real: str, name: str) -> Iterator[bytes]:
    """An archive of what is at a host path, under another name.

    Raises:
        PermissionDenied: it cannot be read.
    """
    try:
        directory = os.open(real if name == CONTENT else dirname(real) or "/", _DIRECTORY)
    except OSError as error:
        raise _failed(error, real) from None
    try:
        yield from archived(directory, "." if name == CONTENT else basename(real) or ".", name)
    except SyscallError as error:
        raise PermissionDenied(f"cannot copy {real}: {error.message}") from None
    finally:
        os.close(directory)


def target_of(path: str) -> Target:
    """Where a copy to the host goes.

    Raises:
        NotFound: the directory above is missing.
        InvalidArgument: it is a device or the like.
    """
    real = os.path.realpath(path)
    try:
        found = os.stat(real)
    except FileNotFoundError:
        if not os.path.isdir(dirname(real)):
            raise NotFound("directory", dirname(real)) from None
        return Target(_slashed(real, path), exists=False, is_directory=False)
    except OSError as error:
        raise _failed(error, path) from None
    is_directory = stat.S_ISDIR(found.st_mode)
    if not is_directory and (path.endswith("/") or not stat.S_ISREG(found.st_mode)):
        kind = "directory" if path.endswith("/") else "file and no directory"
        raise InvalidArgument(f"{path} is no {kind}")
    return Target(real, exists=True, is_directory=is_directory)


def _slashed(real: str, path: str) -> str:
    return f"{real}/" if path.endswith("/") else real


def write(
    archive: Iterable[bytes],
    directory: str,
    names: tuple[str, str],
    *,
    owners: bool,
    warn: Callable[[str], None],
) -> int:
    """The entries of an archive are in a host directory; returns how many bytes.

    Args:
        archive: of one file or directory.
        directory: host path, which exists.
        names: the name that it has in the archive, and the one that it gets; `CONTENT` for
            entries that have none above them.
        owners: files get owners and all of their modes as they are in the container.
        warn: gets a text for what was left out.

    Raises:
        ArchiveError: the archive is malformed, or something of another kind is in the way.
    """
    rules = Rules(owners=owners and os.geteuid() == 0, devices=False, keep_kinds=True, top=False)
    try:
        root = os.open(directory, _DIRECTORY)
    except OSError as error:
        raise _failed(error, directory) from None
    try:
        return _extract(archive, root, names, rules, warn)
    except SyscallError as error:
        raise PermissionDenied(f"cannot copy to {directory}: {error.message}") from None
    finally:
        os.close(root)


def _extract(
    archive: Iterable[bytes],
    root: int,
    names: tuple[str, str],
    rules: Rules,
    warn: Callable[[str], None],
) -> int:
    old, new = map(os.fsencode, names)
    reader = TarReader(archive)
    extraction = Extraction(root, rules, warn)
    try:
        for entry in reader:
            extraction.add(_as_own(_renamed(entry, old, new), rules), reader.content())
        return extraction.finish().size
    finally:
        extraction.close()


def _as_own(entry: Entry, rules: Rules) -> Entry:
    """The entry, harmless for one who makes it his own."""
    if rules.owners:
        return entry
    return entry.replace(mode=entry.mode & _PERMISSIONS, xattrs=())


def _renamed(entry: Entry, old: bytes, new: bytes) -> Entry:
    link = _rename(entry.link, old, new) if entry.kind == LINK else entry.link
    return entry.replace(name=_rename(entry.name, old, new) or b".", link=link)


def _rename(path: bytes, old: bytes, new: bytes) -> bytes:
    """The path with another name in front; what is not below the old one stays as it is."""
    path = clean(path)
    if old:
        first, _, rest = path.partition(b"/")
        if first != old:
            return path
        path = rest
    return b"/".join(part for part in (new, path) if part)


def _failed(error: OSError, path: str) -> Exception:
    if isinstance(error, FileNotFoundError):
        return NotFound("file", path)
    return PermissionDenied(f"cannot use {path}: {error.strerror}")
