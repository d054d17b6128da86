"""From what people write about new namespaces to `New`."""

from __future__ import annotations

from orlop.errors import InvalidArgument
from orlop.insight.byhand.places import kind_of
from orlop.insight.byhand.plans import New
from orlop.insight.byhand.running import own_maps
from orlop.kernel.idmap import IdMap, check, to_host
from orlop.kernel.namespaces import MOUNT, NAMESPACES
from orlop.runtime.spec import TimeOffset

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence


def new_namespaces(
    kinds: Iterable[str],
    *,
    uid_maps: Sequence[str] = (),
    gid_maps: Sequence[str] = (),
    offsets: Mapping[str, int] | None = None,
    mount_proc: bool = False,
) -> New:
    """The namespaces to make.

    Args:
        kinds: words as "net", or comma lists of them.
        uid_maps: ranges INSIDE:OUTSIDE:SIZE of a new user namespace; without any, the caller is
            root inside, and nobody else is anything.
        gid_maps: the same for groups.
        offsets: seconds by clock ("monotonic", "boottime") that a new time namespace is ahead.
        mount_proc: mount a procfs; this asks for a mount namespace too.

    Raises:
        InvalidArgument: there is no such kind, a map is none, or a choice belongs to a kind that
            is not made.
    """
    asked = {kind_of(word) for text in kinds for word in text.split(",") if word}
    if mount_proc:
        asked.add(MOUNT)
    names = {kind.name for kind in asked}
    if (uid_maps or gid_maps) and "user" not in names:
        raise InvalidArgument("id maps are for a new user namespace")
    if offsets and "time" not in names:
        raise InvalidArgument("clock offsets are for a new time namespace")
    own_uids, own_gids = own_maps()
    return New(
        kinds=tuple(kind for kind in NAMESPACES if kind in asked),
        uid_map=_maps(uid_maps, "--uid-map") or own_uids,
        gid_map=_maps(gid_maps, "--gid-map") or own_gids,
        offsets={clock: TimeOffset(seconds) for clock, seconds in (offsets or {}).items()},
        mount_proc=mount_proc,
    )


def _maps(texts: Sequence[str], option: str) -> tuple[IdMap, ...]:
    maps = []
    for text in texts:
        try:
            inside, outside, size = map(int, text.split(":"))
        except ValueError:
            raise InvalidArgument(f"{option}: {text!r} is not INSIDE:OUTSIDE:SIZE") from None
        maps.append(IdMap(inside, outside, size))
    if maps:
        check(maps, option)
        if to_host(maps, 0) is None:
            raise InvalidArgument(f"{option}: nobody is root inside", hint="map id 0 too")
    return tuple(maps)
