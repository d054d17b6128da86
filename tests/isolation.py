"""The world in which integration tests run: `enter()` moves the pytest process into it.

    pytest as it was started    supervisor: a child subreaper that reaps at once, as an init should
      └── pytest as it goes on  in mount, cgroup, network, UTS and IPC namespaces of its own

- Stray processes of a test become children of the supervisor, where tests/leaks.py finds them.
- The mount namespace is cut off from the host's, and then shared in itself, as under systemd: a
  runtime that forgets to make its mounts private shows them here, and tests/leaks.py sees it.
- /run is an empty tmpfs: other engines' state and sockets are out of reach, and what a test leaves
  there is seen.
- The cgroup hierarchies are those of the host, but mounted from a directory that was made for this
  session, so two sessions never meet, and every directory in sight is a test's.
- The network namespace has only lo, so links that appear are the test's.

The namespaces, and everything that was mounted or configured in them, go with the process; the
supervisor then kills what is left and removes the session's cgroups.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import functools
import os
import signal
import socket
import struct
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

CLONE_NEWNS = 0x00020000
CLONE_NEWCGROUP = 0x02000000
CLONE_NEWUTS = 0x04000000
CLONE_NEWIPC = 0x08000000
CLONE_NEWNET = 0x40000000
MS_NOSUID = 2
MS_NODEV = 4
MS_NOEXEC = 8
MS_REC = 0x4000
MS_PRIVATE = 1 << 18
MS_SHARED = 1 << 20
MNT_DETACH = 2
PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
SIOCGIFFLAGS = 0x8913
SIOCSIFFLAGS = 0x8914
IFF_UP = 1

_libc = ctypes.CDLL(None, use_errno=True)
_supervisor = 0


def _call(name: str, *args: object) -> None:
    if getattr(_libc, name)(*args) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")


def mount(source: str, target: str, fstype: str, flags: int = 0, data: str = "") -> None:
    """mount(2) in the namespace of the tests."""
    _call("mount", source.encode(), target.encode(), fstype.encode(), flags, data.encode())


def unmount(target: str, flags: int = MNT_DETACH) -> None:
    """umount2(2), lazily unless other flags are given."""
    _call("umount2", target.encode(), flags)


def supervisor() -> int:
    """PID of the process that adopts what tests leave behind; 0 before `enter()`."""
    return _supervisor


def enter() -> None:
    """Afterwards this process is another one, below a supervisor, in namespaces of its own.

    Without root nothing happens: the tests that need this are skipped then.
    """
    global _supervisor  # noqa: PLW0603 - one process, one world
    if _supervisor or os.geteuid() != 0:
        return
    _call("prctl", PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    parent = os.getpid()
    child = os.fork()
    if child:
        _supervise(child)
    _supervisor = parent
    _call("prctl", PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    _call("unshare", CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWUTS | CLONE_NEWIPC)
    mount("none", "/", "none", MS_REC | MS_PRIVATE)
    _enter_cgroups()
    mount("tmpfs", "/run", "tmpfs", 0, "mode=755")
    Path("/run/lock").mkdir(mode=0o1777)
    mount("none", "/", "none", MS_REC | MS_SHARED)
    _bring_up("lo")


@dataclass(frozen=True)
class Hierarchy:
    """One mounted cgroup hierarchy: where, `cgroup` or `cgroup2`, and v1's mount options."""

    at: Path
    fstype: str
    options: str

    def session(self, pid: int) -> Path:
        """The directory of the session whose pytest has this PID, as the host sees it."""
        return self.at / f"orlop-tests-{pid}"


def hierarchies() -> list[Hierarchy]:
    """All cgroup hierarchies that are mounted."""
    found = []
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        row = line.split()
        fstype, _, options = row[row.index("-") + 1 :]
        if fstype in {"cgroup", "cgroup2"}:
            # What is left are the controllers, or the name, by which v1 knows the hierarchy.
            known = [
                word
                for word in options.split(",")
                if word in _controllers() or word.startswith("name=")
            ]
            found.append(Hierarchy(Path(row[4]), fstype, ",".join(known)))
    return found


@functools.cache
def _controllers() -> frozenset[str]:
    lines = Path("/proc/cgroups").read_text().splitlines()[1:]
    return frozenset(line.split()[0] for line in lines)


def _enter_cgroups() -> None:
    found = hierarchies()
    for hierarchy in found:
        _remove_dead_sessions(hierarchy.at)
        session = hierarchy.session(os.getpid())
        session.mkdir()
        for name in ("cpuset.cpus", "cpuset.mems"):
            if hierarchy.fstype == "cgroup" and (session / name).exists():
                (session / name).write_text((hierarchy.at / name).read_text())
        (session / "cgroup.procs").write_text("0")
    _call("unshare", CLONE_NEWCGROUP)
    for hierarchy in reversed(found):
        unmount(str(hierarchy.at))
    flags = MS_NOSUID | MS_NODEV | MS_NOEXEC
    for hierarchy in found:
        mount("cgroup", str(hierarchy.at), hierarchy.fstype, flags, hierarchy.options)
        if hierarchy.fstype == "cgroup2":
            _delegate(hierarchy.at)


def _remove_dead_sessions(root: Path) -> None:
    """Remove the cgroups of sessions whose supervisor was killed before it could do so."""
    for session in root.glob("orlop-tests-*"):
        if Path("/proc", session.name.rpartition("-")[2]).exists():
            continue
        for procs in session.rglob("cgroup.procs"):
            for pid in procs.read_text().split():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(int(pid), signal.SIGKILL)
        with contextlib.suppress(OSError):  # another session may be doing the same
            remove_cgroup(session)


def _delegate(root: Path) -> None:
    """Enable all v2 controllers for the tests; then no process may live in the root itself."""
    leaf = root / "pytest"
    leaf.mkdir()
    (leaf / "cgroup.procs").write_text("0")
    for controller in (root / "cgroup.controllers").read_text().split():
        (root / "cgroup.subtree_control").write_text(f"+{controller}")


def remove_tree(directory: Path) -> None:
    """Remove a directory of a test, but nothing that is mounted in it: that may be the host's own.

    Such a mount is a leak, which tests/leaks.py reports; what is left of the tree then stays.
    """
    command = ["rm", "-r", "--one-file-system", "--", str(directory)]
    subprocess.run(command, check=False, stderr=subprocess.DEVNULL)


def remove_cgroup(directory: Path, within_s: float = 1.0) -> None:
    """Remove a cgroup and all below it; what lives there has been killed, but may be frozen."""
    for inner in [entry for entry in directory.iterdir() if entry.is_dir()]:
        remove_cgroup(inner, within_s)
    freezer = directory / "freezer.state"
    if freezer.exists():
        freezer.write_text("THAWED")
    deadline = time.monotonic() + within_s
    while True:
        try:
            directory.rmdir()
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.01)  # until the kernel is done with the processes
        else:
            return


def _bring_up(link: str) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        request = struct.pack("16sh14x", link.encode(), 0)
        _, flags = struct.unpack("16sh14x", fcntl.ioctl(sock, SIOCGIFFLAGS, request))
        fcntl.ioctl(sock, SIOCSIFFLAGS, struct.pack("16sh14x", link.encode(), flags | IFF_UP))


def _supervise(child: int) -> NoReturn:
    """Reap whatever ends, until pytest itself does; then end with its status."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the terminal sends it to pytest as well
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda received, _: os.kill(child, received))
    ended, status = 0, 0
    while ended != child:
        ended, status = os.waitpid(-1, 0)
    while orphans := descendants_of(os.getpid()):
        for orphan in orphans:
            os.kill(orphan, signal.SIGKILL)
        os.waitpid(-1, 0)
    for hierarchy in hierarchies():
        with contextlib.suppress(OSError):
            remove_cgroup(hierarchy.session(child))
    code = os.waitstatus_to_exitcode(status)
    os._exit(code if code >= 0 else 128 - code)


def descendants_of(pid: int) -> dict[int, str]:
    """PID and a description of every process below `pid`."""
    below: dict[int, list[list[str]]] = {}
    for stat in _stats():
        below.setdefault(int(stat[3]), []).append(stat)
    found: dict[int, str] = {}
    waiting = [pid]
    while waiting:
        for stat in below.get(waiting.pop(), []):
            ended = ", ended" if stat[2] == "Z" else ""  # other states come and go
            found[int(stat[0])] = f"{stat[0]} ({stat[1]}), child of {stat[3]}{ended}"
            waiting.append(int(stat[0]))
    return found


def _stats() -> list[list[str]]:
    """PID, name, state, parent and so on of all processes: proc_pid_stat(5)."""
    rows = []
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        try:
            text = Path("/proc", entry, "stat").read_text()
        except (FileNotFoundError, ProcessLookupError):
            continue
        before, _, after = text.rpartition(")")
        number, _, name = before.partition(" (")
        rows.append([number, name, *after.split()])
    return rows
