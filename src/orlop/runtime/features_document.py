"""What this runtime knows, as the specification's features structure (features.md).

It is about the runtime and not about the host: what is listed is recognised, even where the running
kernel lacks it. The one exception, by definition, are seccomp's `supportedFlags`.
"""

from __future__ import annotations

from orlop import __version__
from orlop.kernel import capabilities, mounts, namespaces, scheduling, seccomp
from orlop.runtime.spec import HOOK_KINDS, OCI_VERSION, OCI_VERSION_MIN

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from orlop.kernel.features import Features


def features_document(features: Features) -> dict[str, Any]:
    """The features structure as a JSON value."""
    return {
        "ociVersionMin": OCI_VERSION_MIN,
        "ociVersionMax": OCI_VERSION,
        "hooks": list(HOOK_KINDS),
        "mountOptions": sorted(mounts.KNOWN_OPTIONS),
        "linux": {
            "namespaces": sorted(namespaces.BY_NAME),
            "capabilities": list(capabilities.NAMES),
            "cgroup": {
                "v1": True,
                "v2": True,
                "systemd": False,
                "systemdUser": False,
                "rdma": True,
            },
            "seccomp": {
                "enabled": True,
                "actions": sorted(seccomp.KNOWN_ACTIONS),
                "operators": sorted(seccomp.KNOWN_OPERATORS),
                "archs": sorted(seccomp.KNOWN_ARCHITECTURES),
                "knownFlags": sorted(seccomp.KNOWN_FLAGS),
                "supportedFlags": sorted(seccomp.supported_flags()),
            },
            "apparmor": {"enabled": True},
            "selinux": {"enabled": True},
            "intelRdt": {"enabled": False, "schemata": False, "monitoring": False},
            "memoryPolicy": {
                "modes": list(scheduling.MEMORY_POLICIES),
                "flags": list(scheduling.MEMORY_POLICY_FLAGS),
            },
            "mountExtensions": {"idmap": {"enabled": True}},
            "netDevices": {"enabled": True},
        },
        "annotations": _annotations(features),
        "potentiallyUnsafeConfigAnnotations": [],
    }


def _annotations(features: Features) -> dict[str, str]:
    annotations = {"org.orlop.version": __version__}
    if features.libseccomp is not None:
        annotations["org.orlop.libseccomp.version"] = ".".join(map(str, features.libseccomp))
    return annotations
