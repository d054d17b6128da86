"""What a container may use, in the words and units of runtime-spec config-linux.md#control-groups.

`None` means that nothing was asked. -1 in a limit means "no limit" where the specification says so.
"""

from __future__ import annotations

from orlop.records import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

NO_ENTRIES: Mapping[str, str] = {}


class DeviceRule(Record):
    """One entry of the device allow list: `type` is a, b or c, `access` of the letters r, w and m.

    A major or minor of None (or -1) means all.
    """

    allow: bool
    type: str = "a"
    major: int | None = None
    minor: int | None = None
    access: str = "rwm"


class Memory(Record):
    """Limits in bytes; `swap` is memory plus swap, as on cgroup v1 and in Docker."""

    limit: int | None = None
    reservation: int | None = None
    swap: int | None = None
    kernel: int | None = None
    kernel_tcp: int | None = None
    swappiness: int | None = None
    disable_oom_killer: bool | None = None
    use_hierarchy: bool | None = None
    check_before_update: bool | None = None


class Cpu(Record):
    """Times in microseconds; `shares` as on v1 (2 to 262144, 1024 is the middle)."""

    shares: int | None = None
    quota: int | None = None
    burst: int | None = None
    period: int | None = None
    realtime_runtime: int | None = None
    realtime_period: int | None = None
    cpus: str | None = None
    mems: str | None = None
    idle: int | None = None


class WeightDevice(Record):
    """Relative weight (10 to 1000) of one block device."""

    major: int
    minor: int
    weight: int | None = None
    leaf_weight: int | None = None


class ThrottleDevice(Record):
    """Bytes or operations per second of one block device."""

    major: int
    minor: int
    rate: int


class BlockIo(Record):
    """Block I/O weights (10 to 1000) and throttles."""

    weight: int | None = None
    leaf_weight: int | None = None
    weight_device: tuple[WeightDevice, ...] = ()
    throttle_read_bps_device: tuple[ThrottleDevice, ...] = ()
    throttle_write_bps_device: tuple[ThrottleDevice, ...] = ()
    throttle_read_iops_device: tuple[ThrottleDevice, ...] = ()
    throttle_write_iops_device: tuple[ThrottleDevice, ...] = ()


class HugepageLimit(Record):
    """Bytes of huge pages of one size, as `2MB` or `1GB`."""

    page_size: str
    limit: int


class InterfacePriority(Record):
    """net_prio of one interface."""

    name: str
    priority: int


class NetworkClass(Record):
    """net_cls and net_prio (v1 only)."""

    class_id: int | None = None
    priorities: tuple[InterfacePriority, ...] = ()


class RdmaLimit(Record):
    """RDMA handles and objects of one device."""

    hca_handles: int | None = None
    hca_objects: int | None = None


class Resources(Record):
    """Everything that was asked of the control groups of one container."""

    devices: tuple[DeviceRule, ...] = ()
    memory: Memory | None = None
    cpu: Cpu | None = None
    pids_limit: int | None = None
    block_io: BlockIo | None = None
    hugepage_limits: tuple[HugepageLimit, ...] = ()
    network: NetworkClass | None = None
    rdma: Mapping[str, RdmaLimit] | None = None
    unified: Mapping[str, str] = NO_ENTRIES
