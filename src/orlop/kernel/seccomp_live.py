"""The seccomp filters that a thread is under, read back from the kernel.

The kernel shows them to a tracer only, and only while the thread is in a ptrace stop. So the thread
is stopped for some microseconds and then goes on as it was: a stopped job stays stopped, a signal
that arrived meanwhile is delivered. What remains is that a wait which the kernel never restarts
after a stop (epoll_wait(2), sigtimedwait(2); see signal(7)) fails with EINTR, as it does after
SIGSTOP and SIGCONT or under `strace -p`.

Tracing is an affair of one thread of the tracer's, so each reading has a thread of its own:

- When that thread ends the kernel detaches, also from a thread that has never come to its stop,
  which PTRACE_DETACH could not. The same happens if this process is killed.
- The stop is looked at with WNOWAIT and __WNOTHREAD. That takes away nobody else's news, and the
  kernel keeps the signal that it stopped for until it is told to deliver it. (The other way round,
  a thread of this process that waits for the very process that is read, as for its child, can be
  told of the stop.)

See: ptrace(2), seccomp(2).
"""

from __future__ import annotations

import errno
import os
import time

from orlop.errors import (
    Conflict,
    DeadlineExceeded,
    InternalError,
    NotFound,
    OrlopError,
    PermissionDenied,
    SyscallError,
    Unsupported,
)
from orlop.kernel import process as processes
from orlop.kernel import syscalls
from orlop.kernel.cgroup import freezer
from orlop.kernel.seccomp_bpf import INSTRUCTION_SIZE
from orlop.records import Record

TIMEOUT_S = 3.0

DISABLED, STRICT, FILTER = range(3)  # the modes in /proc/PID/status

_SEIZE, _INTERRUPT, _DETACH = 0x4206, 0x4207, 0x11
_GET_FILTER, _GET_METADATA = 0x420C, 0x420D
_WNOTHREAD, _WALL = 0x20000000, 0x40000000
_LOOK = os.WSTOPPED | os.WNOWAIT | os.WNOHANG | _WALL | _WNOTHREAD
_EVENT_SHIFT = 8  # of si_status: PTRACE_EVENT_STOP is above it, or 0 if a signal is being delivered
_METADATA_SIZE = 16  # struct seccomp_metadata: two 64-bit words, the filter's index and its flags
_CAP_SYS_ADMIN = 1 << 21
_SHORT_S, _LONG_S = 0.00005, 0.005
_GRACE_S = 1.0


class LiveFilter(Record):
    """One filter that the kernel has.

    Attributes:
        program: an array of struct sock_filter, as it was loaded.
        flags: SECCOMP_FILTER_FLAG_ bits that the kernel tells of (LOG), 0 before Linux 4.16.
    """

    program: bytes
    flags: int = 0


def read_filters(
    process: processes.Identity, thread: int = 0, timeout_s: float = TIMEOUT_S
) -> tuple[LiveFilter, ...]:
    """The filters of a thread in the order in which they were loaded; empty if there is none.

    (ptrace(2) says that the newest one has the index 0. The kernel counts from the oldest.)

    Args:
        process: the process.
        thread: the id of one of its threads; 0 for `first_thread`.
        timeout_s: how long to wait for the thread to stop.

    Raises:
        NotFound: the process or thread has ended.
        PermissionDenied: this process lacks CAP_SYS_ADMIN or CAP_SYS_PTRACE, or is under seccomp.
        Conflict: the thread is being traced, or a v1 freezer has stopped it.
        DeadlineExceeded: the thread does not stop; it goes on undisturbed.
        Unsupported: the kernel cannot do this, or a filter is not classic BPF.
    """
    thread = thread or first_thread(process.pid)
    now = processes.read_thread_status(process.pid, thread)
    if now.seccomp_mode != FILTER:
        _check_same(process, thread)
        return ()
    _check_rights()
    _check_free(process.pid, thread, now)
    return _in_thread(_Reading(process, thread, timeout_s))


def first_thread(pid: int) -> int:
    """The id of the process's first thread that has not ended: as a rule its PID.

    Raises:
        NotFound: there is no such process, or it has ended.
    """
    for thread in processes.threads(pid):
        try:
            if processes.read_thread_status(pid, thread).state not in "ZX":
                return thread
        except NotFound:
            continue
    raise NotFound("process", str(pid))


def _check_same(process: processes.Identity, thread: int) -> None:
    """What was found under these ids is of that process, and not of a later one."""
    if processes.identify(process.pid) != process or not _is_thread(process.pid, thread):
        raise NotFound("process", str(process.pid))


def _is_thread(pid: int, thread: int) -> bool:
    return os.path.exists(f"/proc/{pid}/task/{thread}")


def _check_rights() -> None:
    """The kernel will show filters to this process; so that nobody is stopped for nothing."""
    own = processes.read_status()
    if own.seccomp_mode != DISABLED:
        raise PermissionDenied(
            "cannot read seccomp filters: this process is itself under seccomp",
            hint="run it outside the container",
        )
    if not own.capabilities.effective & _CAP_SYS_ADMIN:
        raise PermissionDenied("cannot read seccomp filters without CAP_SYS_ADMIN", hint="be root")


def _check_free(pid: int, thread: int, status: processes.Status) -> None:
    """Nothing stands in the way of tracing that thread now."""
    what = f"cannot read seccomp filters of thread {thread}"
    if status.tracer:
        raise Conflict(
            f"{what}: process {status.tracer} ({_name(status.tracer)}) is tracing it",
            hint="a thread has one tracer at a time",
        )
    if freezer.holds(pid):
        raise Conflict(f"{what}: a cgroup freezer has stopped it", hint="thaw it first")


def _name(pid: int) -> str:
    try:
        return processes.read_status(pid).name
    except NotFound:
        return "gone"


def _in_thread(reading: _Reading) -> tuple[LiveFilter, ...]:
    """The outcome of a reading, after which nothing of it is left."""
    import threading

    worker = threading.Thread(target=reading.run, name="seccomp filters", daemon=True)
    worker.start()
    # PTRACE_SEIZE waits for a stopped thread that a freezer has got hold of in this moment.
    worker.join(reading.timeout_s + _GRACE_S)
    if worker.is_alive():
        raise reading.too_late("?")
    reading.wait_until_detached()
    if isinstance(reading.outcome, BaseException):
        raise reading.outcome
    return reading.outcome


class _Reading:
    """One visit to one thread, to be run in a thread of its own."""

    def __init__(self, process: processes.Identity, thread: int, timeout_s: float) -> None:
        self._process = process
        self._thread = thread
        self.timeout_s = timeout_s
        self._tracer = 0
        self.outcome: tuple[LiveFilter, ...] | BaseException = InternalError("nothing was read")

    def run(self) -> None:
        """Leaves filters or an error in `outcome`."""
        import threading

        try:
            self._seize()
            self._tracer = threading.get_native_id()
            _check_same(self._process, self._thread)
            signal = self._stop()
            try:
                self.outcome = self._filters()
            finally:
                self._detach(signal)
                self._tracer = 0
        except BaseException as error:  # noqa: BLE001 - it is raised again where it is awaited
            self.outcome = error

    def wait_until_detached(self) -> None:
        """The thread is free, even if it never stopped.

        The kernel detaches while our own thread ends, for which there is no event.
        """
        pause_s = _SHORT_S
        try:
            while self._tracer and self._now().tracer == self._tracer:
                time.sleep(pause_s)
                pause_s = min(2 * pause_s, _LONG_S)
        except NotFound:
            return

    def _now(self) -> processes.Status:
        return processes.read_thread_status(self._process.pid, self._thread)

    def _seize(self) -> None:
        """We are the thread's tracer; it has not noticed."""
        try:
            syscalls.ptrace(_SEIZE, self._thread)
        except SyscallError as error:
            raise self._refusal(error) from None

    def _refusal(self, error: SyscallError) -> OrlopError:
        gone = NotFound("thread", str(self._thread))
        if error.errno == errno.ESRCH:
            return gone
        try:
            now = self._now()
            if now.state in "ZX":
                return gone
            _check_free(self._process.pid, self._thread, now)
        except (NotFound, Conflict) as why:
            return why
        return PermissionDenied(
            f"cannot trace thread {self._thread}: {os.strerror(error.errno)}",
            hint="CAP_SYS_PTRACE in the user namespace of its process is needed",
        )

    def _stop(self) -> int:
        """The thread is stopped; the signal that it was about to get, or 0."""
        self._request(_INTERRUPT)
        deadline, pause_s = time.monotonic() + self.timeout_s, _SHORT_S
        while True:
            try:
                stop = os.waitid(os.P_PID, self._thread, _LOOK)
            except ChildProcessError:  # of those that have ended there is no stop to wait for
                raise NotFound("thread", str(self._thread)) from None
            if stop is not None:
                event, signal = stop.si_status >> _EVENT_SHIFT, stop.si_status & 0x7F
                return 0 if event else signal
            if time.monotonic() > deadline:
                raise self.too_late(self._now().state)
            time.sleep(pause_s)
            pause_s = min(2 * pause_s, _LONG_S)

    def too_late(self, state: str) -> OrlopError:
        """The error of a thread that is in this state, and not stopped by us."""
        what = f"thread {self._thread} did not stop within {self.timeout_s:g} s"
        if freezer.holds(self._process.pid):
            return DeadlineExceeded(f"{what}: a cgroup freezer holds it", hint="thaw it first")
        why = "it waits in the kernel where nothing can interrupt it" if state == "D" else "busy"
        return DeadlineExceeded(f"{what}: {why} (state {state})", hint="try again later")

    def _filters(self) -> tuple[LiveFilter, ...]:
        found: list[LiveFilter] = []
        while (program := self._program(len(found))) is not None:
            found.append(LiveFilter(program, self._flags(len(found))))
        return tuple(found)

    def _program(self, index: int) -> bytes | None:
        """The filter of that index, None if there are not so many."""
        try:
            length = self._request(_GET_FILTER, index)
            program = bytearray(length * INSTRUCTION_SIZE)
            self._request(_GET_FILTER, index, program)
        except SyscallError as error:
            if error.errno == errno.ENOENT:
                return None
            raise _unreadable(error) from None
        return bytes(program)

    def _flags(self, index: int) -> int:
        metadata = bytearray(_METADATA_SIZE)
        metadata[:8] = index.to_bytes(8, "little")
        try:
            self._request(_GET_METADATA, _METADATA_SIZE, metadata)
        except SyscallError:
            return 0
        return int.from_bytes(metadata[8:], "little")

    def _request(self, request: int, address: int = 0, data: int | bytearray = 0) -> int:
        try:
            return syscalls.ptrace(request, self._thread, address, data)
        except SyscallError as error:
            if error.errno == errno.ESRCH:  # killed, which also ends a ptrace stop
                raise NotFound("thread", str(self._thread)) from None
            raise

    def _detach(self, signal: int) -> None:
        try:
            self._request(_DETACH, 0, signal)
        except NotFound:
            return


def _unreadable(error: SyscallError) -> OrlopError:
    """Why the kernel does not show the filter of a thread that we have stopped."""
    match error.errno:
        case errno.EACCES:
            return PermissionDenied(
                "cannot read seccomp filters: CAP_SYS_ADMIN over the host is needed",
                hint="be root outside of user namespaces",
            )
        case errno.EMEDIUMTYPE:
            return Unsupported("reading a filter that is not classic BPF", needs="a newer kernel")
        case errno.EINVAL | errno.EIO:
            needs = "a kernel with CONFIG_CHECKPOINT_RESTORE"
            return Unsupported("reading seccomp filters", needs=needs)
        case _:
            return error
