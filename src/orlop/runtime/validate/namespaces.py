"""Namespaces, and what makes sense only in one of the container's own."""

from __future__ import annotations

from orlop.errors import InvalidArgument, SpecError, Unsupported
from orlop.kernel import idmap

TYPE_CHECKING = False
if TYPE_CHECKING:
    from orlop.kernel.idmap import IdMap
    from orlop.runtime.spec import Linux, Spec
    from orlop.runtime.validate.facts import Facts

_NAMESPACES = "config-linux.md#namespaces"
_MAPPINGS = "config-linux.md#user-namespace-mappings"
_OFFSETS = "config-linux.md#offset-for-time-namespace"

_MAX_NAME = 64  # bytes of a host or domain name (__NEW_UTS_LEN)


def is_separate(linux: Linux, kind: str, facts: Facts) -> bool:
    """Whether the container has another namespace of this type than orlop itself."""
    return linux.namespace(kind) is not None and kind not in facts.own_namespaces


def container_maps(
    linux: Linux, facts: Facts
) -> tuple[tuple[IdMap, ...], tuple[IdMap, ...]] | None:
    """Uid and gid map of the container's user namespace; None without one, or if unknown."""
    namespace = linux.namespace("user")
    if namespace is None:
        return None
    if namespace.path:
        return facts.joined_maps
    return linux.uid_mappings, linux.gid_mappings


def check_namespaces(spec: Spec, facts: Facts) -> None:
    """Each type once, and known to the kernel."""
    seen: set[str] = set()
    for index, namespace in enumerate(spec.linux.namespaces):
        if namespace.type in seen:
            raise SpecError(
                f"linux.namespaces[{index}].type",
                f"there is a second {namespace.type} namespace",
                spec_ref=_NAMESPACES,
            )
        seen.add(namespace.type)
        if namespace.type not in facts.namespaces:
            raise Unsupported(
                f"a {namespace.type} namespace", needs=f"a kernel with {namespace.type} namespaces"
            )


def check_id_maps(spec: Spec, facts: Facts) -> None:
    """Maps if and only if there is a user namespace to make, and maps that the kernel takes."""
    linux = spec.linux
    namespace = linux.namespace("user")
    maps = (("linux.uidMappings", linux.uid_mappings), ("linux.gidMappings", linux.gid_mappings))
    if namespace is None:
        for field, mappings in maps:
            if mappings:
                raise SpecError(field, "there is no user namespace to map in", spec_ref=_MAPPINGS)
        if facts.rootless:
            raise SpecError(
                "linux.namespaces",
                "a container of an unprivileged user needs a user namespace",
                spec_ref=_NAMESPACES,
            )
    elif namespace.path:
        _check_joined_maps(linux, facts)
    else:
        for field, mappings in maps:
            if not mappings:
                raise SpecError(field, "a new user namespace needs a map", spec_ref=_MAPPINGS)
            check_map(field, mappings)


def check_map(field: str, mappings: tuple[IdMap, ...]) -> None:
    """A map that the kernel takes."""
    try:
        idmap.check(mappings, "map")
    except InvalidArgument as bad:
        raise SpecError(field, bad.message, spec_ref=_MAPPINGS) from None


def _check_joined_maps(linux: Linux, facts: Facts) -> None:
    """The maps of a joined namespace are what they are; containerd and CRI-O repeat them."""
    if facts.joined_maps is None:
        return
    for field, stated, actual in zip(
        ("linux.uidMappings", "linux.gidMappings"),
        (linux.uid_mappings, linux.gid_mappings),
        facts.joined_maps,
        strict=True,
    ):
        if stated and set(stated) != set(actual):
            raise SpecError(
                field, "the user namespace that is joined has another map", spec_ref=_MAPPINGS
            )


def redundant_maps(spec: Spec, _facts: Facts) -> tuple[str, ...]:
    """Maps beside the path of a user namespace."""
    namespace = spec.linux.namespace("user")
    if namespace and namespace.path and (spec.linux.uid_mappings or spec.linux.gid_mappings):
        return ("linux.uidMappings and linux.gidMappings: ignored, since the namespace is joined",)
    return ()


def check_time_offsets(spec: Spec, _facts: Facts) -> None:
    """Offsets only for a time namespace that is made."""
    linux = spec.linux
    if not linux.time_offsets:
        return
    namespace = linux.namespace("time")
    if namespace is None:
        reason = "there is no time namespace to set them in"
    elif namespace.path:
        reason = "the offsets of a time namespace that is joined cannot be set"
    else:
        return
    raise SpecError("linux.timeOffsets", reason, spec_ref=_OFFSETS)


def check_names(spec: Spec, _facts: Facts) -> None:
    """Host and domain name need a UTS namespace, and fit into the kernel's."""
    for field, name in (("hostname", spec.hostname), ("domainname", spec.domainname)):
        if name is None:
            continue
        ref = f"config.md#{field}"
        if spec.linux.namespace("uts") is None:
            raise SpecError(field, "cannot be set without a uts namespace", spec_ref=ref)
        if len(name.encode()) > _MAX_NAME:
            raise SpecError(field, f"must not be longer than {_MAX_NAME} bytes", spec_ref=ref)
