"""The container's files: what its root is made of, mounts, and what is hidden of /proc and /sys."""

from __future__ import annotations

from orlop.errors import InvalidArgument, NotFound, Unsupported
from orlop.intent import docker_defaults as defaults
from orlop.intent import host_image
from orlop.intent.docker_defaults import DEFAULT
from orlop.intent.etc_files import etc_files
from orlop.intent.preparation import MakeDirectory, MakeHostImage
from orlop.intent.request import (
    Bind,
    Copied,
    Directory,
    Filesystem,
    Host,
    HostImage,
    InMemory,
    Named,
    NoSharedMemory,
    Tmpfs,
    Unpacked,
    Volume,
)
from orlop.runtime.layers import Layers, Overlay
from orlop.runtime.spec import Mount

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from orlop.intent import request
    from orlop.intent.draft import Draft


def layers_of(draft: Draft) -> Layers | None:
    """The root file system as overlays of the image and what is written; None for a copy."""
    request = draft.request
    if request.handling.storage_options:
        raise Unsupported(
            draft.written("handling.storage_options[0]"),
            needs="a storage driver with options, which orlop does not have",
            hint="--read-only with --tmpfs PATH:size=SIZE limits what is written",
        )
    if isinstance(request.image, Copied):
        if isinstance(request.writable, InMemory):
            raise Unsupported(draft.written("writable"), needs="overlays, which this host lacks")
        return None
    memory = request.writable.size_bytes if isinstance(request.writable, InMemory) else None
    overlays: tuple[Overlay, ...]
    match request.image:
        case HostImage():
            facts = draft.host.lookup.host_image()
            own = f"{draft.data_root}/host/{facts.name}"
            draft.preparations.append(MakeHostImage(facts, own))
            overlays = host_image.overlays(facts, own)
        case Directory(path):
            overlays = (Overlay("/", (path,), "root"),)
        case Unpacked(lowers):
            overlays = (Overlay("/", lowers, "root"),)
        case Named(ref):
            raise Unsupported(
                f"the image {ref!r}",
                needs="the engine, which has images",
                hint="the image `host`, or a directory as /path or ./path",
            )
    scratch = f"{draft.directory}/layers"
    draft.preparations.append(MakeDirectory(scratch, 0o700))
    return Layers(overlays, scratch, memory)


# --- mounts -----------------------------------------------------------------------------------


def mounts_of(draft: Draft) -> tuple[Mount, ...]:
    """Those of every container and those that were asked, what is above before what is below."""
    found = dict(_usual(draft))
    if draft.request.own_etc:
        found |= etc_files(draft)
    own = dict(found)
    for index, asked in enumerate(draft.request.mounts):
        cause = draft.written(f"mounts[{index}]")
        if asked.target in found and asked.target not in own:
            raise InvalidArgument(f"{cause}: there is a second mount at {asked.target}")
        found[asked.target] = (_mount(draft, asked, cause), cause)
        own.pop(asked.target, None)
    if draft.request.volumes_from:
        raise Unsupported(
            draft.written("volumes_from[0]"),
            needs="the engine, which knows the volumes of containers",
            hint="-v with the same paths",
        )
    ordered = sorted(found.values(), key=lambda entry: entry[0].destination.count("/"))
    for index, (_, cause) in enumerate(ordered):
        draft.note(f"mounts[{index}]", cause)
    return tuple(mount for mount, _ in ordered)


def _usual(draft: Draft) -> Iterator[tuple[str, tuple[Mount, str]]]:
    """The mounts of every container as the request changes them, each with its cause."""
    for target, mount in defaults.MOUNTS_BY_TARGET.items():
        change = _CHANGES.get(target)
        changed, cause = change(draft, mount) if change else (mount, DEFAULT)
        if changed is not None:
            yield target, (changed, cause)


def _shm(draft: Draft, mount: Mount) -> tuple[Mount | None, str]:
    match draft.request.namespaces.ipc:
        case NoSharedMemory():
            return None, ""
        case Host():
            return _of_host(mount), draft.written("namespaces.ipc")
    size = draft.request.shm_bytes or defaults.SHM_BYTES
    options = (option for option in mount.options if not option.startswith("size="))
    cause = draft.written("shm_bytes") if draft.request.shm_bytes else DEFAULT
    return mount.replace(options=(*options, f"size={size}")), cause


def _of_host(mount: Mount) -> Mount:
    """The host's own, of a namespace that the container shares with it."""
    return Mount(mount.destination, "bind", mount.destination, ("rbind", "rprivate"))


def _sys(draft: Draft, mount: Mount) -> tuple[Mount, str]:
    if draft.request.privileges.privileged:
        return _writable(mount), draft.written("privileges.privileged")
    return mount, DEFAULT


def _cgroup(draft: Draft, mount: Mount) -> tuple[Mount, str]:
    if draft.request.privileges.writable_cgroups:
        return _writable(mount), draft.written("privileges.writable_cgroups")
    return _sys(draft, mount)


def _writable(mount: Mount) -> Mount:
    return mount.replace(options=tuple(option for option in mount.options if option != "ro"))


_CHANGES: Mapping[str, Callable[[Draft, Mount], tuple[Mount | None, str]]] = {
    defaults.SHM: _shm,
    defaults.SYS: _sys,
    defaults.CGROUP: _cgroup,
}


def _mount(draft: Draft, asked: request.Mount, cause: str) -> Mount:
    match asked:
        case Bind():
            return _bind(draft, asked, cause)
        case Tmpfs():
            return _tmpfs(asked)
        case Filesystem(type_, source, target, options):
            return Mount(target, type_, source, options)
        case Volume(name):
            raise Unsupported(
                f"{cause}: {'a volume' if name else 'an anonymous volume'}",
                needs="the engine, which has volumes",
                hint=f"a host directory as -v /path:{asked.target}, or --tmpfs {asked.target}",
            )


def _bind(draft: Draft, asked: Bind, cause: str) -> Mount:
    if asked.make_source:
        draft.preparations.append(MakeDirectory(asked.source))
    elif draft.host.lookup.is_missing(asked.source):
        raise NotFound("bind mount source", asked.source, hint=f"{cause} makes none, -v does")
    if asked.relabel and draft.host.selinux:
        draft.warn(f"{cause}: the files keep their SELinux label")
    options = ["rbind" if asked.recursive else "bind", asked.propagation]
    if asked.read_only:
        deep = asked.recursive and asked.recursive_read_only
        options += ("ro", "rro") if deep else ("ro",)
    return Mount(asked.target, "bind", asked.source, tuple(options))


def _tmpfs(asked: Tmpfs) -> Mount:
    own = {option.removeprefix("no") for option in asked.options}
    usual = (option for option in defaults.TMPFS_OPTIONS if option.removeprefix("no") not in own)
    options = [*usual, *asked.options]
    if asked.size_bytes is not None:
        options.append(f"size={asked.size_bytes}")
    if asked.mode is not None:
        options.append(f"mode={asked.mode:o}")
    return Mount(asked.target, "tmpfs", "tmpfs", tuple(options))


def propagation_of(draft: Draft) -> str | None:
    """The propagation of the root, which has to let through what a bind mount is to get or give."""
    for index, asked in enumerate(draft.request.mounts):
        if isinstance(asked, Bind) and asked.propagation.removeprefix("r") in ("shared", "slave"):
            draft.note("linux.rootfsPropagation", draft.written(f"mounts[{index}]"))
    wanted = {asked.propagation for asked in draft.request.mounts if isinstance(asked, Bind)}
    if wanted & {"shared", "rshared"}:
        return "rshared"
    return "rslave" if wanted & {"slave", "rslave"} else None


# --- what is hidden ---------------------------------------------------------------------------


def hidden_paths(draft: Draft) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Masked and read-only paths, unless somebody has given them up."""
    privileges = draft.request.privileges
    if privileges.privileged or not privileges.system_paths:
        return (), ()
    draft.note("linux.maskedPaths")
    draft.note("linux.readonlyPaths")
    return defaults.MASKED_PATHS, defaults.READONLY_PATHS
