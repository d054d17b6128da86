"""What this host and this process can do: every fact in one object.

What every start needs is read at once, in a fraction of a millisecond; what few need is
read when it is asked for (the properties). Whoever wants to decide without looking takes the
single facts as arguments, and does not take this object.
"""

from __future__ import annotations

import os

from orlop.kernel import lsm, process
from orlop.kernel.namespaces import available
from orlop.records import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from orlop.kernel.capabilities import CapabilitySets
    from orlop.kernel.cgroup.detect import CgroupLayout

# The first user namespace has this inode number in nsfs, by definition (PROC_USER_INIT_INO).
_INITIAL_USER_NAMESPACE = 0xEFFFFFFD
_CAP_SYS_ADMIN = 1 << 21
_CAP_SYS_RESOURCE = 1 << 24


class Features(Record):
    """The host and this process, as they were when this was read.

    Attributes:
        kernel: major and minor version.
        release: as uname(2) has it.
        machine: as uname(2) has it, "x86_64".
        uid: the effective user id.
        gid: the effective group id.
        initial_user_namespace: this process is in the host's own user namespace.
        capabilities: those of this process.
        namespaces: the kinds that the kernel has, in the OCI's words.
        lsms: the active security modules; see `orlop.kernel.lsm.active`.
    """

    kernel: tuple[int, int]
    release: str
    machine: str
    uid: int
    gid: int
    initial_user_namespace: bool
    capabilities: CapabilitySets
    namespaces: tuple[str, ...]
    lsms: tuple[str, ...]

    @property
    def is_privileged(self) -> bool:
        """This process has CAP_SYS_ADMIN over the host, and needs no user namespace."""
        return self.initial_user_namespace and bool(self.capabilities.effective & _CAP_SYS_ADMIN)

    @property
    def apparmor(self) -> bool:
        """AppArmor profiles can be applied."""
        return lsm.APPARMOR in self.lsms

    @property
    def selinux(self) -> bool:
        """SELinux labels can be applied."""
        return lsm.SELINUX in self.lsms

    @property
    def seccomp(self) -> bool:
        """The kernel has seccomp filters."""
        return os.path.exists("/proc/sys/kernel/seccomp/actions_avail")

    @property
    def cgroup(self) -> CgroupLayout:
        """The control group hierarchies."""
        from orlop.kernel.cgroup.detect import detect

        return detect()

    @property
    def filesystems(self) -> frozenset[str]:
        """The file system types that the kernel has loaded; modules may bring more."""
        with open("/proc/filesystems") as file:
            return frozenset(line.split()[-1] for line in file)

    @property
    def max_user_namespaces(self) -> int:
        """How many user namespaces may be made here; 0 if none."""
        try:
            with open("/proc/sys/user/max_user_namespaces") as file:
                return int(file.read())
        except OSError:
            return 0

    @property
    def unprivileged_user_namespaces(self) -> bool:
        """Users without capabilities can make user namespaces that are of use to them."""
        return (
            "user" in self.namespaces
            and self.max_user_namespaces > 0
            and _sysctl("unprivileged_userns_clone", "1") == "1"  # Debian's own
            and _sysctl("apparmor_restrict_unprivileged_userns", "0") == "0"  # Ubuntu's own
        )

    @property
    def resctrl(self) -> bool:
        """Intel RDT's file system is mounted and this process may make groups in it."""
        return os.access("/sys/fs/resctrl/schemata", os.W_OK)

    @property
    def hard_limits(self) -> Mapping[str, int]:
        """By RLIMIT_ name, the hard limits above which this process cannot go.

        Empty with CAP_SYS_RESOURCE in the host's user namespace, which is above all limits;
        2^64 - 1 stands for none. See: proc_pid_limits(5).
        """
        if self.initial_user_namespace and self.capabilities.effective & _CAP_SYS_RESOURCE:
            return {}
        # `resource` would be loaded for longer than this takes.
        return {name: hard for name, (_, hard) in process.read_rlimits().items()}

    @property
    def libseccomp(self) -> tuple[int, int, int] | None:
        """The version of the libseccomp that would be used, None if there is none.

        Loads it, and ctypes: some milliseconds.
        """
        from orlop.errors import Unsupported
        from orlop.kernel.seccomp_library import load

        try:
            return load().version()
        except Unsupported:
            return None


_features: Features | None = None


def read_features() -> Features:
    """The facts, read once for this process."""
    global _features  # noqa: PLW0603 - facts about the process, like its PID
    if _features is None:
        _features = _read_features()
    return _features


def _read_features() -> Features:
    system = os.uname()
    return Features(
        kernel=kernel_version(system.release),
        release=system.release,
        machine=system.machine,
        uid=os.geteuid(),
        gid=os.getegid(),
        initial_user_namespace=os.stat("/proc/self/ns/user").st_ino == _INITIAL_USER_NAMESPACE,
        capabilities=process.read_status().capabilities,
        namespaces=tuple(kind.name for kind in available()),
        lsms=lsm.active(),
    )


def kernel_version(release: str) -> tuple[int, int]:
    """Major and minor version of a kernel release, as "6.1.0-13-amd64" or "5.15-rc1"."""
    major, minor = release.partition("-")[0].split(".")[:2]
    return int(major), int(minor.rstrip("+"))


def _sysctl(name: str, default: str) -> str:
    """The value of a kernel.* sysctl, or the default if this kernel does not have it."""
    try:
        with open(f"/proc/sys/kernel/{name}") as file:
            return file.read().strip()
    except OSError:
        return default
