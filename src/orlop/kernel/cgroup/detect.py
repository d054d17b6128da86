"""Which control group hierarchies this process can see, and where it is in them.

A *hierarchy* is one tree of cgroups: on v1 there is one for every controller or group of
controllers, on v2 there is one for all. A controller is in one hierarchy only, so a machine with
both kinds ("hybrid") has some controllers here and others there, and nothing but this module has
to know what kind of machine it is: who needs a controller asks the layout where it is.

A *cgroup path* is absolute below the hierarchies' mount points ("/user/box"), or relative to where
this process is ("box").

See: cgroups(7), proc_pid_mountinfo(5), the kernel's admin-guide/cgroup-v2.rst.
"""

from __future__ import annotations

import posixpath

from orlop.kernel.cgroup import control
from orlop.records import Record

NONE, V1, HYBRID, V2 = range(4)
MODE_NAMES = ("none", "v1", "hybrid", "v2")


class Hierarchy(Record):
    """One hierarchy, as it is mounted here.

    Attributes:
        mount: the host path of its mount point.
        controllers: those that can be used in it; of v2, what the cgroup at the mount point has.
        v2: whether it is the unified hierarchy.
        name: of a v1 hierarchy that was mounted with one, as `systemd`.
        root: the cgroup that the mount shows, "/" unless this is a container.
        own: the cgroup of this process, as seen below the mount.
    """

    mount: str
    controllers: tuple[str, ...] = ()
    v2: bool = False
    name: str = ""
    root: str = "/"
    own: str = "/"

    def directory(self, path: str) -> str:
        """The host path of a cgroup.

        A relative path starts at the cgroup of this process, and on v2 one level above: a cgroup
        with processes in it cannot have children with controllers there ("no internal
        processes"). runc does the same.
        """
        base = posixpath.dirname(self.own) if self.v2 else self.own
        below = posixpath.normpath(path if path.startswith("/") else f"/{base}/{path}").lstrip("/")
        return f"{self.mount}/{below}" if below else self.mount


class CgroupLayout(Record):
    """All hierarchies of this host: what is asked once, and then only looked at."""

    hierarchies: tuple[Hierarchy, ...] = ()

    @property
    def mode(self) -> int:
        """NONE, V1, HYBRID or V2, for people and for `features`; code asks `of`."""
        kinds = {hierarchy.v2 for hierarchy in self.hierarchies}
        if len(kinds) == 2:
            return HYBRID
        return V2 if True in kinds else V1 if kinds else NONE

    @property
    def unified(self) -> Hierarchy | None:
        """The v2 hierarchy."""
        return next((found for found in self.hierarchies if found.v2), None)

    def of(self, controller: str) -> Hierarchy | None:
        """The hierarchy that has this controller ("memory"; "blkio" on v1 and "io" on v2)."""
        return next((found for found in self.hierarchies if controller in found.controllers), None)

    def named(self, name: str) -> Hierarchy | None:
        """The v1 hierarchy of this name."""
        return next((found for found in self.hierarchies if name and found.name == name), None)


class Membership(Record):
    """The cgroup that one process is in, in one hierarchy, whether we can see it or not.

    Attributes:
        path: as /proc/PID/cgroup shows it to us: below the root of our cgroup namespace, "/../"
            in front of what is outside.
        controllers: of a v1 hierarchy.
        v2: whether it is the unified hierarchy.
        name: of a v1 hierarchy that has one.
        mount: the host path at which the hierarchy is mounted, "" if it is nowhere.
        root: the cgroup that is shown there, in the words of `path`.
    """

    path: str
    controllers: tuple[str, ...] = ()
    v2: bool = False
    name: str = ""
    mount: str = ""
    root: str = "/"

    @property
    def directory(self) -> str:
        """The host path of the cgroup's directory; "" if it is outside what is mounted here."""
        below = _inside(self.root, self.path)
        if not self.mount or below is None:
            return ""
        return self.mount + below.rstrip("/")


def memberships(mountinfo: str, proc_cgroup: str) -> tuple[Membership, ...]:
    """The cgroups that a process is in, v1 first.

    Args:
        mountinfo: the content of our own /proc/self/mountinfo.
        proc_cgroup: that of the process's /proc/PID/cgroup.
    """
    mounts = _cgroup_mounts(mountinfo)
    found = []
    for line in proc_cgroup.splitlines():
        _, names, path = line.split(":", 2)
        mount = _mount_of(mounts, names)
        found.append(
            Membership(
                path=path.removesuffix(" (deleted)"),
                controllers=_controllers(names),
                v2=not names,
                name=_name(names),
                mount=mount.point if mount else "",
                root=mount.root if mount else "/",
            )
        )
    return tuple(sorted(found, key=lambda membership: membership.v2))


def parse(mountinfo: str, proc_cgroup: str, controllers_v2: str = "") -> CgroupLayout:
    """The layout that these files describe, v1 first.

    What a mount does not show is taken for its top: in a container without a cgroup namespace
    /proc/self/cgroup may name a cgroup of the host that is not there.

    Args:
        mountinfo: the content of /proc/self/mountinfo.
        proc_cgroup: that of /proc/self/cgroup.
        controllers_v2: that of cgroup.controllers at the v2 mount point.
    """
    found = (
        Hierarchy(
            mount=member.mount,
            controllers=member.controllers,
            v2=member.v2,
            name=member.name,
            root=member.root,
            own=_inside(member.root, member.path) or "/",
        )
        for member in memberships(mountinfo, proc_cgroup)
        if member.mount  # else it is known to the kernel, but mounted nowhere
    )
    return _with_controllers(CgroupLayout(tuple(found)), controllers_v2)


def _with_controllers(layout: CgroupLayout, controllers_v2: str) -> CgroupLayout:
    controllers = tuple(controllers_v2.split())
    return CgroupLayout(
        tuple(
            hierarchy.replace(controllers=controllers) if hierarchy.v2 else hierarchy
            for hierarchy in layout.hierarchies
        )
    )


class _Mount(Record):
    point: str
    root: str
    type: str
    options: tuple[str, ...]


def _cgroup_mounts(mountinfo: str) -> tuple[_Mount, ...]:
    by_point: dict[str, _Mount] = {}
    for line in mountinfo.splitlines():
        left, _, right = line.partition(" - ")
        _, _, _, root, point, *_ = left.split(" ", 5)
        by_point.pop(point, None)  # what is mounted later on the same place hides it
        fstype, _, options = right.split(" ", 2)
        if fstype in ("cgroup", "cgroup2"):
            row = _Mount(_unescape(point), _unescape(root), fstype, tuple(options.split(",")))
            by_point[point] = row
    return tuple(by_point.values())


def _mount_of(mounts: tuple[_Mount, ...], names: str) -> _Mount | None:
    """A mount of the hierarchy that /proc/self/cgroup calls this; below /sys/fs/cgroup, if any."""
    fstype, wanted = ("cgroup", names.split(",", maxsplit=1)[0]) if names else ("cgroup2", "")
    fitting = [m for m in mounts if m.type == fstype and (not wanted or wanted in m.options)]
    fitting.sort(key=lambda mount: not (mount.point + "/").startswith("/sys/fs/cgroup/"))
    return fitting[0] if fitting else None


def _controllers(names: str) -> tuple[str, ...]:
    return tuple(name for name in names.split(",") if name and not name.startswith("name="))


def _name(names: str) -> str:
    return next((name[5:] for name in names.split(",") if name.startswith("name=")), "")


def _inside(root: str, path: str) -> str | None:
    """A cgroup of the hierarchy as seen below a mount of `root`; None if it is not there."""
    if path == root:
        return "/"
    below = path.removeprefix(root.rstrip("/"))
    shown = path.startswith(root) and below.startswith("/") and below.split("/")[1] != ".."
    return below if shown else None


def _unescape(field: str) -> str:
    """Without the octal escapes that proc_pid_mountinfo(5) uses for blanks and backslashes."""
    head, *escaped = field.split("\\")
    return head + "".join(chr(int(part[:3], 8)) + part[3:] for part in escaped)


_detected: CgroupLayout | None = None


def detect() -> CgroupLayout:
    """The layout of this host, as this process sees it. Read once.

    Raises:
        SyscallError: /proc or the cgroup file system cannot be read.
    """
    global _detected  # noqa: PLW0603 - a fact about the process, like its PID
    if _detected is None:
        _detected = read_layout("/proc/self")
    return _detected


def read_memberships(pid: int) -> tuple[Membership, ...]:
    """The cgroups that a process is in, in the hierarchies as they are mounted for us.

    Raises:
        SyscallError: there is no such process.
    """
    return memberships(control.read("/proc/self/mountinfo"), control.read(f"/proc/{pid}/cgroup"))


def read_layout(proc: str) -> CgroupLayout:
    """The layout as the process of this /proc directory sees it, read anew."""
    mountinfo, cgroup = control.read(f"{proc}/mountinfo"), control.read(f"{proc}/cgroup")
    layout = parse(mountinfo, cgroup)
    if layout.unified is None:
        return layout
    return _with_controllers(layout, control.read(f"{layout.unified.mount}/cgroup.controllers"))
