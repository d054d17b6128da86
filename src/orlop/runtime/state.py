"""What the runtime remembers of its containers: one directory for each, below a root directory.

    <root>/<id>/config.json   the configuration as it was given to create
    <root>/<id>/state.json    what create decided and did
    <root>/<id>/plan          the launch plan, of a container that waits for its start
    <root>/<id>/start.sock    where a created container waits for its start; gone once started,
                              and called starting.sock meanwhile
    <root>/@seccomp/          compiled seccomp filters; no id has an "@" in it

A command that changes a container holds a lock on its directory, flock(2).

state.json is written before the first kernel object is made (without a PID) and again when
the container exists, each time by renaming a complete file. What is running is never taken
from a file: a PID counts only together with its start time, and only as long as the kernel has it.
"""

from __future__ import annotations

import fcntl
import os

from orlop import jsontext
from orlop.errors import (
    AlreadyExists,
    InvalidArgument,
    NotFound,
    PermissionDenied,
    SyscallError,
    Unavailable,
)
from orlop.kernel.process import Identity
from orlop.records import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any, Self

_ID_CHARACTERS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_+-.")
_MOST_ID_CHARACTERS = 1024

WAITING, STARTING = "start.sock", "starting.sock"
"""Files in the directory of a container that waits for its start, or is about to run."""
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class State(Record):
    """What state.json says.

    Attributes:
        id: of the container.
        bundle: absolute host path of its bundle.
        rootfs: absolute host path of its root file system.
        created: RFC 3339 time with nanoseconds, UTC.
        process: the container's first process; None while it is being created.
        cgroup: hierarchy's mount point -> absolute path of the container's directory in it.
        new_keyring: whether it has a session keyring of its own, to be joined by exec.
        destroyed: its start has failed, and everything but its directory was removed then.
    """

    id: str
    bundle: str
    rootfs: str
    created: str
    process: Identity | None = None
    cgroup: Mapping[str, str] = {}
    new_keyring: bool = True
    destroyed: bool = False


def check_id(container: str) -> str:
    """The id, if it is one.

    Raises:
        InvalidArgument: it is empty, too long, `.` or `..`, or has other characters than letters,
            digits and `_+-.`.
    """
    good = container and len(container) <= _MOST_ID_CHARACTERS and container not in (".", "..")
    if not good or not _ID_CHARACTERS.issuperset(container):
        raise InvalidArgument(
            f"container id {container!r} is not valid: letters, digits and _+-. make one"
        )
    return container


def default_root() -> str:
    """The host directory of all containers: below /run, or below the user's own run directory."""
    run = os.environ.get("XDG_RUNTIME_DIR")
    if os.geteuid() != 0 and run:
        return os.path.join(run, "orlop-runtime")
    return "/run/orlop-runtime"


class Store:
    """The containers below one root directory of the host."""

    def __init__(self, root: str) -> None:
        self.root = os.path.abspath(root)

    def ids(self) -> Iterator[str]:
        """The ids of all containers, sorted.

        Raises:
            PermissionDenied: the root may not be read.
        """
        try:
            names = sorted(os.listdir(self.root))
        except FileNotFoundError:
            return
        except PermissionError:
            raise PermissionDenied(
                f"{self.root} may not be read", hint="it is another user's"
            ) from None
        for name in names:
            if os.path.exists(os.path.join(self.root, name, "state.json")):
                yield name

    def new(self, container: str) -> Directory:
        """Makes the directory of a new container and locks it.

        Raises:
            InvalidArgument: the id is not valid.
            AlreadyExists: it is taken.
            SyscallError: nothing can be made at the root.
        """
        path = os.path.join(self.root, check_id(container))
        try:
            os.makedirs(self.root, mode=0o700, exist_ok=True)
            os.mkdir(path, 0o711)
        except OSError as error:
            if isinstance(error, FileExistsError) and error.filename == path:
                raise AlreadyExists("container", container) from None
            raise SyscallError("mkdir", error.errno or 0, error.filename) from error
        return Directory(path).locked()

    def open(self, container: str, *, lock: bool = True) -> Directory:
        """The directory of a container; locked against other commands, or only for reading.

        Raises:
            InvalidArgument: the id is not valid.
            NotFound: there is no such container.
        """
        path = os.path.join(self.root, check_id(container))
        if lock:
            return Directory(path).locked()
        if not os.path.isdir(path):
            raise NotFound("container", container)
        return Directory(path)


class Directory:
    """The directory of one container. A context manager that gives up the lock at its end."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._lock = -1

    @property
    def id(self) -> str:
        """The container's id."""
        return os.path.basename(self.path)

    @property
    def seccomp_cache(self) -> str:
        """Where all containers of the store have their compiled seccomp filters; a host path."""
        return os.path.join(os.path.dirname(self.path), "@seccomp")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.unlock()

    def locked(self) -> Self:
        """Waits until no other command holds the container.

        Raises:
            NotFound: the container is gone, perhaps since this command has begun.
        """
        try:
            self._lock = os.open(self.path, _DIRECTORY)
            fcntl.flock(self._lock, fcntl.LOCK_EX)
            if os.path.samestat(os.fstat(self._lock), os.stat(self.path)):
                return self
        except (FileNotFoundError, NotADirectoryError):
            pass
        self.unlock()
        raise NotFound("container", self.id)

    def unlock(self) -> None:
        """Lets other commands have the container."""
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    def is_busy(self) -> bool:
        """Whether another command holds the container now."""
        try:
            fd = os.open(self.path, _DIRECTORY)
        except OSError:
            return False
        try:
            # Shared: two commands that ask this at once are not busy with the container.
            fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return self._lock < 0
        finally:
            os.close(fd)
        return False

    def file(self, name: str) -> str:
        """The host path of a file of the directory."""
        return os.path.join(self.path, name)

    def read(self) -> State:
        """What state.json says.

        Raises:
            NotFound: there is none (the container is gone, or was never made).
            Unavailable: it cannot be understood.
        """
        try:
            with open(self.file("state.json"), "rb") as file:
                return _from_json(jsontext.loads(file.read()))
        except FileNotFoundError:
            raise NotFound("container", self.id) from None
        except (KeyError, TypeError, InvalidArgument) as error:
            raise Unavailable(
                f"cannot read the state of container {self.id!r}: {error}",
                hint="delete it with --force",
            ) from error

    def write(self, state: State) -> None:
        """Makes state.json say this, all at once."""
        self.write_file("state.json", jsontext.dumps(_to_json(state)).encode())

    def write_file(self, name: str, data: bytes) -> None:
        """Makes a file of the directory hold these bytes, all at once."""
        fresh = self.file(f".{name}.new")
        fd = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        try:
            os.write(fd, data)
        finally:
            os.close(fd)
        os.rename(fresh, self.file(name))

    def remove(self) -> None:
        """Removes the directory and all that is in it.

        state.json goes first: without it there is no container any more, so if this is interrupted,
        what is left takes nothing but another forced delete.
        """
        _unlink(self.file("state.json"))
        _remove_tree(self.path)


def _remove_tree(path: str) -> None:
    """Removes a directory of our own; what others remove meanwhile is fine."""
    with os.scandir(path) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                _remove_tree(entry.path)
            else:
                _unlink(entry.path)
    os.rmdir(path)


def _unlink(path: str) -> None:
    try:  # noqa: SIM105 - contextlib would take longer to import than all of this
        os.unlink(path)
    except FileNotFoundError:
        pass


def _to_json(state: State) -> Mapping[str, Any]:
    process = state.process
    return {
        "id": state.id,
        "bundle": state.bundle,
        "rootfs": state.rootfs,
        "created": state.created,
        "pid": process.pid if process else 0,
        "startTicks": process.start_ticks if process else 0,
        "cgroup": dict(state.cgroup),
        "newKeyring": state.new_keyring,
        "destroyed": state.destroyed,
    }


def _from_json(value: Any) -> State:
    return State(
        value["id"],
        value["bundle"],
        value["rootfs"],
        value["created"],
        Identity(value["pid"], value["startTicks"]) if value["pid"] else None,
        value["cgroup"],
        value["newKeyring"],
        value["destroyed"],
    )
