"""Terminals and standard descriptors: open_console, use_terminal, use_stdio, own_stdio."""

from __future__ import annotations

import array
import errno
import fcntl
import os
import pty
import socket
import stat
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest

from orlop.launch.plan import (
    NO_SLOT,
    NewSession,
    Open,
    OpenConsole,
    OwnStdio,
    Slot,
    UseStdio,
    UseTerminal,
)
from tests.integration.mounts.plans import Container, in_user_namespace

TIOCGPTN = 0x80045430
DEVPTS = ("newinstance", "ptmxmode=0666", "mode=0620", "gid=5")


class Console:
    """The caller's end of a console socket, and what came over it."""

    def __init__(self) -> None:
        self.ours, self.theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        self.ours.settimeout(20)
        self.master = -1
        self.name = b""

    def receive(self) -> None:
        """Take the message, which is as runc sends it."""
        self.theirs.close()
        space = socket.CMSG_SPACE(4 * array.array("i").itemsize)
        self.name, ancillary, flags, _ = self.ours.recvmsg(4096, space)
        assert not flags & (socket.MSG_CTRUNC | socket.MSG_TRUNC)
        ((level, kind, data),) = ancillary
        assert (level, kind, len(data)) == (socket.SOL_SOCKET, socket.SCM_RIGHTS, 4)
        (self.master,) = struct.unpack("i", data)

    def read(self) -> str:
        """All that the container writes, until nobody has the terminal any more."""
        parts = []
        try:
            while part := os.read(self.master, 4096):
                parts.append(part)
        except OSError as error:
            if error.errno != errno.EIO:
                raise
        return b"".join(parts).decode().replace("\r\n", "\n")

    def close(self) -> None:
        self.ours.close()
        self.theirs.close()
        if self.master >= 0:
            os.close(self.master)


@pytest.fixture
def console() -> Iterator[Console]:
    console = Console()
    yield console
    console.close()


def with_terminal(
    container: Container, devpts: Slot, rows: int = 0, columns: int = 0, uid: int = 0
) -> Slot:
    """Steps to a terminal that is the program's own; slot 0 is the console socket."""
    terminal = container.slot()
    container.do(OpenConsole(terminal, devpts, Slot(0), rows, columns, uid))
    container.attach(container.tree("", base=terminal), "/dev/console")
    container.enter_root()
    container.do(NewSession())
    container.do(UseTerminal(terminal))
    return terminal


def run_on(console: Console, container: Container, script: str) -> str:
    """The container's terminal after a script."""
    null = os.open("/dev/null", os.O_WRONLY)
    started = container.start(script, null)
    os.close(null)
    with started:
        started.wait_running()
        console.receive()
        shown = console.read()
        assert started.wait_exit() == 0
    return shown


@pytest.fixture(params=["root", "user namespace"])
def container_of_console(
    request: pytest.FixtureRequest, console: Console, rootfs: Path
) -> Container:
    inherit = (console.theirs.fileno(),)
    if request.param == "user namespace":
        return in_user_namespace(rootfs, inherit=inherit)
    container = Container(rootfs, inherit)
    container.enter_mounts()
    return container


def test_console(container_of_console: Container, console: Console) -> None:
    container = container_of_console
    devpts = container.filesystem("devpts", *DEVPTS)
    container.attach(devpts, "/dev/pts")
    container.proc()
    with_terminal(container, devpts, rows=31, columns=97, uid=0)
    shown = run_on(
        console,
        container,
        "tty; stty size; stat -c '%t:%T %a %u:%g' $(tty); stat -c %t:%T /dev/console;"
        "cut -d' ' -f7 /proc/self/stat; echo direct > /dev/console; readlink /proc/self/fd/2",
    )
    controlling = str(os.makedev(136, 0))
    assert shown.splitlines() == [
        "/dev/pts/0",
        "31 97",
        "88:0 620 0:5",
        "88:0",
        controlling,
        "direct",
        "/dev/pts/0",
    ]
    assert console.name == b"/dev/pts/0"


def test_console_of_a_user(console: Console, rootfs: Path) -> None:
    container = Container(rootfs, (console.theirs.fileno(),))
    container.enter_mounts()
    devpts = container.filesystem("devpts", *DEVPTS)
    container.attach(devpts, "/dev/pts")
    with_terminal(container, devpts, uid=1000)
    assert run_on(console, container, "stat -c '%a %u:%g' /dev/pts/0") == "620 1000:5\n"


def test_console_of_a_detached_devpts(console: Console, rootfs: Path) -> None:
    container = Container(rootfs, (console.theirs.fileno(),))
    container.enter_mounts()
    devpts = container.filesystem("devpts", *DEVPTS)
    terminal = container.slot()
    container.do(OpenConsole(terminal, devpts, Slot(0), 0, 0, 0))
    container.enter_root()
    container.do(NewSession())
    container.do(UseTerminal(terminal))
    assert run_on(console, container, "test -t 0 && echo here") == "here\n"


def test_console_of_the_host(console: Console, rootfs: Path) -> None:
    container = Container(rootfs, (console.theirs.fileno(),))
    container.enter_mounts()
    with_terminal(container, NO_SLOT, 5, 6)
    assert run_on(console, container, "stty size; echo direct > /dev/console") == "5 6\ndirect\n"
    number = struct.unpack("I", fcntl.ioctl(console.master, TIOCGPTN, b"\0" * 4))[0]
    assert console.name == f"/dev/pts/{number}".encode()


def test_console_kept_by_the_launcher(rootfs: Path) -> None:
    """Without a socket the launcher has the master, and resizes it."""
    container = Container(rootfs)
    container.enter_mounts()
    devpts = container.filesystem("devpts", *DEVPTS)
    container.attach(devpts, "/dev/pts")
    terminal = container.slot()
    container.do(OpenConsole(terminal, devpts, NO_SLOT, 0, 0, 0))
    container.enter_root()
    container.do(NewSession())
    container.do(UseTerminal(terminal))
    null = os.open("/dev/null", os.O_WRONLY)
    script = 'until [ "$(stty size 2>/dev/null)" = "40 50" ]; do sleep 0.01; done'
    started = container.start(script, null)
    os.close(null)
    with started:
        started.wait_running()
        started.resize(40, 50)
        assert started.wait_exit() == 0


@pytest.mark.parametrize("fake", ["tmpfs", "rootfs"])
def test_what_is_no_devpts(console: Console, rootfs: Path, workspace: Path, fake: str) -> None:
    """CVE-2025-52565: a /dev/pts with a ptmx that is something else."""
    canary = workspace / "canary"
    canary.write_text("canary")
    (rootfs / "dev/pts").mkdir()
    container = Container(rootfs, (console.theirs.fileno(),))
    container.enter_mounts()
    if fake == "tmpfs":
        container.attach(container.filesystem("tmpfs"), "/dev/pts")
    os.mknod(rootfs / "dev/pts/ptmx", stat.S_IFCHR | 0o666, os.makedev(5, 2))
    devpts = container.tree("/dev/pts", base=container.root)
    container.do(OpenConsole(container.slot(), devpts, Slot(0), 0, 0, 0))
    error = container.failure()
    assert (error.op, error.errno) == ("open_console", errno.ENODEV)
    assert canary.read_text() == "canary"


def test_something_mounted_over_ptmx(console: Console, rootfs: Path, workspace: Path) -> None:
    container = Container(rootfs, (console.theirs.fileno(),))
    container.enter_mounts()
    devpts = container.filesystem("devpts", *DEVPTS)
    container.attach(devpts, "/dev/pts")
    (workspace / "canary").write_text("canary")
    container.attach(container.tree(workspace / "canary"), "/dev/pts/ptmx")
    container.do(OpenConsole(container.slot(), devpts, Slot(0), 0, 0, 0))
    error = container.failure()
    assert (error.op, error.errno) == ("open_console", errno.EXDEV)


def test_nobody_takes_the_console(console: Console, rootfs: Path) -> None:
    container = Container(rootfs, (console.theirs.fileno(),))
    container.enter_mounts()
    devpts = container.filesystem("devpts", *DEVPTS)
    container.do(OpenConsole(container.slot(), devpts, Slot(0), 0, 0, 0))
    console.ours.close()
    error = container.failure()
    assert (error.op, error.errno) == ("open_console", errno.EPIPE)


def test_terminal_that_is_none(container: Container) -> None:
    null = container.slot()
    container.do(Open(null, "/dev/null", os.O_RDWR))
    container.do(NewSession())
    container.do(UseTerminal(null))
    error = container.failure()
    assert (error.op, error.errno) == ("use_terminal", errno.ENOTTY)


def test_stdio(rootfs: Path, workspace: Path) -> None:
    (workspace / "in").write_text("from in\n")
    given = os.open(workspace / "in", os.O_RDONLY)
    taken = os.open(workspace / "out", os.O_WRONLY | os.O_CREAT)
    container = Container(rootfs, (given, taken))
    container.enter_mounts()
    container.do(UseStdio(Slot(0), NO_SLOT, Slot(1)))
    container.enter_root()
    try:
        outcome = container.run("cat; echo to err >&2; ls /proc/self/fd 2>/dev/null | wc -l")
    finally:
        os.close(given)
        os.close(taken)
    assert outcome.lines()[0] == "from in"
    assert (workspace / "out").read_text() == "to err\n"


def test_own_stdio(rootfs: Path, workspace: Path) -> None:
    """Pipes and sockets are given away; files, devices and terminals of the host are not."""
    ends = socket.socketpair()
    master, terminal = pty.openpty()
    file = os.open(workspace / "file", os.O_WRONLY | os.O_CREAT)
    null = os.open("/dev/null", os.O_RDWR)
    given = (ends[0].fileno(), terminal, file, null)
    try:
        for stdio in ((0, 1, NO_SLOT), (2, NO_SLOT, NO_SLOT), (3, NO_SLOT, 3)):
            container = Container(rootfs, given)
            container.enter_mounts()
            container.do(UseStdio(*(Slot(slot) for slot in stdio)))
            container.do(OwnStdio(1234))
            container.enter_root()
            container.run()
        owners = [os.fstat(fd).st_uid for fd in given]
        assert owners == [1234, 0, 0, 0]
    finally:
        for end in ends:
            end.close()
        for fd in (master, terminal, file, null):
            os.close(fd)


def test_own_stdio_gives_a_pipe(container: Container) -> None:
    container.do(OwnStdio(1234))
    container.proc()
    container.enter_root()
    assert container.run("stat -L -c '%F %u' /proc/self/fd/1").stdout == "fifo 1234\n"


def test_own_stdio_of_somebody_who_is_not_mapped(rootfs: Path) -> None:
    container = in_user_namespace(rootfs, size=1000)
    container.do(OwnStdio(5000))
    container.enter_root()
    assert container.run("echo fine").stdout == "fine\n"
