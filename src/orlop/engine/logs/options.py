"""Log drivers and their options: where a container's output is kept, and how much of it.

`json-file` and `local` differ only in how much they keep; `none` keeps nothing. Logs are bounded
unless somebody asks for `max-size=-1`.

See: Docker's logging drivers json-file and local (sizes there count in powers of 1000).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from orlop.errors import InvalidArgument
from orlop.intent import units
from orlop.records import Record

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from orlop.engine.container import Container
    from orlop.intent.request import Log, Pairs

JSON_FILE, LOCAL, NONE = "json-file", "local", "none"

_MEGABYTE = 1000**2
_DEFAULTS = {JSON_FILE: (10 * _MEGABYTE, 3), LOCAL: (20 * _MEGABYTE, 5)}
_POWERS = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4, "p": 5}
_MODES = ("blocking", "non-blocking")
_MOST_FILES = 1000
_FIELD = re.compile(r"\{\{\s*\.(\w+)\s*\}\}")


class LogChoice(Record):
    """What is done with a container's output.

    Attributes:
        driver: one of the constants above.
        max_bytes: of one file; 0 for no limit.
        max_files: how many are kept, the one that is written to among them.
    """

    driver: str
    max_bytes: int = 0
    max_files: int = 1

    @property
    def is_kept(self) -> bool:
        """Whether there is a log that can be read."""
        return self.driver != NONE


def choose(log: Log, default: Log) -> LogChoice:
    """What a container's wish and the engine's default come to.

    As with Docker, the engine's options count for containers with the engine's driver, where they
    do not have an own one of that name.

    Raises:
        InvalidArgument: there is no such driver or option, or its value is wrong.
    """
    driver = _driver(log, default)
    options = _options(log, default)
    if driver not in (*_DEFAULTS, NONE):
        raise InvalidArgument(
            f"there is no log driver {driver!r}", hint="choose json-file, local or none"
        )
    values = _checked(driver, options)
    if driver == NONE:
        return LogChoice(NONE)
    size, files = _DEFAULTS[driver]
    if "max-size" in options:
        files = 1 if driver == JSON_FILE else files
        size = values["max-size"]
    return LogChoice(driver, size, values.get("max-file", files))


def _driver(log: Log, default: Log) -> str:
    return log.driver or default.driver or JSON_FILE


def _options(log: Log, default: Log) -> dict[str, str]:
    is_engines = _driver(log, default) == (default.driver or JSON_FILE)
    return (dict(default.options) if is_engines else {}) | dict(log.options)


def _checked(driver: str, options: Mapping[str, str]) -> dict[str, int]:
    """The numbers among the options, after all of them were looked at."""
    readers = _COMMON if driver == NONE else _COMMON | _OF_FILES
    values: dict[str, int] = {}
    for name, text in options.items():
        if name not in readers:
            raise InvalidArgument(
                f"the log driver {driver} has no option {name!r}",
                hint=f"it has {', '.join(sorted(readers))}",
            )
        try:
            values[name] = readers[name](text)
        except InvalidArgument as error:
            raise InvalidArgument(f"log option {name}={text}: {error.message}") from None
    if "max-buffer-size" in options and options.get("mode") != "non-blocking":
        raise InvalidArgument("log option max-buffer-size: it needs mode=non-blocking")
    return values


def _size(text: str) -> int:
    """Bytes, in powers of 1000; 0 for no limit, which is written as -1."""
    if text == "-1":
        return 0
    lower = text.lower().removesuffix("b").rstrip()
    number, unit = (lower[:-1], lower[-1]) if lower and lower[-1] in _POWERS else (lower, "")
    value = units.decimal(number.rstrip(), 1000 ** _POWERS[unit], "a size as 10m, or -1")
    if not value:
        raise InvalidArgument("is not above 0")
    return value


def _boolean(text: str) -> int:
    if text.lower() not in ("true", "false", "1", "0", "t", "f"):
        raise InvalidArgument("is neither true nor false")
    return text.lower() in ("true", "1", "t")


def _mode(text: str) -> int:
    if text not in _MODES:
        raise InvalidArgument(f"is neither {' nor '.join(_MODES)}")
    return _MODES.index(text)


def _pattern(text: str) -> int:
    try:
        re.compile(text)
    except re.error as error:
        raise InvalidArgument(f"is no regular expression: {error}") from None
    return 0


def _tag(text: str) -> int:
    names = (match.group(1) for match in _FIELD.finditer(text))
    if "{{" in _FIELD.sub("", text) or not set(names) <= set(_TAGS):
        raise InvalidArgument(f"knows only the fields {', '.join(_TAGS)}")
    return 0


def _anything(_text: str) -> int:
    return 0


_TAGS: dict[str, Callable[[Container], str]] = {
    "ID": lambda container: container.id[:12],
    "FullID": lambda container: container.id,
    "Name": lambda container: container.name,
    "ImageID": lambda container: container.image.id.removeprefix("sha256:")[:12],
    "ImageFullID": lambda container: container.image.id,
    "ImageName": lambda container: container.image.ref,
    "DaemonName": lambda _: "orlop",
}
_COMMON: dict[str, Callable[[str], int]] = {"mode": _mode, "max-buffer-size": _size}
_OF_FILES: dict[str, Callable[[str], int]] = {
    "max-size": _size,
    "max-file": units.whole(1, _MOST_FILES),
    "compress": _boolean,
    "labels": _anything,
    "labels-regex": _pattern,
    "env": _anything,
    "env-regex": _pattern,
    "tag": _tag,
}


def attributes(container: Container, default: Log) -> Pairs:
    """What `logs --details` shows beside each line: the same for all lines of a container.

    Args:
        container: whose options say which of its labels and variables these are.
        default: the engine's, as for `choose`.
    """
    options = _options(container.request.handling.log, default)
    variables = {n: v for n, v in container.request.environment if v is not None}
    found: dict[str, str] = {}
    for what, values in (("labels", dict(container.request.labels)), ("env", variables)):
        names = options.get(what, "").split(",")
        pattern = re.compile(options.get(f"{what}-regex") or "(?!)")  # or what nothing matches
        found |= {n: v for n, v in values.items() if n in names or pattern.search(n)}
    if tag := options.get("tag"):
        found["tag"] = _FIELD.sub(lambda match: _TAGS[match.group(1)](container), tag)
    return tuple(sorted(found.items()))
