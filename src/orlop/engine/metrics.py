"""Numbers of the engine and its containers for Prometheus.

Containers have the metric names that cAdvisor has made common. Labels are few: id, name and image
of containers that run, of at most 1000 of them, and at most 16 network devices each, whatever
labels users give.

See: prometheus.io/docs/instrumenting/exposition_formats (text format 0.0.4).
"""

from __future__ import annotations

import asyncio
import os
import resource
import time
from collections import Counter
from typing import TYPE_CHECKING

from orlop import __version__
from orlop.engine import container as states
from orlop.records import Record

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from orlop.engine.container import Container
    from orlop.engine.events import Event, Events
    from orlop.engine.known import Known
    from orlop.engine.stats import StatsSample, StatsService
    from orlop.intent.request import Pairs

MOST_CONTAINERS = 1000
MOST_DEVICES = 16
MOST_ACTIONS = 200

_STATES = (
    states.CREATED,
    states.RUNNING,
    states.PAUSED,
    states.RESTARTING,
    states.REMOVING,
    states.EXITED,
    states.DEAD,
)
_HEALTH = (states.STARTING, states.HEALTHY, states.UNHEALTHY)
_NS = 1e9

Sample = tuple["Pairs", float]


class Metric(Record):
    """A metric with its samples: labels and value of each."""

    name: str
    kind: str
    help: str
    samples: tuple[Sample, ...]


class Metrics:
    """The numbers of one engine. To be closed.

    Args:
        containers: who is there.
        stats: what they use.
        events: to count what happens.
    """

    def __init__(self, containers: Known, stats: StatsService, events: Events) -> None:
        self._containers = containers
        self._stats = stats
        self._counts: Counter[tuple[str, str]] = Counter()
        self._started_s = time.time()
        self._listening = events.subscribe(keep=self._count)

    def close(self) -> None:
        """Nothing is counted any more."""
        self._listening.close()

    async def text(self) -> str:
        """All numbers as they are now."""
        everybody = self._containers.all()
        running = [container for container in everybody if container.is_running]
        shown = running[:MOST_CONTAINERS]
        samples = await asyncio.gather(
            *(self._stats.read(container.id, one_shot=True) for container in shown),
            return_exceptions=True,
        )
        pairs = [
            (container, sample)
            for container, sample in zip(shown, samples, strict=True)
            if not isinstance(sample, BaseException) and sample.now.at_ns
        ]
        metrics = (
            *_engine(everybody, self._started_s, len(running) - len(shown)),
            self._events_metric(),
            *_of_containers(pairs),
        )
        return "".join(map(write, metrics))

    def _count(self, event: Event) -> bool:
        """Looks at every event; none has to wait in a queue."""
        key = event.type, event.action.partition(":")[0]
        if key in self._counts or len(self._counts) < MOST_ACTIONS:
            self._counts[key] += 1
        return False

    def _events_metric(self) -> Metric:
        samples = tuple(
            ((("type", kind), ("action", action)), float(count))
            for (kind, action), count in sorted(self._counts.items())
        )
        return Metric("orlop_events_total", "counter", "Events since the engine began.", samples)


# --- the engine -------------------------------------------------------------------------------


def _engine(everybody: tuple[Container, ...], started_s: float, left_out: int) -> Iterator[Metric]:
    by_state = Counter(container.state.status for container in everybody)
    by_health = Counter(
        container.state.health.status
        for container in everybody
        if container.is_running and container.state.health is not None
    )
    use = resource.getrusage(resource.RUSAGE_SELF)
    yield _gauge("orlop_build_info", "Version of the engine.", 1, version=__version__)
    yield Metric(
        "orlop_containers",
        "gauge",
        "Containers by state.",
        tuple(((("state", state),), float(by_state[state])) for state in _STATES),
    )
    yield Metric(
        "orlop_containers_health",
        "gauge",
        "Running containers with a health check by what it finds.",
        tuple(((("status", status),), float(by_health[status])) for status in _HEALTH),
    )
    yield _gauge("orlop_containers_left_out", "Running containers not shown here.", left_out)
    yield Metric(
        "process_cpu_seconds_total",
        "counter",
        "CPU time of the engine.",
        (((), use.ru_utime + use.ru_stime),),
    )
    yield _gauge("process_resident_memory_bytes", "Memory of the engine.", _resident_bytes())
    yield _gauge("process_open_fds", "Open descriptors.", len(os.listdir("/proc/self/fd")))
    yield _gauge("process_start_time_seconds", "When the engine began.", started_s)


def _gauge(name: str, text: str, value: float, **labels: str) -> Metric:
    return Metric(name, "gauge", text, ((tuple(labels.items()), float(value)),))


def _resident_bytes() -> int:
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


# --- containers -------------------------------------------------------------------------------

_Pair = tuple["Container", "StatsSample"]
_ROWS: tuple[tuple[str, str, str, Callable[[_Pair], float | None]], ...] = (
    (
        "container_start_time_seconds",
        "gauge",
        "When it was started.",
        lambda pair: pair[0].state.started_ns / _NS,
    ),
    (
        "container_restarts_total",
        "counter",
        "How often its policy has started it again.",
        lambda pair: pair[0].state.restarts,
    ),
    (
        "container_cpu_usage_seconds_total",
        "counter",
        "CPU time.",
        lambda pair: pair[1].now.cpu.total / _NS,
    ),
    (
        "container_cpu_user_seconds_total",
        "counter",
        "CPU time in user mode.",
        lambda pair: pair[1].now.cpu.user / _NS,
    ),
    (
        "container_cpu_system_seconds_total",
        "counter",
        "CPU time in the kernel.",
        lambda pair: pair[1].now.cpu.kernel / _NS,
    ),
    (
        "container_cpu_cfs_periods_total",
        "counter",
        "Periods of its CPU limit.",
        lambda pair: pair[1].now.cpu.periods,
    ),
    (
        "container_cpu_cfs_throttled_periods_total",
        "counter",
        "Periods in which its CPU limit held it back.",
        lambda pair: pair[1].now.cpu.throttled_periods,
    ),
    (
        "container_cpu_cfs_throttled_seconds_total",
        "counter",
        "For how long that was.",
        lambda pair: pair[1].now.cpu.throttled_time / _NS,
    ),
    (
        "container_memory_usage_bytes",
        "gauge",
        "Memory with all file pages.",
        lambda pair: pair[1].usage.memory.usage.usage,
    ),
    (
        "container_memory_working_set_bytes",
        "gauge",
        "Memory without what can be dropped at once.",
        lambda pair: pair[1].memory_used_bytes,
    ),
    (
        "container_memory_max_usage_bytes",
        "gauge",
        "The most memory that it has used.",
        lambda pair: pair[1].usage.memory.usage.max_usage,
    ),
    (
        "container_memory_failcnt",
        "counter",
        "How often its memory limit was reached.",
        lambda pair: pair[1].usage.memory.usage.failures,
    ),
    (
        "container_spec_memory_limit_bytes",
        "gauge",
        "Memory that it may have.",
        lambda pair: pair[1].memory_limit_bytes,
    ),
    (
        "container_oom_events_total",
        "counter",
        "Processes killed for want of memory.",
        lambda pair: pair[1].usage.memory.oom_kills,
    ),
    (
        "container_threads",
        "gauge",
        "Processes and threads.",
        lambda pair: pair[1].usage.pids.current,
    ),
    (
        "container_threads_max",
        "gauge",
        "Processes and threads that it may have.",
        lambda pair: pair[1].usage.pids.limit or None,
    ),
    (
        "container_threads_refused_total",
        "counter",
        "Processes and threads that its limit has refused.",
        lambda pair: pair[1].usage.pids.refused,
    ),
    (
        "container_fs_reads_bytes_total",
        "counter",
        "Bytes read from block devices.",
        lambda pair: _block_io(pair[1], "Read"),
    ),
    (
        "container_fs_writes_bytes_total",
        "counter",
        "Bytes written to block devices.",
        lambda pair: _block_io(pair[1], "Write"),
    ),
)
_PRESSURES = ("cpu", "memory", "block_io")
_NETWORK = (
    ("container_network_receive_bytes_total", "Bytes received.", "received_bytes"),
    ("container_network_receive_packets_total", "Packets received.", "received_packets"),
    ("container_network_receive_errors_total", "Errors at receiving.", "received_errors"),
    ("container_network_transmit_bytes_total", "Bytes sent.", "sent_bytes"),
    ("container_network_transmit_packets_total", "Packets sent.", "sent_packets"),
    ("container_network_transmit_errors_total", "Errors at sending.", "sent_errors"),
)


def _of_containers(pairs: Iterable[_Pair]) -> Iterator[Metric]:
    labelled = [(_labels(pair[0]), pair) for pair in pairs]
    for name, kind, text, value_of in _ROWS:
        values = ((labels, value_of(pair)) for labels, pair in labelled)
        samples = tuple((labels, float(value)) for labels, value in values if value is not None)
        yield Metric(name, kind, text, samples)
    for name, text, field in _NETWORK:
        yield Metric(name, "counter", text, tuple(_network(labelled, field)))
    yield Metric(
        "container_pressure_waiting_seconds_total",
        "counter",
        "Time in which something in it waited.",
        tuple(_pressure(labelled)),
    )


def _labels(container: Container) -> Pairs:
    image = container.image.ref or container.image.id
    return (("id", container.id), ("name", container.name), ("image", image))


def _block_io(sample: StatsSample, operation: str) -> float:
    entries = sample.usage.block_io.service_bytes
    return sum(entry.value for entry in entries if entry.operation == operation)


def _network(labelled: list[tuple[Pairs, _Pair]], field: str) -> Iterator[Sample]:
    for labels, (_, sample) in labelled:
        for device in (sample.networks or ())[:MOST_DEVICES]:
            yield (*labels, ("interface", device.device)), float(getattr(device, field))


def _pressure(labelled: list[tuple[Pairs, _Pair]]) -> Iterator[Sample]:
    for labels, (_, sample) in labelled:
        for part in _PRESSURES:
            pressure = getattr(sample.usage, part).pressure
            if pressure is not None:
                resource_ = "io" if part == "block_io" else part
                yield (*labels, ("resource", resource_)), pressure.some.total / 1e6


# --- the text ---------------------------------------------------------------------------------

_ESCAPES: Mapping[str, str] = {"\\": r"\\", '"': r"\"", "\n": r"\n"}


def write(metric: Metric) -> str:
    """The lines of a metric; none without a sample."""
    if not metric.samples:
        return ""
    head = f"# HELP {metric.name} {metric.help}\n# TYPE {metric.name} {metric.kind}\n"
    return head + "".join(
        f"{metric.name}{_braced(labels)} {_number(value)}\n" for labels, value in metric.samples
    )


def _braced(labels: Pairs) -> str:
    if not labels:
        return ""
    return "{" + ",".join(f'{name}="{_escaped(value)}"' for name, value in labels) + "}"


def _escaped(value: str) -> str:
    return "".join(_ESCAPES.get(character, character) for character in value)


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else repr(value)
