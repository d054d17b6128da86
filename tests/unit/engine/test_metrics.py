"""Metrics are in Prometheus' text format, and bounded."""

from __future__ import annotations

import asyncio

from orlop.engine import metrics as module
from orlop.engine.container import EXITED, RUNNING, Container, HealthState, ResolvedImage, State
from orlop.engine.events import Event, Events
from orlop.engine.metrics import Metric, Metrics, write
from orlop.engine.stats import CpuReading, NetworkCounters, StatsSample
from orlop.errors import NotFound
from orlop.intent.request import Request
from orlop.kernel.cgroup.stats import BlockIoEntry, BlockIoStats, CpuStats, PidsStats, Stats


def container(name: str, status: str = RUNNING) -> Container:
    state = State(status=status, started_ns=5 * 10**9, health=HealthState("healthy"))
    return Container(f"id-{name}", name, 1, Request(), ResolvedImage("a:1", ""), state=state)


class Containers:
    """A few in memory: nothing is read of them but their state."""

    def __init__(self, *all_: Container) -> None:
        self._all = all_

    def get(self, ref: str) -> Container:
        return next(one for one in self._all if one.id == ref)

    def all(self) -> tuple[Container, ...]:
        return self._all


class Usage:
    """Says the same of each, but of one that has just gone."""

    async def read(self, ref: str, *, one_shot: bool) -> StatsSample:
        if ref == "id-gone":
            raise NotFound("container", ref)
        read = (BlockIoEntry(8, 0, "Read", 7), BlockIoEntry(8, 1, "Read", 8))
        return StatsSample(
            ref,
            "x",
            now=CpuReading(1, CpuStats(total=1_500_000_000)),
            usage=Stats(pids=PidsStats(3), block_io=BlockIoStats(service_bytes=read)),
            networks=tuple(NetworkCounters(f"eth{n}", received_bytes=n) for n in range(40)),
        )


def text_of(*all_: Container, happened: tuple[Event, ...] = ()) -> str:
    async def main() -> str:
        events = Events()
        service = Metrics(Containers(*all_), Usage(), events)  # type: ignore[arg-type]
        for event in happened:
            events.publish(event)
        text = await service.text()
        service.close()
        return text

    return asyncio.run(main())


def test_containers_are_counted_by_state() -> None:
    text = text_of(container("a"), container("b", EXITED))
    assert 'orlop_containers{state="running"} 1\n' in text
    assert 'orlop_containers{state="exited"} 1\n' in text
    assert 'orlop_containers_health{status="healthy"} 1\n' in text


def test_running_containers_have_their_usage() -> None:
    text = text_of(container("a"), container("b", EXITED), container("gone"))
    labels = '{id="id-a",name="a",image="a:1"}'
    assert f"container_cpu_usage_seconds_total{labels} 1.5\n" in text
    assert f"container_threads{labels} 3\n" in text
    assert f"container_fs_reads_bytes_total{labels} 15\n" in text
    assert f"container_start_time_seconds{labels} 5\n" in text
    assert "id-b" not in text
    assert "id-gone" not in text


def test_labels_are_bounded() -> None:
    many = [container(str(n)) for n in range(module.MOST_CONTAINERS + 5)]
    text = text_of(*many)
    assert text.count("container_threads{") == module.MOST_CONTAINERS
    assert "orlop_containers_left_out 5\n" in text
    assert text_of(container("a")).count("receive_bytes_total{") == module.MOST_DEVICES


def test_events_are_counted_without_their_details() -> None:
    events = tuple(Event("container", f"exec_create: {n}", "c") for n in range(3))
    text = text_of(happened=(*events, Event("image", "pull", "x")))
    assert 'orlop_events_total{type="container",action="exec_create"} 3\n' in text
    assert 'orlop_events_total{type="image",action="pull"} 1\n' in text


def test_values_of_labels_are_escaped() -> None:
    metric = Metric("m", "gauge", "A text.", (((("a", 'x"\\\n'),), 0.5),))
    assert write(metric) == '# HELP m A text.\n# TYPE m gauge\nm{a="x\\"\\\\\\n"} 0.5\n'


def test_a_metric_without_samples_is_left_out() -> None:
    assert write(Metric("m", "gauge", "A text.", ())) == ""
