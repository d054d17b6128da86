"""What can be asked of a further process, and what there is to say about one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orlop.records import Record

if TYPE_CHECKING:
    from orlop.intent.request import Size, User


class ExecRequest(Record):
    """A further process as somebody wants it.

    Attributes:
        command: program and arguments.
        environment: variables besides the container's; of one name the last counts, and None takes
            away the container's.
        user: None for the container's own.
        directory: where it starts, a container path; "" for the container's own.
        terminal: it gets a terminal.
        size: of the terminal, None if nobody said.
        stdin: a client will be there to write to it.
        stdout: a client wants its output.
        stderr: the same.
        privileged: as root, it has all capabilities; the filter of system calls is in force.
        detach_keys: as "ctrl-p,ctrl-q"; "" for the engine's.
    """

    command: tuple[str, ...]
    environment: tuple[tuple[str, str | None], ...] = ()
    user: User | None = None
    directory: str = ""
    terminal: bool = False
    size: Size | None = None
    stdin: bool = False
    stdout: bool = True
    stderr: bool = True
    privileged: bool = False
    detach_keys: str = ""


class Exec(Record):
    """A further process, as it is.

    Attributes:
        id: 64 hexadecimal digits.
        container: the container's id.
        request: what was asked.
        running: it was started and has not ended.
        exit_code: how it ended; None as long as it has not. 126 and 127 stand for a program that
            could not be executed, or was not found.
        pid: its host PID while it runs, else 0.
        created_ns: when it was asked for, in ns since 1970.
        started_ns: when its start was asked for, 0 if it was not.
        ended_ns: when it ended, 0 if it has not.
    """

    id: str
    container: str
    request: ExecRequest
    running: bool = False
    exit_code: int | None = None
    pid: int = 0
    created_ns: int = 0
    started_ns: int = 0
    ended_ns: int = 0
