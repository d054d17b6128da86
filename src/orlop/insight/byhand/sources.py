"""Namespaces to join, by what people call them: names, processes, containers.

    NAME              what `orlop ns create` or `ip netns add` has made
    pid:N             those of a process, and in the same way docker:NAME, podman:NAME ...
    ID                those of a container of orlop-runtime
    ...:net,uts       only these kinds of it

Which namespace is meant is decided once: the launcher gets descriptors.
"""

from __future__ import annotations

import errno
import os

from orlop.errors import Conflict, InvalidArgument, NotFound, PermissionDenied, SyscallError
from orlop.insight.byhand.places import check_available, is_kinds, kept, kinds_of, read_init
from orlop.insight.engines import ENGINES
from orlop.insight.targets import resolve
from orlop.kernel import process as processes
from orlop.kernel.namespaces import BY_NAME, available, identify, open_file
from orlop.records import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from orlop.insight.targets import Target
    from orlop.kernel.namespaces import NamespaceType
    from orlop.runtime.lifecycle.handover import Opened


class Source(Record):
    """Where namespaces are to come from; no kinds means all that differ from the caller's."""

    what: str
    kinds: tuple[NamespaceType, ...] = ()


class Joined(Record):
    """An open namespace: its descriptor belongs to whoever opened it."""

    kind: NamespaceType
    fd: int
    path: str


def parse_source(text: str) -> Source:
    """A source as the command line has it.

    Raises:
        InvalidArgument: there is nothing in front of the kinds.
    """
    what, colon, last = text.rpartition(":")
    if colon and is_kinds(last) and what not in ENGINES:
        if not what:
            raise InvalidArgument(f"{text!r} does not say whose namespaces to join")
        return Source(what, kinds_of(last))
    return Source(text)


def open_source(opened: Opened, source: Source, roots: Sequence[str] = ()) -> tuple[Joined, ...]:
    """The namespaces of a source, without those that the caller is in.

    Raises:
        NotFound: there is nothing of that name.
        InvalidArgument: it has no namespace of a kind that was asked for.
        Conflict: no process can be made in its PID namespace any more, or it does not run.
        PermissionDenied: they may not be opened.
    """
    files = kept(source.what)
    if files:
        return _of_name(opened, source, files)
    target = resolve(source.what, roots)
    return _of_process(opened, source, target)


def _of_name(opened: Opened, source: Source, files: dict[str, str]) -> tuple[Joined, ...]:
    kinds = source.kinds or tuple(BY_NAME[name] for name in files)
    for kind in kinds:
        if kind.name not in files:
            raise InvalidArgument(f"{source.what} has no {kind.file} namespace of its own")
    init = read_init(source.what)
    if init is not None and not processes.is_alive(init) and BY_NAME["pid"] in kinds:
        raise Conflict(
            f"the PID namespace of {source.what} has lost its first process: "
            "the kernel makes no process in it any more",
            hint="remove the name, or join its other kinds",
        )
    return _opened(opened, [(kind, files[kind.name]) for kind in kinds])


def _of_process(opened: Opened, source: Source, target: Target) -> tuple[Joined, ...]:
    """Opened between two looks at who has the PID, so they are this process's."""
    pid = target.process.pid
    check_available(source.kinds)
    kinds = source.kinds or available()
    found = _opened(opened, [(kind, f"/proc/{pid}/ns/{kind.file}") for kind in kinds])
    if not processes.is_alive(target.process):
        raise NotFound("process", str(pid), hint=f"{target.name} has just ended")
    return found


def _opened(opened: Opened, wanted: Sequence[tuple[NamespaceType, str]]) -> tuple[Joined, ...]:
    found = []
    for kind, path in wanted:
        fd = opened.descriptor(_open(path))
        if identify(fd) != identify(f"/proc/self/ns/{kind.file}"):
            found.append(Joined(kind, fd, path))
    return tuple(found)


def _open(path: str) -> int:
    try:
        return open_file(path)
    except SyscallError as error:
        if error.errno in (errno.EPERM, errno.EACCES):
            raise PermissionDenied(
                f"cannot open {path}",
                hint="that needs CAP_SYS_PTRACE, or every capability that the process has",
            ) from None
        raise


def check_kinds(new: Sequence[NamespaceType], joined: Sequence[Joined]) -> None:
    """Each kind is asked for once.

    Raises:
        InvalidArgument: one is to be both new and joined, or to be joined twice.
    """
    taken = {kind.name: "it is to be new" for kind in new}
    for entry in joined:
        if entry.kind.name in taken:
            raise InvalidArgument(
                f"cannot join the {entry.kind.file} namespace {entry.path}: "
                f"{taken[entry.kind.name]}",
                hint="name the kinds to join, as in --join NAME:net",
            )
        taken[entry.kind.name] = f"{entry.path} is to be joined as well"


def current_directory(joined: Sequence[Joined]) -> str:
    """Where a command begins: where the caller is, as long as that means the same."""
    elsewhere = any(entry.kind.name == "mount" for entry in joined)
    return "/" if elsewhere else os.getcwd()
