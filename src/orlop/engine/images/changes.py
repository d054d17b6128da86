"""Dockerfile instructions that change an image's configuration and nothing else.

`docker commit --change` and `docker import --change` take them; each is a row of `_INSTRUCTIONS`.

See: docs.docker.com/reference/dockerfile; moby builder/dockerfile/dispatchers.go.
"""

from __future__ import annotations

import json
import posixpath
import re
from typing import TYPE_CHECKING

from orlop.engine.images.words import expand, split
from orlop.errors import InvalidArgument
from orlop.image.config import HealthCheck, ImageConfig
from orlop.intent import units
from orlop.runtime.lifecycle.kill import parse_signal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    Instruction = Callable[[ImageConfig, str], ImageConfig]

_SHELL = ("/bin/sh", "-c")
_PORT = re.compile(r"(\d{1,5})(?:-(\d{1,5}))?(?:/(tcp|udp|sctp))?\Z", re.IGNORECASE)
_PORTS_LIMIT = 65536
_SHORTEST_NS = 10**6
_COMMENT = re.compile(r"^\s*#.*$", re.MULTILINE)


def apply(config: ImageConfig, changes: Iterable[str]) -> ImageConfig:
    """The configuration after these instructions, in order.

    Raises:
        InvalidArgument: one is malformed, unknown, or changes more than the configuration.
    """
    for text in changes:
        for line in _lines(text):
            config = _apply_one(config, line)
    return config


def _lines(text: str) -> list[str]:
    """The instructions of a text: comments left out, continued lines put together."""
    joined = re.sub(r"\\[ \t]*\r?\n", "", _COMMENT.sub("", text))
    return [line.strip() for line in joined.splitlines() if line.strip()]


def _apply_one(config: ImageConfig, line: str) -> ImageConfig:
    name, _, rest = line.partition(" ") if " " in line else line.partition("\t")
    instruction = _INSTRUCTIONS.get(name.upper())
    if instruction is None:
        raise InvalidArgument(
            f"cannot change an image by {name!r:.40}",
            hint=f"possible are {', '.join(sorted(_INSTRUCTIONS))}",
        )
    try:
        return instruction(config, rest.strip())
    except InvalidArgument as error:
        raise InvalidArgument(f"invalid change {line!r:.200}: {error.message}") from None


def environment_of(config: ImageConfig) -> dict[str, str]:
    """The variables of a configuration."""
    pairs = (text.partition("=") for text in config.environment)
    return {name: value for name, _, value in pairs}


# --- one instruction each ---------------------------------------------------------------------


def _cmd(config: ImageConfig, text: str) -> ImageConfig:
    return config.replace(command=_command(config, text))


def _entrypoint(config: ImageConfig, text: str) -> ImageConfig:
    # The command belonged to the entrypoint before.
    return config.replace(entrypoint=_command(config, text), command=None)


def _env(config: ImageConfig, text: str) -> ImageConfig:
    known = environment_of(config)
    changed = {**known, **_pairs(text, known)}
    return config.replace(environment=tuple(f"{name}={value}" for name, value in changed.items()))


def _label(config: ImageConfig, text: str) -> ImageConfig:
    return config.replace(labels={**config.labels, **_pairs(text, environment_of(config))})


def _expose(config: ImageConfig, text: str) -> ImageConfig:
    ports = [port for word in _words(config, text) for port in _ports(word)]
    return config.replace(exposed_ports=tuple(sorted({*config.exposed_ports, *ports})))


def _user(config: ImageConfig, text: str) -> ImageConfig:
    return config.replace(user=_only(config, text))


def _volume(config: ImageConfig, text: str) -> ImageConfig:
    listed = _json_list(text)
    paths = _words(config, text) if listed is None else listed
    if not paths or not all(path.strip() for path in paths):
        raise InvalidArgument("it needs a path")
    return config.replace(volumes=tuple(sorted({*config.volumes, *paths})))


def _workdir(config: ImageConfig, text: str) -> ImageConfig:
    path = expand(_needed(text), environment_of(config))
    joined = posixpath.normpath(posixpath.join("/", config.directory, path))
    return config.replace(directory=joined.replace("//", "/"))


def _stop_signal(config: ImageConfig, text: str) -> ImageConfig:
    signal = _only(config, text)
    parse_signal(signal)
    return config.replace(stop_signal=signal)


def _shell(config: ImageConfig, text: str) -> ImageConfig:
    listed = _json_list(text)
    if not listed:
        raise InvalidArgument('it is written as a list: ["/bin/sh", "-c"]')
    return config.replace(shell=tuple(listed))


def _on_build(config: ImageConfig, text: str) -> ImageConfig:
    name = _needed(text).split()[0].upper()
    if name in {"ONBUILD", "FROM", "MAINTAINER"}:
        raise InvalidArgument(f"{name} cannot come with the next build")
    return config.replace(on_build=(*config.on_build, text))


def _health_check(config: ImageConfig, text: str) -> ImageConfig:
    health = HealthCheck()
    words = split(_needed(text))
    while words and words[0].startswith("--"):
        health = _health_option(health, words[0])
        text = text.strip().removeprefix(words[0])
        words = words[1:]
    kind = words[0].upper() if words else ""
    if kind == "NONE" and len(words) == 1:
        return config.replace(health=HealthCheck(("NONE",)))
    if kind != "CMD" or len(words) < 2:
        raise InvalidArgument("it is NONE, or [OPTIONS] CMD command")
    command = text.strip()[len(words[0]) :].strip()
    listed = _json_list(command)
    test = ("CMD-SHELL", command) if listed is None else ("CMD", *listed)
    return config.replace(health=health.replace(test=test))


_INSTRUCTIONS: dict[str, Instruction] = {
    "CMD": _cmd,
    "ENTRYPOINT": _entrypoint,
    "ENV": _env,
    "EXPOSE": _expose,
    "HEALTHCHECK": _health_check,
    "LABEL": _label,
    "ONBUILD": _on_build,
    "SHELL": _shell,
    "STOPSIGNAL": _stop_signal,
    "USER": _user,
    "VOLUME": _volume,
    "WORKDIR": _workdir,
}


# --- their parts ------------------------------------------------------------------------------


def _needed(text: str) -> str:
    if not text:
        raise InvalidArgument("it needs an argument")
    return text


def _words(config: ImageConfig, text: str) -> list[str]:
    known = environment_of(config)
    return [expand(word, known) for word in split(_needed(text))]


def _only(config: ImageConfig, text: str) -> str:
    words = _words(config, text)
    if len(words) != 1:
        raise InvalidArgument("it needs exactly one argument")
    return words[0]


def _json_list(text: str) -> list[str] | None:
    """The texts of a JSON list; None for what is not one, which is then a shell's command."""
    if not text.startswith("["):
        return None
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(found, list) or not all(isinstance(word, str) for word in found):
        return None
    return found


def _command(config: ImageConfig, text: str) -> tuple[str, ...]:
    listed = _json_list(text)
    if listed is not None:
        return tuple(listed)
    return (*(config.shell or _SHELL), text) if text else ()


def _pairs(text: str, known: Mapping[str, str]) -> dict[str, str]:
    """NAME=VALUE ..., or, for one only, NAME VALUE."""
    words = split(_needed(text))
    if "=" not in words[0]:
        name, _, value = text.partition(" ")
        if not value.strip():
            raise InvalidArgument(f"{name!r:.100} has no value")
        return {expand(name, known): expand(value.strip(), known)}
    found = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not equals or not name:
            raise InvalidArgument(f"{word!r:.100} is not as NAME=VALUE")
        found[expand(name, known)] = expand(value, known)
    return found


def _ports(word: str) -> list[str]:
    """The ports of 80, 80/udp or 8000-8010/tcp."""
    match = _PORT.match(word)
    if match is None:
        raise InvalidArgument(f"{word!r:.40} is no port")
    first = int(match[1])
    last = int(match[2] or first)
    if not 0 < first <= last < _PORTS_LIMIT:
        raise InvalidArgument(f"{word!r:.40} is no port")
    return [f"{port}/{(match[3] or 'tcp').lower()}" for port in range(first, last + 1)]


_HEALTH_OPTIONS = {
    "--interval": "interval_ns",
    "--timeout": "timeout_ns",
    "--start-period": "start_period_ns",
    "--start-interval": "start_interval_ns",
    "--retries": "retries",
}


def _health_option(health: HealthCheck, word: str) -> HealthCheck:
    name, _, value = word.partition("=")
    field = _HEALTH_OPTIONS.get(name)
    if field is None:
        raise InvalidArgument(f"the option {name!r:.40} is unknown")
    if field == "retries":
        if not value.isdecimal() or len(value) > 9:
            raise InvalidArgument(f"{value!r:.40} is no number of retries")
        return health.replace(retries=int(value))
    return health.replace(**{field: _duration_ns(value)})


def _duration_ns(text: str) -> int:
    """Of 1m30s."""
    found = units.duration(text)
    if 0 < found < _SHORTEST_NS:
        raise InvalidArgument(f"{text!r:.40} is less than a millisecond")
    return found
