"""The network namespace of a process, and work that is done inside of it.

Only the network changes: files, programs and everything else stay those of this process, so nothing
that belongs to the other side is opened or executed. (/sys shows the network of whoever has mounted
it, so it is of no use there.)

See: network_namespaces(7), setns(2).
"""

from __future__ import annotations

import os

from orlop.errors import InternalError, NotFound, PermissionDenied, SyscallError
from orlop.kernel import process as processes
from orlop.kernel import syscalls
from orlop.kernel.namespaces import NETWORK

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeVar

    T = TypeVar("T")


def open_network(process: processes.Identity) -> int:
    """A descriptor (close-on-exec, the caller's to close) of that process's network namespace.

    Raises:
        NotFound: the process has ended.
        SyscallError: it may not be looked at; that needs CAP_SYS_PTRACE over it.
    """
    path = f"/proc/{process.pid}/ns/{NETWORK.file}"
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except (FileNotFoundError, ProcessLookupError):
        raise NotFound("process", str(process.pid)) from None
    except OSError as error:
        raise SyscallError("open", error.errno or 0, path) from None
    try:
        if processes.identify(process.pid) != process:
            raise NotFound("process", str(process.pid))
    except BaseException:
        os.close(fd)
        raise
    return fd


def within(entered: int, work: Callable[[], T], types: int = NETWORK.flag) -> T:
    """What a function returns in a network namespace, with the programs that it starts.

    It runs in a thread of its own, the only one that is ever in that namespace.

    Args:
        entered: descriptor of the namespace, or a pidfd.
        work: what to do; it may raise.
        types: CLONE_NEW* bits; of a pidfd, those of all namespaces to enter. User, mount, PID and
            time namespaces cannot be entered by one thread alone.

    Raises:
        PermissionDenied: CAP_SYS_ADMIN over that namespace is missing.
    """

    def entered_work() -> T:
        _enter(entered, types)
        return work()

    return _in_thread(entered_work)


def _in_thread(work: Callable[[], T]) -> T:
    """What a function returns, or raises, in a thread of its own."""
    import threading

    outcome: list[T] = []
    failure: list[BaseException] = [InternalError("nothing was done")]

    def run() -> None:
        try:
            outcome.append(work())
        except BaseException as error:  # noqa: BLE001 - it is raised again where it is awaited
            failure[0] = error

    worker = threading.Thread(target=run, name="network namespace", daemon=True)
    worker.start()
    worker.join()
    if not outcome:
        raise failure[0]
    return outcome[0]


def make(work: Callable[[], T]) -> tuple[int, T]:
    """A new network namespace, and what a function returns that was called in it.

    It goes away with all that is in it when nobody holds it any more, and no process is in it.

    Returns:
        A descriptor (close-on-exec, the caller's to close) of the namespace, and the result.

    Raises:
        PermissionDenied: CAP_SYS_ADMIN is missing.
    """
    return _in_thread(lambda: (_unshared(), work()))


def _unshared() -> int:
    try:
        syscalls.unshare(NETWORK.flag)
    except SyscallError as error:
        raise _refused(error, "cannot make a network namespace") from None
    return os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)


def _enter(entered: int, types: int) -> None:
    try:
        syscalls.setns(entered, types)
    except SyscallError as error:
        raise _refused(error, "cannot enter its namespaces") from None


def _refused(error: SyscallError, what: str) -> SyscallError | PermissionDenied:
    import errno

    return PermissionDenied(what, hint="be root") if error.errno == errno.EPERM else error


def device_names(pid: int) -> tuple[str, ...]:
    """The names of all network devices in a process's network namespace.

    Raises:
        NotFound: there is no such process.
        SyscallError: its files may not be read.
    """
    lines = (read_file(pid, "dev") or "").splitlines()[2:]
    return tuple(line.rpartition(":")[0].strip() for line in lines)


def iptables_families(pid: int) -> tuple[str, ...]:
    """For which of "ip" and "ip6" there are tables of older iptables in that network namespace.

    Raises:
        As `device_names`; these files are root's.
    """
    return tuple(family for family in ("ip", "ip6") if read_file(pid, f"{family}_tables_names"))


def read_file(pid: int, name: str) -> str | None:
    """The content of a file in /proc/PID/net, None if this kernel does not have it.

    Raises:
        NotFound: there is no such process, or it has ended.
        SyscallError: it may not be read.
    """
    path = f"/proc/{pid}/net/{name}"
    try:
        with open(path, errors="surrogateescape", newline="\n") as file:
            return file.read()
    except (FileNotFoundError, ProcessLookupError):
        if not os.path.exists(f"/proc/{pid}/net/dev"):
            raise NotFound("process", str(pid)) from None
        return None
    except OSError as error:
        import errno

        if error.errno == errno.EINVAL:  # of a process that waits to be reaped
            raise NotFound("process", str(pid)) from None
        raise SyscallError("open", error.errno or 0, path) from None
