"""What several verbs share."""

from __future__ import annotations

import os

from orlop.errors import InvalidArgument
from orlop.options import FLAG, NUMBER, TEXT, Option
from orlop.runtime.lifecycle.gather import Choices

TYPE_CHECKING = False
if TYPE_CHECKING:
    from orlop.options import Values

CONSOLE_SOCKET = Option(
    ("--console-socket",), TEXT, "unix socket that gets the terminal's master", "PATH"
)
PIDFD_SOCKET = Option(
    ("--pidfd-socket",), TEXT, "unix socket that gets a pidfd of the process", "PATH"
)
PID_FILE = Option(("--pid-file",), TEXT, "file that gets the process's PID", "PATH")
PRESERVE_FDS = Option(
    ("--preserve-fds",), NUMBER, "pass this many descriptors from 3 on to the program", "N"
)

CREATE_OPTIONS = (
    Option(("--bundle", "-b"), TEXT, "directory with config.json (default: this one)", "DIR"),
    CONSOLE_SOCKET,
    PIDFD_SOCKET,
    PID_FILE,
    Option(("--no-pivot",), FLAG, "move the root instead of pivoting (initramfs)"),
    Option(("--no-new-keyring",), FLAG, "stay with the caller's session keyring"),
    PRESERVE_FDS,
)


def choices_of(values: Values) -> Choices:
    """The choices of create and run."""
    return Choices(
        bundle=values.text("bundle", "."),
        console_socket=values.text("console-socket"),
        pidfd_socket=values.text("pidfd-socket"),
        pid_file=values.text("pid-file"),
        preserve_fds=preserved_fds(values),
        no_pivot=values.flag("no-pivot"),
        no_new_keyring=values.flag("no-new-keyring"),
        listen_fds=_listen_fds(),
    )


def preserved_fds(values: Values) -> int:
    """How many descriptors from 3 on the program gets: asked for, or by socket activation.

    Raises:
        InvalidArgument: one of them is not open.
    """
    count = (values.number("preserve-fds") or 0) + _listen_fds()
    if count < 0:
        raise InvalidArgument("--preserve-fds: a negative number of descriptors")
    for fd in range(3, 3 + count):
        try:
            os.fstat(fd)
        except OSError:
            raise InvalidArgument(f"cannot preserve fd {fd}: it is not open") from None
    return count


def _listen_fds() -> int:
    """How many descriptors a service manager has passed to this very process (sd_listen_fds(3))."""
    if os.environ.get("LISTEN_PID") != str(os.getpid()):
        return 0
    text = os.environ.get("LISTEN_FDS", "")
    return int(text) if text.isascii() and text.isdecimal() else 0
