"""Which sysctls a container may set: those of namespaces that it has, and no others.

What is below /proc/sys is only partly namespaced. A sysctl of the whole host would be a way out of
the container (CVE-2022-0811: kernel.core_pattern by a name that was not checked as it was used), so
a name is first turned into the path that will be written, and the path is judged.

See: config-linux.md#sysctl, sysctl(8), namespaces(7).
"""

from __future__ import annotations

from orlop.errors import SpecError
from orlop.runtime.validate.namespaces import is_separate

TYPE_CHECKING = False
if TYPE_CHECKING:
    from orlop.runtime.spec import Spec
    from orlop.runtime.validate.facts import Facts

_REF = "config-linux.md#sysctl"
_SWAP = str.maketrans("./", "/.")
_NAME_CHARS = frozenset(
    "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_-.:@"
)  # interface names are part of some paths

_BY_PATH = {
    "kernel/domainname": "uts",
    "kernel/msgmax": "ipc",
    "kernel/msgmnb": "ipc",
    "kernel/msgmni": "ipc",
    "kernel/sem": "ipc",
    "kernel/shm_rmid_forced": "ipc",
    "kernel/shmall": "ipc",
    "kernel/shmmax": "ipc",
    "kernel/shmmni": "ipc",
}
_BY_DIRECTORY = {"fs/mqueue/": "ipc", "net/": "network", "user/": "user"}


def path_of(key: str) -> str:
    """The path below /proc/sys of a sysctl, as net/ipv4/ip_forward.

    Of dot and slash, the one that comes first separates, and the other stands for a dot in a
    name: net.ipv4.conf.eth0/100.rp_filter is about the interface eth0.100, as in sysctl(8).
    """
    dot, slash = key.find("."), key.find("/")
    dotted = dot != -1 and (slash == -1 or dot < slash)
    return key.translate(_SWAP) if dotted else key


def namespace_of(path: str) -> str | None:
    """The type of namespace to which a sysctl belongs, by its path; None if to the host."""
    if path in _BY_PATH:
        return _BY_PATH[path]
    for directory, kind in _BY_DIRECTORY.items():
        if path.startswith(directory):
            return kind
    return None


def check_sysctls(spec: Spec, facts: Facts) -> None:
    """Each of a namespace that the container has for itself, and with a value of one line."""
    paths: set[str] = set()
    for key, value in spec.linux.sysctl.items():
        field = f"linux.sysctl[{key!r}]"
        path = path_of(key)
        if not is_plain(path):
            raise SpecError(field, "is not the name of a sysctl", spec_ref=_REF)
        if path in paths:
            raise SpecError(field, "is given in both ways of writing", spec_ref=_REF)
        paths.add(path)
        if "\n" in value:
            raise SpecError(field, "the value must not contain a newline", spec_ref=_REF)
        _check_namespace(field, path, spec, facts)


def is_plain(path: str) -> bool:
    """Whether a path below /proc/sys leads nowhere else, and has only usual characters."""
    return all(
        part not in ("", ".", "..") and _NAME_CHARS.issuperset(part) for part in path.split("/")
    )


def _check_namespace(field: str, path: str, spec: Spec, facts: Facts) -> None:
    if path == "kernel/hostname":
        raise SpecError(field, "is what the field hostname is for", spec_ref=_REF)
    kind = namespace_of(path)
    if kind is None:
        raise SpecError(field, "belongs to the host and to no namespace", spec_ref=_REF)
    if not is_separate(spec.linux, kind, facts):
        reason = f"cannot be set without a {kind} namespace of the container's own"
        raise SpecError(field, reason, spec_ref=_REF)
