"""The configuration of a daemon, from its flags and its file.

What stands in both is refused: nobody would know which one counts. This is dockerd's rule.
"""

from __future__ import annotations

import os

from orlop import jsontext
from orlop.engine.settings import Settings, default_settings
from orlop.errors import InvalidArgument
from orlop.faces.daemon.directives import BY_KEY, BY_OPTION, Directive
from orlop.options import FLAG, LIST, NUMBER
from orlop.records import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from orlop.options import Values

DEFAULT_FILE = "/etc/orlop/daemon.json"
_SHUTDOWN_S = 15


class Configuration(Record):
    """How a daemon is set up.

    Attributes:
        settings: of the engine.
        hosts: where it listens.
        group: which owns its sockets, besides root.
        pidfile: host path.
        debug: everything is logged.
        shutdown_timeout_s: for what is underway when it has to end.
        config_file: host path of its file; read again after SIGHUP.
        validate: nothing is started.
        on_demand: it goes into the background, and ends at once if another one is there.
        ready_fd: is told when clients can come, or why not; -1 for none.
    """

    settings: Settings
    hosts: tuple[str, ...]
    group: str = "orlop"
    pidfile: str = ""
    debug: bool = False
    shutdown_timeout_s: int = _SHUTDOWN_S
    config_file: str = DEFAULT_FILE
    validate: bool = False
    on_demand: bool = False
    ready_fd: int = -1


def configure(values: Values) -> Configuration:
    """The configuration that command line and file describe.

    Raises:
        InvalidArgument: either has a mistake, or they contradict each other.
    """
    flags = _from_flags(values)
    path = flags.get("config_file", DEFAULT_FILE)
    file = _from_file(path, must_exist="config_file" in flags)
    _check_conflicts(flags, file)
    return _complete({**file, **flags})


def reloaded(before: Configuration) -> Configuration:
    """The same with what its file says now, as far as that can change while the daemon runs.

    Raises:
        InvalidArgument: the file has a mistake.
    """
    file = _from_file(before.config_file, must_exist=False)
    changed = {d.field: file[d.field] for d in BY_KEY.values() if d.reloads and d.field in file}
    own = {name: value for name, value in changed.items() if name in _OWN_FIELDS}
    settings = {name: value for name, value in changed.items() if name not in _OWN_FIELDS}
    return before.replace(settings=before.settings.replace(**settings), **own)


_OWN_FIELDS = frozenset(Configuration.__record_fields__)


def _complete(given: Mapping[str, Any]) -> Configuration:
    own = {name: value for name, value in given.items() if name in _OWN_FIELDS}
    wishes = {name: value for name, value in given.items() if name not in _OWN_FIELDS}
    settings = default_settings().replace(**wishes)
    if settings.data_root == settings.exec_root:
        raise InvalidArgument("--data-root and --exec-root must not be the same directory")
    defaults = {
        "hosts": (f"unix://{settings.exec_root}/orlop.sock",),
        "pidfile": f"{settings.exec_root}/orlop.pid",
    }
    return Configuration(settings=settings, **{**defaults, **own})


def _from_flags(values: Values) -> dict[str, Any]:
    return {
        directive.field: _value(directive, f"--{key}", list(values.list(key)))
        for key, directive in BY_OPTION.items()
        if values.given(key)
    }


def _from_file(path: str, *, must_exist: bool) -> dict[str, Any]:
    """The values of a configuration file, by field.

    Raises:
        InvalidArgument: it is missing though it was named, cannot be read, or has a mistake.
    """
    try:
        with open(path, "rb") as file:
            text = file.read()
    except FileNotFoundError:
        if must_exist:
            raise InvalidArgument(f"configuration file {path} does not exist") from None
        return {}
    except OSError as error:
        raise InvalidArgument(f"cannot read {path}: {os.strerror(error.errno or 0)}") from None
    try:
        return _of_document(jsontext.loads(text) if text.strip() else {})
    except InvalidArgument as mistake:
        raise InvalidArgument(f"{path}: {mistake.message}", hint=mistake.hint) from None


def _of_document(document: object) -> dict[str, Any]:
    if not isinstance(document, dict):
        raise InvalidArgument("it is not a JSON object")
    if unknown := sorted(set(document) - set(BY_KEY)):
        raise InvalidArgument(
            f"these keys are not known: {', '.join(unknown)}",
            hint=f"known are {', '.join(sorted(BY_KEY))}",
        )
    return {
        BY_KEY[key].field: _value(BY_KEY[key], key, _texts(BY_KEY[key], key, value))
        for key, value in document.items()
    }


def _texts(directive: Directive, key: str, value: object) -> list[str]:
    """A value of the file, as it would stand behind its flag."""
    kind = directive.option.kind
    if kind == FLAG and isinstance(value, bool):
        return ["true" if value else "false"]
    if kind == NUMBER and isinstance(value, int) and not isinstance(value, bool):
        return [str(value)]
    if kind == LIST and isinstance(value, list):
        return [_text(key, item) for item in value]
    if kind == LIST and isinstance(value, dict):
        return [f"{name}={_member(key, item)}" for name, item in value.items()]
    if kind not in (FLAG, NUMBER, LIST):
        return [_text(key, value)]
    raise InvalidArgument(f"{key}: {value!r:.80} is not a {_KINDS[kind]}")


_KINDS = {FLAG: "truth value", NUMBER: "whole number", LIST: "list"}


def _text(key: str, value: object) -> str:
    if not isinstance(value, str):
        raise InvalidArgument(f"{key}: {value!r:.80} is not a text")
    return value


def _member(key: str, value: object) -> str:
    """A value of an object: a text, or a ulimit's {"Name", "Soft", "Hard"}."""
    if isinstance(value, dict):
        return f"{value.get('Soft', value.get('Hard'))}:{value.get('Hard', value.get('Soft'))}"
    return str(value) if isinstance(value, int) else _text(key, value)


def _value(directive: Directive, name: str, texts: list[str]) -> Any:
    try:
        values = tuple(directive.read(text) for text in texts)
    except InvalidArgument as mistake:
        raise InvalidArgument(
            f"{name}: {', '.join(map(repr, texts))} {mistake.message}", hint=mistake.hint
        ) from None
    return values if directive.option.kind == LIST else values[-1]


def _check_conflicts(flags: Mapping[str, Any], file: Mapping[str, Any]) -> None:
    both = [d for d in BY_KEY.values() if d.field in flags and d.field in file]
    if both:
        rows = [f"{d.key} (flag: {flags[d.field]}, file: {file[d.field]})" for d in both]
        raise InvalidArgument(
            f"these are set by a flag and in the configuration file: {', '.join(rows)}"
        )
