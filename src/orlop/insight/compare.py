"""The golden rule of containers as a table: the same inode is shared, another one is isolated.

Rows are the namespaces and what else stands between processes; columns are the host and targets.
"""

from __future__ import annotations

from orlop.errors import NotFound, OrlopError
from orlop.kernel import capabilities, idmap
from orlop.kernel import process as processes
from orlop.kernel.cgroup.detect import read_memberships
from orlop.kernel.mounts import read_mountinfo
from orlop.kernel.namespaces import NAMESPACES
from orlop.records import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Sequence

    from orlop.insight.snapshot import Snapshot
    from orlop.insight.targets import Target

HOST, ALONE, UNREADABLE = "host", "", "?"
"""Groups of cells that are no letters: what the host has, what nobody else has, what is unknown."""


class Cell(Record):
    """What one column has of one aspect.

    Attributes:
        text: for people.
        group: HOST, or a letter for cells of a row that are the same, or ALONE, or UNREADABLE.
    """

    text: str
    group: str


class Row(Record):
    """One aspect.

    Attributes:
        aspect: a kind of namespace in the OCI's words, or "root file system" and so on.
        is_namespace: whether the texts are inode numbers.
        cells: one for each column.
    """

    aspect: str
    is_namespace: bool
    cells: tuple[Cell, ...]


class Column(Record):
    """Who is compared; the host has the PID of the process that stands for it."""

    name: str
    engine: str
    pid: int


class Comparison(Record):
    """The whole table; the first column is the host."""

    columns: tuple[Column, ...]
    rows: tuple[Row, ...]


class Value(Record):
    """What one column has: equal keys are the same thing; a key of None is not known."""

    text: str
    key: Hashable = None


_UNKNOWN = Value("not readable")


def compare(snapshot: Snapshot, targets: Sequence[Target]) -> Comparison:
    """The table of these targets beside the host.

    Raises:
        NotFound: one has ended in the meantime.
    """
    host = Column(HOST, HOST, snapshot.host_pid)
    columns = (host, *(Column(t.name, t.engine, t.process.pid) for t in targets))
    rows = [
        Row(kind.name, True, grouped([_inode(snapshot, column, kind.name) for column in columns]))
        for kind in NAMESPACES
        if kind.name in snapshot.host
    ]
    rows += [
        Row(aspect, False, grouped([_read(read, column) for column in columns]))
        for aspect, read in ASPECTS.items()
    ]
    for target in targets:
        if not processes.is_alive(target.process):
            raise NotFound("process", str(target.process.pid), hint=f"{target.name} has ended")
    return Comparison(columns, tuple(rows))


def grouped(values: Sequence[Value]) -> tuple[Cell, ...]:
    """One row; the first value is the host's."""
    keys = [value.key for value in values]
    letters: dict[Hashable, str] = {}
    for key in keys:
        if key is not None and key != keys[0] and keys.count(key) > 1:
            letters.setdefault(key, _letter(len(letters)))
    return tuple(Cell(value.text, _group(value.key, keys[0], letters)) for value in values)


def _group(key: Hashable, host: Hashable, letters: dict[Hashable, str]) -> str:
    if key is None:
        return UNREADABLE
    return HOST if key == host else letters.get(key, ALONE)


def _letter(number: int) -> str:
    """A, B, ... Z, AA, AB, ..."""
    first, last = divmod(number, 26)
    return (_letter(first - 1) if first else "") + chr(ord("A") + last)


def _inode(snapshot: Snapshot, column: Column, kind: str) -> Value:
    if column.name == HOST:
        inode: int | None = snapshot.host.get(kind)
    else:
        seen = snapshot.find(column.pid)
        inode = seen.namespaces.get(kind) if seen else None
    return _UNKNOWN if inode is None else Value(str(inode), inode)


# --- what is no namespace -------------------------------------------------------------------


def _read(read: Callable[[int], Value], column: Column) -> Value:
    try:
        return read(column.pid)
    except NotFound:
        raise
    except (OrlopError, OSError):
        return _UNKNOWN


def _cgroup(pid: int) -> Value:
    """The path that most hierarchies have for it; it is shared if all are the same."""
    paths = [membership.path for membership in read_memberships(pid)]
    below = [path for path in paths if path != "/"]
    shown = max(below, key=lambda path: (below.count(path), len(path)), default="/")
    return Value(shown, tuple(paths))


def _user(pid: int) -> Value:
    uid = processes.read_status(pid).uids[1]
    inside = idmap.to_container(processes.id_maps(pid)[0], uid)
    if inside == uid:
        return Value(str(uid), uid)
    return Value(f"{'nobody' if inside is None else inside}, outside {uid}", uid)


def _capabilities(pid: int) -> Value:
    """What it can get: a program that is executed by root has all that are in the bounding set."""
    sets = processes.read_status(pid).capabilities
    return Value(capability_text(sets.effective), sets.effective)


def capability_text(mask: int) -> str:
    """A set of capabilities in few words, by what it has more or less than Docker's default."""
    default = capabilities.mask(capabilities.DOCKER_DEFAULT)
    everything = capabilities.kernel_mask()
    for known, text in ((0, "none"), (everything, "all"), (default, "Docker's default")):
        if mask == known:
            return text
    for known, text in ((everything, "all"), (default, "Docker's")):
        more, less = _short_names(mask & ~known), _short_names(known & ~mask)
        if len(more) + len(less) <= _FEW:
            return " ".join([text, *(f"+{name}" for name in more), *(f"-{name}" for name in less)])
    return f"{mask.bit_count()} of {everything.bit_count()}"


_FEW = 3


def _short_names(mask: int) -> list[str]:
    return [name.removeprefix("CAP_") for name in capabilities.names(mask)]


_SECCOMP_MODES = ("off", "strict", "filter")


def _seccomp(pid: int) -> Value:
    status = processes.read_status(pid)
    mode = _SECCOMP_MODES[status.seccomp_mode]
    filters = status.seccomp_filters
    return Value(mode if filters < 2 else f"{mode} ({filters} of them)", mode)


def _root(pid: int) -> Value:
    """What is mounted at the process's root: which file system, and which part of it."""
    on_top = [mount for mount in read_mountinfo(pid) if mount.target == "/"]
    if not on_top:
        return Value("a directory (chroot)", ("chroot", pid))
    mount = on_top[-1]
    part = "" if mount.root == "/" else f" {mount.root}"
    return Value(
        f"{mount.type} {mount.major}:{mount.minor}{part}", (mount.major, mount.minor, mount.root)
    )


ASPECTS: dict[str, Callable[[int], Value]] = {
    "cgroup path": _cgroup,
    "user id": _user,
    "capabilities": _capabilities,
    "seccomp": _seccomp,
    "root file system": _root,
}
"""What else is compared, and how it is read of a process."""


# --- all targets, by what they share --------------------------------------------------------


def sharing(snapshot: Snapshot, targets: Sequence[Target]) -> Comparison:
    """The namespaces only, of any number of targets; those that share something stand together."""
    ordered = sorted(targets, key=lambda target: _inodes(snapshot, target))
    columns = (
        Column(HOST, HOST, snapshot.host_pid),
        *(Column(t.name, t.engine, t.process.pid) for t in ordered),
    )
    rows = (
        Row(kind, True, grouped([_inode(snapshot, column, kind) for column in columns]))
        for kind in snapshot.host
    )
    return Comparison(columns, tuple(rows))


# What containers share with each other, the most usual first.
_SHARED_MOST = ("network", "ipc", "uts", "user", "pid", "cgroup", "time", "mount")


def _inodes(snapshot: Snapshot, target: Target) -> tuple[int, ...]:
    seen = snapshot.find(target.process.pid)
    return tuple(seen.namespaces.get(kind, 0) if seen else 0 for kind in _SHARED_MOST)
