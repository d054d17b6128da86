"""Directories, links, device nodes, the terminal and stdio (launch/nodes.c, console.c)."""

from __future__ import annotations

import stat

from orlop.insight.notation.constants import mode, octal
from orlop.insight.notation.mounts import look_up_to_make, missing
from orlop.insight.notation.syntax import Calls, aside, call, descriptor, quoted, struct
from orlop.launch.plan import (
    NO_SLOT,
    MakeDirectory,
    MakeNode,
    MakeSymlink,
    OpenConsole,
    OwnStdio,
    UseStdio,
    UseTerminal,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from orlop.insight.notation.scene import Notations, Scene

_MASTER = "O_RDWR|O_NOCTTY|O_CLOEXEC"


def _split(path: str) -> tuple[str, str]:
    above, _, name = path.rpartition("/")
    return above, name


def _make_directory(op: MakeDirectory, s: Scene) -> Calls:
    above, name = _split(op.path)
    *before, found = look_up_to_make(s, op.base, op.path)
    if not name:
        return (*before, found.replace(detail=False))
    make = ("mkdirat", s.opened(op.base, above), quoted(name), octal(op.mode))
    return (*before, found, call(*make, note="if missing", always=False))


def _in_directory(op: MakeSymlink | MakeNode, s: Scene) -> tuple[Calls, str, str]:
    """The look-up of the directory in which something is made, that directory, and the name."""
    above, name = _split(op.path)
    found = look_up_to_make(s, op.base, above and f"{above}/")
    made = missing(s, op.base, above) if above else ()
    return found + made, s.opened(op.base, above), quoted(name)


def _make_symlink(op: MakeSymlink, s: Scene) -> Calls:
    found, directory, name = _in_directory(op, s)
    return (*found, call("symlinkat", quoted(op.target), directory, name))


def _make_node(op: MakeNode, s: Scene) -> Calls:
    found, directory, name = _in_directory(op, s)
    device = "0" if stat.S_ISFIFO(op.mode) else f"makedev({op.major}, {op.minor})"
    node = s.opened(op.base, op.path)
    owner: Calls = ()
    if op.uid or op.gid:
        owner = (
            call(
                "fchownat",
                node,
                '""',
                str(op.uid),
                str(op.gid),
                "AT_EMPTY_PATH",
                note="if it was made",
                always=False,
            ),
        )
    return (
        *found,
        call("mknodat", directory, name, mode(op.mode), device, note="may exist"),
        aside("openat", directory, name, "O_RDONLY|O_NOFOLLOW|O_CLOEXEC|O_PATH", result=node),
        aside("fstat", node),
        *owner,
    )


def _open_console(op: OpenConsole, s: Scene) -> Calls:
    master = descriptor("ptmx")
    if op.devpts == NO_SLOT:
        opened = aside("open", '"/dev/ptmx"', _MASTER, result=master)
    else:
        how = struct(flags=_MASTER, resolve="RESOLVE_NO_XDEV|RESOLVE_NO_SYMLINKS|RESOLVE_BENEATH")
        opened = aside("openat2", s.slot(op.devpts), '"ptmx"', how, result=master)
    terminal = s.fill(op.out, "terminal")
    size: Calls = ()
    if op.rows or op.columns:
        winsize = struct(ws_row=str(op.rows), ws_col=str(op.columns))
        size = (aside("ioctl", master, "TIOCSWINSZ", winsize),)
    owner = aside("fchown", terminal, str(op.uid), "-1", always=False)
    return (
        opened,
        aside("fstat", master),
        aside("ioctl", master, "TIOCSPTLCK", "[0]"),
        call("ioctl", master, "TIOCGPTPEER", _MASTER, result=terminal),
        *size,
        aside("fstat", terminal),
        owner,
        *_give_master(op, s, master),
    )


def _give_master(op: OpenConsole, s: Scene, master: str) -> Calls:
    message = struct(cmsg_type="SCM_RIGHTS", cmsg_data=f"[{master}]")
    if op.socket == NO_SLOT:
        return (call("sendmsg", descriptor("launcher"), message, "MSG_NOSIGNAL"),)
    return (
        aside("ioctl", master, "TIOCGPTN"),
        call("sendmsg", s.slot(op.socket), message, "MSG_NOSIGNAL"),
    )


def _use_terminal(op: UseTerminal, s: Scene) -> Calls:
    terminal = s.slot(op.terminal)
    copies = tuple(aside("dup2", terminal, str(fd)) for fd in range(3))
    return (call("ioctl", terminal, "TIOCSCTTY", "0"), *copies)


def _use_stdio(op: UseStdio, s: Scene) -> Calls:
    given = enumerate((op.stdin, op.stdout, op.stderr))
    return tuple(call("dup2", s.slot(slot), str(fd)) for fd, slot in given if slot != NO_SLOT)


def _own_stdio(op: OwnStdio, _: Scene) -> Calls:
    note = "those that are pipes or sockets of somebody else"
    return (
        aside("fstat", "0..2"),
        call("fchown", "0..2", str(op.uid), "-1", note=note, always=False),
    )


CALLS: Notations = {
    MakeDirectory: _make_directory,
    MakeSymlink: _make_symlink,
    MakeNode: _make_node,
    OpenConsole: _open_console,
    UseTerminal: _use_terminal,
    UseStdio: _use_stdio,
    OwnStdio: _own_stdio,
}
