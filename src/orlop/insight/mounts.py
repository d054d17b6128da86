"""The mounts that a target sees: where they come from, what is hidden, what is the host's.

The list is the kernel's own, /proc/PID/mountinfo. What really lies at a path is asked by
descriptors that are opened inside (`orlop.insight.inside`): a list does not say what is there.
"""

from __future__ import annotations

import stat

from orlop.errors import LaunchError, SyscallError, Unavailable
from orlop.insight.inside import LISTED, Looked, look
from orlop.kernel.mounts import Mount, read_mountinfo
from orlop.records import Record
from orlop.runtime.paths import normal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from orlop.insight.inside import Opened
    from orlop.kernel.process import Identity

ABSENT, MASKED, READ_ONLY, WRITABLE, UNKNOWN = range(5)
STATE_NAMES = ("not there", "masked", "read-only", "writable", "unknown")

_GONE = (2, 20)  # ENOENT, ENOTDIR


class SeenMount(Record):
    """One mount of a target.

    Attributes:
        mount: as the kernel lists it.
        host_path: where the same is on the host; "" if it is the target's own.
        covered: another mount lies over it, so that it cannot be reached.
        linked: what is mounted in it appears on the host too, since it is shared with that.
    """

    mount: Mount
    host_path: str = ""
    covered: bool = False
    linked: bool = False

    @property
    def target(self) -> str:
        """Where it is, in the target."""
        return self.mount.target

    @property
    def writable(self) -> bool:
        """Whether neither the mount nor its file system is read-only."""
        return "ro" not in self.mount.options and "ro" not in self.mount.super_options


class Hidden(Record):
    """What becomes of a path of the target.

    Attributes:
        path: in the target.
        state: ABSENT, MASKED, READ_ONLY, WRITABLE, or UNKNOWN.
        by_descriptor: whether it was opened, and not only looked up in the list of mounts.
    """

    path: str
    state: int
    by_descriptor: bool = True


class Mounts(Record):
    """All that is known of a target's mounts.

    Attributes:
        all: in the order in which they were made, roughly.
        looked: what was found by descriptor; None if nobody could look.
        obstacle: why nobody could.
        foreign: who made it has other mounts than this process, so paths of the host that were
            asked for cannot be found.
    """

    all: tuple[SeenMount, ...]
    looked: Looked | None = None
    obstacle: str = ""
    foreign: bool = False

    def by_id(self, number: int) -> SeenMount | None:
        """The mount of this id."""
        return next((seen for seen in self.all if seen.mount.id == number), None)

    def opened(self, path: str) -> Opened | None:
        """What was opened at a path that was asked for."""
        return self.looked.at(path) if self.looked is not None else None

    def resolved(self, path: str) -> str:
        """The path without symlinks, as far as that is known."""
        opened = self.opened(path)
        return (opened.resolved if opened is not None else "") or path

    def holding(self, path: str) -> SeenMount | None:
        """The mount in which what is at this path lies."""
        opened = self.opened(path)
        if opened is not None:
            return None if opened.errno else self.by_id(opened.mount)
        found = holder([seen.mount for seen in self.all], path)
        return None if found is None else self.by_id(found.id)

    def state(self, path: str) -> Hidden:
        """Whether the path is there, can be seen, and can be written to."""
        opened, mount = self.opened(path), self.holding(path)
        if opened is None:
            return Hidden(path, _state_by_list(path, mount), by_descriptor=False)
        return Hidden(path, self._state_of(opened, mount))

    def _state_of(self, opened: Opened, mount: SeenMount | None) -> int:
        if opened.errno:
            return ABSENT if opened.errno in _GONE else UNKNOWN
        if opened.is_null or (_is_empty_tmpfs(opened, mount) and opened.read_only):
            return MASKED
        writable_below = any(
            seen.writable and not seen.covered and seen.target.startswith(f"{opened.resolved}/")
            for seen in self.all
        )
        return READ_ONLY if opened.read_only and not writable_below else WRITABLE


def _is_empty_tmpfs(opened: Opened, mount: SeenMount | None) -> bool:
    tmpfs = mount is not None and mount.mount.type == "tmpfs"
    return tmpfs and opened.empty and stat.S_ISDIR(opened.mode)


def _state_by_list(path: str, mount: SeenMount | None) -> int:
    """A mount exactly there says enough; without one, the path may not even exist."""
    if mount is None or mount.target != path:
        return UNKNOWN
    if mount.mount.root == "/null" or (mount.mount.type == "tmpfs" and not mount.writable):
        return MASKED
    return WRITABLE if mount.writable else READ_ONLY


def read_mounts(process: Identity, paths: Iterable[str]) -> Mounts:
    """The mounts of a process, and what is at these paths of its mount namespace.

    Raises:
        NotFound: the process is gone.
        SyscallError: its mounts may not be read.
    """
    path = f"/proc/{process.pid}/mountinfo"
    try:
        mine, its = read_mountinfo(), read_mountinfo(process.pid)
    except OSError as error:
        raise SyscallError("read", error.errno or 0, path) from None
    seen = tuple(_seen(its, mine))
    unique = tuple(dict.fromkeys(map(normal, paths)))
    return _look_at(process, unique, Mounts(seen))


def _look_at(process: Identity, paths: Sequence[str], mounts: Mounts) -> Mounts:
    listable = frozenset(seen.mount.id for seen in mounts.all if seen.mount.type in LISTED)
    try:
        looked = look(process, paths, listable)
    except LaunchError:
        return mounts.replace(obstacle="needs CAP_SYS_ADMIN over its mount namespace")
    except Unavailable as error:
        return mounts.replace(obstacle=error.message)
    root = holder([seen.mount for seen in mounts.all], "/")
    if root is None or root.id != looked.root.mount:
        return mounts.replace(obstacle="its root is not that of its mount namespace (chroot)")
    return mounts.replace(looked=looked)


def _seen(its: Sequence[Mount], mine: Sequence[Mount]) -> Iterable[SeenMount]:
    groups = {mount.shared for mount in mine} - {0}
    for mount in its:
        top = holder(its, mount.target)
        covered = top is not None and top.id != mount.id
        yield SeenMount(mount, host_path(mount, mine), covered, mount.shared in groups)


# --- the tree -------------------------------------------------------------------------------


def holder(mounts: Sequence[Mount], path: str) -> Mount | None:
    """The mount in which a path without symlinks ends, as the kernel would walk it.

    A mount is attached to its parent, so what was mounted below a directory before something was
    mounted over that is out of reach.
    """
    below: dict[int, list[Mount]] = {}
    for mount in mounts:
        below.setdefault(mount.parent, []).append(mount)
    ids = {mount.id for mount in mounts}
    now = next((m for m in mounts if m.target == "/" and (m.parent not in ids)), None)
    while now is not None:
        here = now
        on_the_way = [
            mount for mount in below.get(here.id, ()) if mount.id != here.id and _leads(mount, path)
        ]
        if not on_the_way:
            return here
        now = min(on_the_way, key=lambda mount: len(mount.target))
    return None


def _leads(mount: Mount, path: str) -> bool:
    return path == mount.target or path.startswith(mount.target.rstrip("/") + "/")


def host_path(mount: Mount, host: Iterable[Mount]) -> str:
    """Where on the host the same file system, or part of one, can be found; "" if nowhere."""
    best, found = -1, ""
    for other in host:
        if (other.major, other.minor) != (mount.major, mount.minor):
            continue
        base = other.root.rstrip("/")
        if (mount.root == other.root or mount.root.startswith(base + "/")) and len(base) > best:
            best = len(base)
            found = other.target.rstrip("/") + mount.root[len(base) :].rstrip("/") or "/"
    return found
