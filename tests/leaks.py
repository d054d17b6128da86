"""Nothing may be left behind: what a test finds on the machine, it leaves there and no more.

`nothing_leaks` is around every integration test (tests/integration/conftest.py imports it). It
compares, before and after the test and all its function-scoped fixtures: mounts, cgroups, network
links, files in /run, descriptors of the test process, processes, host name, working directory, and
the host's /dev nodes. Kernel and daemons remove some things a little later, so a difference counts
only when it is still there after SETTLE_S. What was left is then removed, as far as possible, so
that one leak is reported once.

What it looks at is the tests' own world (tests/isolation.py); other programs cannot disturb it.
"""

from __future__ import annotations

import contextlib
import gc
import os
import signal
import stat
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import isolation

SETTLE_S = 3.0
# Kept on purpose: compiled filters, and what mount(8) has for its own notes.
CACHES = ("/run/orlop-runtime/@seccomp", "/run/mount")
DEV_NODES = {"null": (1, 3), "zero": (1, 5), "full": (1, 7), "random": (1, 8), "tty": (5, 0)}

Snapshot = dict[str, Counter[str]]


def _mounts() -> Counter[str]:
    lines = Path("/proc/self/mountinfo").read_text().splitlines()
    rows = [line.split() for line in lines]
    return Counter(f"{row[4]} ({row[row.index('-') + 1]} {row[3]} {row[5]})" for row in rows)


def _cgroups() -> Counter[str]:
    return Counter(
        directory
        for hierarchy in isolation.hierarchies()
        for directory, _, _ in os.walk(hierarchy.at)
    )


def _links() -> Counter[str]:
    lines = Path("/proc/self/net/dev").read_text().splitlines()[2:]
    return Counter(line.partition(":")[0].strip() for line in lines)


def _run_files() -> Counter[str]:
    if not isolation.supervisor():
        return Counter()
    found = (
        os.path.join(directory, name)
        for directory, directories, files in os.walk("/run")
        for name in directories + files
    )
    return Counter(path for path in found if not path.startswith(CACHES))


def _descriptors() -> Counter[str]:
    found: Counter[str] = Counter()
    for name in os.listdir("/proc/self/fd"):
        with contextlib.suppress(FileNotFoundError):  # the one that lists
            found[f"{name} -> {os.readlink(f'/proc/self/fd/{name}')}"] += 1
    return found


def _processes() -> Counter[str]:
    above = isolation.supervisor() or os.getpid()
    below = isolation.descendants_of(above)
    return Counter(text for pid, text in below.items() if pid != os.getpid())


def _names() -> Counter[str]:
    names = os.uname()
    domain = Path("/proc/sys/kernel/domainname").read_text().strip()
    return Counter([f"host {names.nodename}", f"domain {domain}", f"directory {os.getcwd()}"])


def _dev_nodes() -> Counter[str]:
    found: Counter[str] = Counter()
    for name in DEV_NODES:
        status = os.lstat(f"/dev/{name}")
        device = f"{os.major(status.st_rdev)}:{os.minor(status.st_rdev)}"
        mode = stat.filemode(status.st_mode)
        found[f"/dev/{name} {mode} {status.st_uid}:{status.st_gid} {device}"] += 1
    return found


LOOKS = {
    "mount": _mounts,
    "cgroup": _cgroups,
    "network link": _links,
    "file in /run": _run_files,
    "descriptor": _descriptors,
    "process": _processes,
    "name": _names,
    "device node": _dev_nodes,
}


def snapshot() -> Snapshot:
    """What there is now, by kind."""
    return {kind: look() for kind, look in LOOKS.items()}


def differences(before: Snapshot, after: Snapshot) -> list[tuple[str, str, str]]:
    """What appeared or was lost between two snapshots: (verb, kind, what)."""
    rows = []
    for kind in LOOKS:
        rows += [("left behind", kind, what) for what in sorted(after[kind] - before[kind])]
        lost = sorted(before[kind] - after[kind])
        # What had ended before the test began, and is reaped now, is no loss.
        rows += [("lost", kind, what) for what in lost if not what.endswith(", ended")]
    return rows


def settled(before: Snapshot, settle_s: float) -> list[tuple[str, str, str]]:
    """The differences that are still there after at most `settle_s`."""
    deadline = time.monotonic() + settle_s
    pause_s = 0.005
    while rows := differences(before, snapshot()):
        if time.monotonic() > deadline:
            break
        gc.collect()
        time.sleep(pause_s)  # nothing tells when the kernel is done with all of these
        pause_s = min(2 * pause_s, 0.2)
    return rows


def remove(rows: list[tuple[str, str, str]]) -> None:
    """Remove what was left behind as far as that is safe; processes first, they hold the rest."""
    left = [(kind, what) for verb, kind, what in rows if verb == "left behind"]
    for kind, what in left:
        if kind == "process":
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(what.split()[0]), signal.SIGKILL)
    for kind, what in reversed(left):
        with contextlib.suppress(OSError):
            if kind == "mount":
                isolation.unmount(what.rpartition(" (")[0].replace("\\040", " "))
            elif kind == "cgroup":
                isolation.remove_cgroup(Path(what))
    for name, (major, minor) in DEV_NODES.items():
        _restore_device(Path("/dev", name), os.makedev(major, minor))


def _restore_device(node: Path, device: int) -> None:
    """A runtime under test that breaks /dev/null breaks the machine for everyone."""
    status = node.lstat()
    if not stat.S_ISCHR(status.st_mode) or status.st_rdev != device:
        node.unlink()
        os.mknod(node, stat.S_IFCHR | 0o666, device)
    node.chmod(0o666)
    os.chown(node, 0, node.stat().st_gid)


@pytest.fixture(autouse=True)
def nothing_leaks() -> Iterator[None]:
    """Fails the test if it leaves something behind, or takes away what it did not bring."""
    before = snapshot()
    yield
    rows = settled(before, SETTLE_S)
    if rows:
        remove(rows)
        listing = "\n".join(f"  {verb}: {kind} {what}" for verb, kind, what in rows)
        pytest.fail(f"the test did not leave the machine as it found it:\n{listing}", pytrace=False)
