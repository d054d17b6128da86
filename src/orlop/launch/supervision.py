"""What a launcher that stays does with its container's streams, and where it can be reached.

Such a launcher is the container's shim: it keeps the log, serves attached clients, takes commands
at a socket and writes down how the container has ended. It needs nobody, so whoever has started it
may end; `orlop.launch.shim` finds it again by its directory.
"""

from __future__ import annotations

from orlop.records import Record

SOCKET, REPORT = "shim.sock", "report"
"""Files in the directory of a supervised launcher: where it takes commands (gone when it has
ended), and what it reports (which stays)."""

DETACH_KEYS = "ctrl-p,ctrl-q"


class LogFile(Record):
    """A log in the format of Docker's json-file driver.

    Attributes:
        path: absolute host path; its directory exists. Older parts have `.1`, `.2` behind it.
        max_bytes: a new part begins when a line has made the present one as large as that; 0 for
            never.
        max_files: how many parts are kept with the present one. With 1, it is emptied instead.
        attributes: a JSON object that every line gets as its "attrs", b"" for none.
    """

    path: str
    max_bytes: int = 10_000_000
    max_files: int = 3
    attributes: bytes = b""


class Supervision(Record):
    """What a staying launcher does with its container's streams.

    Attributes:
        directory: absolute host path of the directory for its socket and report; it is made if it
            is missing. "" for a container's own directory in its store.
        terminal: the program has a terminal, whose master the launcher keeps; else pipes.
        open_stdin: the program's stdin is what attached clients send; else it is /dev/null.
        stdin_once: it is closed when the first client that sends something has ended that.
        log: where output is written down, None for nowhere.
        detach_keys: by which a client of a terminal leaves, unless it has keys of its own;
            see `orlop.launch.detach_keys`. "" for none.
    """

    directory: str = ""
    terminal: bool = False
    open_stdin: bool = False
    stdin_once: bool = False
    log: LogFile | None = None
    detach_keys: str = DETACH_KEYS
