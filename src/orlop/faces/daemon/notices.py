"""Who is told when the daemon is ready: systemd, and whoever has started it on demand."""

from __future__ import annotations

import contextlib
import os
import socket


def notify(*lines: str) -> None:
    """Systemd, if it waits for it, has these lines, as "READY=1". See: sd_notify(3)."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address.startswith(("/", "@")):
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock, contextlib.suppress(OSError):
        sock.sendto("\n".join(lines).encode(), address.replace("@", "\0", 1))


def tell(fd: int, text: str) -> None:
    """The reader of this pipe has a text, and its end; -1 stands for nobody."""
    if fd < 0:
        return
    with contextlib.suppress(OSError):
        os.write(fd, text.encode())
        os.close(fd)
