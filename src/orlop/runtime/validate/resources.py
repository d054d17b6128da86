"""Control groups: values that fit together and that some kernel could take.

See: config-linux.md#control-groups, Documentation/admin-guide/cgroup-v2.rst.
"""

from __future__ import annotations

from orlop.decode import decode, number_list
from orlop.errors import SpecError, Unsupported
from orlop.runtime.validate.host import is_interface_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from orlop.kernel.cgroup.resources import BlockIo, Cpu, Memory, Resources
    from orlop.runtime.spec import Spec
    from orlop.runtime.validate.facts import Facts

_WHERE = "linux.resources"
_PATH = "config-linux.md#cgroups-path"
_MEMORY = "config-linux.md#memory"
_CPU = "config-linux.md#cpu"
_BLOCK_IO = "config-linux.md#block-io"

_cpu_list = number_list(1 << 16)


def check_cgroups_path(spec: Spec, _facts: Facts) -> None:
    """A path that stays below where it begins."""
    path = spec.linux.cgroups_path
    if path is not None and ".." in path.split("/"):
        raise SpecError("linux.cgroupsPath", "must not have .. in it", spec_ref=_PATH)


def check_resources(resources: Resources, facts: Facts) -> None:
    """Everything that is asked of control groups."""
    if resources.memory is not None:
        _check_memory(resources.memory, facts)
    if resources.cpu is not None:
        _check_cpu(resources.cpu)
    if resources.block_io is not None:
        _check_block_io(resources.block_io)
    _check_rest(resources, facts)


def _refuse(field: str, reason: str, spec_ref: str) -> None:
    raise SpecError(f"{_WHERE}.{field}", reason, spec_ref=spec_ref)


def _check_memory(memory: Memory, facts: Facts) -> None:
    for name in ("limit", "reservation", "swap", "kernel", "kernel_tcp"):
        value = getattr(memory, name)
        if value is not None and value < -1:
            field = "kernelTCP" if name == "kernel_tcp" else name
            _refuse(f"memory.{field}", f"must be a size or -1 for no limit, not {value}", _MEMORY)
    swap, limit = memory.swap, memory.limit
    if swap is None or swap == -1:
        return
    if limit == -1:
        _refuse("memory.swap", "cannot be limited where memory is not", _MEMORY)
    if limit is None and facts.unified_cgroups:
        _refuse("memory.swap", "cannot be set without memory.limit, which it includes", _MEMORY)
    if limit is not None and swap < limit:
        _refuse("memory.swap", f"is less than memory.limit, which it includes: {limit}", _MEMORY)


def _check_cpu(cpu: Cpu) -> None:
    if cpu.period is not None and not 1000 <= cpu.period <= 1_000_000:
        _refuse("cpu.period", f"must be from 1000 to 1000000 µs, not {cpu.period}", _CPU)
    if cpu.quota is not None and cpu.quota != -1 and cpu.quota < 1000:
        _refuse("cpu.quota", f"must be at least 1000 µs or -1 for no limit, not {cpu.quota}", _CPU)
    if cpu.burst and cpu.quota is not None and 0 < cpu.quota < cpu.burst:
        _refuse("cpu.burst", f"must not be more than the quota, {cpu.quota}", _CPU)
    if cpu.realtime_runtime is not None and cpu.realtime_runtime < -1:
        _refuse("cpu.realtimeRuntime", "must be a time or -1 for no limit", _CPU)
    if cpu.idle not in (None, 0, 1):
        _refuse("cpu.idle", f"must be 0 or 1, not {cpu.idle}", _CPU)
    for name, numbers in (("cpus", cpu.cpus), ("mems", cpu.mems)):
        if numbers is not None:
            decode(_cpu_list, numbers, f"{_WHERE}.cpu.{name}")


def _check_block_io(block_io: BlockIo) -> None:
    _check_weight("blockIO.weight", block_io.weight)
    _check_weight("blockIO.leafWeight", block_io.leaf_weight)
    for index, device in enumerate(block_io.weight_device):
        field = f"blockIO.weightDevice[{index}]"
        _check_weight(f"{field}.weight", device.weight)
        _check_weight(f"{field}.leafWeight", device.leaf_weight)


def _check_weight(field: str, weight: int | None) -> None:
    if weight is not None and not 10 <= weight <= 1000:
        _refuse(field, f"must be from 10 to 1000, not {weight}", _BLOCK_IO)


def _check_rest(resources: Resources, facts: Facts) -> None:
    if resources.pids_limit is not None and resources.pids_limit < -1:
        reason = f"must be a number or -1 for no limit, not {resources.pids_limit}"
        _refuse("pids.limit", reason, "config-linux.md#pids")
    sizes: set[str] = set()
    for index, limit in enumerate(resources.hugepage_limits):
        if limit.page_size in sizes:
            field = f"hugepageLimits[{index}].pageSize"
            _refuse(field, "there is a second such limit", "config-linux.md#huge-page-limits")
        sizes.add(limit.page_size)
    if resources.network is not None:
        for index, priority in enumerate(resources.network.priorities):
            if not is_interface_name(priority.name):
                field = f"network.priorities[{index}].name"
                reason = f"{priority.name!r:.80} cannot be a network device's name"
                _refuse(field, reason, "config-linux.md#network")
    for name, rdma in (resources.rdma or {}).items():
        if name != "".join(name.split()):
            _refuse(f"rdma[{name!r}]", "must not have white space", "config-linux.md#rdma")
        if rdma.hca_handles is None and rdma.hca_objects is None:
            _refuse(f"rdma[{name!r}]", "must have hcaHandles or hcaObjects", "config-linux.md#rdma")
    _check_unified(resources, facts)


def _check_unified(resources: Resources, facts: Facts) -> None:
    for name in resources.unified:
        if "/" in name or "." not in name.strip("."):
            reason = "must be the name of a cgroup file, as memory.high"
            _refuse(f"unified[{name!r}]", reason, "config-linux.md#unified")
    if resources.unified and not facts.unified_cgroups:
        raise Unsupported("linux.resources.unified", needs="cgroup v2")
