"""A cgroup with its sub-cgroups: who is in it, and its removal. The same on v1 and v2."""

from __future__ import annotations

import errno
import os
import time

from orlop.errors import DeadlineExceeded, SyscallError
from orlop.kernel.cgroup import control

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.001, 0.05


def tree(directory: str) -> list[str]:
    """The cgroup and all below it, from the top down; empty if it is gone."""
    try:
        with os.scandir(directory) as entries:
            below = [entry.path for entry in entries if entry.is_dir(follow_symlinks=False)]
    except FileNotFoundError:
        return []
    return [directory, *(found for child in below for found in tree(child))]


def processes_below(directory: str) -> tuple[int, ...]:
    """The ids of the processes in the cgroup and its sub-cgroups, sorted."""
    top, *below = tree(directory) or (directory,)
    found = set(processes_in(top, threads=True))
    for cgroup in below:
        found.update(processes_in(cgroup))
    return tuple(sorted(found))


def processes_in(directory: str, *, threads: bool = False) -> list[int]:
    """The ids of the processes in this cgroup itself.

    A threaded cgroup does not tell: its processes are listed in the cgroup above it that is their
    domain. If that is not looked at too, `threads` gives the ids of the threads at least.
    """
    try:
        text = control.read(f"{directory}/cgroup.procs")
    except SyscallError as error:
        if error.errno in control.GONE:
            return []
        if error.errno != errno.EOPNOTSUPP:
            raise
        text = control.read_or(f"{directory}/cgroup.threads", "") if threads else ""
    # One outside our PID namespace is shown as 0, and is none that we could act on.
    return [int(pid) for pid in text.split() if pid != "0"]


def signal_all(processes: Iterable[int], signal: int) -> None:
    """The processes that still exist have the signal pending.

    Raises:
        SyscallError: one may not be signalled, or there is no such signal.
    """
    for pid in processes:
        try:
            os.kill(pid, signal)
        except ProcessLookupError:
            continue
        except OSError as error:
            raise SyscallError("kill", error.errno or 0, str(pid)) from None


def remove(directory: str, deadline: float) -> None:
    """The cgroup and its sub-cgroups are gone. Their processes have to be ending.

    Args:
        directory: its host path.
        deadline: the moment, of time.monotonic(), up to which it is tried again.

    Raises:
        DeadlineExceeded: there are still processes in one.
        SyscallError: one cannot be removed for another reason.
    """
    pause_s = _FIRST_PAUSE_S
    while not _remove_now(directory):
        left_s = deadline - time.monotonic()
        if left_s <= 0:
            pids = ", ".join(map(str, processes_below(directory))) or "none"
            raise DeadlineExceeded(
                f"cannot remove cgroup {directory}: it is still in use, processes: {pids}"
            )
        _wait_until_empty(directory, left_s)
        # v1 tells nothing; on v2 the kernel has to let go yet.
        time.sleep(min(left_s, pause_s))
        pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)


def _remove_now(directory: str) -> bool:
    """Whether everything could be removed."""
    try:
        os.rmdir(directory)  # few cgroups have others in them
        return True
    except FileNotFoundError:
        return True
    except OSError:
        pass
    for cgroup in reversed(tree(directory)):
        try:
            os.rmdir(cgroup)
        except FileNotFoundError:
            continue
        except OSError as error:
            if error.errno != errno.EBUSY:
                raise SyscallError("rmdir", error.errno or 0, cgroup) from None
            return False
    return True


def _wait_until_empty(directory: str, timeout_s: float) -> None:
    """On v2, until the last process has left or the time is over."""
    from orlop.kernel.cgroup.events import EventFile

    try:
        with EventFile(f"{directory}/cgroup.events") as events:
            events.wait_until("populated", 0, timeout_s)
    except SyscallError as error:
        if error.errno not in control.GONE:
            raise
