"""What validation has to know besides the configuration. Gathered by the caller."""

from __future__ import annotations

from orlop.kernel import capabilities
from orlop.records import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from orlop.kernel.idmap import IdMap

NO_LIMITS: Mapping[str, int] = {}


class Facts(Record):
    """Facts about the host and about this call.

    Attributes:
        rootless: orlop itself runs as another user than root (of its user namespace).
        kernel: the running kernel's major and minor version.
        namespaces: the types that the kernel has, in the specification's words.
        own_namespaces: types whose path in the configuration leads to orlop's own namespace.
        joined_maps: uid and gid map of the user namespace that the configuration joins by path;
            None if it joins none, or if they could not be read.
        capabilities: bits of those that a container can get.
        hard_limits: by RLIMIT_ name, the hard limits that orlop cannot raise; empty with
            CAP_SYS_RESOURCE.
        unified_cgroups: all controllers are in the v2 hierarchy.
        apparmor: AppArmor is enabled.
        selinux: SELinux is enabled.
        resctrl: there is a resctrl file system, and orlop can use it.
        no_pivot: the root will be moved and not pivoted (--no-pivot).
    """

    rootless: bool = False
    kernel: tuple[int, int] = (5, 15)
    namespaces: frozenset[str] = frozenset(
        ("pid", "network", "mount", "ipc", "uts", "user", "cgroup", "time")
    )
    own_namespaces: frozenset[str] = frozenset()
    joined_maps: tuple[tuple[IdMap, ...], tuple[IdMap, ...]] | None = None
    capabilities: int = capabilities.ALL
    hard_limits: Mapping[str, int] = NO_LIMITS
    unified_cgroups: bool = False
    apparmor: bool = False
    selinux: bool = False
    resctrl: bool = False
    no_pivot: bool = False
