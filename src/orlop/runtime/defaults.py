"""The configuration that `orlop-runtime spec` writes: one to start from, as `runc spec` has it.

It runs a shell in a terminal, on a read-only root, without privileges worth the name.
"""

from __future__ import annotations

import os

from orlop.runtime.spec import OCI_VERSION

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    Json = dict[str, Any]

_CAPABILITIES = ("CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE")

# destination, type, source, options
MOUNTS = (
    ("/proc", "proc", "proc", ("nosuid", "noexec", "nodev")),
    ("/dev", "tmpfs", "tmpfs", ("nosuid", "strictatime", "mode=755", "size=65536k")),
    (
        "/dev/pts",
        "devpts",
        "devpts",
        ("nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"),
    ),
    (
        "/dev/shm",  # noqa: S108 (in the container)
        "tmpfs",
        "shm",
        ("nosuid", "noexec", "nodev", "mode=1777", "size=65536k"),
    ),
    ("/dev/mqueue", "mqueue", "mqueue", ("nosuid", "noexec", "nodev")),
    ("/sys", "sysfs", "sysfs", ("nosuid", "noexec", "nodev", "ro")),
    ("/sys/fs/cgroup", "cgroup", "cgroup", ("nosuid", "noexec", "nodev", "relatime", "ro")),
)
# Without rights over the network namespace sysfs cannot be mounted, so the host's is bound.
_BOUND_SYS = ("/sys", "none", "/sys", ("rbind", "nosuid", "noexec", "nodev", "ro"))

MASKED_PATHS = (
    "/proc/acpi",
    "/proc/asound",
    "/proc/interrupts",
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/sched_debug",
    "/proc/scsi",
    "/proc/timer_list",
    "/proc/timer_stats",
    "/sys/devices/virtual/powercap",
    "/sys/firmware",
)
"""What Docker hides of the host from a container for which nobody says anything else."""
READONLY_PATHS = ("/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger")
"""What Docker then lets nobody write to."""


def default_config(*, rootless: bool = False) -> Json:
    """A configuration as a JSON value; `rootless` makes it one that the calling user can run."""
    return {
        "ociVersion": OCI_VERSION,
        "process": _process(),
        "root": {"path": "rootfs", "readonly": True},
        "hostname": "orlop",
        "mounts": [_mount(*mount) for mount in (_rootless_mounts() if rootless else MOUNTS)],
        "linux": _rootless_linux() if rootless else _linux(),
    }


def _process() -> Json:
    return {
        "terminal": True,
        "user": {"uid": 0, "gid": 0},
        "args": ["sh"],
        "env": [
            "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "TERM=xterm",
        ],
        "cwd": "/",
        "capabilities": {
            name: list(_CAPABILITIES) for name in ("bounding", "effective", "permitted")
        },
        "rlimits": [{"type": "RLIMIT_NOFILE", "hard": 1024, "soft": 1024}],
        "noNewPrivileges": True,
    }


def _mount(destination: str, kind: str, source: str, options: tuple[str, ...]) -> Json:
    return {
        "destination": destination,
        "type": kind,
        "source": source,
        "options": list(options),
    }


def _rootless_mounts() -> tuple[tuple[str, str, str, tuple[str, ...]], ...]:
    """The mounts without ids that are not mapped, and with the host's /sys."""
    own = (_BOUND_SYS if mount[0] == "/sys" else mount for mount in MOUNTS)
    return tuple(
        (destination, kind, source, tuple(o for o in options if not o.startswith(("uid=", "gid="))))
        for destination, kind, source, options in own
    )


def _linux() -> Json:
    kinds = ("pid", "network", "ipc", "uts", "mount", "cgroup")
    return {
        "resources": {"devices": [{"allow": False, "access": "rwm"}]},
        "namespaces": [{"type": kind} for kind in kinds],
        "maskedPaths": list(MASKED_PATHS),
        "readonlyPaths": list(READONLY_PATHS),
    }


def _rootless_linux() -> Json:
    """A user namespace in which the caller is root, on the host's network, without limits."""
    kinds = ("pid", "ipc", "uts", "mount", "cgroup", "user")
    return {
        "uidMappings": [{"containerID": 0, "hostID": os.geteuid(), "size": 1}],
        "gidMappings": [{"containerID": 0, "hostID": os.getegid(), "size": 1}],
        "namespaces": [{"type": kind} for kind in kinds],
        "maskedPaths": list(MASKED_PATHS),
        "readonlyPaths": list(READONLY_PATHS),
    }
