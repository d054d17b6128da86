"""Maps between the user and group ids of a user namespace and those of the host.

See: user_namespaces(7), subuid(5), newuidmap(1),
runtime-spec config-linux.md#user-namespace-mappings.
"""

from __future__ import annotations

from orlop.errors import InvalidArgument
from orlop.records import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

MAX_ID = 0xFFFFFFFE  # (uid_t) -1 means "no change" or "none" and cannot be mapped
MAX_RANGES = 340  # of one map, since Linux 4.15
_MAX_TEXT = 4095  # a map is written at once, and less than a page


class IdMap(Record):
    """`size` ids from `container_id` on are, outside, those from `host_id` on."""

    container_id: int
    host_id: int
    size: int


class SubordinateRange(Record):
    """`size` ids from `first` on that a user may map (a line of /etc/subuid)."""

    first: int
    size: int


def check(maps: Sequence[IdMap], what: str = "id map") -> None:
    """The kernel will take this map as one.

    Raises:
        InvalidArgument: it is empty, too long, has a range that is empty or ends above MAX_ID, or
            two ranges overlap on either side.
    """
    if not maps:
        raise InvalidArgument(f"invalid {what}: it has no range")
    if len(maps) > MAX_RANGES:
        raise InvalidArgument(f"invalid {what}: {len(maps)} ranges, {MAX_RANGES} are possible")
    for entry in maps:
        _check_range(entry, what)
    _check_overlap([(entry.container_id, entry.size) for entry in maps], f"{what}, container side")
    _check_overlap([(entry.host_id, entry.size) for entry in maps], f"{what}, host side")
    if len(text(maps)) > _MAX_TEXT:
        raise InvalidArgument(f"invalid {what}: its text is longer than {_MAX_TEXT} bytes")


def _check_range(entry: IdMap, what: str) -> None:
    if entry.size < 1:
        raise InvalidArgument(f"invalid {what}: a range has the size {entry.size}")
    for first in (entry.container_id, entry.host_id):
        if first < 0 or first + entry.size - 1 > MAX_ID:
            raise InvalidArgument(
                f"invalid {what}: {first} with size {entry.size} is not within 0 and {MAX_ID}"
            )


def _check_overlap(ranges: list[tuple[int, int]], what: str) -> None:
    from itertools import pairwise

    ranges.sort()
    for (first, size), (following, _) in pairwise(ranges):
        if first + size > following:
            raise InvalidArgument(
                f"invalid {what}: the range {first} with size {size} overlaps that of {following}"
            )


def text(maps: Iterable[IdMap]) -> str:
    """The map as it is written into /proc/PID/uid_map."""
    return "".join(f"{entry.container_id} {entry.host_id} {entry.size}\n" for entry in maps)


def helper_arguments(maps: Iterable[IdMap]) -> tuple[str, ...]:
    """The map as arguments of newuidmap(1) and newgidmap(1), behind the process id."""
    return tuple(
        str(number) for entry in maps for number in (entry.container_id, entry.host_id, entry.size)
    )


def parse(map_text: str) -> tuple[IdMap, ...]:
    """The map that /proc/PID/uid_map shows.

    Raises:
        InvalidArgument: a line is not three numbers.
    """
    maps = []
    for line in map_text.splitlines():
        try:
            container_id, host_id, size = map(int, line.split())
        except ValueError:
            raise InvalidArgument(f"cannot parse id map: {line!r} is not three numbers") from None
        maps.append(IdMap(container_id, host_id, size))
    return tuple(maps)


def to_host(maps: Iterable[IdMap], container_id: int) -> int | None:
    """The host's id for one of the container, None if it has none."""
    for entry in maps:
        if 0 <= container_id - entry.container_id < entry.size:
            return container_id - entry.container_id + entry.host_id
    return None


def to_container(maps: Iterable[IdMap], host_id: int) -> int | None:
    """The container's id for one of the host, None if it has none."""
    for entry in maps:
        if 0 <= host_id - entry.host_id < entry.size:
            return host_id - entry.host_id + entry.container_id
    return None


def subordinate_ranges(file_text: str, uid: int, user: str = "") -> tuple[SubordinateRange, ...]:
    """What /etc/subuid or /etc/subgid (its text) lets a user map, in the order of the file.

    A line counts if it begins with the user's name or number. Lines that are not
    name:number:number are passed over, as newuidmap(1) does.
    """
    owners = {str(uid), user} - {""}
    ranges = []
    for line in file_text.splitlines():
        fields = line.strip().split(":")
        if len(fields) == 3 and fields[0] in owners:
            first, size = fields[1:]
            if first.isdecimal() and size.isdecimal() and int(size) > 0:
                ranges.append(SubordinateRange(int(first), int(size)))
    return tuple(ranges)
