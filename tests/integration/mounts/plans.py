"""Plans by hand: a container whose every step is the test's, run by the real launcher.

For example:

    c = Container(rootfs)
    c.enter_mounts()  # a mount namespace, with rootfs as the future root
    c.attach(c.filesystem("tmpfs"), "/tmp")
    c.enter_root()
    assert c.run("stat -f -c %T /tmp").lines() == ["tmpfs"]
"""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from orlop.errors import LaunchError
from orlop.kernel.mounts import MS_SLAVE
from orlop.kernel.namespaces import (
    CLONE_NEWCGROUP,
    CLONE_NEWIPC,
    CLONE_NEWNET,
    CLONE_NEWNS,
    CLONE_NEWPID,
    CLONE_NEWUSER,
)
from orlop.launch.executor import Launch, launch
from orlop.launch.plan import (
    CONTAINER,
    CREATE,
    LAUNCHER,
    NO_SLOT,
    OF_CONTAINER,
    ORDINARY_DIRECTORY,
    RECURSIVE,
    STAY,
    Attach,
    Clone,
    CloneTree,
    Execute,
    FindProgram,
    NewFilesystem,
    Open,
    Operation,
    PivotRoot,
    Plan,
    SetMount,
    SetUser,
    Side,
    Slot,
    Step,
    WriteProc,
)
from tests.preconditions import need

NAMESPACES = CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWNET


@dataclass(frozen=True)
class Outcome:
    """How a container's program ended."""

    status: int
    stdout: str

    def lines(self) -> list[str]:
        return self.stdout.splitlines()


@dataclass(frozen=True)
class MountLine:
    """A line of /proc/self/mountinfo: what is mounted where."""

    point: str
    root: str
    options: frozenset[str]
    propagation: str
    type: str
    superblock: frozenset[str]


def parse_mountinfo(text: str) -> list[MountLine]:
    """The lines of /proc/self/mountinfo, in order."""
    found = []
    for line in text.splitlines():
        fields, _, rest = line.partition(" - ")
        row = fields.split()
        fstype, _, superblock = rest.split(" ", 2)
        propagation = " ".join(row[6:])
        options = frozenset(row[5].split(","))
        found.append(
            MountLine(
                row[4], row[3], options, propagation, fstype, frozenset(superblock.split(","))
            )
        )
    return found


class Container:
    """A plan in the making, and how to run it."""

    def __init__(self, rootfs: Path, inherit: tuple[int, ...] = ()) -> None:
        self.rootfs = rootfs
        self.root = NO_SLOT
        self.inherit = inherit
        self._steps: list[Step] = []
        self._slots = len(inherit)

    def slot(self) -> Slot:
        """A slot that is still free."""
        self._slots += 1
        return Slot(self._slots - 1)

    def do(self, op: Operation, side: Side = CONTAINER) -> None:
        """Add a step."""
        self._steps.append(Step(side, op))

    def before(self, op: Operation) -> None:
        """Add a step of the launcher's own."""
        self.do(op, LAUNCHER)

    def enter_mounts(self, namespaces: int = NAMESPACES) -> None:
        """Clone, cut the mounts off from the host's, and attach the root file system over "/"."""
        self.before(Clone(namespaces))
        self.cut_off()
        self.attach_root()

    def cut_off(self) -> None:
        """Nothing that is mounted from here on shows on the host."""
        host = self.slot()
        self.do(Open(host, "/", os.O_PATH | os.O_DIRECTORY))
        self.do(SetMount(host, propagation=MS_SLAVE, recursive=1))

    def attach_root(self, over: str = "/") -> None:
        """Make a mount of the root file system, in which `base` paths are resolved."""
        self.root = self.slot()
        self.do(CloneTree(self.root, NO_SLOT, str(self.rootfs), RECURSIVE))
        self.do(Attach(self.root, NO_SLOT, over))

    def filesystem(self, fstype: str, *options: str, source: str = "", attributes: int = 0) -> Slot:
        """A new detached file system."""
        slot = self.slot()
        self.do(NewFilesystem(slot, fstype, source or fstype, options, attributes))
        return slot

    def tree(
        self,
        path: Path | str,
        flags: int = RECURSIVE,
        base: Slot = NO_SLOT,
        side: Side = CONTAINER,
    ) -> Slot:
        """A detached clone of a path of the host (or of `base`)."""
        slot = self.slot()
        self.do(CloneTree(slot, base, str(path), flags), side)
        return slot

    def attach(self, mount: Slot, path: str, flags: int = CREATE) -> None:
        """Attach a mount inside the root."""
        self.do(Attach(mount, self.root, path, flags))

    def proc(self) -> Slot:
        """A procfs at /proc."""
        proc = self.filesystem("proc")
        self.attach(proc, "/proc", CREATE | ORDINARY_DIRECTORY)
        return proc

    def enter_root(self) -> None:
        """Pivot."""
        self.do(PivotRoot(self.root))

    def start(self, script: str, stdout: int) -> Launch:
        """Start it with a shell script as program."""
        argv = ("busybox", "sh", "-e", "-c", script)
        steps = (
            *self._steps,
            Step(CONTAINER, FindProgram("/bin/busybox", "")),
            Step(CONTAINER, Execute(argv, ("PATH=/bin",))),
        )
        plan = Plan(steps, self._slots, len(self.inherit), STAY)
        null = os.open("/dev/null", os.O_RDONLY)
        try:
            return launch(plan, self.inherit, stdio=(null, stdout, 2))
        finally:
            os.close(null)

    def run(self, script: str = "true") -> Outcome:
        """Run it to its end, with a shell script as program.

        Raises:
            LaunchError: a step failed.
        """
        read, write = os.pipe()
        try:
            started = self.start(script, write)
        finally:
            os.close(write)
        with started, os.fdopen(read) as pipe:
            started.wait_running()
            stdout = pipe.read()
            return Outcome(started.wait_exit(), stdout)

    def mounts(self) -> list[MountLine]:
        """What the container itself sees in /proc/self/mountinfo (it needs a /proc)."""
        return parse_mountinfo(self.run("cat /proc/self/mountinfo").stdout)

    def failure(self) -> LaunchError:
        """How it fails to start."""
        try:
            outcome = self.run()
        except LaunchError as error:
            return error
        raise AssertionError(f"it started, and ended with {outcome.status}")


def in_user_namespace(rootfs: Path, size: int = 65536, inherit: tuple[int, ...] = ()) -> Container:
    """A container whose root is another user on the host, its root file system attached."""
    need("userns")
    for directory, _, files in os.walk(rootfs):
        for name in (".", *files):
            os.chown(os.path.join(directory, name), 100000, 100000, follow_symlinks=False)
    container = Container(rootfs, inherit)
    container.before(Clone(NAMESPACES | CLONE_NEWUSER | CLONE_NEWCGROUP))
    for name in ("uid_map", "gid_map"):
        container.before(WriteProc(OF_CONTAINER, name, f"0 100000 {size}".encode()))
    container.do(SetUser(0, 0, b""))
    container.cut_off()
    container.attach_root()
    return container


def make_rootfs(where: Path) -> Path:
    """A root file system with busybox and nothing else that matters."""
    busybox = shutil.which("busybox")
    assert busybox
    for name in ("bin", "etc", "proc", "dev", "sys", "tmp"):
        (where / name).mkdir(parents=True)
    shutil.copy2(busybox, where / "bin/busybox")
    names = subprocess.run([busybox, "--list"], capture_output=True, text=True, check=True)
    for applet in set(names.stdout.split()) - {"busybox"}:
        os.symlink("busybox", where / "bin" / applet)
    return where
