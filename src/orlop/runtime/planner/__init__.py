"""From configuration and facts to a plan: a pure function; it opens nothing and changes nothing.

The order of a start:

1. launcher: what becomes of the streams, control groups and their limits, clones of host
   directories, namespaces to join;
2. the clone, id maps, what only the host may set;
3. container: into the cgroup, the other namespaces, network, the file system view;
4. hooks, entering the root, what is hidden in it;
5. privileges, in the order that the kernel allows, and the program.
"""

from __future__ import annotations

from orlop.launch.plan import (
    STAY,
    ConfigureNetDevice,
    MoveNetDevice,
    Plan,
    SendPidfd,
    SetDomainname,
    SetHostname,
    WriteSysctl,
)
from orlop.runtime.planner.builder import Builder
from orlop.runtime.planner.cgroups import plan_cgroup, plan_enter_cgroup, plan_joined_cgroup
from orlop.runtime.planner.devices import (
    plan_console,
    plan_device_sources,
    plan_devices,
    plan_exec_console,
    plan_use_terminal,
)
from orlop.runtime.planner.hooks import plan_hooks
from orlop.runtime.planner.namespaces import (
    new_types,
    plan_cgroup_namespace,
    plan_enter,
    plan_join,
    plan_namespaces,
)
from orlop.runtime.planner.process import (
    plan_affinity,
    plan_execution,
    plan_from_outside,
    plan_identity,
    plan_memory_policy,
    plan_rlimits,
    plan_scheduling,
    plan_working_directory,
    process_of,
)
from orlop.runtime.planner.rootfs import (
    plan_enter_root,
    plan_hiding,
    plan_rootfs,
    plan_sources,
)
from orlop.runtime.planner.supervision import plan_supervision
from orlop.runtime.spec import CpuAffinity, Hooks
from orlop.runtime.validate.sysctls import path_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from orlop.runtime.planner.situation import Joining, Situation
    from orlop.runtime.spec import Process, Spec


def plan_container(spec: Spec, situation: Situation) -> Plan:
    """The plan of a container's start.

    `spec` has passed `orlop.runtime.validate`.
    """
    process = process_of(spec)
    b = Builder(len(situation.handed.fds()))
    plan_supervision(b, situation)
    cgroup = plan_cgroup(b, situation.cgroup, remove=bool(situation.flags & STAY))
    prepared = plan_sources(b, spec, situation)
    nodes = plan_device_sources(b, spec, prepared.sources) if situation.privileged else None
    plan_namespaces(b, spec, situation, cgroup.born_in)
    plan_from_outside(b, process)
    if situation.handed.pidfd_socket is not None:
        b.launcher(SendPidfd(situation.handed.slot("pidfd_socket")), "--pidfd-socket")
    for name, device in spec.linux.net_devices.items():
        b.launcher(MoveNetDevice(name, device.name or name), "OCI linux.netDevices")
    plan_enter_cgroup(b, cgroup)
    plan_cgroup_namespace(b, spec)
    _plan_system(b, spec, situation)
    plan_rootfs(b, spec, situation, prepared)
    if nodes is None:
        nodes = plan_device_sources(b, spec, prepared.sources)
    plan_devices(b, spec, nodes)
    terminal = plan_console(b, spec, process, situation)
    plan_hooks(b, spec, situation, "prestart", "create_runtime", "create_container")
    plan_enter_root(b, spec, situation, prepared)
    plan_hiding(b, spec, prepared)
    plan_working_directory(b, process)
    plan_use_terminal(b, terminal)
    in_user_namespace = any(namespace.type == "user" for namespace in spec.linux.namespaces)
    plan_rlimits(b, process, user_namespace=in_user_namespace)
    plan_scheduling(b, process)
    plan_memory_policy(b, spec)
    plan_identity(b, spec, situation, process)
    plan_execution(b, spec, situation, process)
    return b.build(situation.flags)


def plan_exec(spec: Spec, process: Process, situation: Situation, joining: Joining) -> Plan:
    """The plan of a further process in a container that runs."""
    b = Builder(len(situation.handed.fds()))
    target = situation.handed.slot("target")
    plan_supervision(b, situation)
    cgroup = plan_joined_cgroup(b, joining.cgroup)
    affinity = process.exec_cpu_affinity or CpuAffinity()
    plan_join(b, target, joining.types, cgroup.born_in)
    plan_from_outside(b, process)
    if situation.handed.pidfd_socket is not None:
        b.launcher(SendPidfd(situation.handed.slot("pidfd_socket")), "--pidfd-socket")
    plan_affinity(b, affinity.initial, "initial")
    plan_enter_cgroup(b, cgroup)
    plan_affinity(b, affinity.final, "final")
    plan_enter(b, situation, target, joining.types)
    terminal = plan_exec_console(b, process, situation)
    plan_use_terminal(b, terminal)
    plan_rlimits(b, process, user_namespace="user" in joining.types)
    plan_scheduling(b, process)
    plan_identity(b, spec, situation, process)
    plan_execution(b, spec.replace(hooks=Hooks()), situation, process)
    return b.build(situation.flags)


def _plan_system(b: Builder, spec: Spec, situation: Situation) -> None:
    """Names, network devices and sysctls of the container's namespaces."""
    if spec.hostname:
        b.container(SetHostname(spec.hostname), "OCI hostname")
    if spec.domainname:
        b.container(SetDomainname(spec.domainname), "OCI domainname")
    if "network" in new_types(spec.linux):
        b.container(ConfigureNetDevice("lo"), "a new network namespace has its loopback down")
    addresses = situation.net_addresses or {}
    for name, device in spec.linux.net_devices.items():
        op = ConfigureNetDevice(device.name or name, addresses.get(name, b""))
        b.container(op, "OCI linux.netDevices")
    for key, value in spec.linux.sysctl.items():
        b.container(WriteSysctl(path_of(key), value), f"OCI linux.sysctl[{key!r}]")
