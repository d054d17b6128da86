"""Devices, and limits of one process and of all."""

from __future__ import annotations

from orlop.errors import InvalidArgument
from orlop.intent import units
from orlop.intent.forms.text import comma_separated, member, pair
from orlop.intent.request import (
    CdiDevice,
    Device,
    DeviceRate,
    DeviceRule,
    DeviceWeight,
    Gpus,
    Ulimit,
)
from orlop.kernel.scheduling import RLIMITS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


def device(text: str) -> Device | CdiDevice:
    """HOST[:CONTAINER[:ACCESS]], HOST:ACCESS, or VENDOR/CLASS=NAME.

    Raises:
        InvalidArgument: it is none of these.
    """
    if not text.startswith("/") and "=" in text and "/" in text.partition("=")[0]:
        return CdiDevice(text)
    host, *rest = text.split(":")
    form = "HOST[:CONTAINER[:ACCESS]], as /dev/fuse or /dev/sda:/dev/xvda:r"
    if not host.startswith("/") or len(rest) > 2 or not all(rest):
        raise InvalidArgument(f"is not of the form {form}")
    path, access = host, "rwm"
    match rest:
        case [last] if last.startswith("/"):
            path = last
        case [last]:
            access = last
        case [path, access]:
            pass
    if not path.startswith("/") or not _is_access(access):
        raise InvalidArgument(f"is not of the form {form}")
    return Device(host, path, access)


def _is_access(text: str) -> bool:
    return bool(text) and set(text) <= set("rwm") and len(set(text)) == len(text)


def device_rule(text: str) -> DeviceRule:
    """TYPE MAJOR:MINOR ACCESS, as "c 189:* rmw".

    Raises:
        InvalidArgument: it is not of that form.
    """
    kind, numbers, access = (*text.split(" "), "", "")[:3]
    major, colon, minor = numbers.partition(":")
    good = kind in ("a", "b", "c") and colon and _is_access(access) and text.count(" ") == 2
    if not good or not all(
        part == "*" or (part.isascii() and part.isdigit()) for part in (major, minor)
    ):
        raise InvalidArgument("is not of the form TYPE MAJOR:MINOR ACCESS, as c 189:* rmw")
    numbers_or_all = (None if part == "*" else int(part) for part in (major, minor))
    return DeviceRule(kind, next(numbers_or_all), next(numbers_or_all), access)


def gpus(text: str) -> Gpus:
    """all, a number, or KEY=VALUE,...

    Raises:
        InvalidArgument: it is none of these.
    """
    if text == "all":
        return Gpus()
    if text.isascii() and text.isdigit():
        return Gpus(int(text))
    given: dict[str, Any] = {}
    for word in comma_separated(text):
        key, _, value = word.partition("=")
        match key:
            case "count":
                given["count"] = -1 if value == "all" else units.whole(1, 1 << 16)(value)
            case "device":
                given["ids"], given["count"] = tuple(value.split(",")), 0
            case "capabilities":
                given["capabilities"] = tuple(value.split(","))
            case "driver":
                given["driver"] = value
            case "options":
                given["options"] = tuple(pair(option) for option in value.split(","))
            case _:
                raise InvalidArgument(f"has the unknown key {key!r}")
    return Gpus(**given)


# --- limits ---------------------------------------------------------------------------------------


def device_weight(text: str) -> DeviceWeight:
    """PATH:WEIGHT.

    Raises:
        InvalidArgument: it is not of that form.
    """
    path, _, weight = text.rpartition(":")
    if not path.startswith("/"):
        raise InvalidArgument("is not of the form DEVICE:WEIGHT, as /dev/sda:200")
    return DeviceWeight(path, 0 if weight == "0" else member(units.whole(10, 1000), weight))


def device_rate(read: Callable[[str], int]) -> Callable[[str], DeviceRate]:
    """A reader of PATH:RATE, with another reader for the rate."""

    def read_rate(text: str) -> DeviceRate:
        path, _, rate = text.rpartition(":")
        if not path.startswith("/"):
            raise InvalidArgument("is not of the form DEVICE:RATE, as /dev/sda:1mb")
        return DeviceRate(path, member(read, rate))

    return read_rate


def ulimit(text: str) -> Ulimit:
    """NAME=SOFT[:HARD], as nofile=1024:2048; -1 is no limit.

    Raises:
        InvalidArgument: it is not of that form, or soft is above hard.
    """
    name, _, numbers = text.partition("=")
    resource = f"RLIMIT_{name.upper()}"
    if resource not in RLIMITS:
        known = ", ".join(limit.removeprefix("RLIMIT_").lower() for limit in RLIMITS)
        raise InvalidArgument(f"has the unknown limit {name!r}", hint=f"known are {known}")
    soft_text, colon, hard_text = numbers.partition(":")
    number = units.whole(-1, (1 << 63) - 1)
    try:
        soft = number(soft_text)
        hard = number(hard_text) if colon else soft
    except InvalidArgument:
        raise InvalidArgument("is not of the form NAME=SOFT[:HARD], as nofile=1024:2048") from None
    if hard != -1 and (soft == -1 or soft > hard):
        raise InvalidArgument("has a soft limit above the hard one")
    return Ulimit(resource, soft, hard)


def number_list(text: str) -> str:
    """Numbers and ranges as 0-3,7.

    Raises:
        InvalidArgument: it is no such list.
    """
    from orlop.decode import Mismatch
    from orlop.decode import number_list as decoder

    try:
        if not decoder(8192)(text):
            raise InvalidArgument("is empty")
    except Mismatch as bad:
        raise InvalidArgument(bad.reason) from None
    return text


def shares(text: str) -> int | None:
    """CPU shares; 0 means that nothing is asked.

    Raises:
        InvalidArgument: it is no number in the kernel's range.
    """
    return None if text == "0" else units.whole(2, 262144)(text)


def pids(text: str) -> int:
    """Processes; 0 and below mean no limit.

    Raises:
        InvalidArgument: it is no number.
    """
    number = units.whole(-(1 << 62), 1 << 22)(text)
    return number if number > 0 else -1


def swappiness(text: str) -> int | None:
    """From 0 to 100; -1 leaves it to the kernel.

    Raises:
        InvalidArgument: it is no such number.
    """
    return None if text == "-1" else units.whole(0, 100)(text)
