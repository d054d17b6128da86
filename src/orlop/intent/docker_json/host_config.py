"""The members of `HostConfig` that say one thing each: limits, namespaces, names."""

from __future__ import annotations

from orlop.decode import Mismatch, i64, integer, list_of, mapping_of, string
from orlop.intent.docker_json.member import (
    Member,
    at,
    count,
    flag,
    joined,
    look_up,
    name,
    names,
    number,
    pairs,
    put,
    strings,
    text,
    texts,
    unless,
)
from orlop.intent.forms import limits, mounts, namespaces, network, privileges, process
from orlop.intent.forms.text import address, filled
from orlop.intent.request import (
    Always,
    AtPath,
    CdiDevice,
    Device,
    DeviceRate,
    DeviceRule,
    DeviceWeight,
    Gpus,
    Host,
    NoRestart,
    NoSharedMemory,
    OfContainer,
    OnFailure,
    Private,
    Shareable,
    Size,
    Ulimit,
    UnlessStopped,
    VolumesFrom,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from orlop.decode import Decoder
    from orlop.intent.docker_json.member import Document
    from orlop.intent.given import Given
    from orlop.intent.request import Request, RestartPolicy

# --- namespaces -------------------------------------------------------------------------------


def mode_text(mode: Any) -> str:
    """A mode of a namespace in Docker's words; "" is the container's own."""
    match mode:
        case Private():
            return ""
        case Host():
            return "host"
        case OfContainer(ref):
            return f"container:{ref}"
        case AtPath(path):
            return f"path:{path}"
        case Shareable():
            return "shareable"
        case NoSharedMemory():
            return "none"
    raise AssertionError(mode)


def _ipc_text(mode: Any) -> str:
    return mode_text(mode) or "private"


# --- objects ----------------------------------------------------------------------------------

_POLICIES: Mapping[str, RestartPolicy] = {
    "": NoRestart(),
    "no": NoRestart(),
    "always": Always(),
    "unless-stopped": UnlessStopped(),
}


def restart_policy(value: object) -> RestartPolicy:
    """RestartPolicy: {Name, MaximumRetryCount}.

    Raises:
        Mismatch: there is no such policy, or a count for one that does not count.
    """
    policy = look_up(value, "Name")
    most = at("MaximumRetryCount", i64, look_up(value, "MaximumRetryCount") or 0)
    chosen = string("" if policy is None else policy)
    if chosen == "on-failure":
        if most < 0:
            raise Mismatch("must have a MaximumRetryCount that is not negative")
        return OnFailure(most)
    if chosen not in _POLICIES:
        raise Mismatch(
            f"must be no, always, unless-stopped or on-failure by Name, not {chosen!r:.80}"
        )
    if most:
        raise Mismatch("must have no MaximumRetryCount but with on-failure")
    return _POLICIES[chosen]


def _policy_document(policy: RestartPolicy) -> Document:
    words = {Always: "always", UnlessStopped: "unless-stopped", OnFailure: "on-failure"}
    most = policy.most if isinstance(policy, OnFailure) else 0
    return {"Name": words.get(type(policy), "no"), "MaximumRetryCount": most}


def _ulimit(value: object) -> Ulimit:
    given = mapping_of(_anything)(value)
    limit = string(given.get("Name") or "").lower()
    soft, hard = (at(key, i64, given.get(key) or 0) for key in ("Soft", "Hard"))
    found: Ulimit = text(limits.ulimit)(f"{limit}={soft}:{hard}")
    return found


def _ulimits(value: tuple[Ulimit, ...]) -> list[Document]:
    return [
        {"Name": limit.name.removeprefix("RLIMIT_").lower(), "Soft": limit.soft, "Hard": limit.hard}
        for limit in value
    ]


def _anything(value: object) -> object:
    return value


def _per_device(cls: type[Any], key: str) -> Decoder[Any]:
    """{Path, KEY}: a number for a block device."""

    def decode_pair(value: object) -> Any:
        given = mapping_of(_anything)(value)
        path = string(given.get("Path") or "")
        if not path.startswith("/"):
            raise Mismatch(f"must have an absolute Path, not {path!r:.80}")
        return cls(path, at(key, _amount, given.get(key) or 0))

    return list_of(decode_pair)


_amount = integer(0, (1 << 63) - 1)


def _rates(path: str, field: str) -> Member:
    return Member(
        path,
        field,
        _per_device(DeviceRate, "Rate"),
        lambda value: [{"Path": rate.host_path, "Rate": rate.per_second} for rate in value] or None,
    )


def _weights(value: tuple[DeviceWeight, ...]) -> list[Document] | None:
    return [{"Path": weight.host_path, "Weight": weight.weight} for weight in value] or None


def _size(value: object) -> Size | None:
    rows, columns = (*list_of(_amount)(value), 0, 0)[:2]
    return Size(rows, columns) if rows and columns else None


def _rule_text(rules: tuple[DeviceRule, ...]) -> list[str] | None:
    return [
        f"{rule.type} {_all_or(rule.major)}:{_all_or(rule.minor)} {rule.access}" for rule in rules
    ] or None


def _all_or(part: int | None) -> str:
    return "*" if part is None else f"{part}"


def _volumes_from_texts(value: tuple[VolumesFrom, ...]) -> list[str] | None:
    return [f"{one.ref}:ro" if one.read_only else one.ref for one in value] or None


# --- the table --------------------------------------------------------------------------------

_C = "HostConfig."


def _mode(path: str, field: str, read: Any, write: Any = mode_text) -> Member:
    return Member(_C + path, field, text(read), write, "")


HOST_CONFIG = (
    name(_C + "ContainerIDFile", "handling.id_file"),
    name(_C + "LogConfig.Type", "handling.log.driver"),
    names(_C + "LogConfig.Config", "handling.log.options"),
    Member(_C + "RestartPolicy", "handling.restart", restart_policy, _policy_document),
    flag(_C + "AutoRemove", "handling.remove"),
    name(_C + "VolumeDriver", "volume_driver"),
    Member(_C + "VolumesFrom", "volumes_from", texts(mounts.volumes_from), _volumes_from_texts),
    Member(
        _C + "ConsoleSize", "terminal_size", _size, lambda size: [size.rows, size.columns], [0, 0]
    ),
    Member(_C + "Annotations", "annotations", pairs, lambda value: dict(value) or None),
    strings(_C + "CapAdd", "privileges.add", privileges.capability),
    strings(_C + "CapDrop", "privileges.drop", privileges.capability),
    _mode(
        "CgroupnsMode",
        "namespaces.cgroup",
        namespaces.cgroup_mode,
        lambda m: mode_text(m) or "private",
    ),
    strings(_C + "Dns", "dns", address),
    strings(_C + "DnsOptions", "dns_options", filled),
    strings(_C + "DnsSearch", "dns_search", filled),
    joined(_C + "ExtraHosts", "extra_hosts", network.extra_host, ":"),
    Member(
        _C + "GroupAdd",
        "groups",
        texts(process.account),
        lambda value: [f"{group}" for group in value] or None,
    ),
    _mode("IpcMode", "namespaces.ipc", namespaces.ipc_mode, _ipc_text),
    joined(_C + "Links", "links", network.link, ":"),
    Member(_C + "OomScoreAdj", "oom_score_adj", unless(0, integer(-1000, 1000)), int, 0),
    _mode("PidMode", "namespaces.pid", namespaces.pid_mode),
    flag(_C + "Privileged", "privileges.privileged"),
    flag(_C + "PublishAllPorts", "publish_all"),
    flag(_C + "ReadonlyRootfs", "read_only"),
    Member(_C + "StorageOpt", "handling.storage_options", pairs, lambda value: dict(value) or None),
    _mode("UTSMode", "namespaces.uts", namespaces.uts_mode),
    _mode(
        "UsernsMode",
        "namespaces.user",
        namespaces.user_mode,
        lambda m: "" if m == Host() else mode_text(m),
    ),
    count(_C + "ShmSize", "shm_bytes"),
    names(_C + "Sysctls", "sysctls"),
    name(_C + "Runtime", "handling.runtime"),
    flag(_C + "Init", "init"),
    # --- what Docker does not have: rates of networks, in bits per second
    count(_C + "NetRateIn", "limits.net_in_bits"),
    count(_C + "NetRateOut", "limits.net_out_bits"),
    count(_C + "NetBurst", "limits.net_burst_bytes"),
    count(_C + "NetDelay", "limits.net_delay_ns"),
    count(_C + "NetLoss", "limits.net_loss_ppm"),
    # --- resources
    Member(_C + "CpuShares", "limits.cpu_shares", unless(0, integer(2, 262_144)), int, 0),
    count(_C + "Memory", "limits.memory_bytes"),
    count(_C + "NanoCpus", "limits.nano_cpus"),
    name(_C + "CgroupParent", "cgroup_parent"),
    count(_C + "BlkioWeight", "limits.io_weight"),
    Member(
        _C + "BlkioWeightDevice",
        "limits.io_weight_devices",
        _per_device(DeviceWeight, "Weight"),
        _weights,
    ),
    _rates(_C + "BlkioDeviceReadBps", "limits.read_bytes"),
    _rates(_C + "BlkioDeviceWriteBps", "limits.write_bytes"),
    _rates(_C + "BlkioDeviceReadIOps", "limits.read_operations"),
    _rates(_C + "BlkioDeviceWriteIOps", "limits.write_operations"),
    count(_C + "CpuPeriod", "limits.cpu_period_us"),
    count(_C + "CpuQuota", "limits.cpu_quota_us"),
    count(_C + "CpuRealtimePeriod", "limits.realtime_period_us"),
    count(_C + "CpuRealtimeRuntime", "limits.realtime_runtime_us"),
    name(_C + "CpusetCpus", "limits.cpus", limits.number_list),
    name(_C + "CpusetMems", "limits.memory_nodes", limits.number_list),
    Member(_C + "DeviceCgroupRules", "device_rules", texts(limits.device_rule), _rule_text),
    count(_C + "KernelMemory", "limits.kernel_memory_bytes"),
    count(_C + "MemoryReservation", "limits.memory_reservation_bytes"),
    count(_C + "MemorySwap", "limits.memory_swap_bytes"),
    Member(_C + "MemorySwappiness", "limits.swappiness", unless(-1, integer(0, 100)), int),
    flag(_C + "OomKillDisable", "limits.oom_kill_disable"),
    Member(_C + "PidsLimit", "limits.pids", number, int),
    Member(_C + "Ulimits", "ulimits", list_of(_ulimit), lambda value: _ulimits(value) or None),
)

# --- devices ----------------------------------------------------------------------------------

_DEVICES, _REQUESTS = _C + "Devices", _C + "DeviceRequests"


def take_devices(document: object, given: Given) -> None:
    """Devices by path, and those that the Container Device Interface or a driver knows."""
    for path, take in ((_DEVICES, _device), (_REQUESTS, _request)):
        value = look_up(document, path)
        found = at(path, list_of(take), value) if value is not None else ()
        for index, one in enumerate(found):
            if isinstance(one, Gpus):
                given.set("gpus", one, f"{path}[{index}]")
            else:
                given.extend("devices", one, f"{path}[{index}]")


def _device(value: object) -> tuple[Device | CdiDevice, ...]:
    given = mapping_of(string)(value)
    host = given.get("PathOnHost") or ""
    inside = given.get("PathInContainer") or host
    access = given.get("CgroupPermissions") or "rwm"
    if "=" in host:  # the docker command puts names of the Container Device Interface here
        return (text(limits.device)(host),)
    return (text(limits.device)(f"{host}:{inside}:{access}"),)


def _request(value: object) -> Gpus | tuple[CdiDevice, ...]:
    given = mapping_of(_anything)(value)
    driver = string(given.get("Driver") or "")
    ids = at("DeviceIDs", list_of(string), given.get("DeviceIDs") or [])
    if driver == "cdi":
        return tuple(CdiDevice(device) for device in ids)
    sets = at("Capabilities", list_of(list_of(string)), given.get("Capabilities") or [])
    wanted = tuple(word for words in sets[:1] for word in words if word != "gpu")
    options = at("Options", pairs, given.get("Options") or {})
    return Gpus(at("Count", i64, given.get("Count") or 0), ids, driver, wanted, options)


def give_devices(request: Request, document: Document) -> None:
    """The same, the other way."""
    named = [device.name for device in request.devices if isinstance(device, CdiDevice)]
    requests: list[Document] = []
    if named:
        requests.append(_request_document("cdi", 0, named, (), ()))
    if request.gpus is not None:
        gpus = request.gpus
        wanted = ("gpu", *gpus.capabilities)
        requests.append(
            _request_document(gpus.driver, gpus.count, list(gpus.ids), wanted, gpus.options)
        )
    put(document, _REQUESTS, requests or None)
    nodes = [
        {
            "PathOnHost": device.host_path,
            "PathInContainer": device.path,
            "CgroupPermissions": device.access,
        }
        for device in request.devices
        if isinstance(device, Device)
    ]
    put(document, _DEVICES, nodes)


def _request_document(
    driver: str,
    amount: int,
    ids: list[str],
    wanted: tuple[str, ...],
    options: tuple[tuple[str, str], ...],
) -> Document:
    return {
        "Driver": driver,
        "Count": amount,
        "DeviceIDs": ids or None,
        "Capabilities": [list(wanted)] if wanted else None,
        "Options": dict(options),
    }
