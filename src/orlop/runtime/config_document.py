"""A configuration as the JSON value of config.json: the way back from `orlop.runtime.config_json`.

Fields have the specification's names; what is absent, or empty and thereby says nothing, is left
out.
"""

from __future__ import annotations

from orlop.decode import camel_case
from orlop.kernel.cgroup.resources import BlockIo, Memory, NetworkClass, Resources
from orlop.kernel.idmap import IdMap
from orlop.kernel.seccomp import Profile
from orlop.records import Record, fields, values
from orlop.runtime.spec import CpuAffinity, IntelRdt, IoPriority, MemoryPolicy, Process

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

    from orlop.runtime.spec import Spec

# Names that are not the field's in camel case, as in `config_json`.
_KEYS: dict[tuple[type[Record], str], str] = {
    (IdMap, "container_id"): "containerID",
    (IdMap, "host_id"): "hostID",
    (Process, "exec_cpu_affinity"): "execCPUAffinity",
    (IoPriority, "class_"): "class",
    (Memory, "kernel_tcp"): "kernelTCP",
    (Memory, "disable_oom_killer"): "disableOOMKiller",
    (Resources, "pids_limit"): "pids",
    (Resources, "block_io"): "blockIO",
    (BlockIo, "throttle_read_iops_device"): "throttleReadIOPSDevice",
    (BlockIo, "throttle_write_iops_device"): "throttleWriteIOPSDevice",
    (NetworkClass, "class_id"): "classID",
    (IntelRdt, "clos_id"): "closID",
}
# Numbers that stand there as a list's text, "0,2".
_NUMBER_LISTS = frozenset(
    ((CpuAffinity, "initial"), (CpuAffinity, "final"), (MemoryPolicy, "nodes"))
)


def document(record: Spec | Profile | Resources) -> dict[str, Any]:
    """The JSON value of a configuration, or of a part of one; not to be changed."""
    return _object(record)


def _object(record: Record) -> dict[str, Any]:
    cls = type(record)
    rows = _rows.get(cls)
    if rows is None:
        rows = _rows[cls] = _rows_of(cls)
    found: dict[str, Any] = {}
    for (key, plainly, default), value in zip(rows, values(record), strict=True):
        if value is None:
            continue
        plain = plainly(value)
        if value == default and plain in _SAYS_NOTHING:
            continue
        found[key] = {"limit": plain} if key == "pids" else plain
    return found


_Row = tuple[str, "Callable[[Any], object]", object]
_rows: dict[type[Record], tuple[_Row, ...]] = {}
_SAYS_NOTHING: tuple[object, ...] = ([], {}, "")


def _rows_of(cls: type[Record]) -> tuple[_Row, ...]:
    """Of each field its name in JSON, what makes its value plain, and its default."""
    return tuple(
        (
            _KEYS.get((cls, field)) or camel_case(field),
            _numbers if (cls, field) in _NUMBER_LISTS else _plain,
            cls.__record_defaults__.get(field),
        )
        for field in fields(cls)
    )


_MOST_PROFILES = 16
_profiles: dict[Profile, dict[str, Any]] = {}  # the largest part, and mostly the same one


def _profile(profile: Profile) -> dict[str, Any]:
    found = _profiles.get(profile)
    if found is None:
        if len(_profiles) >= _MOST_PROFILES:
            _profiles.clear()
        found = _profiles[profile] = _object(profile)
    return found


def _plain(value: object) -> object:
    if isinstance(value, Profile):
        return _profile(value)
    if isinstance(value, Record):
        return _object(value)
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return value


def _numbers(numbers: Iterable[int]) -> str:
    return ",".join(map(str, numbers))
