"""System calls that are made and remembered, in the notation of strace(1)."""

from __future__ import annotations

import os

from orlop.errors import NotFound, SyscallError
from orlop.kernel import process as processes
from orlop.kernel import syscalls
from orlop.kernel.cgroup import control
from orlop.kernel.mounts import MS_PRIVATE, MS_SHARED, read_mountinfo

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeVar

    from orlop.kernel.process import Identity

    T = TypeVar("T")

_MS_BIND = 1 << 12
_MS_REC = 1 << 14
_MNT_DETACH = 2
_SIGKILL = 9
_PROPAGATIONS = {MS_SHARED: "MS_SHARED", MS_PRIVATE: "MS_PRIVATE"}


class Deeds:
    """Makes system calls and remembers those that have changed something.

    All paths are the host's. What fails raises a SyscallError and is not remembered.

    Attributes:
        lines: one for each call.
    """

    def __init__(self) -> None:
        self.lines: list[str] = []

    def say(self, line: str) -> None:
        """Adds what somebody else has done."""
        self.lines.append(line)

    def make_directory(self, path: str, mode: int = 0o755) -> None:
        """A new directory."""
        _checked("mkdir", path, lambda: os.mkdir(path, mode))
        self.say(f'mkdir("{path}", {mode:04o})')

    def make_file(self, path: str) -> None:
        """A new empty file without any permissions, to mount on."""
        flags = os.O_RDONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        os.close(_checked("open", path, lambda: os.open(path, flags, 0)))
        self.say(f'open("{path}", O_RDONLY|O_CREAT|O_EXCL, 000)')

    def write(self, path: str, value: str) -> None:
        """A control file has accepted the value."""
        control.write(path, value)
        self.say(f'write("{path}", "{value}")')

    def bind(self, source: str, target: str, *, recursive: bool = False) -> None:
        """What is at `source` is also at `target`."""
        syscalls.mount(source, target, _MS_BIND | (_MS_REC if recursive else 0))
        self.say(f'mount("{source}", "{target}", NULL, MS_BIND{_rec(recursive)}, NULL)')

    def set_propagation(self, target: str, propagation: int, *, recursive: bool = False) -> None:
        """The mount has this propagation (MS_SHARED or MS_PRIVATE)."""
        syscalls.mount("none", target, propagation | (_MS_REC if recursive else 0))
        name = _PROPAGATIONS[propagation]
        self.say(f'mount("none", "{target}", NULL, {name}{_rec(recursive)}, NULL)')

    def unmount(self, target: str) -> None:
        """Nothing is mounted at exactly this path."""
        while any(mount.target == target for mount in read_mountinfo()):
            syscalls.umount2(target, _MNT_DETACH)
            self.say(f'umount2("{target}", MNT_DETACH)')

    def unlink(self, path: str) -> None:
        """The file is gone; one that was not there is fine."""
        try:
            os.unlink(path)
        except FileNotFoundError:
            return
        except OSError as error:
            raise SyscallError("unlink", error.errno or 0, path) from None
        self.say(f'unlink("{path}")')

    def remove_directory(self, path: str) -> None:
        """The empty directory is gone."""
        _checked("rmdir", path, lambda: os.rmdir(path))
        self.say(f'rmdir("{path}")')

    def kill(self, process: Identity) -> None:
        """The process has ended; one that had ended before is fine."""
        try:
            pidfd = processes.open_pidfd(process)
        except NotFound:
            return
        try:
            processes.send_signal(pidfd, _SIGKILL)
            self.say(f"kill({process.pid}, SIGKILL)")
            processes.wait(pidfd)
        except NotFound:
            return
        finally:
            os.close(pidfd)


def _rec(recursive: bool) -> str:
    return "|MS_REC" if recursive else ""


def _checked(call: str, path: str, make: Callable[[], T]) -> T:
    try:
        return make()
    except OSError as error:
        raise SyscallError(call, error.errno or 0, path) from None
