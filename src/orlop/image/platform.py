"""Platforms: for which machines an image is.

See: image-spec image-index.md#platform-variants; github.com/containerd/platforms, database.go and
compare.go, for the names and for which variant runs where.
"""

from __future__ import annotations

import os
import re

from orlop.errors import InvalidArgument
from orlop.records import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

_ARCHITECTURES = {
    "x86_64": ("amd64", ""),
    "x86-64": ("amd64", ""),
    "aarch64": ("arm64", ""),
    "armhf": ("arm", "v7"),
    "armel": ("arm", "v6"),
    "armv5l": ("arm", "v5"),
    "armv6l": ("arm", "v6"),
    "armv7l": ("arm", "v7"),
    "armv8l": ("arm", "v7"),
    "i386": ("386", ""),
    "i486": ("386", ""),
    "i586": ("386", ""),
    "i686": ("386", ""),
    "mips64el": ("mips64le", ""),
    "loongarch64": ("loong64", ""),
}
_KNOWN = frozenset(
    "386 amd64 arm arm64 loong64 mips64le ppc64le riscv64 s390x wasm".split()  # noqa: SIM905
)
_OS = {"": "linux", "macos": "darwin"}
_PART = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]{0,63}\Z")


class Platform(Record):
    """What an image runs on.

    Attributes:
        os: as "linux".
        architecture: as "amd64".
        variant: of the architecture: "v7" of arm; "" for the usual one (v8 of arm64, v1 of amd64).
        os_version: "" where it does not matter; it does for Windows alone.
    """

    os: str = "linux"
    architecture: str = "amd64"
    variant: str = ""
    os_version: str = ""

    def __str__(self) -> str:
        words = (self.os, self.architecture, self.variant)
        return "/".join(word for word in words if word)


def normal(os_name: str, architecture: str, variant: str = "", os_version: str = "") -> Platform:
    """A platform under its usual names: aarch64 is arm64, and v8 of that goes without saying."""
    system, machine = os_name.lower(), architecture.lower()
    named, implied = _ARCHITECTURES.get(machine, (machine, ""))
    which = variant.lower() or implied
    if named == "arm" and which:
        which = which if which.startswith("v") else f"v{which}"
    elif (named, which) in {("arm64", "8"), ("arm64", "v8"), ("amd64", "v1")}:
        which = ""
    return Platform(_OS.get(system, system), named, which, os_version)


def parse(text: str) -> Platform:
    """The platform of a text as linux/arm/v7, arm64 or linux; what is missing is the host's.

    Raises:
        InvalidArgument: it is none.
    """
    parts = text.split("/")
    if not 1 <= len(parts) <= 3 or not all(_PART.match(part) for part in parts):
        raise InvalidArgument(
            f"invalid platform {text!r:.100}", hint="it is as OS[/ARCHITECTURE[/VARIANT]]"
        )
    if len(parts) > 1:
        return normal(*parts)
    alone = normal("linux", parts[0])
    if alone.architecture in _KNOWN:
        return alone
    return host().replace(os=normal(parts[0], "amd64").os)


def host() -> Platform:
    """The platform of this machine."""
    return normal("linux", os.uname().machine)


def runs(wanted: Platform) -> tuple[Platform, ...]:
    """What runs on a platform, the best first.

    arm runs older variants of arm, arm64 runs arm too, amd64 older levels of amd64 and 386.
    """
    found = [wanted]
    if wanted.architecture == "arm64":
        found += [wanted.replace(variant="")] if wanted.variant else []
        found += [wanted.replace(architecture="arm", variant=f"v{n}") for n in (8, 7, 6, 5)]
    elif wanted.architecture == "arm":
        newest = _level(wanted.variant, 7)
        found = [wanted.replace(variant=f"v{n}") for n in range(newest, 4, -1)]
    elif wanted.architecture == "amd64":
        newest = _level(wanted.variant, 1)
        found += [wanted.replace(variant=f"v{n}") for n in range(newest - 1, 1, -1)]
        found += [wanted.replace(variant="")] if wanted.variant else []
        found += [wanted.replace(architecture="386", variant="")]
    return tuple(found)


def _level(variant: str, default: int) -> int:
    digits = variant.removeprefix("v")
    return int(digits) if digits.isdecimal() and len(digits) == 1 else default


def rank(offered: Platform, wanted: Platform) -> int | None:
    """How well what is offered suits what is wanted: 0 is best, None not at all."""
    if offered.architecture == "arm" and not offered.variant:
        offered = offered.replace(variant="v7")
    order = runs(wanted.replace(os_version=""))
    bare = offered.replace(os_version="")
    return order.index(bare) if bare in order else None


def matches(offered: Platform, wanted: Platform) -> bool:
    """Whether an image for one platform will do for another, without emulation."""
    return rank(offered, wanted) is not None


def best(offers: Iterable[Platform | None], wanted: Platform) -> int | None:
    """The position of the offer that suits best, the first of equals; None if none does.

    Args:
        offers: None for what says nothing of its platform and is taken last of all.
        wanted: what it has to run on.
    """
    ranked = []
    for position, offer in enumerate(offers):
        place = 1000 if offer is None else rank(offer, wanted)
        if place is not None:
            ranked.append((place, position))
    return min(ranked)[1] if ranked else None
