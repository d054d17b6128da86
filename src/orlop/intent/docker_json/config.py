"""The members of a container's `Config`: the program, and what is said about it."""

from __future__ import annotations

from orlop.decode import Mismatch, boolean, i64, list_of, string
from orlop.intent import units
from orlop.intent.docker_json.member import (
    Member,
    at,
    flag,
    look_up,
    name,
    names,
    put,
    text,
    words,
)
from orlop.intent.forms import network, process
from orlop.intent.request import Copied, Directory, Health, HostImage, Named, Unpacked
from orlop.runtime.lifecycle.kill import SIGNALS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from orlop.intent.docker_json.member import Document
    from orlop.intent.given import Given
    from orlop.intent.request import Image, Request, User

_STREAMS = ("stdin", "stdout", "stderr")
_SIGNAL_NAMES = {number: f"SIG{signal}" for signal, number in SIGNALS.items()}


def _image(word: str) -> Image:
    """As on a command line, but that no path depends on where the engine runs."""
    if word.startswith("."):
        raise Mismatch(f"must be an absolute path or a reference, not {word!r:.80}")
    return process.image(word)


def image_text(image: Image) -> str:
    """An image as people write it."""
    match image:
        case HostImage():
            return process.HOST_IMAGE
        case Directory(path) | Copied(path):
            return path
        case Named(ref):
            return ref
        case Unpacked(lowers):
            return lowers[0]


def user_text(user: User) -> str:
    """USER[:GROUP]."""
    return f"{user.user}" if user.group is None else f"{user.user}:{user.group}"


def _entrypoint(value: object) -> tuple[str, ...] | None:
    """A list with one empty string stands for no entrypoint, an empty list for the image's."""
    found = words(value)
    return () if found == ("",) else found or None


def _variable(value: object) -> tuple[str, str | None]:
    variable, equals, content = string(value).partition("=")
    if not variable:
        raise Mismatch("must be of the form NAME=VALUE")
    return variable, content if equals else None


def _lines(variables: tuple[tuple[str, str | None], ...]) -> list[str]:
    return [key if value is None else f"{key}={value}" for key, value in variables]


def signal_text(number: int) -> str:
    """A signal's name, "" for none."""
    return _SIGNAL_NAMES.get(number, f"{number}" if number else "")


CONFIG = (
    name("Config.Hostname", "hostname", network.host_name),
    name("Config.Domainname", "domainname", network.host_name),
    Member("Config.User", "user", text(process.user), user_text, ""),
    flag("Config.Tty", "terminal"),
    flag("Config.OpenStdin", "handling.interactive"),
    flag("Config.StdinOnce", "handling.stdin_once"),
    Member("Config.Env", "environment", list_of(_variable), _lines, []),
    Member("Config.Cmd", "command", words, lambda value: list(value) or None, whole=True),
    Member("Config.Image", "image", text(_image), image_text, ""),
    name("Config.WorkingDir", "directory", process.directory),
    Member(
        "Config.Entrypoint",
        "entrypoint",
        _entrypoint,
        lambda value: list(value) or [""],
        whole=True,
    ),
    names("Config.Labels", "labels"),
    Member("Config.StopSignal", "handling.stop_signal", text(process.signal), signal_text, ""),
    Member("Config.StopTimeout", "handling.stop_timeout_s", i64, int),
)


def take_streams(document: object, given: Given) -> None:
    """The streams to which the client means to be attached."""
    for stream in _STREAMS:
        path = f"Config.Attach{stream.capitalize()}"
        value = look_up(document, path)
        if value is not None and at(path, boolean, value):
            given.append("handling.attach", stream, path)


def give_streams(request: Request, document: Document) -> None:
    """The same, the other way."""
    for stream in _STREAMS:
        put(document, f"Config.Attach{stream.capitalize()}", stream in request.handling.attach)


# --- the health check -------------------------------------------------------------------------

_CHECK = "Config.Healthcheck"
_TIMES = {
    "Interval": "interval_ns",
    "Timeout": "timeout_ns",
    "StartPeriod": "start_period_ns",
    "StartInterval": "start_interval_ns",
    "Retries": "retries",
}


def take_health(document: object, given: Given) -> None:
    """How to check it; whatever is 0 or empty is left to the image."""
    test = look_up(document, f"{_CHECK}.Test")
    found = at(f"{_CHECK}.Test", _test, test) if test is not None else None
    if found == ("NONE",):
        given.set("handling.health.off", value=True, written=f"{_CHECK}.Test")
    elif found:
        given.set("handling.health.test", found, f"{_CHECK}.Test")
    for key, field in _TIMES.items():
        value = look_up(document, f"{_CHECK}.{key}")
        read = _amount if key == "Retries" else _time
        amount = at(f"{_CHECK}.{key}", read, value) if value is not None else 0
        if amount:
            given.set(f"handling.health.{field}", amount, f"{_CHECK}.{key}")


def _test(value: object) -> tuple[str, ...]:
    found = list_of(string)(value)
    if found and (found[0] not in ("NONE", "CMD", "CMD-SHELL")):
        raise Mismatch(f"must begin with NONE, CMD or CMD-SHELL, not {found[0]!r:.80}")
    return found


def _amount(value: object) -> int:
    amount = i64(value)
    if amount < 0:
        raise Mismatch(f"must not be negative, as {amount}")
    return amount


def _time(value: object) -> int:
    amount = _amount(value)
    if 0 < amount < units.LEAST_CHECK_NS:
        raise Mismatch("must be at least 1ms")
    return amount


def give_health(request: Request, document: Document) -> None:
    """The same, the other way; no member at all where nothing is asked."""
    health = request.handling.health
    if health == Health():
        return
    test = ("NONE",) if health.off else health.test
    put(document, f"{_CHECK}.Test", list(test) if test else None)
    for key, field in _TIMES.items():
        put(document, f"{_CHECK}.{key}", getattr(health, field) or 0)
