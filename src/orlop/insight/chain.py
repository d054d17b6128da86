"""The chain of processes from an engine to its containers, as the kernel has it."""

from __future__ import annotations

from orlop.errors import NotFound
from orlop.kernel.peers import listener
from orlop.kernel.process import command_line, read_stat
from orlop.records import Record


class Link(Record):
    """A process of the chain: its host PID and its arguments (its name if it hides them)."""

    pid: int
    command: tuple[str, ...]


def link(pid: int) -> Link | None:
    """The process of this PID, None if it cannot be seen."""
    try:
        command = command_line(pid) or (read_stat(pid).comm,)
    except NotFound:
        return None
    return Link(pid, command)


def links_to(pid: int) -> tuple[Link | None, Link | None]:
    """A process and its parent; None for what cannot be seen."""
    try:
        parent = read_stat(pid).ppid
    except NotFound:
        return None, None
    return link(pid), link(parent)


def of_socket(path: str) -> Link | None:
    """Who listens on a Unix socket, None if that cannot be said: it is not there, or far away."""
    try:
        pid = listener(path)
    except OSError:
        return None
    return link(pid) if pid else None
