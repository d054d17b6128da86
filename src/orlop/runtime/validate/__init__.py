"""Everything that is wrong with a configuration and can be known before anything is made.

Pure: configuration and facts go in, an error or warnings come out; nothing is opened. The rules are
the specification's, and where that is silent, the kernel's and runc's.

One module a topic. Every check takes (spec, facts), returns nothing, and raises `SpecError` (field
and section of the specification) or `Unsupported` (what the host would need).
"""

from __future__ import annotations

from orlop.runtime.validate.facts import Facts
from orlop.runtime.validate.files import (
    check_devices,
    check_hidden_paths,
    check_mounts,
    check_propagation,
    check_root,
    relative_destinations,
)
from orlop.runtime.validate.host import (
    check_intel_rdt,
    check_memory_policy,
    check_mount_label,
    check_net_devices,
    check_personality,
)
from orlop.runtime.validate.namespaces import (
    check_id_maps,
    check_names,
    check_namespaces,
    check_time_offsets,
    redundant_maps,
)
from orlop.runtime.validate.process import check_process, left_out_capabilities
from orlop.runtime.validate.resources import check_cgroups_path, check_resources
from orlop.runtime.validate.seccomp import check_seccomp
from orlop.runtime.validate.sysctls import check_sysctls
from orlop.runtime.validate.version import check_version

TYPE_CHECKING = False
if TYPE_CHECKING:
    from orlop.kernel.cgroup.resources import Resources
    from orlop.runtime.spec import Process, Spec

__all__ = ["Facts", "validate", "validate_process", "validate_resources"]

_CHECKS = (
    check_version,
    check_root,
    check_namespaces,
    check_id_maps,
    check_time_offsets,
    check_names,
    check_mounts,
    check_hidden_paths,
    check_propagation,
    check_devices,
    check_net_devices,
    check_sysctls,
    check_cgroups_path,
    check_seccomp,
    check_mount_label,
    check_personality,
    check_memory_policy,
    check_intel_rdt,
)
_WARNINGS = (relative_destinations, redundant_maps)


def validate(spec: Spec, facts: Facts) -> tuple[str, ...]:
    """Warnings about a configuration that has no mistakes.

    A configuration without a process is none: it can be created, but not started.

    Raises:
        SpecError: the first mistake, with field and section.
        Unsupported: the configuration asks for what this host does not have.
    """
    for check in _CHECKS:
        check(spec, facts)
    warnings = [text for collect in _WARNINGS for text in collect(spec, facts)]
    if spec.linux.resources is not None:
        check_resources(spec.linux.resources, facts)
    if spec.process is not None:
        warnings += validate_process(spec.process, spec, facts)
    return tuple(warnings)


def validate_process(process: Process, spec: Spec, facts: Facts) -> tuple[str, ...]:
    """The same for a process that is to run in the container of `spec` (exec).

    Raises:
        SpecError: the first mistake.
        Unsupported: it asks for what this host does not have.
    """
    check_process(process, spec, facts)
    return left_out_capabilities(process, facts)


def validate_resources(resources: Resources, facts: Facts) -> tuple[str, ...]:
    """The same for the resources of an update.

    containerd gives a container's whole resources, so its device list comes along.

    Raises:
        SpecError: the first mistake.
        Unsupported: they ask for what this host does not have.
    """
    check_resources(resources, facts)
    if resources.devices:
        return ("linux.resources.devices: ignored, since only a start sets the device list",)
    return ()
