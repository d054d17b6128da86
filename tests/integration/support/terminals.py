"""Pseudo-terminals: the user's side of `run -t`, and the engine's side of --console-socket."""

from __future__ import annotations

import array
import contextlib
import fcntl
import os
import signal
import socket
import struct
import subprocess
import termios
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from tests.integration.support.deadlines import PATIENCE_S, Deadline, eventually
from tests.integration.support.streams import Reader


def set_size(terminal: int, rows: int, columns: int) -> None:
    """Give a terminal its size; processes in its foreground get SIGWINCH if it is new."""
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))


def size(terminal: int) -> tuple[int, int]:
    """Rows and columns of a terminal."""
    rows, columns, _, _ = struct.unpack(
        "HHHH", fcntl.ioctl(terminal, termios.TIOCGWINSZ, b"\0" * 8)
    )
    return rows, columns


class TerminalSession:
    """A command that runs on a terminal of its own, as in a terminal window.

    Attributes:
        master: our end; what is written there is typed by the user.
        terminal: the command's end, kept open so that its settings can be read afterwards.
        screen: what the command shows.
    """

    def __init__(
        self,
        argv: Sequence[str],
        *,
        rows: int = 24,
        columns: int = 80,
        env: Mapping[str, str] | None = None,
    ) -> None:
        self.master, self.terminal = os.openpty()
        set_size(self.terminal, rows, columns)
        self.screen = Reader(self.master)
        terminal = self.terminal
        self.process = subprocess.Popen(
            argv,
            preexec_fn=lambda: os.login_tty(os.dup(terminal)),  # noqa: PLW1509 - no threads here
            env=env,
        )

    def type(self, text: str) -> None:
        """Type on the keyboard."""
        os.write(self.master, text.encode())

    def resize(self, rows: int, columns: int, *, until: str) -> None:
        """Change the size of the window, until the screen shows the text `until`.

        The command hears of it (SIGWINCH) only once it listens, and nothing tells when that is:
        docker and podman begin after they have passed on the first size. So it is told again.

        Raises:
            AssertionError: it did not show before the deadline.
        """
        set_size(self.master, rows, columns)

        def heard() -> bool:
            self.process.send_signal(signal.SIGWINCH)
            return self.screen.shows(until, 0.2)

        eventually(heard, f"{until!r} after the window's size has changed")

    def settings(self) -> list[object]:
        """The terminal's modes, as termios.tcgetattr has them."""
        return termios.tcgetattr(self.terminal)

    def wait(self) -> int:
        """The exit status of the command.

        Raises:
            AssertionError: it did not end before the deadline.
        """
        deadline = Deadline()
        pidfd = os.pidfd_open(self.process.pid)
        try:
            deadline.readable(pidfd, "the end of the command on the terminal")
        finally:
            os.close(pidfd)
        return self.process.wait()

    def close(self) -> None:
        """End the command in any case and close both ends."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.screen.close()
        os.close(self.terminal)


@contextlib.contextmanager
def on_terminal(
    argv: Sequence[str],
    *,
    rows: int = 24,
    columns: int = 80,
    env: Mapping[str, str] | None = None,
) -> Iterator[TerminalSession]:
    """A command on a terminal of its own; it ends with the context."""
    session = TerminalSession(argv, rows=rows, columns=columns, env=env)
    try:
        yield session
    finally:
        session.close()


class DescriptorSocket:
    """A listening unix socket that receives one descriptor (SCM_RIGHTS): console, pidfd, notify."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.bind(str(path))
        self._listener.listen()
        self._received: list[int] = []

    def receive(self) -> tuple[str, int]:
        """The next message and the descriptor that came with it; the descriptor stays ours."""
        self._listener.settimeout(PATIENCE_S)
        connection, _ = self._listener.accept()
        with connection:
            connection.settimeout(PATIENCE_S)
            data, ancillary, _, _ = connection.recvmsg(65536, socket.CMSG_SPACE(4 * 4))
            descriptors = array.array("i")
            for level, kind, payload in ancillary:
                if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
                    descriptors.frombytes(payload[: len(payload) - len(payload) % 4])
            assert len(descriptors) == 1, f"{len(descriptors)} descriptors came with {data!r}"
            self._received.append(descriptors[0])
            return data.decode(errors="replace"), descriptors[0]

    def close(self) -> None:
        """Close the socket and all that was received."""
        self._listener.close()
        for fd in self._received:
            with contextlib.suppress(OSError):
                os.close(fd)
        self.path.unlink(missing_ok=True)
