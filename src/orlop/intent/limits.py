"""Control groups and devices."""

from __future__ import annotations

from orlop.decode import number_list
from orlop.errors import InvalidArgument, Unsupported
from orlop.intent import docker_defaults as defaults
from orlop.intent.docker_defaults import DEFAULT, OURS
from orlop.intent.request import CdiDevice
from orlop.kernel.cgroup.resources import (
    BlockIo,
    Cpu,
    DeviceRule,
    Memory,
    Resources,
    ThrottleDevice,
    WeightDevice,
)
from orlop.records import values
from orlop.runtime.spec import Device

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from orlop.intent.draft import Draft
    from orlop.intent.host_facts import DeviceNode
    from orlop.intent.request import DeviceRate

_MIN_MEMORY = 6 << 20
_PERIOD_US = 100_000
_NANO = 10**9
_WITHOUT_KERNEL_MEMORY = (5, 16)  # Linux from there on ignores this limit of v1
_MOST_NUMBERS = 1 << 16
_SHOWN = 8
_numbers = number_list(_MOST_NUMBERS)


def resources_of(draft: Draft) -> Resources:
    """Everything that is asked of the control groups."""
    return Resources(
        devices=_rules(draft),
        memory=_memory(draft),
        cpu=_cpu(draft),
        pids_limit=_pids(draft),
        block_io=_block_io(draft),
    )


def _refuse(draft: Draft, field: str, reason: str) -> InvalidArgument:
    return InvalidArgument(f"{draft.written(f'limits.{field}')}: {reason}")


def _note(draft: Draft, path: str, field: str) -> None:
    draft.note(f"linux.resources.{path}", draft.written(f"limits.{field}"))


# --- memory -----------------------------------------------------------------------------------

# the request's field, the name in config.json
_MEMORY = (
    ("memory_bytes", "limit"),
    ("memory_reservation_bytes", "reservation"),
    ("memory_swap_bytes", "swap"),
    ("swappiness", "swappiness"),
    ("kernel_memory_bytes", "kernel"),
)


def _memory(draft: Draft) -> Memory | None:
    limits = draft.request.limits
    _check_memory(draft)
    for field, name in _MEMORY:
        if getattr(limits, field) is not None:
            _note(draft, f"memory.{name}", field)
    swap = limits.memory_swap_bytes
    if swap is None and limits.memory_bytes is not None and draft.host.swap_limit:
        swap = 2 * limits.memory_bytes
        cause = f"{DEFAULT} with {draft.written('limits.memory_bytes')}: as much swap as memory"
        draft.note("linux.resources.memory.swap", cause)
    if limits.oom_kill_disable:
        _note(draft, "memory.disableOOMKiller", "oom_kill_disable")
        if limits.memory_bytes is None:
            draft.warn(
                f"{draft.written('limits.oom_kill_disable')} without a limit of memory: the whole"
                " host can run out of it"
            )
    kernel = limits.kernel_memory_bytes
    if kernel is not None and draft.host.kernel >= _WITHOUT_KERNEL_MEMORY:
        written = draft.written("limits.kernel_memory_bytes")
        draft.warn(f"{written} has no effect: Linux does not limit this by itself any more")
        kernel = None
    found = Memory(
        limit=limits.memory_bytes,
        reservation=limits.memory_reservation_bytes,
        swap=swap,
        kernel=kernel,
        swappiness=limits.swappiness,
        disable_oom_killer=True if limits.oom_kill_disable else None,
    )
    return None if found == Memory() else found


def _check_memory(draft: Draft) -> None:
    """What the kernel would take, and Docker does not, because nobody can mean it."""
    limits = draft.request.limits
    memory, swap = limits.memory_bytes, limits.memory_swap_bytes
    reservation = limits.memory_reservation_bytes
    if memory is not None and memory < _MIN_MEMORY:
        raise _refuse(draft, "memory_bytes", "must be at least 6m")
    if reservation is not None and reservation < _MIN_MEMORY:
        raise _refuse(draft, "memory_reservation_bytes", "must be at least 6m")
    if memory is not None and reservation is not None and reservation > memory:
        raise _refuse(draft, "memory_reservation_bytes", "must not be more than --memory")
    if swap is not None and memory is None:
        raise _refuse(draft, "memory_swap_bytes", "needs --memory, which it includes")
    if swap is not None and memory is not None and -1 != swap < memory:
        raise _refuse(draft, "memory_swap_bytes", "must not be less than --memory, its part")
    if draft.host.cgroup_v2 and limits.oom_kill_disable:
        raise Unsupported(draft.written("limits.oom_kill_disable"), needs="cgroup v1")


# --- CPU --------------------------------------------------------------------------------------

_CPU = (
    ("cpu_shares", "shares"),
    ("cpu_quota_us", "quota"),
    ("cpu_period_us", "period"),
    ("realtime_runtime_us", "realtimeRuntime"),
    ("realtime_period_us", "realtimePeriod"),
    ("cpus", "cpus"),
    ("memory_nodes", "mems"),
)


def _cpu(draft: Draft) -> Cpu | None:
    limits = draft.request.limits
    _check_cpu(draft)
    for field, name in _CPU:
        if getattr(limits, field):
            _note(draft, f"cpu.{name}", field)
    quota, period = limits.cpu_quota_us, limits.cpu_period_us
    if limits.nano_cpus is not None:
        period = _PERIOD_US
        quota = limits.nano_cpus * period // _NANO
        _note(draft, "cpu.quota", "nano_cpus")
        _note(draft, "cpu.period", "nano_cpus")
    found = Cpu(
        shares=limits.cpu_shares,
        quota=quota,
        period=period,
        realtime_runtime=limits.realtime_runtime_us,
        realtime_period=limits.realtime_period_us,
        cpus=limits.cpus or None,
        mems=limits.memory_nodes or None,
    )
    return None if found == Cpu() else found


def _check_cpu(draft: Draft) -> None:
    limits = draft.request.limits
    nano, quota, period = limits.nano_cpus, limits.cpu_quota_us, limits.cpu_period_us
    if nano is not None and not _NANO // 100 <= nano <= draft.host.cpus * _NANO:
        raise _refuse(draft, "nano_cpus", f"must be from 0.01 to the host's {draft.host.cpus}")
    if nano is not None and (quota is not None or period is not None):
        raise _refuse(draft, "nano_cpus", "cannot be given with a quota or a period")
    if period is not None and not 1000 <= period <= 1_000_000:
        raise _refuse(draft, "cpu_period_us", "must be from 1000 to 1000000 (1 ms to 1 s)")
    if quota is not None and quota != -1 and quota < 1000:
        raise _refuse(draft, "cpu_quota_us", "must be at least 1000 (1 ms)")
    _check_numbers(draft, "cpus", draft.host.online_cpus)
    _check_numbers(draft, "memory_nodes", draft.host.memory_nodes)


def _check_numbers(draft: Draft, field: str, available: frozenset[int]) -> None:
    """Each of them is there; else the kernel would say ERANGE or EINVAL, and not of what."""
    asked = _numbers(getattr(draft.request.limits, field)) if available else ()
    missing = [str(number) for number in asked if number not in available]
    if missing:
        has = ",".join(map(str, sorted(available)))
        raise _refuse(draft, field, f"the host has {has}, not {','.join(missing[:_SHOWN])}")


def _pids(draft: Draft) -> int | None:
    asked = draft.request.limits.pids
    if asked is not None:
        _note(draft, "pids.limit", "pids")
        return asked
    if "pids" not in draft.host.controllers:
        draft.warn("the number of processes is not limited: there is no cgroup controller pids")
        return None
    draft.note("linux.resources.pids.limit", OURS)
    return defaults.pids_limit(draft.host)


# --- block I/O --------------------------------------------------------------------------------

_RATES = (
    ("read_bytes", "throttleReadBpsDevice"),
    ("write_bytes", "throttleWriteBpsDevice"),
    ("read_operations", "throttleReadIOPSDevice"),
    ("write_operations", "throttleWriteIOPSDevice"),
)


def _block_io(draft: Draft) -> BlockIo | None:
    limits = draft.request.limits
    if limits.io_weight is not None:
        _note(draft, "blockIO.weight", "io_weight")
        if not 10 <= limits.io_weight <= 1000:
            raise _refuse(draft, "io_weight", "must be from 10 to 1000")
    weights = []
    for index, asked in enumerate(limits.io_weight_devices):
        major, minor = draft.host.lookup.number(asked.host_path)
        weights.append(WeightDevice(major, minor, asked.weight or None))
        _note(draft, f"blockIO.weightDevice[{index}]", f"io_weight_devices[{index}]")
    throttles = [_throttles(draft, field, name) for field, name in _RATES]
    found = BlockIo(limits.io_weight, None, tuple(weights), *throttles)
    return None if found == BlockIo() else found


def _throttles(draft: Draft, field: str, name: str) -> tuple[ThrottleDevice, ...]:
    asked: tuple[DeviceRate, ...] = getattr(draft.request.limits, field)
    for index in range(len(asked)):
        _note(draft, f"blockIO.{name}[{index}]", f"{field}[{index}]")
    return tuple(
        ThrottleDevice(*draft.host.lookup.number(rate.host_path), rate.per_second) for rate in asked
    )


# --- devices ----------------------------------------------------------------------------------


def _asked_nodes(draft: Draft) -> Iterator[tuple[DeviceNode, str, str]]:
    """The host's nodes that were asked for, with the access and the cause."""
    lookup = draft.host.lookup
    if draft.request.privileges.privileged:
        cause = draft.written("privileges.privileged")
        for node in lookup.nodes("/dev"):
            yield node, "rwm", cause
    for index, asked in enumerate(draft.request.devices):
        cause = draft.written(f"devices[{index}]")
        if isinstance(asked, CdiDevice):  # see orlop.intent.cdi
            continue
        for node in lookup.nodes(asked.host_path):
            below = node.path.removeprefix(asked.host_path) if node.path != asked.host_path else ""
            yield node.replace(path=asked.path + below), asked.access, cause


def devices_of(draft: Draft) -> tuple[Device, ...]:
    """The nodes that the container gets besides those of every container."""
    found: dict[str, tuple[Device, str]] = {}
    for node, _, cause in _asked_nodes(draft):
        device = Device(node.type, node.path, *values(node)[2:])
        found[node.path] = (device, cause)
    for index, (_, cause) in enumerate(found.values()):
        draft.note(f"linux.devices[{index}]", cause)
    return tuple(device for device, _ in found.values())


def _rules(draft: Draft) -> tuple[DeviceRule, ...]:
    """What may be used: nothing but what every container may, and what was asked."""
    rules = [(defaults.DENY_ALL, DEFAULT)]
    if draft.request.privileges.privileged:
        rules.append((defaults.ALLOW_ALL, draft.written("privileges.privileged")))
    else:
        rules += (
            (DeviceRule(True, node.type, node.major, node.minor, access), cause)
            for node, access, cause in _asked_nodes(draft)
        )
    for index, asked in enumerate(draft.request.device_rules):
        cause = draft.written(f"device_rules[{index}]")
        rules.append((DeviceRule(True, *values(asked)), cause))
    for index, (_, cause) in enumerate(rules):
        draft.note(f"linux.resources.devices[{index}]", cause)
    return tuple(rule for rule, _ in rules)
