"""Everything that the planner has to know, gathered from the host for one call."""

from __future__ import annotations

import os

from orlop.errors import SpecError, SyscallError
from orlop.kernel import idmap
from orlop.kernel.cgroup import creation
from orlop.kernel.cgroup.detect import V2
from orlop.kernel.cgroup.facts import HostFacts
from orlop.kernel.features import read_features
from orlop.kernel.namespaces import BY_NAME, same
from orlop.records import Record
from orlop.runtime.device_rules import with_device_rules
from orlop.runtime.planner.situation import Handed, Situation
from orlop.runtime.validate import Facts

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from orlop.kernel.features import Features
    from orlop.kernel.idmap import IdMap
    from orlop.kernel.seccomp import Filter, Profile
    from orlop.runtime.layers import Layers
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


def root_of(spec: Spec, bundle: str, *, covered: bool = False) -> str:
    """The absolute host path of the root file system; one that will be covered may be missing.

    Raises:
        SpecError: the configuration names none, or it is not a directory.
    """
    if spec.root is None:
        raise SpecError("root", "it is missing", spec_ref="config.md#root")
    path = os.path.realpath(os.path.join(bundle, spec.root.path))
    if not covered and not os.path.isdir(path):
        raise SpecError("root.path", f"{path} is not a directory", spec_ref="config.md#root")
    return path


def gather(
    spec: Spec,
    container: str,
    bundle: str,
    choices: Choices,
    handed: Handed,
    flags: int,
    seccomp: Filter | None = None,
    features: Features | None = None,
    layers: Layers | None = None,
    *,
    foreseen: bool = False,
) -> Situation:
    """The facts of a container's start. Reads the host, changes nothing.

    (Where there is no cgroup yet, one is made for a moment, unless the start is only `foreseen`.)

    `seccomp` is what `compiled_seccomp` gives; `features` are the host's and this process's unless
    others are given, as those of who would do it; `layers` are mounted over the root.

    Raises:
        SpecError, Unsupported: what is asked for cannot be had here.
    """
    features = features or read_features()
    privileged = features.is_privileged
    path = creation.plan_path(spec.linux.cgroups_path, container, features.cgroup)
    resources = with_device_rules(spec.linux.resources)
    cgroup_facts = HostFacts(probe=not foreseen)
    made = creation.create(features.cgroup, path, resources, cgroup_facts) if privileged else None
    return Situation(
        id=container,
        bundle=bundle,
        root=root_of(spec, bundle, covered=layers is not None),
        layout=features.cgroup,
        layers=layers,
        cgroup=made,
        handed=handed,
        seccomp=seccomp,
        capabilities=features.capabilities.bounding,
        privileged=privileged,
        no_pivot=choices.no_pivot,
        new_keyring=not choices.no_new_keyring,
        net_addresses=_net_addresses(spec),
        joined_maps=_joined(spec)[1] or ((), ()),
        id_map_helpers=_needs_id_map_helpers(spec, features),
        flags=flags,
    )


def compiled_seccomp(spec: Spec, cache: str | None) -> Filter | None:
    """The configuration's filter as the kernel takes it; `cache` is a directory for filters.

    Raises:
        InvalidArgument, Unsupported: as `orlop.kernel.seccomp.compile`.
    """
    profile = spec.linux.seccomp
    if profile is None:
        return None
    found = _filters.get(profile)
    if found is None:
        from orlop.kernel import seccomp

        if len(_filters) >= _MOST_FILTERS:
            _filters.clear()
        found = _filters[profile] = seccomp.compile(profile, cache)
    return found


_MOST_FILTERS = 16
_filters: dict[Profile, Filter] = {}  # of this process, which may start many containers


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


def validation_facts(
    spec: Spec, *, no_pivot: bool = False, features: Features | None = None
) -> Facts:
    """What `orlop.runtime.validate` has to know for this call; `features` as in `gather`."""
    features = features or read_features()
    own, maps = _joined(spec)
    return Facts(
        rootless=features.uid != 0,
        kernel=features.kernel,
        namespaces=frozenset(features.namespaces),
        own_namespaces=own,
        joined_maps=maps,
        capabilities=features.capabilities.bounding,
        hard_limits=_hard_limits(spec, features),
        unified_cgroups=features.cgroup.mode == V2,
        apparmor=features.apparmor,
        selinux=features.selinux,
        resctrl=False,  # nothing applies linux.intelRdt yet, so it has to be refused
        no_pivot=no_pivot,
    )


def _hard_limits(spec: Spec, features: Features) -> Mapping[str, int]:
    return features.hard_limits if spec.process is not None and spec.process.rlimits else {}


def _joined(
    spec: Spec,
) -> tuple[frozenset[str], tuple[tuple[IdMap, ...], tuple[IdMap, ...]] | None]:
    """Which of the joined namespaces are this process's own, and the maps of a joined user one."""
    own = set()
    maps = None
    for namespace in spec.linux.namespaces:
        if not namespace.path:
            continue
        kind = BY_NAME[namespace.type]
        try:
            if same(namespace.path, f"/proc/self/ns/{kind.file}"):
                own.add(namespace.type)
        except SyscallError as error:
            raise SpecError(
                "linux.namespaces",
                f"cannot join {namespace.path}: {os.strerror(error.errno)}",
                spec_ref="config-linux.md#namespaces",
            ) from error
        if namespace.type == "user":
            maps = _maps_of(namespace.path)
    return frozenset(own), maps


def _maps_of(path: str) -> tuple[tuple[IdMap, ...], tuple[IdMap, ...]] | None:
    """The id maps of a user namespace given as /proc/PID/ns/user; None of one that was pinned."""
    if not path.startswith("/proc/") or not path.endswith("/ns/user"):
        return None
    directory = path.removesuffix("/ns/user")
    try:
        with open(f"{directory}/uid_map") as uids, open(f"{directory}/gid_map") as gids:
            return idmap.parse(uids.read()), idmap.parse(gids.read())
    except OSError:
        return None
