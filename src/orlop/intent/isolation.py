"""Namespaces, and what belongs to them: names and sysctls."""

from __future__ import annotations

from orlop.errors import InvalidArgument, Unsupported
from orlop.intent import docker_defaults as defaults
from orlop.intent.docker_defaults import DEFAULT, OURS
from orlop.intent.request import (
    AtPath,
    Host,
    Network,
    NoNetwork,
    NoSharedMemory,
    OfContainer,
    Private,
    Shareable,
)
from orlop.kernel.namespaces import BY_NAME
from orlop.runtime.spec import Namespace
from orlop.runtime.validate.sysctls import namespace_of, path_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from orlop.intent.draft import Draft
    from orlop.intent.request import NetworkMode

# OCI type, the request's field
_FIELDS = (
    ("pid", "pid"),
    ("network", "networks"),
    ("ipc", "ipc"),
    ("uts", "uts"),
    ("cgroup", "cgroup"),
    ("user", "user"),
)
_SHORT_ID = 12


def namespaces_of(draft: Draft) -> tuple[Namespace, ...]:
    """The namespaces that are made or joined, each with its cause."""
    found = [(Namespace("mount"), DEFAULT)]
    for kind, field in _FIELDS:
        namespace = _namespace(kind, mode_of(draft, kind), draft)
        if namespace is not None:
            found.append((namespace, _cause(draft, kind, field)))
    left_out = {kind for kind, _ in _FIELDS} - {namespace.type for namespace, _ in found}
    shared = [_cause(draft, kind, field) for kind, field in _FIELDS if kind in left_out - {"user"}]
    draft.note("linux.namespaces", *shared)
    for index, (_, cause) in enumerate(found):
        draft.note(f"linux.namespaces[{index}]", cause)
    return tuple(namespace for namespace, _ in found)


def mode_of(draft: Draft, kind: str) -> object:
    """What is asked of a kind of namespace; networks, which an engine makes, are none."""
    wanted = draft.request.namespaces
    match kind:
        case "network":
            return network_of(draft)
        case "cgroup":
            return wanted.cgroup or Private()
        case _:
            return getattr(wanted, kind)


def network_of(draft: Draft) -> NetworkMode:
    """What stands in for the networks that are asked for."""
    first, *_ = draft.request.namespaces.networks
    if not isinstance(first, Network):
        return first
    return NoNetwork()


def check_network(draft: Draft) -> None:
    """What is asked of the network fits to it; what is left to an engine is said."""
    request = draft.request
    asked = [draft.written(f"ports[{n}]") for n, port in enumerate(request.ports) if port.published]
    asked += [draft.written("publish_all")] if request.publish_all else []
    match request.namespaces.networks[0]:
        case Network():
            draft.warn("networks are made by the engine; here the container has its loopback only")
            for what in dict.fromkeys((*asked, *draft.all_written("links"))):
                draft.warn(f"{what} has no effect here, without the engine's networks")
        case Host() | NoNetwork() as mode:
            name = "host's" if isinstance(mode, Host) else "loopback"
            for what in dict.fromkeys(asked):
                draft.warn(f"{what} has no effect: the container has the {name} network")
        case mode:
            _check_anothers(draft, mode, asked)


_NAMES = ("extra_hosts", "dns", "dns_search", "dns_options", "links")


def _check_anothers(draft: Draft, mode: NetworkMode, published: Sequence[str]) -> None:
    """Nothing is asked of a network that is another's to decide."""
    for what in published:
        raise InvalidArgument(f"{what} cannot be had with another's network namespace")
    for field in _NAMES if isinstance(mode, OfContainer) else ():
        for what in draft.all_written(field):
            raise InvalidArgument(f"{what} cannot be had with another container's network")


def _namespace(kind: str, mode: object, draft: Draft) -> Namespace | None:
    match mode:
        case Host():
            return None
        case Private() | Shareable() | NoSharedMemory() | NoNetwork():
            return Namespace(kind)
        case AtPath(path):
            return Namespace(kind, path)
        case OfContainer(ref):
            raise Unsupported(
                f"the {kind} namespace of container {ref!r}",
                needs="the engine, which knows containers by name",
                hint=f"path:/proc/PID/ns/{BY_NAME[kind].file} joins that of any process",
            )
        case _:
            raise InvalidArgument(f"{mode} is no mode of a {kind} namespace")


def _cause(draft: Draft, kind: str, field: str) -> str:
    asked = getattr(draft.request.namespaces, field)
    if kind == "network":
        nobodys = asked[0] == Network()
        return DEFAULT if nobodys else draft.written("namespaces.networks[0]")
    if f"namespaces.{field}" in draft.request.written or isinstance(asked, (AtPath, Host)):
        return draft.written(f"namespaces.{field}")
    return OURS if kind == "cgroup" and not draft.host.cgroup_v2 else DEFAULT


def is_private(draft: Draft, kind: str) -> bool:
    """Whether the container gets a new namespace of this kind."""
    return not isinstance(mode_of(draft, kind), (Host, AtPath, OfContainer))


# --- names ------------------------------------------------------------------------------------


def hostname_of(draft: Draft) -> str | None:
    """The name to set, None where there is no UTS namespace to set it in."""
    if not is_private(draft, "uts"):
        if draft.request.hostname:
            raise InvalidArgument(
                f"{draft.written('hostname')} needs a UTS namespace of the container's own",
                hint=f"leave out {draft.written('namespaces.uts')}",
            )
        return None
    asked = draft.request.hostname
    draft.note("hostname", *((draft.written("hostname"),) if asked else ()))
    return hostname_in(draft)


def hostname_in(draft: Draft) -> str:
    """The host name that programs in the container see."""
    if draft.request.hostname:
        return draft.request.hostname
    if any(isinstance(mode_of(draft, kind), Host) for kind in ("uts", "network")):
        return draft.host.node
    return draft.container[:_SHORT_ID]


# --- sysctls ----------------------------------------------------------------------------------


def sysctls_of(draft: Draft) -> Mapping[str, str]:
    """Docker's for a new network namespace, and those that were asked."""
    found: dict[str, str] = {}
    draft.note("linux.sysctl")
    if is_private(draft, "network"):
        found.update(defaults.SYSCTLS)
    for index, (name, value) in enumerate(draft.request.sysctls):
        cause = draft.written(f"sysctls[{index}]")
        _check_sysctl(draft, name, cause)
        found[name] = value
        draft.note(f"linux.sysctl[{name!r}]", cause)
    return found


def _check_sysctl(draft: Draft, name: str, cause: str) -> None:
    kind = namespace_of(path_of(name))
    if kind is None:
        raise InvalidArgument(f"{cause}: this is a setting of the whole host")
    if isinstance(mode_of(draft, kind), Host):
        raise InvalidArgument(
            f"{cause} would change the host, whose {kind} namespace the container has",
            hint=f"leave out {_cause(draft, kind, dict(_FIELDS)[kind])}",
        )
