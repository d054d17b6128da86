"""Sessions and their terminals: which job a process belongs to.

See: credentials(7), proc_pid_stat(5); the kernel's admin-guide/devices.txt for the numbers.
"""

from __future__ import annotations

from orlop.errors import NotFound, SyscallError
from orlop.records import Record

_PTS_MAJORS = range(136, 144)
_MINORS_OF_MAJOR = 256
_SERIAL_FROM = 64  # /dev/ttyS0, after the virtual consoles


class Session(Record):
    """Where a process stands in job control; ids as this process sees them, 0 from outside.

    Attributes:
        leader: the id of the session, which is the PID of the process that made it.
        group: the id of its process group.
        terminal: the controlling terminal as below /dev ("pts/3"), "" if there is none.
        foreground: the process group that the terminal's input goes to, 0 without a terminal.
    """

    leader: int
    group: int
    terminal: str = ""
    foreground: int = 0


def read_session(pid: int) -> Session:
    """The session of a process now.

    Raises:
        NotFound: there is no such process.
    """
    path = f"/proc/{pid}/stat"
    try:
        with open(path, errors="surrogateescape", newline="\n") as file:
            return parse_session(file.read())
    except (FileNotFoundError, ProcessLookupError):
        raise NotFound("process", str(pid)) from None
    except OSError as error:
        raise SyscallError("open", error.errno or 0, path) from None


def parse_session(stat_text: str) -> Session:
    """The session in the content of /proc/PID/stat."""
    fields = stat_text[stat_text.rindex(")") + 2 :].split(maxsplit=6)
    group, leader, terminal, foreground = map(int, fields[2:6])
    return Session(leader, group, terminal_name(terminal), max(foreground, 0))


def terminal_name(number: int) -> str:
    """The name below /dev of a terminal's device number, as /proc/PID/stat has it; "" for 0."""
    if number == 0:
        return ""
    major, minor = number >> 8 & 0xFFF, number & 0xFF | number >> 12 & 0xFFF00
    match major:
        case 4 if minor < _SERIAL_FROM:
            return f"tty{minor}"
        case 4:
            return f"ttyS{minor - _SERIAL_FROM}"
        case 5 if minor == 1:
            return "console"
        case _ if major in _PTS_MAJORS:
            return f"pts/{minor + (major - _PTS_MAJORS.start) * _MINORS_OF_MAJOR}"
        case _:
            return f"char {major}:{minor}"
