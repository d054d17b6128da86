"""Warnings and errors: to stderr for people, and to --log in the form that callers parse.

containerd, CRI-O and conmon read the log file that they name to find out why a command failed.
See: runc's --log-format, which is logrus's text and JSON form.
"""

from __future__ import annotations

import os
import sys

from orlop import jsontext
from orlop.errors import InvalidArgument, SyscallError


class Log:
    """Where messages go. Before `configure`, to stderr only."""

    def __init__(self) -> None:
        self.verbose = False
        self._fd = -1
        self._json = False

    def configure(self, path: str, format_name: str, *, debug: bool) -> None:
        """Also appends to the file at a host path, in this format.

        Raises:
            InvalidArgument: the format is neither "text" nor "json".
            SyscallError: the file cannot be opened.
        """
        if format_name not in ("text", "json"):
            raise InvalidArgument(f"--log-format: {format_name!r} is neither text nor json")
        self.verbose = debug
        self._json = format_name == "json"
        if path:
            flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
            try:
                self._fd = os.open(path, flags, 0o644)
            except OSError as error:
                raise SyscallError("open", error.errno or 0, path) from error

    def error(self, message: str) -> None:
        """The command has failed for this reason."""
        self._write("error", message)
        print(f"orlop-runtime: {message}", file=sys.stderr)

    def warning(self, message: str) -> None:
        """The command goes on, but somebody should know this."""
        self._write("warning", message)
        if self._fd < 0:
            print(f"orlop-runtime: warning: {message}", file=sys.stderr)

    def debug(self, message: str) -> None:
        """With --debug only: what the command does."""
        if not self.verbose:
            return
        self._write("debug", message)
        if self._fd < 0:
            print(f"orlop-runtime: debug: {message}", file=sys.stderr)

    def _write(self, level: str, message: str) -> None:
        if self._fd < 0:
            return
        import time

        moment = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        if self._json:
            line = jsontext.dumps({"level": level, "msg": message, "time": moment})
        else:
            line = f'time="{moment}" level={level} msg={jsontext.dumps(message)}'
        os.write(self._fd, line.encode() + b"\n")
