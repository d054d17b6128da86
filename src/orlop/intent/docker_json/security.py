"""`SecurityOpt`, and the paths of /proc that are hidden."""

from __future__ import annotations

from orlop.decode import Mismatch, list_of, string
from orlop.intent.docker_defaults import MASKED_PATHS, READONLY_PATHS
from orlop.intent.docker_json.member import at, look_up, put, read_text
from orlop.intent.forms.privileges import security_option
from orlop.intent.request import Default, ProfileName, ProfileText, Unconfined

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from orlop.decode import Decoder
    from orlop.intent.docker_json.member import Document
    from orlop.intent.given import Given
    from orlop.intent.request import Label, Privileges, Request

_OPTIONS = "HostConfig.SecurityOpt"
_PATHS = {"HostConfig.MaskedPaths": MASKED_PATHS, "HostConfig.ReadonlyPaths": READONLY_PATHS}
_SECCOMP = "seccomp"


def take_security(document: object, given: Given) -> None:
    """What the options say, and whether the usual paths are hidden."""
    value = look_up(document, _OPTIONS)
    for index, option in enumerate(() if value is None else at(_OPTIONS, list_of(string), value)):
        path = f"{_OPTIONS}[{index}]"
        for field, choice in at(path, _option, option):
            given.set(field, choice, path)
    for path, usual in _PATHS.items():
        listed = look_up(document, path)
        if listed is not None and not at(path, _usual(usual), listed):
            given.set("privileges.system_paths", value=False, written=path)


def _option(value: object) -> tuple[tuple[str, object], ...]:
    """One option. A seccomp profile is the text itself: the client has read the file."""
    option = string(value)
    mark = option[len(_SECCOMP) : len(_SECCOMP) + 1]
    profile = option[len(_SECCOMP) + 1 :].lstrip()
    if option.startswith(_SECCOMP) and mark in ("=", ":") and profile not in _WORDS:
        if not profile.startswith("{"):
            raise Mismatch("must have a seccomp profile as JSON text, unconfined or builtin")
        return (("privileges.seccomp", ProfileText("SecurityOpt", profile)),)
    found: tuple[tuple[str, object], ...] = read_text(security_option, option)
    return found


_WORDS = ("unconfined", "builtin")


def _usual(usual: tuple[str, ...]) -> Decoder[bool]:
    """Whether a list hides the usual paths; an empty one hides nothing."""

    def decode_paths(value: object) -> bool:
        listed = list_of(string)(value)
        if listed and set(listed) != set(usual):
            raise Mismatch("must be absent, empty or Docker's own list")
        return bool(listed)

    return decode_paths


def give_security(request: Request, document: Document) -> None:
    """The same, the other way."""
    privileges = request.privileges
    put(document, _OPTIONS, list(_texts(privileges)) or None)
    for path, usual in _PATHS.items():
        put(document, path, list(usual) if privileges.system_paths else [])


def _texts(privileges: Privileges) -> Iterator[str]:
    if privileges.no_new_privileges:
        yield "no-new-privileges"
    match privileges.seccomp:
        case Unconfined():
            yield "seccomp=unconfined"
        case ProfileText(_, text):
            yield f"seccomp={text}"
        case Default():
            pass
    match privileges.apparmor:
        case Unconfined():
            yield "apparmor=unconfined"
        case ProfileName(profile):
            yield f"apparmor={profile}"
        case Default():
            pass
    yield from _label_texts(privileges.label)
    if privileges.writable_cgroups:
        yield "writable-cgroups=true"


def _label_texts(label: Label) -> Iterator[str]:
    if label.disable:
        yield "label=disable"
    for part in ("user", "role", "type", "level", "filetype"):
        value = getattr(label, part)
        if value:
            yield f"label={part}:{value}"
