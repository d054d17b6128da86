"""`docker run`'s flags, as a table, and how they become a `Request`.

A row says which field of the request a flag sets, and how its text is read (`orlop.intent.forms`).
Nothing here knows what a flag does to a container.
"""

from __future__ import annotations

from orlop.errors import InvalidArgument
from orlop.intent import units
from orlop.intent.forms import limits, mounts, namespaces, network, privileges, process, text
from orlop.intent.given import Given, made
from orlop.intent.request import Network, NoRestart, Request
from orlop.options import FLAG, LIST, TEXT, Option, parse
from orlop.records import Record, fields

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from orlop.options import Values


class Flag(Record):
    """A row of the table.

    Attributes:
        names: the flag's, with their dashes.
        field: of the request, as "limits.memory_bytes".
        value: a placeholder for its value, "" if it takes none.
        help: a line.
        read: its text's meaning.
        take: how what was read gets into the field: as it is, as one more entry, ...
    """

    names: tuple[str, ...]
    field: str
    value: str
    help: str
    read: Callable[[str], Any]
    take: Callable[[Given, str, Any, str], None]

    @property
    def option(self) -> Option:
        """The flag as the parser knows it."""
        kind = FLAG if not self.value else TEXT if self.take is Given.set else LIST
        return Option(self.names, kind, self.help, self.value)


def _flag(names: str, field: str, summary: str) -> Flag:
    return Flag(tuple(names.split()), field, "", summary, text.boolean, Given.set)


def _one(
    names: str, field: str, value: str, summary: str, read: Callable[[str], Any] = str
) -> Flag:
    return Flag(tuple(names.split()), field, value, summary, read, Given.set)


def _many(names: str, field: str, value: str, summary: str, read: Callable[[str], Any]) -> Flag:
    return Flag(tuple(names.split()), field, value, summary, read, Given.append)


def _several(names: str, field: str, value: str, summary: str, read: Callable[[str], Any]) -> Flag:
    return Flag(tuple(names.split()), field, value, summary, read, Given.extend)


_I63 = (1 << 63) - 1
_COUNT = units.whole(0, _I63)
_RATE = limits.device_rate(units.size)
_OPERATIONS = limits.device_rate(units.whole(0, _I63))
_SIZE_OR_NONE = text.zero_is_none(units.size)
_QUOTA = text.zero_is_none(units.whole(-1, _I63))

PROCESS = (
    _flag("--interactive -i", "handling.interactive", "keep stdin open"),
    _flag("--tty -t", "terminal", "give the program a terminal"),
    _flag("--detach -d", "handling.detach", "print the id and do not wait"),
    _several("--env-file", "environment", "FILE", "variables from a file", process.variables_file),
    _many("--env -e", "environment", "NAME[=VALUE]", "a variable", process.variable),
    _one("--entrypoint", "entrypoint", "PROGRAM", "in place of the image's", process.entrypoint),
    _one("--workdir -w", "directory", "DIR", "where the program starts", process.directory),
    _one("--user -u", "user", "USER[:GROUP]", "names or ids", process.user),
    _many("--group-add", "groups", "GROUP", "a further group", process.account),
    _flag("--init", "init", "pass signals on and reap, in a small first process"),
    _many("--ulimit", "ulimits", "NAME=SOFT[:HARD]", "a resource limit", limits.ulimit),
    _one("--oom-score-adj", "oom_score_adj", "NUMBER", "-1000 to 1000", units.whole(-1000, 1000)),
)
FILES = (
    _flag("--read-only", "read_only", "make the root file system read-only"),
    _many("--volume -v", "mounts", "SOURCE:TARGET[:OPTIONS]", "a mount", mounts.volume),
    _many("--mount", "mounts", "KEY=VALUE,...", "a mount", mounts.mount),
    _many("--tmpfs", "mounts", "TARGET[:OPTIONS]", "files in memory", mounts.tmpfs),
    _many("--volumes-from", "volumes_from", "CONTAINER[:ro]", "its volumes", mounts.volumes_from),
    _one("--volume-driver", "volume_driver", "NAME", "of volumes without one"),
    _one("--shm-size", "shm_bytes", "SIZE", "of /dev/shm", _SIZE_OR_NONE),
    _many("--device", "devices", "HOST[:PATH[:rwm]]", "a device of the host", limits.device),
    _many("--device-cgroup-rule", "device_rules", "RULE", "as 'c 189:* rmw'", limits.device_rule),
    _one("--gpus", "gpus", "REQUEST", "GPUs of the host", limits.gpus),
)
ISOLATION = (
    _one("--pid", "namespaces.pid", "MODE", "PID namespace", namespaces.pid_mode),
    _one("--ipc", "namespaces.ipc", "MODE", "IPC namespace", namespaces.ipc_mode),
    _one("--uts", "namespaces.uts", "MODE", "UTS namespace", namespaces.uts_mode),
    _one("--cgroupns", "namespaces.cgroup", "MODE", "cgroup namespace", namespaces.cgroup_mode),
    _one("--userns", "namespaces.user", "MODE", "user namespace", namespaces.user_mode),
    _many("--network --net", "namespaces.networks", "MODE", "network", network.network),
    _one("--hostname -h", "hostname", "NAME", "host name", network.host_name),
    _one("--domainname", "domainname", "NAME", "NIS domain name", network.host_name),
    _many("--sysctl", "sysctls", "NAME=VALUE", "a kernel parameter", text.pair),
)
PRIVILEGES = (
    _flag("--privileged", "privileges.privileged", "give up most of the isolation"),
    _many("--cap-add", "privileges.add", "CAPABILITY", "one more", privileges.capability),
    _many("--cap-drop", "privileges.drop", "CAPABILITY", "one less", privileges.capability),
    Flag(
        ("--security-opt",),
        "",
        "OPTION",
        "a security option",
        privileges.security_option,
        Given.assign,
    ),
)
LIMITS = (
    _one("--memory -m", "limits.memory_bytes", "SIZE", "of memory", _SIZE_OR_NONE),
    _one("--memory-reservation", "limits.memory_reservation_bytes", "SIZE", "soft", _SIZE_OR_NONE),
    _one(
        "--memory-swap",
        "limits.memory_swap_bytes",
        "SIZE",
        "of memory and swap, -1 for no limit",
        text.zero_is_none(units.size_or_unlimited),
    ),
    _one("--memory-swappiness", "limits.swappiness", "PERCENT", "0 to 100", limits.swappiness),
    _one("--kernel-memory", "limits.kernel_memory_bytes", "SIZE", "cgroup v1", _SIZE_OR_NONE),
    _flag("--oom-kill-disable", "limits.oom_kill_disable", "wait at the memory limit (cgroup v1)"),
    _one("--cpus", "limits.nano_cpus", "NUMBER", "how many CPUs", text.zero_is_none(units.cpus)),
    _one("--cpu-shares -c", "limits.cpu_shares", "NUMBER", "weight, 1024 is usual", limits.shares),
    _one("--cpu-period", "limits.cpu_period_us", "US", "of the quota", text.zero_is_none(_COUNT)),
    _one("--cpu-quota", "limits.cpu_quota_us", "US", "in each period", _QUOTA),
    _one(
        "--cpu-rt-period",
        "limits.realtime_period_us",
        "US",
        "real-time",
        text.zero_is_none(_COUNT),
    ),
    _one("--cpu-rt-runtime", "limits.realtime_runtime_us", "US", "real-time", _QUOTA),
    _one("--cpuset-cpus", "limits.cpus", "LIST", "CPUs to run on", limits.number_list),
    _one("--cpuset-mems", "limits.memory_nodes", "LIST", "NUMA nodes", limits.number_list),
    _one("--pids-limit", "limits.pids", "NUMBER", "processes; -1 for no limit", limits.pids),
    _one(
        "--blkio-weight",
        "limits.io_weight",
        "NUMBER",
        "10 to 1000",
        text.zero_is_none(units.whole(0, 1000)),
    ),
    _many(
        "--blkio-weight-device",
        "limits.io_weight_devices",
        "DEVICE:NUMBER",
        "10 to 1000",
        limits.device_weight,
    ),
    _many("--device-read-bps", "limits.read_bytes", "DEVICE:RATE", "bytes per second", _RATE),
    _many("--device-write-bps", "limits.write_bytes", "DEVICE:RATE", "bytes per second", _RATE),
    _many("--device-read-iops", "limits.read_operations", "DEVICE:RATE", "per second", _OPERATIONS),
    _many(
        "--device-write-iops", "limits.write_operations", "DEVICE:RATE", "per second", _OPERATIONS
    ),
    Flag(
        ("--net-rate",),
        "",
        "RATE",
        "of its networks, both ways, as 10mbit",
        network.both_rates,
        Given.assign,
    ),
    _one("--net-rate-in", "limits.net_in_bits", "RATE", "what it receives", units.rate),
    _one("--net-rate-out", "limits.net_out_bits", "RATE", "what it sends", units.rate),
    _one("--net-burst", "limits.net_burst_bytes", "SIZE", "at once", _SIZE_OR_NONE),
    _one("--net-delay", "limits.net_delay_ns", "TIME", "of what it receives", units.duration),
    _one("--net-loss", "limits.net_loss_ppm", "PERCENT", "of what it receives", units.percent),
    _one("--cgroup-parent", "cgroup_parent", "PATH", "the cgroup above the container's"),
)
NETWORK = (
    _one("--ip", "endpoint.ipv4", "ADDRESS", "a fixed address", text.address),
    _one("--ip6", "endpoint.ipv6", "ADDRESS", "a fixed address", text.address),
    _many("--link-local-ip", "endpoint.link_local", "ADDRESS", "a further address", text.address),
    _one("--mac-address", "endpoint.mac", "ADDRESS", "of the device", network.mac),
    _many("--network-alias --net-alias", "endpoint.aliases", "NAME", "in the network", text.filled),
    _several("--publish -p", "ports", "[IP:]HOST:PORT", "a port on the host", network.published),
    _flag("--publish-all -P", "publish_all", "all declared ports, on any ports of the host"),
    _several("--expose", "ports", "PORT", "declare a port", network.exposed),
    _many("--add-host", "extra_hosts", "NAME:ADDRESS", "for /etc/hosts", network.extra_host),
    _many("--link", "links", "CONTAINER[:ALIAS]", "another container's name", network.link),
    _many("--dns", "dns", "ADDRESS", "a name server", text.address),
    _many("--dns-search", "dns_search", "DOMAIN", "a domain to search", text.filled),
    _many("--dns-option --dns-opt", "dns_options", "OPTION", "for the resolver", text.filled),
)
HANDLING = (
    _one("--name", "handling.name", "NAME", "of the container", process.name),
    _flag("--rm", "handling.remove", "remove it when it has ended"),
    _many("--attach -a", "handling.attach", "STREAM", "stdin, stdout, stderr", process.stream),
    _flag("--sig-proxy", "handling.sig_proxy", "pass signals on (default true)"),
    _one("--detach-keys", "handling.detach_keys", "KEYS", "to leave it, as ctrl-p,ctrl-q"),
    _one("--cidfile", "handling.id_file", "FILE", "gets the id"),
    _one(
        "--pull",
        "handling.pull",
        "WHEN",
        "pull the image",
        text.one_of("always", "missing", "never"),
    ),
    _one("--platform", "handling.platform", "OS/ARCH", "of the image"),
    _flag("--quiet -q", "handling.quiet", "show no progress of the pull"),
    _one("--runtime", "handling.runtime", "NAME", "an OCI runtime"),
    _one("--restart", "handling.restart", "POLICY", "when it has ended", process.restart),
    _one("--stop-signal", "handling.stop_signal", "SIGNAL", "what stop sends", process.signal),
    _one(
        "--stop-timeout", "handling.stop_timeout_s", "SECONDS", "-1 waits", units.whole(-1, 1 << 31)
    ),
    _several("--label-file", "labels", "FILE", "labels from a file", process.labels_file),
    _many("--label -l", "labels", "NAME[=VALUE]", "a label", process.label),
    _many("--annotation", "annotations", "NAME=VALUE", "for the OCI runtime", text.pair),
    _one(
        "--health-cmd", "handling.health.test", "COMMAND", "tells whether it works", process.check
    ),
    _one(
        "--health-interval",
        "handling.health.interval_ns",
        "TIME",
        "between checks",
        units.check_time,
    ),
    _one(
        "--health-timeout", "handling.health.timeout_ns", "TIME", "of one check", units.check_time
    ),
    _one(
        "--health-start-period",
        "handling.health.start_period_ns",
        "TIME",
        "grace",
        units.check_time,
    ),
    _one(
        "--health-start-interval",
        "handling.health.start_interval_ns",
        "TIME",
        "between checks at the start",
        units.check_time,
    ),
    _one(
        "--health-retries", "handling.health.retries", "NUMBER", "failures", units.whole(0, 1 << 31)
    ),
    _flag("--no-healthcheck", "handling.health.off", "do not check"),
    _one("--log-driver", "handling.log.driver", "NAME", "where output goes"),
    _many("--log-opt", "handling.log.options", "NAME=VALUE", "for the driver", text.pair),
    _many("--storage-opt", "handling.storage_options", "NAME=VALUE", "for storage", text.pair),
)
# Where two flags are about the same thing, the one further down has the last word (--env).
FLAGS = (*PROCESS, *FILES, *ISOLATION, *PRIVILEGES, *LIMITS, *NETWORK, *HANDLING)

# What has no meaning here, and what Docker itself ignores on Linux.
IGNORED = (Option(("--disable-content-trust",), FLAG, "has no effect"),)
OPTIONS = (*(flag.option for flag in FLAGS), *IGNORED)
_ORDER = {flag.option.key: place for place, flag in enumerate(FLAGS)}


def parse_run(words: Sequence[str]) -> Request:
    """What `docker run WORDS` asks for: flags, image, and the command.

    Reads what the flags name: files of variables, labels and profiles, and the environment of this
    process for `-e NAME`.

    Raises:
        InvalidArgument: a flag is unknown, a value is wrong, the image is missing, or two flags
            contradict each other.
    """
    return request_of(parse(OPTIONS, words, clusters=True))


def request_of(values: Values) -> Request:
    """The same of flags and words that are apart already (`OPTIONS`).

    Raises:
        As `parse_run`.
    """
    if not values.words:
        raise InvalidArgument("there is no image", hint="as [OPTIONS] IMAGE [COMMAND...]")
    image, *command = values.words
    given = Given()
    known = [entry for entry in values.in_order if entry[0] in _ORDER]
    for key, value, name in sorted(known, key=lambda entry: _ORDER[entry[0]]):
        flag = FLAGS[_ORDER[key]]
        written = f"{name} {value}" if flag.value or value != "true" else name
        flag.take(given, flag.field, _read(flag.read, name, value), written)
    given.set("image", _read(process.image, "image", image), image)
    given.set("command", tuple(command), " ".join(command))
    _check(given)
    networks = given.values.get("namespaces.networks") or [Network()]
    given.values["namespaces.networks"] = _with_endpoint(networks, given)
    request: Request = made(Request, "", given)
    return request.replace(written=given.written)


def _read(read: Callable[[str], Any], name: str, value: str) -> Any:
    try:
        return read(value)
    except InvalidArgument as bad:
        raise InvalidArgument(f"{name}: {value!r} {bad.message}", hint=bad.hint) from None


def _with_endpoint(networks: list[Any], given: Given) -> list[Any]:
    """The networks, the first with what flags of their own say about it."""
    endpoint: Network = made(Network, "endpoint.", given)
    asked = [field for field in fields(Network) if given.values.get(f"endpoint.{field}")]
    first, *others = networks
    default = first == Network()
    for field in asked:
        if not isinstance(first, Network) or (default and field != "mac"):
            flag = next(flag.names[0] for flag in FLAGS if flag.field == f"endpoint.{field}")
            raise InvalidArgument(f"{flag} is for a network by name", hint="--network NAME")
    changes = {field: getattr(endpoint, field) for field in asked}
    return [first.replace(**changes), *others] if changes else networks


# two flags that cannot stand together
_EXCLUSIVE = (
    ("handling.detach", "handling.attach[0]"),
    ("limits.nano_cpus", "limits.cpu_quota_us"),
    ("limits.nano_cpus", "limits.cpu_period_us"),
    ("handling.health.off", "handling.health.test"),
)


def _check(given: Given) -> None:
    """Flags that contradict each other."""
    for one, other in _EXCLUSIVE:
        if one in given.written and other in given.written:
            first, second = (given.written[field].partition(" ")[0] for field in (one, other))
            raise InvalidArgument(f"{first} and {second} cannot be given together")
    restart = given.values.get("handling.restart")
    if given.values.get("handling.remove") and restart not in (None, NoRestart()):
        raise InvalidArgument("--rm and --restart cannot be given together")
    networks = given.values.get("namespaces.networks") or ()
    if len(networks) > 1 and not all(isinstance(network, Network) for network in networks):
        raise InvalidArgument("--network: of several networks each has to be one by name")
