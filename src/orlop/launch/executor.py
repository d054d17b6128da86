"""Starts the launcher with a plan, and follows it.

The launcher runs from a sealed copy of its binary in memory, so nothing that it starts can write to
the binary on disk through /proc/PID/exe (CVE-2019-5736), nor to the copy.
"""

from __future__ import annotations

import _socket
import fcntl
import os
import struct
import sys

from orlop.errors import InternalError, NotFound, Unavailable, Unsupported
from orlop.kernel.process import open_pidfd, send_signal
from orlop.launch import report as reports
from orlop.launch.wire import NO_FAULT, encode

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Self

    from orlop.errors import LaunchError
    from orlop.launch.plan import Plan
    from orlop.launch.report import Report

# include/uapi/linux/fcntl.h and memfd.h; Python 3.11 has no names for the newer ones.
_F_ADD_SEALS = 1033
_SIGKILL = 9
_SEAL_CONTENT = 0x1 | 0x2 | 0x4 | 0x8  # SEAL, SHRINK, GROW, WRITE
_SEAL_EXEC = 0x20
_MFD_EXEC = 0x10
_MFD_NOEXEC_SEAL = 0x8

_EVENT = struct.Struct("<Ii")
_COMMAND = struct.Struct("<III")
_CREATED, _RUNNING, _FAILED, _EXITED = 1, 2, 3, 4
_PART, _SIGNAL, _RESIZE = 1, 2, 3

_FIRST_INHERITED = 6
_ABOVE_ALL = 128  # where descriptors are parked, so that dup2 never overwrites one still needed

_sealed_launcher = -1


def program_path(name: str) -> str:
    """The binary of that name that comes with the package."""
    return os.path.join(os.path.dirname(__file__), "..", "_bin", name)


def launcher_path() -> str:
    """The launcher's binary: next to the package, or where ORLOP_LAUNCH says."""
    return os.environ.get("ORLOP_LAUNCH") or program_path("orlop-launch")


def sealed_launcher() -> int:
    """A descriptor of this process's sealed copy of the launcher (made once)."""
    global _sealed_launcher  # noqa: PLW0603 - one copy serves every start of the process
    if _sealed_launcher < 0:
        _sealed_launcher = sealed_copy(launcher_path(), "orlop-launch")
    return _sealed_launcher


def sealed_copy(path: str, name: str) -> int:
    """A descriptor (the caller's to close) of a program's copy in memory that nobody can change.

    Args:
        path: of the program, on the host.
        name: by which the copy is seen in /proc.

    Raises:
        Unavailable: there is no such program.
    """
    try:
        source = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise Unavailable(
            f"cannot open {path}: {error.strerror}", hint="build it with `make setup`"
        ) from error
    try:
        copy = _memfd(name, executable=True)
        left = os.fstat(source).st_size
        while left > 0:
            left -= os.sendfile(copy, source, None, left)
        _seal(copy, executable=True)
    finally:
        os.close(source)
    return copy


def _memfd(name: str, *, executable: bool = False) -> int:
    flags = os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING
    try:
        return os.memfd_create(name, flags | (_MFD_EXEC if executable else _MFD_NOEXEC_SEAL))
    except OSError:  # before Linux 6.3 there is neither flag
        return os.memfd_create(name, flags)


def _seal(fd: int, *, executable: bool = False) -> None:
    if executable:
        try:
            fcntl.fcntl(fd, _F_ADD_SEALS, _SEAL_EXEC)
        except OSError as error:
            if error.errno != 22:  # EINVAL: before Linux 6.3
                raise
    fcntl.fcntl(fd, _F_ADD_SEALS, _SEAL_CONTENT)


def plan_memfd(data: bytes) -> int:
    """A sealed memfd with the encoding of a plan, the caller's to close."""
    fd = _memfd("orlop-plan")
    os.write(fd, data)
    _seal(fd)
    return fd


def _kill(pid: int) -> None:
    try:
        pidfd = open_pidfd(pid)
    except NotFound:
        return
    try:
        send_signal(pidfd, _SIGKILL)
    except NotFound:
        pass
    finally:
        os.close(pidfd)


class Launch:
    """A running launcher. Close it when it is of no more interest; that does not end a container.

    Attributes:
        plan: what it performs.
        pid: of the launcher itself, a child of this process.
    """

    def __init__(self, plan: Plan, pid: int, control: _socket.socket, report: int) -> None:
        self.plan = plan
        self.pid = pid
        self._control = control
        self._report = report
        self._status: int | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def fileno(self) -> int:
        """The control socket: readable when there is news."""
        return self._control.fileno()

    def hang_up(self) -> None:
        """Closes the control socket; with KILL_ON_HANGUP that ends the container."""
        self._control.close()

    def close(self) -> None:
        """Gives up the control socket and the report."""
        self._control.close()
        if self._report >= 0:
            os.close(self._report)
            self._report = -1

    def read_report(self) -> Report:
        """The report as it is now."""
        data = os.pread(self._report, reports.size(len(self.plan.steps)), 0)
        return reports.parse(data)

    def wait_created(self) -> int:
        """Waits until the container waits at `await_start`, or its program runs.

        Returns:
            The host PID of the container's first process.

        Raises:
            LaunchError: a step failed; nothing is left of the start.
        """
        event, value = self._next_event()
        if event in (_CREATED, _RUNNING):
            return value
        raise self._failure()

    def wait_running(self) -> int:
        """Waits until the program runs; else as `wait_created`."""
        while True:
            event, value = self._next_event()
            if event == _RUNNING:
                return value
            if event != _CREATED:
                raise self._failure()

    def _failure(self) -> LaunchError:
        """What went wrong, once nothing is left of the start."""
        self.reap()
        report = self.read_report()
        if report.phase in (reports.CREATED, reports.RUNNING):
            # The launcher was killed before it could say so, and what it has started goes on.
            _kill(report.pid)
        error = reports.error(self.plan, report)
        error.plan, error.report = self.plan, report
        return error

    def wait_exit(self) -> int:
        """Waits for the end of a launcher that stays; returns the container's exit status.

        128 + n after signal n, as Docker and shells have it.
        """
        return self.reap()

    def wait_ended(self) -> int:
        """Waits for the end of the first process of a container whose launcher stays.

        Returns:
            Its status as waitpid(2) has it; that of SIGKILL if the launcher has ended before.
        """
        while True:
            event, value = self._next_event()
            if event == _EXITED:
                return value
            if event == _FAILED:
                return _SIGKILL

    def has_ended(self) -> bool:
        """Whether the launcher has ended (`wait_exit` and `reap` return at once then)."""
        if self._status is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self._status = status
        return self._status is not None

    def reap(self) -> int:
        """Waits for the launcher's own end and returns its exit status."""
        if self._status is None:
            try:
                _, self._status = os.waitpid(self.pid, 0)
            except ChildProcessError:  # of a caller that ignores SIGCHLD, or reaps what it finds
                self._status = 0
        return os.waitstatus_to_exitcode(self._status) % 256

    def send_signal(self, signal: int) -> None:
        """Has the launcher send a signal to the container's first process."""
        self._control.send(_COMMAND.pack(_SIGNAL, signal, 0))

    def resize(self, rows: int, columns: int) -> None:
        """Sets the size of the container's terminal."""
        self._control.send(_COMMAND.pack(_RESIZE, rows, columns))

    def send_part(self, part: Plan) -> None:
        """Gives the launcher the steps that its `next_part` waits for."""
        fd = plan_memfd(encode(part))
        try:
            self._control.sendmsg(
                [_COMMAND.pack(_PART, 0, 0)],
                [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, struct.pack("i", fd))],
            )
        finally:
            os.close(fd)

    def _next_event(self) -> tuple[int, int]:
        try:
            message = self._control.recv(_EVENT.size)
        except ConnectionResetError:
            message = b""
        if len(message) < _EVENT.size:
            return _FAILED, 0  # the launcher died
        event, value = _EVENT.unpack(message)
        return event, value


def launch(
    plan: Plan,
    inherit: Sequence[int] = (),
    *,
    name: str = "",
    stdio: tuple[int, int, int] = (0, 1, 2),
    encoded: bytes | None = None,
    report: int = -1,
    fault_op: int = NO_FAULT,
    fault_errno: int = 0,
) -> Launch:
    """Starts the launcher on a plan.

    Args:
        plan: what to do.
        inherit: descriptors for the plan's inherited slots, in their order; they stay the caller's.
        name: what to show behind the launcher's name in a process list (the container's id).
        stdio: the container's stdin, stdout and stderr.
        encoded: the plan's encoding, if it is there already.
        report: an empty file for the report, which stays the caller's; memory by default.
        fault_op: see `orlop.launch.wire.encode`.
        fault_errno: as well.

    Raises:
        Unavailable: there is no launcher to start.
        InvalidArgument: the plan cannot be encoded.
    """
    if len(inherit) != plan.inherited:
        raise InternalError(
            f"plan inherits {plan.inherited} descriptors, {len(inherit)} were given"
        )
    if sys.byteorder != "little":
        raise Unsupported("a big-endian machine", needs="x86-64 or arm64")
    program = sealed_launcher()
    parked: list[int] = []

    def park(fd: int) -> int:
        copy = fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, _ABOVE_ALL + len(inherit))
        parked.append(copy)
        return copy

    ours, theirs = _socket.socketpair(
        _socket.AF_UNIX, _socket.SOCK_SEQPACKET | _socket.SOCK_CLOEXEC
    )
    given_report, report = report, -1
    try:
        report = _memfd("orlop-report") if given_report < 0 else os.dup(given_report)
        os.ftruncate(report, reports.size(len(plan.steps)))
        if encoded is None:
            encoded = encode(plan, fault_op=fault_op, fault_errno=fault_errno)
        plan_fd = plan_memfd(encoded)
        parked.append(plan_fd)
        given = (*stdio, plan_fd, theirs.fileno(), report, *inherit)
        targets = (0, 1, 2, 3, 4, 5, *range(_FIRST_INHERITED, _FIRST_INHERITED + len(inherit)))
        actions = [
            (os.POSIX_SPAWN_DUP2, park(fd), target)
            for fd, target in zip(given, targets, strict=True)
        ]
        pid = os.posix_spawn(
            f"/proc/self/fd/{park(program)}",
            ["orlop-launch", *((name,) if name else ())],
            {},
            file_actions=actions,
        )
    except BaseException:
        ours.close()
        if report >= 0:
            os.close(report)
        raise
    finally:
        theirs.close()
        for fd in parked:
            os.close(fd)
    return Launch(plan, pid, ours, report)
