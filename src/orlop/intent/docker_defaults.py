"""What a container gets when nobody says anything: Docker's defaults, as data.

Where it costs nobody anything to be safer than Docker, they are: the differences are in
docs/decisions/0008-dockers-defaults.md.

See: moby oci/defaults.go, oci/caps, profiles/seccomp.
"""

from __future__ import annotations

from orlop.kernel.capabilities import DOCKER_DEFAULT
from orlop.kernel.cgroup.resources import DeviceRule
from orlop.runtime.defaults import MASKED_PATHS, MOUNTS, READONLY_PATHS
from orlop.runtime.spec import Mount

TYPE_CHECKING = False
if TYPE_CHECKING:
    from orlop.intent.host_facts import HostFacts

DEFAULT = "Docker's default"
OURS = "orlop's default"

__all__ = ["CAPABILITIES", "MASKED_PATHS", "READONLY_PATHS"]

CAPABILITIES = DOCKER_DEFAULT
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
TERM = "xterm"
SHM_BYTES = 64 << 20
CGROUP_PARENT = "/orlop"
DENY_ALL = DeviceRule(allow=False)
ALLOW_ALL = DeviceRule(allow=True)
TMPFS_OPTIONS = ("noexec", "nosuid", "nodev")
SYSCTLS = (  # of a network namespace of its own
    ("net.ipv4.ip_unprivileged_port_start", "0"),
    ("net.ipv4.ping_group_range", "0 2147483647"),
)
COMMAND = ("/bin/sh",)  # of the image `host`, and of a directory
SHM, SYS, CGROUP = "/dev/shm", "/sys", "/sys/fs/cgroup"  # noqa: S108

_NOFILE_SOFT, _NOFILE_HARD = 1024, 524288  # systemd's, for services
_PIDS = 4096
_SHARE_OF_PROCESSES = 8

MOUNTS_BY_TARGET = {
    target: Mount(target, kind, source, options) for target, kind, source, options in MOUNTS
}
"""The mounts of every container."""


def pids_limit(host: HostFacts) -> int:
    """How many processes a container may have: never so many that the host runs out of them."""
    return min(_PIDS, host.max_processes // _SHARE_OF_PROCESSES)


def open_files(host: HostFacts) -> tuple[int, int]:
    """Soft and hard limit of open files; no more than this process can grant."""
    hard = min(_NOFILE_HARD, host.hard_limits.get("RLIMIT_NOFILE", _NOFILE_HARD))
    return min(_NOFILE_SOFT, hard), hard
