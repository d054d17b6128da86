"""The bundle that every subject starts: a static program, and what Docker would put around it."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any

from bench.filter import profile

if TYPE_CHECKING:
    from pathlib import Path

PROGRAM = "/bin/true"

# As in floor.c; change both.
_CAPABILITIES = """
    CHOWN DAC_OVERRIDE FOWNER FSETID KILL SETGID SETUID SETPCAP NET_BIND_SERVICE NET_RAW
    SYS_CHROOT MKNOD AUDIT_WRITE SETFCAP
"""
_MASKED = """
    /proc/asound /proc/acpi /proc/interrupts /proc/kcore /proc/keys /proc/latency_stats
    /proc/timer_list /proc/timer_stats /proc/sched_debug /proc/scsi /sys/firmware
    /sys/devices/virtual/powercap
"""
_READ_ONLY = "/proc/bus /proc/fs /proc/irq /proc/sys /proc/sysrq-trigger"
CAPABILITIES = [f"CAP_{name}" for name in _CAPABILITIES.split()]
_DEVICES = ((1, 3), (1, 5), (1, 7), (1, 8), (1, 9), (5, 0), (5, 2), (136, None))


def make_rootfs(directory: Path, program: Path) -> Path:
    """A root file system that holds nothing but the program and the usual mount points."""
    rootfs = directory / "rootfs"
    for name in ("bin", "dev", "proc", "sys"):
        (rootfs / name).mkdir(parents=True)
    shutil.copy(program, rootfs / PROGRAM[1:])
    return rootfs


def make_bundle(
    directory: Path, rootfs: Path, cgroup: str, *, net: bool, args: tuple[str, ...] = (PROGRAM,)
) -> Path:
    """A bundle directory for this root, with a config.json; `cgroup` is absolute ("/name")."""
    directory.mkdir()
    (directory / "config.json").write_text(json.dumps(_config(rootfs, cgroup, net, args)))
    return directory


def _config(rootfs: Path, cgroup: str, net: bool, args: tuple[str, ...]) -> dict[str, Any]:
    namespaces = ["pid", "mount", "uts", "ipc", "cgroup", *(["network"] if net else [])]
    return {
        "ociVersion": "1.0.2",
        "process": {
            "user": {"uid": 0, "gid": 0},
            "args": list(args),
            "env": ["PATH=/bin"],
            "cwd": "/",
            "capabilities": {
                "bounding": CAPABILITIES,
                "effective": CAPABILITIES,
                "permitted": CAPABILITIES,
            },
            "rlimits": [{"type": "RLIMIT_NOFILE", "hard": 1024, "soft": 1024}],
            "noNewPrivileges": True,
        },
        "root": {"path": str(rootfs)},
        "hostname": "floor",
        "mounts": [
            _mount("/proc", "proc", "proc"),
            _mount("/dev", "tmpfs", "tmpfs", "nosuid", "strictatime", "mode=755", "size=65536k"),
            _mount(
                "/dev/pts",
                "devpts",
                "devpts",
                *("nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"),
            ),
            _mount("/dev/shm", "tmpfs", "shm", *_SAFE, "mode=1777", "size=65536k"),
            _mount("/dev/mqueue", "mqueue", "mqueue", *_SAFE),
            _mount("/sys", "sysfs", "sysfs", *_SAFE, "ro"),
        ],
        "linux": {
            "cgroupsPath": cgroup,
            "namespaces": [{"type": kind} for kind in namespaces],
            "resources": {
                "memory": {"limit": 256 << 20},
                "cpu": {"shares": 1024, "period": 100_000, "quota": 100_000},
                "pids": {"limit": 256},
                "devices": [{"allow": False, "access": "rwm"}, *map(_allow, _DEVICES)],
            },
            "maskedPaths": _MASKED.split(),
            "readonlyPaths": _READ_ONLY.split(),
            "seccomp": profile(),
        },
    }


_SAFE = ("nosuid", "noexec", "nodev")


def _mount(destination: str, kind: str, source: str, *options: str) -> dict[str, Any]:
    entry = {"destination": destination, "type": kind, "source": source}
    return {**entry, "options": list(options)} if options else entry


def _allow(device: tuple[int, int | None]) -> dict[str, Any]:
    major, minor = device
    rule: dict[str, Any] = {"allow": True, "type": "c", "major": major, "access": "rwm"}
    return rule if minor is None else {**rule, "minor": minor}
