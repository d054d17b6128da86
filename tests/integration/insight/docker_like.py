"""Configurations as Docker makes them of its flags, for bundles of the tests."""

from __future__ import annotations

import os
from collections.abc import Collection
from typing import Any

from orlop.kernel.capabilities import DOCKER_DEFAULT, NAMES
from orlop.runtime.config_document import document
from orlop.runtime.seccomp_default import default_profile
from tests.integration.support.bundles import REMOVE, Json

MASKED = ["/proc/acpi", "/proc/kcore", "/proc/keys", "/proc/timer_list", "/sys/firmware"]
READ_ONLY = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"]

_DEVICES = [
    {"allow": False, "access": "rwm"},
    {"allow": True, "type": "c", "access": "m"},
    {"allow": True, "type": "b", "access": "m"},
    *(
        {"allow": True, "type": "c", "major": major, "minor": minor, "access": "rwm"}
        for major, minor in ((1, 3), (1, 5), (1, 7), (1, 8), (1, 9), (5, 0), (5, 2), (136, None))
    ),
]
_CGROUPS = {"destination": "/sys/fs/cgroup", "type": "cgroup", "source": "cgroup"}
_SYS = {"destination": "/sys", "type": "sysfs", "source": "sysfs"}
_FIRM = ["nosuid", "noexec", "nodev"]


def capabilities(names: Collection[str]) -> Json:
    """The sets of a process that has these."""
    return {kind: list(names) for kind in ("bounding", "effective", "permitted")}


def flags(
    *,
    add: Collection[str] = (),
    host: Collection[str] = (),
    seccomp: bool = True,
    privileged: bool = False,
    resources: Json | None = None,
    **process: Any,
) -> Json:
    """Arguments for `BundleFactory`, as of `docker run` with flags.

    Args:
        add: --cap-add.
        host: kinds of namespaces of the host (`--pid host`).
        seccomp: False for `--security-opt seccomp=unconfined`.
        privileged: --privileged.
        resources: of `linux`, beside the rules for devices.
        process: fields of `process`.
    """
    own = list(NAMES if privileged else dict.fromkeys((*DOCKER_DEFAULT, *add)))
    linux: Json = {
        "resources": {
            "devices": [{"allow": True, "access": "rwm"}] if privileged else _DEVICES,
            **(resources or {}),
        },
        "maskedPaths": REMOVE if privileged else MASKED,
        "readonlyPaths": REMOVE if privileged else READ_ONLY,
    }
    if seccomp and not privileged:
        linux["seccomp"] = document(default_profile(own, os.uname().machine))
    access = [] if privileged else ["ro"]
    kinds: dict[str, object] = dict.fromkeys(("cgroup", "pid", "network", "ipc", "uts", "mount"))
    kinds.update(dict.fromkeys(host, REMOVE))
    return {
        "namespaces": kinds,
        "mounts": [
            {**_SYS, "options": [*_FIRM, *access]},
            {**_CGROUPS, "options": [*_FIRM, *access]},
        ],
        "process": {"capabilities": capabilities(own), "noNewPrivileges": False, **process},
        "linux": linux,
    }
