"""orlop-runtime update"""

from __future__ import annotations

import sys

from orlop.errors import InvalidArgument, WrongState
from orlop.kernel.cgroup.resources import BlockIo, Cpu, Memory, Resources
from orlop.options import NUMBER, TEXT, Option
from orlop.runtime.lifecycle.status import STOPPED, look
from orlop.runtime.lifecycle.update import update

TYPE_CHECKING = False
if TYPE_CHECKING:
    from orlop.options import Values
    from orlop.runtime.cli.log import Log
    from orlop.runtime.state import Store

USAGE = "[OPTIONS] CONTAINER"
WORDS = (1, 1)
OPTIONS = (
    Option(
        ("--resources", "-r"),
        TEXT,
        "file with the resources, as in config.json; - is stdin",
        "FILE",
    ),
    Option(("--blkio-weight",), NUMBER, "block I/O weight, 10 to 1000", "N"),
    Option(("--cpu-period",), NUMBER, "CPU period in µs", "N"),
    Option(("--cpu-quota",), NUMBER, "CPU time in µs within a period", "N"),
    Option(("--cpu-burst",), NUMBER, "CPU time in µs that can be saved up", "N"),
    Option(("--cpu-share", "--cpu-shares"), NUMBER, "relative CPU weight, 2 to 262144", "N"),
    Option(("--cpu-rt-period",), NUMBER, "realtime period in µs", "N"),
    Option(("--cpu-rt-runtime",), NUMBER, "realtime time in µs within a period", "N"),
    Option(("--cpuset-cpus",), TEXT, "CPUs to run on, as 0-2,7", "LIST"),
    Option(("--cpuset-mems",), TEXT, "memory nodes to use", "LIST"),
    Option(("--cpu-idle",), NUMBER, "1: run only when nothing else wants to", "N"),
    Option(("--memory",), TEXT, "memory limit in bytes; -1 for none", "BYTES"),
    Option(("--memory-reservation",), TEXT, "soft memory limit in bytes", "BYTES"),
    Option(("--memory-swap",), TEXT, "limit of memory and swap in bytes; -1 for none", "BYTES"),
    Option(("--kernel-memory",), TEXT, "accepted and without effect", "BYTES"),
    Option(("--kernel-memory-tcp",), TEXT, "accepted and without effect", "BYTES"),
    Option(("--pids-limit",), NUMBER, "most processes and threads; -1 for no limit", "N"),
    Option(("--l3-cache-schema",), TEXT, "not supported yet", "SCHEMA"),
    Option(("--mem-bw-schema",), TEXT, "not supported yet", "SCHEMA"),
)
EXAMPLE = "orlop-runtime update --memory 256M --pids-limit 100 web"

_UNITS = {"": 1, "b": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40}


def run(store: Store, values: Values, _: Log) -> int:
    """Changes limits; those that are not named stay."""
    with store.open(values.words[0]) as directory:
        found = look(directory)
        if found.status == STOPPED:
            raise WrongState("update", found.state.id, state=STOPPED, needs="running")
        update(directory, _resources(values))
    return 0


def _resources(values: Values) -> Resources:
    if values.given("resources"):
        return _from_file(values.text("resources"))
    memory = Memory(
        limit=_size(values, "memory"),
        reservation=_size(values, "memory-reservation"),
        swap=_size(values, "memory-swap"),
    )
    cpu = Cpu(
        shares=values.number("cpu-share"),
        quota=values.number("cpu-quota"),
        burst=values.number("cpu-burst"),
        period=values.number("cpu-period"),
        realtime_runtime=values.number("cpu-rt-runtime"),
        realtime_period=values.number("cpu-rt-period"),
        cpus=values.text("cpuset-cpus") or None,
        mems=values.text("cpuset-mems") or None,
        idle=values.number("cpu-idle"),
    )
    return Resources(
        memory=None if memory == Memory() else memory,
        cpu=None if cpu == Cpu() else cpu,
        pids_limit=values.number("pids-limit"),
        block_io=(
            BlockIo(weight=values.number("blkio-weight")) if values.given("blkio-weight") else None
        ),
    )


def _from_file(path: str) -> Resources:
    from orlop import jsontext
    from orlop.runtime.config_json import parse_resources

    try:
        if path == "-":
            return parse_resources(jsontext.loads(sys.stdin.buffer.read()))
        with open(path, "rb") as file:
            return parse_resources(jsontext.loads(file.read()))
    except OSError as error:
        raise InvalidArgument(f"cannot read --resources {path}: {error.strerror}") from error


def _size(values: Values, key: str) -> int | None:
    """Bytes as Docker writes them: 1048576, 1024k, 1m, 1MB, 1MiB."""
    if not values.given(key):
        return None
    text = values.text(key).strip().lower()
    number = text.rstrip("ibkmgt")
    unit = text[len(number) :].removesuffix("b").removesuffix("i")
    try:
        exact = number.lstrip("-").isdecimal()  # beyond 2^53 a float is not
        return int((int(number) if exact else float(number)) * _UNITS[unit])
    except (ValueError, KeyError, OverflowError):
        raise InvalidArgument(f"--{key}: {text!r} is not a number of bytes") from None
