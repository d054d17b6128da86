"""What depends on something that not every host has, and network devices."""

from __future__ import annotations

from orlop.errors import SpecError, Unsupported
from orlop.runtime.validate.namespaces import is_separate

TYPE_CHECKING = False
if TYPE_CHECKING:
    from orlop.runtime.spec import Spec
    from orlop.runtime.validate.facts import Facts

_NET_DEVICES = "config-linux.md#network-devices"
_MEMORY_POLICY = "config-linux.md#memory-policy"
_INTEL_RDT = "config-linux.md#intelrdt"

_MAX_INTERFACE = 15  # bytes (IFNAMSIZ less the final NUL)


def is_interface_name(name: str) -> bool:
    """Whether the kernel takes this as a network device's name.

    See: dev_valid_name in net/core/dev.c.
    """
    return (
        0 < len(name.encode()) <= _MAX_INTERFACE
        and name not in (".", "..")
        and not any(char in "/:" or char.isspace() for char in name)
    )


def check_net_devices(spec: Spec, facts: Facts) -> None:
    """Names that devices can have, each once, and a network namespace to move them to."""
    devices = spec.linux.net_devices
    if not devices:
        return
    if not is_separate(spec.linux, "network", facts):
        reason = "cannot be moved without a network namespace"
        raise SpecError("linux.netDevices", reason, spec_ref=_NET_DEVICES)
    if facts.rootless:
        reason = "an unprivileged user cannot move devices of the host"
        raise SpecError("linux.netDevices", reason, spec_ref=_NET_DEVICES)
    targets: set[str] = set()
    for name, device in devices.items():
        field = f"linux.netDevices[{name!r}]"
        if not is_interface_name(name) or "%" in name:
            reason = f"{name!r:.80} cannot be a network device's name"
            raise SpecError(field, reason, spec_ref=_NET_DEVICES)
        target = device.name or name
        # "%d" asks the kernel for the first free number; it takes no other use of a percent sign.
        plain = target.replace("%d", "", 1)
        if not is_interface_name(target) or "%" in plain:
            reason = f"{target!r:.80} cannot be a network device's name"
            raise SpecError(f"{field}.name", reason, spec_ref=_NET_DEVICES)
        if target == plain and target in targets:
            reason = f"there is a second device with the name {target}"
            raise SpecError(f"{field}.name", reason, spec_ref=_NET_DEVICES)
        targets.add(target)


def check_mount_label(spec: Spec, facts: Facts) -> None:
    """A label for mounts needs SELinux."""
    label = spec.linux.mount_label
    if label is None:
        return
    if '"' in label or not label.isprintable():
        reason = "has a character that no SELinux label has"
        raise SpecError("linux.mountLabel", reason, spec_ref="config-linux.md#mount-label")
    if not facts.selinux:
        raise Unsupported("linux.mountLabel", needs="SELinux")


def check_personality(spec: Spec, _facts: Facts) -> None:
    """The specification has no flags so far."""
    personality = spec.linux.personality
    if personality is not None and personality.flags:
        raise SpecError(
            "linux.personality.flags",
            "there are none so far",
            spec_ref="config-linux.md#personality",
        )


def check_memory_policy(spec: Spec, facts: Facts) -> None:
    """Nodes and flags that the mode can have.

    See: set_mempolicy(2); mpol_new and sanitize_mpol_flags in mm/mempolicy.c.
    """
    policy = spec.linux.memory_policy
    if policy is None:
        return
    flags = set(policy.flags)
    fixed = flags & {"MPOL_F_STATIC_NODES", "MPOL_F_RELATIVE_NODES"}
    if policy.mode in ("MPOL_DEFAULT", "MPOL_LOCAL"):
        if policy.nodes:
            _refuse_memory_policy("nodes", f"{policy.mode} has no nodes")
        if fixed:
            _refuse_memory_policy("flags", f"{policy.mode} has no nodes to which they apply")
    elif not policy.nodes and (policy.mode != "MPOL_PREFERRED" or fixed):
        _refuse_memory_policy("nodes", f"{policy.mode} needs at least one node")
    if len(fixed) > 1:
        _refuse_memory_policy("flags", "nodes cannot be both static and relative")
    if "MPOL_F_NUMA_BALANCING" in flags and policy.mode not in ("MPOL_BIND", "MPOL_PREFERRED_MANY"):
        _refuse_memory_policy("flags", "MPOL_F_NUMA_BALANCING is for MPOL_BIND")
    if policy.mode == "MPOL_WEIGHTED_INTERLEAVE" and facts.kernel < (6, 9):
        raise Unsupported("MPOL_WEIGHTED_INTERLEAVE", needs="Linux 6.9")


def _refuse_memory_policy(name: str, reason: str) -> None:
    raise SpecError(f"linux.memoryPolicy.{name}", reason, spec_ref=_MEMORY_POLICY)


def check_intel_rdt(spec: Spec, facts: Facts) -> None:
    """Intel RDT needs its file system; names and lines stay inside what they are written to."""
    rdt = spec.linux.intel_rdt
    if rdt is None:
        return
    if not facts.resctrl:
        raise Unsupported("linux.intelRdt", needs="a mounted resctrl file system")
    clos = rdt.clos_id
    if clos is not None and (clos in (".", "..") or (clos != "/" and "/" in clos)):
        raise SpecError("linux.intelRdt.closID", "must be a file name or /", spec_ref=_INTEL_RDT)
    for index, line in enumerate(rdt.schemata):
        if "\n" in line:
            field = f"linux.intelRdt.schemata[{index}]"
            raise SpecError(field, "must not contain a newline", spec_ref=_INTEL_RDT)
    for name, prefix, schema in (
        ("l3CacheSchema", "L3", rdt.l3_cache_schema),
        ("memBwSchema", "MB:", rdt.mem_bw_schema),
    ):
        if schema is not None and (not schema.startswith(prefix) or "\n" in schema):
            reason = f"must begin with {prefix} and have no newline"
            raise SpecError(f"linux.intelRdt.{name}", reason, spec_ref=_INTEL_RDT)
