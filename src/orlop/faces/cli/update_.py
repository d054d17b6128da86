"""orlop update: other limits for containers, also while they run."""

from __future__ import annotations

from orlop.client import Client
from orlop.client.addresses import part
from orlop.errors import InvalidArgument
from orlop.faces.cli.each import each
from orlop.faces.cli.notes import warn
from orlop.intent import flags
from orlop.intent.docker_json import to_docker

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from orlop.faces.cli.screen import Screen
    from orlop.options import Values

USAGE = "OPTIONS CONTAINER..."
WORDS = (1, 100_000)
ANYWHERE = True
_MEMBERS = {
    "memory": ("Memory",),
    "memory-reservation": ("MemoryReservation",),
    "memory-swap": ("MemorySwap",),
    "kernel-memory": ("KernelMemory",),
    "cpus": ("NanoCpus",),
    "cpu-shares": ("CpuShares",),
    "cpu-period": ("CpuPeriod",),
    "cpu-quota": ("CpuQuota",),
    "cpu-rt-period": ("CpuRealtimePeriod",),
    "cpu-rt-runtime": ("CpuRealtimeRuntime",),
    "cpuset-cpus": ("CpusetCpus",),
    "cpuset-mems": ("CpusetMems",),
    "pids-limit": ("PidsLimit",),
    "blkio-weight": ("BlkioWeight",),
    "net-rate": ("NetRateIn", "NetRateOut"),
    "net-rate-in": ("NetRateIn",),
    "net-rate-out": ("NetRateOut",),
    "net-burst": ("NetBurst",),
    "net-delay": ("NetDelay",),
    "net-loss": ("NetLoss",),
    "restart": ("RestartPolicy",),
}
OPTIONS = tuple(option for option in flags.OPTIONS if option.key in _MEMBERS)
EXAMPLE = """\
orlop update --memory 512m --memory-swap 512m web
orlop update --cpus 1.5 --restart unless-stopped web db"""


def run(values: Values, screen: Screen) -> int:
    """Changes all of them, one after the other."""
    given = [key for key in _MEMBERS if values.given(key)]
    if not given:
        raise InvalidArgument("there is nothing to change", hint="orlop update --help")
    body = changes_of(values, given)
    client = Client()

    def change(name: str) -> str:
        answer = client.post(f"/containers/{part(name)}/update", body)
        warn(*(answer or {}).get("Warnings") or ())
        return name

    return each(values.words, change, screen)


def changes_of(values: Values, given: list[str]) -> dict[str, Any]:
    """The body of Docker's ContainerUpdate: what was given, as a new container's would be.

    Raises:
        InvalidArgument: a value is malformed.
    """
    words = [word for key, text, _ in values.in_order for word in (f"--{key}", text)]
    host_config = to_docker(flags.parse_run([*words, "host"]))["HostConfig"]
    return {member: host_config[member] for key in given for member in _MEMBERS[key]}
