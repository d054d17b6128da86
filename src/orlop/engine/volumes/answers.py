"""Volumes as values: what one is, which are wanted, what was removed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orlop.records import Record

if TYPE_CHECKING:
    from orlop.intent.request import Pairs

LOCAL = "local"
ANONYMOUS_LABEL = "com.docker.volume.anonymous"


class Volume(Record):
    """Files that outlive containers.

    Attributes:
        name: 64 hexadecimal digits if nobody has given it one.
        mountpoint: host directory of its files; of a volume with options nothing is in it.
        created_ns: when, since 1970.
        labels: names with values, sorted.
        options: of the driver: `type`, `device`, `o`.
        anonymous: nobody has given it a name.
        driver: always "local".
        scope: always "local".
    """

    name: str
    mountpoint: str
    created_ns: int = 0
    labels: Pairs = ()
    options: Pairs = ()
    anonymous: bool = False
    driver: str = LOCAL
    scope: str = "local"


class VolumeFilter(Record):
    """Which volumes somebody wants to see; of each kind one has to match, of labels all.

    Attributes:
        names: parts of names.
        drivers: names of drivers.
        labels: names with values; a value of None stands for any.
        dangling: True for those that no container has, False for the others, None for all.
    """

    names: tuple[str, ...] = ()
    drivers: tuple[str, ...] = ()
    labels: tuple[tuple[str, str | None], ...] = ()
    dangling: bool | None = None


class PrunedVolumes(Record):
    """Names of the volumes that were removed, and how many bytes their files had."""

    names: tuple[str, ...]
    bytes: int


ALL = VolumeFilter()
