"""The processes of a container, as ps(1) would show them.

No ps is run: neither the host's, whose list would have to be filtered again, nor the container's,
which nobody trusts. The usual options are understood, and their columns read from /proc.

See: ps(1), proc(5); Docker's `top`, which gives its arguments to ps (default: -ef).
"""

from __future__ import annotations

import os
import re
import shlex
import time
from typing import TYPE_CHECKING

from orlop.engine.blocking import in_thread
from orlop.errors import InvalidArgument, NotFound
from orlop.kernel import machine
from orlop.kernel import process as processes
from orlop.records import Record

if TYPE_CHECKING:
    from collections.abc import Callable

    from orlop.engine.known import Known
    from orlop.engine.running import LiveContainers


class ProcessTable(Record):
    """Titles and a row of as many texts for each process, by host PID."""

    titles: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


class Top:
    """Shows the processes of an engine's containers."""

    def __init__(self, containers: Known, live: LiveContainers) -> None:
        self._containers = containers
        self._live = live

    async def processes(self, ref: str, ps_args: str = "") -> ProcessTable:
        """The processes of a container that runs.

        Args:
            ref: of the container.
            ps_args: what ps would be given, "" for -ef.

        Raises:
            NotFound: there is no such container.
            WrongState: it does not live.
            InvalidArgument: the arguments are not understood.
        """
        columns = parse(ps_args)
        live = self._live.of(self._containers.get(ref), "list the processes of")
        return await in_thread(_table, live.cgroup.processes, columns)


# --- arguments --------------------------------------------------------------------------------


class Column(Record):
    """A column: its title, and how it is read."""

    title: str
    name: str


def parse(ps_args: str) -> tuple[Column, ...]:
    """The columns that arguments of ps ask for.

    Which processes they would choose is left out, since the container's are shown, all of them.

    Raises:
        InvalidArgument: one is not understood.
    """
    try:
        words = shlex.split(ps_args)
    except ValueError as error:
        raise InvalidArgument(f"cannot read the arguments of ps {ps_args!r}: {error}") from None
    letters, chosen = "", list[Column]()
    rest = iter(words)
    for word in rest:
        if format_ := _FORMAT.fullmatch(word):
            chosen += _listed(format_.group(1) or next(rest, ""))
        else:
            letters += _letters(word)
    return tuple(chosen) if chosen else _shape(letters)


_FORMAT = re.compile("(?:--format|-?[aAdefx]*o)=?(.*)")


def _listed(lists: str) -> list[Column]:
    """Columns of a list as `pid,user=WHO,args`, in which the last may have spaces in its title."""
    if not lists:
        raise InvalidArgument(
            "-o needs a list of columns", hint=f"of {', '.join(sorted(_COLUMNS))}"
        )
    columns = []
    for word in lists.replace(" ", ",").split(","):
        name, equals, title = word.partition("=")
        known = _ALIASES.get(name.lower(), name.lower())
        if known not in _COLUMNS:
            raise InvalidArgument(
                f"there is no column {name!r}", hint=f"there are {', '.join(sorted(_COLUMNS))}"
            )
        columns.append(Column(title if equals else _COLUMNS[known][0], known))
    return columns


def _letters(word: str) -> str:
    """The letters of an option, BSD's in capitals where they choose columns.

    Raises:
        InvalidArgument: it has one that has nothing to do with the columns.
    """
    letters = word.removeprefix("-")
    if not word.startswith("-") or "u" in letters:  # "-aux" is meant as "aux"
        known, letters = "axuwfljhecnS", letters.replace("u", "U").replace("x", "X")
        known += "UX"
    else:
        known = "eAdaxNTfFljwHyMZcL"
    if not letters or set(letters) - set(known):
        raise InvalidArgument(
            f"cannot show processes with the option {word!r} of ps",
            hint="use -ef, aux, -l, or -o with a list of columns",
        )
    return letters.replace("f", "") if "U" in letters or "X" in letters else letters


def _shape(letters: str) -> tuple[Column, ...]:
    """The columns of the first of the shapes that was chosen; of ps -ef if nothing was."""
    chosen = next(shape for shape in _SHAPES if shape in (letters or "f"))
    names = _SHAPES[chosen]
    renamed = _TITLES.get(chosen, {})
    return tuple(Column(renamed.get(name, _COLUMNS[name][0]), name) for name in names)


_SHAPES: dict[str, tuple[str, ...]] = {
    "U": ("user", "pid", "pcpu", "pmem", "vsz", "rss", "tname", "stat", "start", "bsdtime",
          "args"),
    "F": ("user", "pid", "ppid", "c", "sz", "rss", "psr", "stime", "tname", "time", "args"),
    "f": ("user", "pid", "ppid", "c", "stime", "tname", "time", "args"),
    "l": ("f", "s", "uid", "pid", "ppid", "c", "opri", "ni", "addr", "sz", "wchan", "tname",
          "time", "comm"),
    "j": ("pid", "pgid", "sid", "tname", "time", "comm"),
    "X": ("pid", "tname", "stat", "bsdtime", "args"),
    "": ("pid", "tname", "time", "comm"),
}  # fmt: skip
_TITLES = {
    "f": {"user": "UID", "args": "CMD"},
    "F": {"user": "UID", "args": "CMD"},
    "l": {"comm": "CMD"},
    "j": {"comm": "CMD"},
    "": {"comm": "CMD"},
}


# --- what /proc says --------------------------------------------------------------------------


class _Process:
    """One process, read when a column asks for it."""

    def __init__(self, pid: int, machine_: _Machine) -> None:
        self.pid = pid
        self.machine = machine_
        text = _read(pid, "stat")
        opening, closing = text.index("("), text.rindex(")")
        self.comm = text[opening + 1 : closing]
        self.stat = ["", "", "", *text[closing + 2 :].split()]  # by the numbers of proc_pid_stat(5)
        self._status: processes.Status | None = None

    def number(self, field: int) -> int:
        return int(self.stat[field])

    @property
    def status(self) -> processes.Status:
        if self._status is None:
            self._status = processes.read_status(self.pid)
        return self._status

    @property
    def cpu_s(self) -> float:
        return (self.number(14) + self.number(15)) / self.machine.ticks

    @property
    def age_s(self) -> float:
        return max(0.0, self.machine.uptime_s - self.number(22) / self.machine.ticks)

    @property
    def started_s(self) -> float:
        return self.machine.now_s - self.age_s

    def program(self) -> str:
        """Its arguments, or its name in brackets if it has none."""
        words = processes.command_line(self.pid)
        state = " <defunct>" if self.stat[3] == "Z" else ""
        return f"{' '.join(words) if words else f'[{self.comm}]'}{state}"


class _Machine:
    """What all processes have in common, at one moment."""

    def __init__(self) -> None:
        self.ticks = os.sysconf("SC_CLK_TCK")
        self.page = os.sysconf("SC_PAGE_SIZE")
        self.memory = machine.memory_bytes()
        self.uptime_s = time.clock_gettime(time.CLOCK_BOOTTIME)
        self.now_s = time.time()


def _read(pid: int, name: str) -> str:
    try:
        with open(f"/proc/{pid}/{name}", errors="replace", newline="\n") as file:
            return file.read()
    except OSError:
        raise NotFound("process", str(pid)) from None


def _table(pids: Callable[[], tuple[int, ...]], columns: tuple[Column, ...]) -> ProcessTable:
    now = _Machine()
    rows = []
    for pid in pids():
        try:
            process = _Process(pid, now)
            rows.append(tuple(_COLUMNS[column.name][1](process) for column in columns))
        except (NotFound, ValueError, IndexError):  # it has ended while it was looked at
            continue
    return ProcessTable(tuple(column.title for column in columns), tuple(rows))


def _user(uid: int) -> str:
    """The host's name for a user: it is the host that shows it."""
    import pwd

    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def _group(gid: int) -> str:
    import grp

    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return str(gid)


def _terminal(process: _Process) -> str:
    device = process.number(7)
    major, minor = os.major(device & 0xFFFFFFFF), os.minor(device & 0xFFFFFFFF)
    if not device:
        return "?"
    if 136 <= major <= 143:
        return f"pts/{minor + 256 * (major - 136)}"
    return f"tty{minor}" if major == 4 else "?"


def _clock(seconds: float) -> str:
    """As [DD-]HH:MM:SS."""
    minutes, second = divmod(int(seconds), 60)
    hours, minute = divmod(minutes, 60)
    days, hour = divmod(hours, 24)
    return f"{f'{days}-' if days else ''}{hour:02}:{minute:02}:{second:02}"


def _elapsed(process: _Process) -> str:
    text = _clock(process.age_s)
    return text.removeprefix("00:")


def _bsd_time(process: _Process) -> str:
    minutes, second = divmod(int(process.cpu_s), 60)
    return f"{minutes}:{second:02}"


def _start(process: _Process) -> str:
    """The time of day, or the date of one that is older than a day."""
    form = "%H:%M" if process.age_s < 86400 else "%b%d"
    return time.strftime(form, time.localtime(process.started_s))


def _long_start(process: _Process) -> str:
    return time.strftime("%a %b %e %H:%M:%S %Y", time.localtime(process.started_s))


def _cpu_percent(process: _Process) -> float:
    return 100.0 * process.cpu_s / process.age_s if process.age_s else 0.0


def _state(process: _Process) -> str:
    """The state with what ps puts behind it."""
    nice, letters = process.number(19), process.stat[3]
    letters += "<" if nice < 0 else "N" if nice > 0 else ""
    letters += "s" if process.number(6) == process.pid else ""
    letters += "l" if process.number(20) > 1 else ""
    return letters + ("+" if process.number(8) == process.number(5) else "")


def _wchan(process: _Process) -> str:
    try:
        text = _read(process.pid, "wchan").strip()
    except NotFound:
        text = ""
    return "-" if text in ("", "0") else text


def _container_pid(process: _Process) -> str:
    pids = process.status.namespace_pids
    return str(pids[-1]) if pids else str(process.pid)


def _pages(process: _Process, field: int) -> int:
    return process.number(field) * process.machine.page


_COLUMNS: dict[str, tuple[str, Callable[[_Process], str]]] = {
    "addr": ("ADDR", lambda p: "-"),
    "args": ("COMMAND", _Process.program),
    "bsdtime": ("TIME", _bsd_time),
    "c": ("C", lambda p: str(min(99, int(_cpu_percent(p))))),
    "comm": ("COMMAND", lambda p: p.comm),
    "etime": ("ELAPSED", _elapsed),
    "etimes": ("ELAPSED", lambda p: str(int(p.age_s))),
    "f": ("F", lambda p: f"{p.number(9) >> 6 & 0x7:o}"),
    "gid": ("GID", lambda p: str(p.status.gids[1])),
    "group": ("GROUP", lambda p: _group(p.status.gids[1])),
    "lstart": ("STARTED", _long_start),
    "ni": ("NI", lambda p: str(p.number(19))),
    "nlwp": ("NLWP", lambda p: str(p.number(20))),
    "nspid": ("NSPID", _container_pid),
    "pcpu": ("%CPU", lambda p: f"{_cpu_percent(p):.1f}"),
    "pgid": ("PGID", lambda p: p.stat[5]),
    "pid": ("PID", lambda p: str(p.pid)),
    "pmem": ("%MEM", lambda p: f"{100 * _pages(p, 24) / p.machine.memory:.1f}"),
    "ppid": ("PPID", lambda p: p.stat[4]),
    "opri": ("PRI", lambda p: str(60 + p.number(18))),
    "pri": ("PRI", lambda p: str(39 - p.number(18))),
    "psr": ("PSR", lambda p: p.stat[39]),
    "rgroup": ("RGROUP", lambda p: _group(p.status.gids[0])),
    "rss": ("RSS", lambda p: str(_pages(p, 24) // 1024)),
    "ruid": ("RUID", lambda p: str(p.status.uids[0])),
    "ruser": ("RUSER", lambda p: _user(p.status.uids[0])),
    "s": ("S", lambda p: p.stat[3]),
    "sid": ("SID", lambda p: p.stat[6]),
    "start": ("START", _start),
    "stat": ("STAT", _state),
    "stime": ("STIME", _start),
    "sz": ("SZ", lambda p: str(p.number(23) // p.machine.page)),
    "time": ("TIME", lambda p: _clock(p.cpu_s)),
    "tname": ("TTY", _terminal),
    "uid": ("UID", lambda p: str(p.status.uids[1])),
    "user": ("USER", lambda p: _user(p.status.uids[1])),
    "vsz": ("VSZ", lambda p: str(p.number(23) // 1024)),
    "wchan": ("WCHAN", _wchan),
}
_ALIASES = {
    "%cpu": "pcpu",
    "%mem": "pmem",
    "cmd": "args",
    "command": "args",
    "cputime": "time",
    "egid": "gid",
    "egroup": "group",
    "euid": "uid",
    "euser": "user",
    "flags": "f",
    "nice": "ni",
    "pgrp": "pgid",
    "rssize": "rss",
    "rsz": "rss",
    "sess": "sid",
    "session": "sid",
    "state": "s",
    "start_time": "start",
    "thcount": "nlwp",
    "tt": "tname",
    "tty": "tname",
    "ucmd": "comm",
    "ucomm": "comm",
    "uname": "user",
    "vsize": "vsz",
    "wname": "wchan",
}
