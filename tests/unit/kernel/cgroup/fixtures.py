"""Three machines as text, and stand-ins for what would be read from the kernel."""

from __future__ import annotations

from collections.abc import Mapping

from orlop.kernel.cgroup.detect import parse
from orlop.kernel.cgroup.facts import Subtree
from orlop.kernel.cgroup.settings import Place

V1_MOUNTINFO = """\
23 1 8:1 / / rw,relatime - ext4 /dev/root rw
31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755
32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw,relatime shared:7 - cgroup cgroup rw,cpu,cpuacct
33 31 0:31 / /sys/fs/cgroup/cpuset rw,relatime - cgroup cgroup rw,cpuset,clone_children
34 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory
35 31 0:33 / /sys/fs/cgroup/devices rw,relatime - cgroup cgroup rw,devices
36 31 0:34 / /sys/fs/cgroup/freezer rw,relatime - cgroup cgroup rw,freezer
37 31 0:35 / /sys/fs/cgroup/blkio rw,relatime - cgroup cgroup rw,blkio
38 31 0:36 / /sys/fs/cgroup/pids rw,relatime - cgroup cgroup rw,pids
39 31 0:37 / /sys/fs/cgroup/systemd rw,relatime - cgroup cgroup rw,xattr,name=systemd
"""
V1_PROC_CGROUP = """\
9:name=systemd:/user.slice
8:pids:/
7:blkio:/
6:freezer:/
5:devices:/
4:memory:/services/shell
3:cpuset:/
2:perf_event:/
1:cpu,cpuacct:/
"""
HYBRID_MOUNTINFO = V1_MOUNTINFO + (
    "41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw\n"
)
HYBRID_PROC_CGROUP = V1_PROC_CGROUP + "0::/services/shell\n"
V2_MOUNTINFO = """\
23 1 8:1 / / rw,relatime - ext4 /dev/root rw
31 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate
"""
V2_PROC_CGROUP = "0::/user.slice/session-1.scope\n"
V2_CONTROLLERS = "cpuset cpu io memory hugetlb pids rdma misc\n"

V1 = parse(V1_MOUNTINFO, V1_PROC_CGROUP)
HYBRID = parse(HYBRID_MOUNTINFO, HYBRID_PROC_CGROUP, "hugetlb\n")
V2 = parse(V2_MOUNTINFO, V2_PROC_CGROUP, V2_CONTROLLERS)


class FakeFiles:
    """Control files with this content; `lacks` are those that the kernel has not, `unknown` may."""

    def __init__(
        self,
        content: Mapping[str, str] | None = None,
        *,
        lacks: tuple[str, ...] = (),
        unknown: tuple[str, ...] = (),
    ) -> None:
        self.content = content or {}
        self.lacks = lacks
        self.unknown = unknown

    def read(self, name: str) -> str:
        return self.content.get(name, "")

    def has(self, name: str) -> bool | None:
        return None if name in self.unknown else name not in self.lacks


class FakeFacts:
    """`Facts` of a machine on which only these v2 cgroups exist, and only these are in use."""

    def __init__(
        self,
        subtrees: Mapping[str, Subtree] | None = None,
        files: FakeFiles | None = None,
        occupied: Mapping[str, str] | None = None,
    ) -> None:
        self._subtrees = subtrees or {}
        self._files = files or FakeFiles()
        self._occupied = occupied or {}

    def files(self, place: Place) -> FakeFiles:
        return self._files

    def subtree(self, directory: str) -> Subtree | None:
        return self._subtrees.get(directory)

    def occupied(self, place: Place) -> str:
        return self._occupied.get(place.directory, "")
