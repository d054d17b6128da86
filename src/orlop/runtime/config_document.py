"""A configuration as the JSON value of config.json: the way back from `orlop.runtime.config_json`.

Fields have the specification's names; what is absent, or empty and thereby says nothing, is left
out.
"""

from __future__ import annotations

from orlop.decode import camel_case
from orlop.kernel.cgroup.resources import BlockIo, Memory, NetworkClass, Resources
from orlop.kernel.idmap import IdMap
from orlop.records import Record, fields, values
from orlop.runtime.spec import CpuAffinity, IntelRdt, IoPriority, MemoryPolicy, Process

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from orlop.kernel.seccomp import Profile
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


def document(record: Spec | Profile) -> dict[str, Any]:
    """The JSON value of a configuration, or of a seccomp profile."""
    return _object(record)


def _object(record: Record) -> dict[str, Any]:
    cls = type(record)
    defaults = cls.__record_defaults__
    found: dict[str, Any] = {}
    for field, value in zip(fields(record), values(record), strict=True):
        plain = _numbers(value) if (cls, field) in _NUMBER_LISTS else _plain(value)
        says_nothing = plain in ([], {}, "") and value == defaults.get(field)
        if value is not None and not says_nothing:
            key = _KEYS.get((cls, field)) or camel_case(field)
            found[key] = {"limit": plain} if key == "pids" else plain
    return found


def _plain(value: object) -> object:
    if isinstance(value, Record):
        return _object(value)
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return value


def _numbers(numbers: Iterable[int]) -> str:
    return ",".join(map(str, numbers))
