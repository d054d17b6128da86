"""What a container's processes may do: capabilities, and --security-opt."""

from __future__ import annotations

from orlop.errors import InvalidArgument
from orlop.intent.forms.text import boolean, filled
from orlop.intent.request import Default, ProfileName, ProfileText, Unconfined
from orlop.kernel.capabilities import BITS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Assignments = tuple[tuple[str, object], ...]  # values by the request's fields


def capability(text: str) -> str:
    """A capability with its prefix, in upper case; or ALL.

    Raises:
        InvalidArgument: there is none of that name.
    """
    name = text.strip().upper()
    if name == "ALL":
        return name
    name = name if name.startswith("CAP_") else f"CAP_{name}"
    if name not in BITS:
        raise InvalidArgument("is not a capability", hint="as NET_ADMIN, CAP_CHOWN or ALL")
    return name


def security_option(text: str) -> Assignments:
    """What one --security-opt changes, as fields of the request.

    Raises:
        InvalidArgument: there is no such option, or its value is wrong.
    """
    separator = "=" if "=" in text else ":"
    name, found, value = text.partition(separator)
    if name not in _SECURITY:
        known = ", ".join(_SECURITY)
        raise InvalidArgument(f"has the unknown option {name!r}", hint=f"known are {known}")
    if not found and name not in _BARE:
        raise InvalidArgument(f"has {name} without a value")
    return _SECURITY[name](value if found else "true")


def _no_new_privileges(value: str) -> Assignments:
    return (("privileges.no_new_privileges", boolean(value)),)


def _seccomp(value: str) -> Assignments:
    choice: object
    match value:
        case "unconfined":
            choice = Unconfined()
        case "builtin":
            choice = Default()
        case _:
            choice = _profile(value)
    return (("privileges.seccomp", choice),)


def _profile(path: str) -> ProfileText:
    try:
        with open(path, encoding="utf-8") as file:
            return ProfileText(path, file.read())
    except (OSError, UnicodeDecodeError) as bad:
        reason = bad.strerror if isinstance(bad, OSError) else "it is not UTF-8"
        raise InvalidArgument(
            f"has the profile {path!r}, which cannot be read: {reason}",
            hint="a file, or unconfined",
        ) from None


def _apparmor(value: str) -> Assignments:
    choice = Unconfined() if value == "unconfined" else ProfileName(filled(value))
    return (("privileges.apparmor", choice),)


def _label(value: str) -> Assignments:
    if value == "disable":
        return (("privileges.label.disable", True),)
    part, colon, rest = value.partition(":")
    if part not in ("user", "role", "type", "level", "filetype") or not colon or not rest:
        raise InvalidArgument("has a label that is not disable or (user|role|type|level):VALUE")
    return ((f"privileges.label.{part}", rest),)


def _system_paths(value: str) -> Assignments:
    if value != "unconfined":
        raise InvalidArgument("has systempaths with another value than unconfined")
    return (("privileges.system_paths", False),)


def _writable_cgroups(value: str) -> Assignments:
    return (("privileges.writable_cgroups", boolean(value)),)


_SECURITY: Mapping[str, Callable[[str], Assignments]] = {
    "no-new-privileges": _no_new_privileges,
    "seccomp": _seccomp,
    "apparmor": _apparmor,
    "label": _label,
    "systempaths": _system_paths,
    "writable-cgroups": _writable_cgroups,
}
_BARE = frozenset(("no-new-privileges", "writable-cgroups"))
