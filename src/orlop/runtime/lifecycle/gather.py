"""Everything that the planner has to know, gathered from the host for one call."""

from __future__ import annotations

import os

from orlop.errors import SpecError
from orlop.kernel import capabilities
from orlop.kernel.cgroup import creation
from orlop.kernel.features import read_features
from orlop.records import Record
from orlop.runtime.planner.situation import Handed, Situation

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from orlop.kernel.features import Features
    from orlop.kernel.seccomp import Filter
    from orlop.runtime.spec import Spec


class Choices(Record):
    """What a caller of create or run can choose besides the configuration.

    Attributes:
        bundle: host directory with config.json.
        console_socket: path of a unix socket that gets the terminal's master.
        pidfd_socket: path of a unix socket that gets a pidfd of the container.
        pid_file: host file that gets the container's PID.
        preserve_fds: how many descriptors from 3 on the container's program gets.
        no_pivot: move the root instead of pivoting it.
        no_new_keyring: stay with the caller's session keyring.
        listen_fds: how many of the preserved ones come from a service manager (sd_listen_fds(3)).
    """

    bundle: str
    console_socket: str = ""
    pidfd_socket: str = ""
    pid_file: str = ""
    preserve_fds: int = 0
    no_pivot: bool = False
    no_new_keyring: bool = False
    listen_fds: int = 0


def root_of(spec: Spec, bundle: str) -> str:
    """The absolute host path of the root file system.

    Raises:
        SpecError: the configuration names none, or it is not a directory.
    """
    if spec.root is None:
        raise SpecError("root", "it is missing", spec_ref="config.md#root")
    path = os.path.realpath(os.path.join(bundle, spec.root.path))
    if not os.path.isdir(path):
        raise SpecError("root.path", f"{path} is not a directory", spec_ref="config.md#root")
    return path


def gather(
    spec: Spec, container: str, bundle: str, choices: Choices, handed: Handed, flags: int
) -> Situation:
    """The facts of a container's start. Reads the host, changes nothing.

    Raises:
        SpecError, Unsupported: what is asked for cannot be had here.
    """
    features = read_features()
    privileged = features.is_privileged
    path = creation.plan_path(spec.linux.cgroups_path, container, features.cgroup)
    made = creation.create(features.cgroup, path, spec.linux.resources) if privileged else None
    return Situation(
        id=container,
        bundle=bundle,
        root=root_of(spec, bundle),
        layout=features.cgroup,
        cgroup=made,
        handed=handed,
        seccomp=compiled_seccomp(spec),
        capabilities=features.capabilities.bounding,
        privileged=privileged,
        no_pivot=choices.no_pivot,
        new_keyring=not choices.no_new_keyring,
        net_addresses=_net_addresses(spec),
        id_map_helpers=_needs_id_map_helpers(spec, features),
        flags=flags,
    )


def compiled_seccomp(spec: Spec) -> Filter | None:
    """The configuration's filter as the kernel takes it."""
    if spec.linux.seccomp is None:
        return None
    from orlop.kernel import seccomp

    return seccomp.compile(spec.linux.seccomp)


def _net_addresses(spec: Spec) -> Mapping[str, bytes] | None:
    if not spec.linux.net_devices:
        return None
    from orlop.kernel.netlink import global_addresses

    return {name: global_addresses(name) for name in spec.linux.net_devices}


def _needs_id_map_helpers(spec: Spec, features: Features) -> bool:
    """user_namespaces(7): without rights, only one's own id can be mapped, and only alone."""
    maps = (*spec.linux.uid_mappings, *spec.linux.gid_mappings)
    if features.is_privileged or not maps:
        return False
    own = (os.geteuid(), os.getegid())
    return any(m.size != 1 or m.host_id not in own for m in maps)


def unknown_capabilities(spec: Spec, available: int) -> tuple[str, ...]:
    """Names of asked capabilities that cannot be granted here, for a warning."""
    process = spec.process
    if process is None or process.capabilities is None:
        return ()
    sets = process.capabilities
    names = (*sets.bounding, *sets.effective, *sets.permitted, *sets.inheritable, *sets.ambient)
    return capabilities.grantable(names, available)[1]


