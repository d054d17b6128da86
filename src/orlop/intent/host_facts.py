"""What composing has to know about the host."""

from __future__ import annotations

import os
import stat

from orlop.errors import NotFound, Unsupported
from orlop.kernel.capabilities import ALL
from orlop.kernel.capabilities import NAMES as _CAPABILITIES
from orlop.records import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from orlop.intent.cdi import Specifications
    from orlop.intent.host_image import HostImageFacts
    from orlop.intent.image_accounts import AccountFiles

_NO_LIMITS: Mapping[str, int] = {}
# What is in /dev without being a device of the machine: moby's HostDevices leaves it out, too.
_NOT_DEVICES = frozenset(("pts", "shm", "fd", "mqueue", "console", ".lxc", ".lxd-mounts", ".udev"))


class DeviceNode(Record):
    """A device node of the host: `type` is "c" or "b", `mode` has permission bits only."""

    path: str
    type: str
    major: int
    minor: int
    mode: int
    uid: int = 0
    gid: int = 0


class Account(Record):
    """A line of /etc/passwd; `groups` are the others that the user is in."""

    uid: int
    gid: int
    groups: tuple[int, ...] = ()


class Lookup:
    """What few requests need to know, and is looked up on this host when they do.

    Tests replace it; nothing is changed by asking.
    """

    def nodes(self, path: str) -> tuple[DeviceNode, ...]:
        """The device at a host path (symlinks are followed), or all in the directory there.

        Raises:
            NotFound: there is nothing at that path.
            Unsupported: what is there is no device.
        """
        try:
            status = os.stat(path)
        except OSError:
            raise NotFound("device", path) from None
        if stat.S_ISDIR(status.st_mode):
            return tuple(_devices_in(path))
        node = _node(path, status)
        if node is None:
            raise Unsupported(f"{path} as a device", needs="a character or block device")
        return (node,)

    def number(self, path: str) -> tuple[int, int]:
        """Major and minor of the block device at a host path.

        Raises:
            NotFound: there is nothing at that path.
            Unsupported: what is there is no block device.
        """
        (node, *_) = self.nodes(path) or (None,)
        if node is None or node.type != "b":
            raise Unsupported(f"a limit of I/O for {path}", needs="a block device")
        return node.major, node.minor

    def is_missing(self, path: str) -> bool:
        """Whether there is nothing at a host path, for all that this process may see."""
        try:
            os.stat(path)
        except (FileNotFoundError, NotADirectoryError):
            return True
        except OSError:
            return False
        return False

    def account(self, name: str) -> Account:
        """A user of the host by name, with its groups.

        Raises:
            NotFound: there is no such user.
        """
        import grp
        import pwd

        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            raise NotFound("user", name) from None
        groups = (group.gr_gid for group in grp.getgrall() if name in group.gr_mem)
        return Account(entry.pw_uid, entry.pw_gid, tuple(groups))

    def account_of(self, uid: int) -> Account | None:
        """A user of the host by id, None if there is none."""
        import pwd

        try:
            return self.account(pwd.getpwuid(uid).pw_name)
        except KeyError:
            return None

    def group_id(self, name: str) -> int:
        """The id of a group of the host.

        Raises:
            NotFound: there is no such group.
        """
        import grp

        try:
            return grp.getgrnam(name).gr_gid
        except KeyError:
            raise NotFound("group", name) from None

    def account_files(self, layers: tuple[str, ...]) -> AccountFiles:
        """The users and groups of an image: host directories of its layers, the uppermost first."""
        from orlop.intent.image_accounts import read_account_files

        return read_account_files(layers)

    def cdi(self) -> Specifications:
        """What the host's files say of devices of the Container Device Interface."""
        from orlop.intent.cdi import read_specifications

        return read_specifications()

    def host_image(self) -> HostImageFacts:
        """What the image `host` is made of."""
        from orlop.intent.host_image import read_host_image

        return read_host_image()


def _devices_in(directory: str) -> Iterator[DeviceNode]:
    for entry in sorted(os.scandir(directory), key=lambda entry: entry.name):
        if entry.name in _NOT_DEVICES or entry.is_symlink():
            continue
        if entry.is_dir():
            yield from _devices_in(entry.path)
        elif node := _node(entry.path, entry.stat(follow_symlinks=False)):
            yield node


def _node(path: str, status: os.stat_result) -> DeviceNode | None:
    kinds = {stat.S_IFCHR: "c", stat.S_IFBLK: "b"}
    kind = kinds.get(stat.S_IFMT(status.st_mode))
    if kind is None:
        return None
    number = status.st_rdev
    mode = stat.S_IMODE(status.st_mode)
    return DeviceNode(
        path, kind, os.major(number), os.minor(number), mode, status.st_uid, status.st_gid
    )


class HostFacts(Record):
    """This host, as far as it decides what a request becomes.

    Attributes:
        machine: uname(2)'s, "x86_64".
        kernel: major and minor version.
        node: its host name.
        cpus: how many it has.
        online_cpus: the numbers of those that can be used; empty if that is not known.
        memory_nodes: the numbers of its NUMA nodes, likewise.
        cgroup_v2: one cgroup hierarchy of the new kind has all controllers.
        controllers: those of all hierarchies, by their names there.
        swap_limit: memory and swap together can be limited.
        capabilities: those that can be given to a container, as bits.
        apparmor: AppArmor profiles can be applied.
        selinux: SELinux labels can be applied.
        seccomp: the kernel has seccomp filters.
        max_processes: how many processes and threads the kernel lets exist at once.
        hard_limits: as `orlop.kernel.features.Features.hard_limits`.
        oom_score_adj: this process's own.
        lookup: for what few requests need.
    """

    machine: str = "x86_64"
    kernel: tuple[int, int] = (6, 1)
    node: str = "host"
    cpus: int = 1
    online_cpus: frozenset[int] = frozenset()
    memory_nodes: frozenset[int] = frozenset()
    cgroup_v2: bool = True
    controllers: frozenset[str] = frozenset(("cpu", "cpuset", "io", "memory", "pids"))
    swap_limit: bool = True
    capabilities: int = ALL
    apparmor: bool = False
    selinux: bool = False
    seccomp: bool = True
    max_processes: int = 32768
    hard_limits: Mapping[str, int] = _NO_LIMITS
    oom_score_adj: int = 0
    lookup: Lookup = Lookup()


def read_host_facts() -> HostFacts:
    """The facts about this host, read now. Needs no rights."""
    from orlop.kernel import host
    from orlop.kernel.cgroup.detect import V2
    from orlop.kernel.cgroup.facts import limits_swap
    from orlop.kernel.features import read_features

    features = read_features()
    layout = features.cgroup
    return HostFacts(
        machine=features.machine,
        kernel=features.kernel,
        node=os.uname().nodename,
        cpus=os.cpu_count() or 1,
        online_cpus=frozenset(host.online_cpus()),
        memory_nodes=frozenset(host.memory_nodes()),
        cgroup_v2=layout.mode == V2,
        controllers=frozenset(name for found in layout.hierarchies for name in found.controllers),
        swap_limit=limits_swap(layout),
        capabilities=features.capabilities.bounding,
        apparmor=features.apparmor,
        selinux=features.selinux,
        seccomp=features.seccomp,
        max_processes=host.max_processes(),
        hard_limits=features.hard_limits,
        oom_score_adj=host.oom_score_adj(),
    )


def capability_names() -> tuple[str, ...]:
    """The names of all capabilities that orlop knows, as "CAP_CHOWN"."""
    return _CAPABILITIES
