"""Values of options, where there is a choice."""

from __future__ import annotations

import os

from orlop.faces.cli.completing import arguments as kinds
from orlop.faces.cli.completing.objects import names
from orlop.options import NUMBER

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from orlop.options import Option

    Pairs = Iterable[tuple[str, str]]

_WORDS: Mapping[str, tuple[str, ...]] = {
    "format": ("json", "table", "{{json .}}"),
    "restart": ("no", "on-failure", "always", "unless-stopped"),
    "pull": ("always", "missing", "never"),
    "type": ("container", "image", "network", "volume"),
    "log-driver": ("json-file", "local", "none"),
    "network": ("bridge", "host", "none", "container:"),
    "net": ("bridge", "host", "none", "container:"),
    "ipc": ("private", "shareable", "host", "none", "container:"),
    "pid": ("host", "container:"),
    "uts": ("host",),
    "userns": ("host",),
    "cgroupns": ("host", "private"),
    "log-level": ("debug", "info", "warn", "error"),
    "signal": ("HUP", "INT", "KILL", "QUIT", "TERM", "USR1", "USR2"),
    "stop-signal": ("HUP", "INT", "KILL", "QUIT", "TERM", "USR1", "USR2"),
    "attach": ("stdin", "stdout", "stderr"),
    "security-opt": (
        "no-new-privileges",
        "seccomp=unconfined",
        "seccomp=builtin",
        "apparmor=",
        "label=",
        "systempaths=unconfined",
    ),
    "as": ("shell",),
}
_CAPABILITIES = ("cap-add", "cap-drop")
_SHARED = ("network", "net", "ipc", "pid")
_NETWORKS = ("network", "net")
_OF_KIND: Mapping[str, str] = {"volumes-from": kinds.CONTAINER, "container": kinds.CONTAINER}
_FILES = ("env-file", "label-file", "cidfile", "config", "output", "bundle", "chrome", "root")
_MOUNTS = ("volume", "mount")
_STATES = ("created", "exited", "paused", "restarting", "running", "dead")
_OF_FILTER: Mapping[str, tuple[str, ...]] = {
    "status": _STATES,
    "health": ("starting", "healthy", "unhealthy", "none"),
    "dangling": ("true", "false"),
    "type": ("container", "image", "network", "volume", "daemon"),
    "event": ("create", "start", "die", "stop", "kill", "oom", "destroy", "health_status"),
    "driver": ("local", "host", "bridge", "null"),
    "scope": ("local",),
    "is-task": ("true", "false"),
}
_NAMES_OF_FILTER: Mapping[str, str] = {
    "ancestor": kinds.IMAGE,
    "container": kinds.CONTAINER,
    "network": kinds.NETWORK,
    "volume": kinds.VOLUME,
}
_FILTER_HELP = "of "


def of_option(option: Option, last: str) -> Pairs | None:
    """What the value of an option can be; None for a file, nothing where it can be anything."""
    key = option.key
    if key == "filter":
        return _filters(option, last)
    if key in _FILES:
        return None
    if key in _MOUNTS:
        is_path = last.startswith((".", "/"))
        return None if is_path else names(kinds.VOLUME, last) or None
    if key in _OF_KIND:
        return names(_OF_KIND[key], last)
    if key in _CAPABILITIES:
        return [(name, "") for name in _capabilities()]
    if key in _SHARED and last.startswith("container:"):
        return [(f"container:{name}", about) for name, about in names(kinds.RUNNING, "")]
    if option.kind == NUMBER:
        return []
    usual = [(word, "") for word in _WORDS.get(key, ())]
    if key in _NETWORKS:
        return list(dict([*usual, *names(kinds.NETWORK, last)]).items())
    return _contexts() if key == "context" else usual


def _contexts() -> Pairs:
    from orlop.client.contexts import contexts

    return [
        ("default", "the engine of this machine"),
        *((name, text) for name, text, _ in contexts()),
    ]


def _filters(option: Option, last: str) -> Pairs:
    """NAME= of the option's own help, and values of some."""
    known = option.help.partition(_FILTER_HELP)[2].split(", ")
    name, equals, _ = last.partition("=")
    if not equals:
        return [(f"{name}=", "") for name in known if name]
    if name in _NAMES_OF_FILTER:
        return [(f"{name}={one}", about) for one, about in names(_NAMES_OF_FILTER[name], "")]
    return [(f"{name}={value}", "") for value in _OF_FILTER.get(name, ())]


def _capabilities() -> Sequence[str]:
    from orlop.intent.host_facts import capability_names

    return ("ALL", *(name.removeprefix("CAP_") for name in capability_names()))


def choose_engine(given: Sequence[tuple[Option, str]]) -> None:
    """Options before the verb that choose an engine stand for the variables that do so."""
    for option, value in given:
        variable = {"host": "ORLOP_HOST", "context": "ORLOP_CONTEXT"}.get(option.key)
        if variable:
            os.environ[variable] = value
