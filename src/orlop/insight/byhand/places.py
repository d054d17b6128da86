"""Where namespaces by hand are kept: one directory for each name, one file for each namespace.

    /run/orlop/ns/           a private mount, since a mount namespace cannot be kept below another
    /run/orlop/ns/web/net    a bind mount of the namespace's file
    /run/orlop/ns/web/init   PID and start time of the process that keeps the PID namespace usable
    /run/netns/web           the network namespace once more, where `ip netns` has its own

Whoever changes something there holds a lock on /run/orlop.

See: namespaces(7), mount_namespaces(7), ip-netns(8).
"""

from __future__ import annotations

import fcntl
import os

from orlop.errors import InvalidArgument, PermissionDenied, SyscallError, Unsupported
from orlop.kernel.mounts import MS_PRIVATE, MS_SHARED, read_mountinfo
from orlop.kernel.namespaces import BY_FILE, BY_NAME, NAMESPACES, available
from orlop.kernel.process import Identity

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from orlop.insight.byhand.deeds import Deeds
    from orlop.kernel.namespaces import NamespaceType

TOP = "/run/orlop"
NAMED = "/run/orlop/ns"
NETNS = "/run/netns"
_INIT = "init"
_NAME_CHARACTERS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_+-.")
_LONGEST_NAME = 255


def check_name(name: str) -> str:
    """The name, if it can be one.

    Raises:
        InvalidArgument: it is empty, too long, starts with a dot or a dash, or has other characters
            than letters, digits and `_+-.`.
    """
    if not _is_name(name):
        raise InvalidArgument(
            f"{name!r} cannot be a name: letters, digits and _+-. make one, and no dot in front"
        )
    return name


def _is_name(text: str) -> bool:
    good = bool(text) and len(text) <= _LONGEST_NAME and text[0] not in ".-"
    return good and _NAME_CHARACTERS.issuperset(text)


def kind_of(word: str) -> NamespaceType:
    """The kind of namespace that people call this: "net" as well as "network".

    Raises:
        InvalidArgument: there is no such kind.
    """
    kind = BY_NAME.get(word) or BY_FILE.get(word)
    if kind is None:
        known = ", ".join(entry.file for entry in NAMESPACES)
        raise InvalidArgument(f"{word!r} is no kind of namespace", hint=f"there are {known}")
    return kind


def is_kinds(text: str) -> bool:
    """Whether the text is a comma list of kinds of namespaces."""
    return all(word in BY_NAME or word in BY_FILE for word in text.split(","))


def kinds_of(text: str) -> tuple[NamespaceType, ...]:
    """The kinds of a comma list, in the order of `NAMESPACES`.

    Raises:
        InvalidArgument: there is no such kind.
    """
    asked = {kind_of(word) for word in text.split(",")}
    return tuple(kind for kind in NAMESPACES if kind in asked)


def check_available(kinds: Sequence[NamespaceType]) -> None:
    """The kernel has namespaces of these kinds.

    Raises:
        Unsupported: it has not.
    """
    present = available()
    for kind in kinds:
        if kind not in present:
            needs = f"a kernel with {kind.file} namespaces"
            raise Unsupported(f"a {kind.file} namespace", needs=needs)


def directory_of(name: str) -> str:
    """Where the namespaces of a name are."""
    return f"{NAMED}/{name}"


def file_of(name: str, kind: NamespaceType) -> str:
    """Where a namespace of a name is mounted."""
    return f"{NAMED}/{name}/{kind.file}"


def names() -> tuple[str, ...]:
    """All names that orlop has given, sorted."""
    try:
        return tuple(sorted(os.listdir(NAMED)))
    except FileNotFoundError:
        return ()


def netns_names() -> tuple[str, ...]:
    """All names that `ip netns` knows, sorted."""
    try:
        return tuple(sorted(os.listdir(NETNS)))
    except FileNotFoundError:
        return ()


def kept(name: str) -> dict[str, str]:
    """The files of a name's namespaces by kind, in the OCI's words; empty if there are none.

    A name of `ip netns` that orlop has not given has a network namespace.
    """
    if not _is_name(name):
        return {}
    directory = directory_of(name)
    try:
        files = set(os.listdir(directory))
    except FileNotFoundError:
        path = f"{NETNS}/{name}"
        return {"network": path} if name in netns_names() else {}
    return {kind.name: f"{directory}/{kind.file}" for kind in NAMESPACES if kind.file in files}


class Lock:
    """Nobody else changes named namespaces or control groups meanwhile. A context manager.

    Raises:
        PermissionDenied: only root may have it.
    """

    def __enter__(self) -> Lock:
        try:
            os.makedirs(TOP, 0o755, exist_ok=True)
            self._fd = os.open(TOP, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except PermissionError:
            raise PermissionDenied(
                f"cannot use {TOP}", hint="names are for root: that takes CAP_SYS_ADMIN"
            ) from None
        fcntl.flock(self._fd, fcntl.LOCK_EX)
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._fd)


def prepare(deeds: Deeds, *, network: bool) -> None:
    """The directories are there, and are the mounts that they have to be."""
    _mount_directory(deeds, NAMED, MS_PRIVATE, recursive=False)
    if network:
        _mount_directory(deeds, NETNS, MS_SHARED, recursive=True)


def _mount_directory(deeds: Deeds, path: str, propagation: int, *, recursive: bool) -> None:
    if not os.path.isdir(path):
        deeds.make_directory(path)
    on_top = [mount for mount in read_mountinfo() if mount.target == path]
    if not on_top:
        deeds.bind(path, path, recursive=recursive)
    if not on_top or bool(on_top[-1].shared) != (propagation == MS_SHARED):
        deeds.set_propagation(path, propagation, recursive=recursive)


def write_init(name: str, process: Identity) -> None:
    """Remembers the process that keeps the name's PID namespace usable."""
    path = f"{directory_of(name)}/{_INIT}"
    try:
        with open(path, "x") as file:
            file.write(f"{process.pid} {process.start_ticks}\n")
    except OSError as error:
        raise SyscallError("write", error.errno or 0, path) from None


def read_init(name: str) -> Identity | None:
    """That process, which may have ended; None if the name has no PID namespace."""
    try:
        with open(f"{directory_of(name)}/{_INIT}") as file:
            pid, ticks = map(int, file.read().split())
    except FileNotFoundError:
        return None
    return Identity(pid, ticks)


def forget(deeds: Deeds, name: str, inodes: Iterable[int]) -> None:
    """Nothing of the name is left, whatever of it there was.

    Args:
        deeds: what is done is said there.
        name: of the namespaces.
        inodes: of its network namespaces: the name is taken from `ip netns` only if it is theirs.
    """
    directory = directory_of(name)
    if os.path.isdir(directory):
        for file in sorted(os.listdir(directory)):
            path = f"{directory}/{file}"
            deeds.unmount(path)
            deeds.unlink(path)
        deeds.remove_directory(directory)
    path = f"{NETNS}/{name}"
    if os.path.exists(path) and os.stat(path).st_ino in set(inodes):
        deeds.unmount(path)
        deeds.unlink(path)
