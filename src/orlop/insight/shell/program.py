"""The last steps: what is left when the container's root is the root, in the language of sh(1).

Nothing of the host can be executed any more, so these are commands of the shell itself (dash(1) on
Debian), which was loaded before. It has the container's user and rights already.
"""

from __future__ import annotations

from orlop.insight.shell.functions import LOOK_UP
from orlop.insight.shell.places import Terminal
from orlop.insight.shell.words import is_name, word, words
from orlop.launch.plan import (
    IF_PERMITTED,
    AwaitStart,
    BecomeInit,
    ChangeDirectory,
    Execute,
    FindHome,
    FindProgram,
    ListDirectory,
    NextPart,
    OpenConsole,
    OwnStdio,
    ReceiveFile,
    SendFile,
    SendOpened,
    Serve,
    SetUmask,
    Supervise,
    UseProgram,
    UseStdio,
    UseTerminal,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from orlop.insight.shell.draft import Draft, Renderings
    from orlop.launch.plan import Operation

_NO_HOME = "HOME="


def _open_console(op: OpenConsole, d: Draft) -> None:
    d.slots.fill(op.out, Terminal())
    d.misses(
        "a terminal of the container's own: no tool opens one of another devpts and passes it on;"
        " the program gets the script's, without job control"
    )


def _use_terminal(_: UseTerminal, d: Draft) -> None:
    """Said where it is opened."""


def _use_stdio(_: UseStdio, d: Draft) -> None:
    d.misses("descriptors of the caller as stdin, stdout and stderr: the script's stay")


def _own_stdio(op: OwnStdio, d: Draft) -> None:
    d.here(
        "for file in /proc/self/fd/[012]; do",
        '  if [ -p "$file" ] || [ -S "$file" ]; then',
        f'    chown {op.uid} "$file" 2> /dev/null || :',
        "  fi",
        "done",
    )


def _set_umask(op: SetUmask, d: Draft) -> None:
    d.finish(f"umask {op.mask:04o}")


def _change_directory(op: ChangeDirectory, d: Draft) -> None:
    """Once from outside, with the rights before the last, and if that was refused as the user."""
    path = word(op.path)
    if op.flags & IF_PERMITTED:
        d.use(LOOK_UP)
        d.here(f"look_up {path}", """printf '%s\\0' "$REPLY" >&8""")
        d.reply = op.path
    else:
        d.finish(f'[ "$1" = there ] || cd {path}')


def _find_home(op: FindHome, d: Draft) -> None:
    d.finish(
        "HOME=/",
        "if [ -r /etc/passwd ]; then",
        """  while IFS=: read -r _ _ user _ _ directory _ || [ -n "$user" ]; do""",
        f'    if [ "$user" = {op.uid} ]; then',
        "      HOME=${directory:-/}",
        "      break",
        "    fi",
        "  done < /etc/passwd",
        "fi",
    )


def _find_program(_: FindProgram, d: Draft) -> None:
    """The shell does it, along the PATH that it has by then."""


def _await_start(_: AwaitStart, d: Draft) -> None:
    d.misses("the wait for `start`: the script goes on at once")


def _execute(op: Execute, d: Draft) -> None:
    if op.preserve:
        d.misses("descriptors 3 and above that the caller passes on")
    d.finish("unset PWD OLDPWD")
    for entry in op.env:
        name, _, value = entry.partition("=")
        if entry == _NO_HOME:
            d.finish("export HOME")
        elif is_name(name):
            d.finish(f"export {name}={word(value)}")
        else:
            d.misses(f"the variable {name!r} of the environment: no shell takes such a name")
    d.finish(f"exec {words(op.argv)} 8<&- 9>&-")


def _next_part(_: NextPart, d: Draft) -> None:
    d.cannot("the plan is the first part of one that its caller goes on with")


def _use_program(_: UseProgram, d: Draft) -> None:
    d.cannot("the program is given by descriptor")


def _serve(_: Serve, d: Draft) -> None:
    d.cannot("the first process starts programs that its caller asks for")


def _for_who_serves(_: Operation, d: Draft) -> None:
    d.cannot("the caller of a container that serves is asked for a file or directory")


def _send_opened(_: Operation, d: Draft) -> None:
    d.cannot("a descriptor is sent to the caller")


def _supervise(_: Supervise, d: Draft) -> None:
    d.misses("a launcher that keeps the log and serves attached clients: output goes to the script")


def _become_init(_: BecomeInit, d: Draft) -> None:
    d.misses("an init: the program is the first process itself")


RENDERINGS: Renderings = {
    OpenConsole: _open_console,
    UseTerminal: _use_terminal,
    UseStdio: _use_stdio,
    OwnStdio: _own_stdio,
    SetUmask: _set_umask,
    ChangeDirectory: _change_directory,
    FindHome: _find_home,
    FindProgram: _find_program,
    AwaitStart: _await_start,
    Execute: _execute,
    NextPart: _next_part,
    UseProgram: _use_program,
    Serve: _serve,
    Supervise: _supervise,
    BecomeInit: _become_init,
    ReceiveFile: _for_who_serves,
    SendFile: _for_who_serves,
    ListDirectory: _for_who_serves,
    SendOpened: _send_opened,
}
