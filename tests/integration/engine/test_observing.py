"""Logs, statistics, processes, health and reasons of real containers."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

import pytest

from orlop.engine.logs import STDERR, STDOUT, LogQuery
from orlop.engine.stats import StatsSample
from orlop.errors import InvalidArgument, Unsupported, WrongState
from tests.integration.support.clients import frames
from tests.integration.support.engines import Live

pytestmark = [pytest.mark.requires_root, pytest.mark.requires_busybox]

SLEEP = "while :; do sleep 100; done"
BUSY = "while :; do :; done"


async def taken(lines: AsyncIterator[bytes]) -> bytes:
    return b"".join([piece async for piece in lines])


class TestLogs:
    def test_lines_of_both_streams(self, live: Live) -> None:
        key = live.run("echo out; sleep 0.05; echo err >&2; printf rest")
        live.end(key)

        async def read() -> list[tuple[int, bytes]]:
            return [
                (line.stream, line.data) async for line in live.engine.logs.read(key, LogQuery())
            ]

        assert live(read()) == [(STDOUT, b"out\n"), (STDERR, b"err\n"), (STDOUT, b"rest")]

    def test_as_clients_get_them(self, live: Live) -> None:
        key = live.run("echo one; echo two; echo three >&2")
        live.end(key)
        logs = live.engine.logs
        found = frames(live(taken(logs.render(key, LogQuery(stderr=False, tail=1)))))
        assert found == [(STDOUT, b"two\n")]
        text = live(taken(logs.render(key, LogQuery(), timestamps=True, framed=False)))
        year = time.strftime("%Y-", time.gmtime()).encode()
        assert all(line.startswith(year) for line in text.splitlines())

    def test_following_ends_with_the_container(self, live: Live) -> None:
        key = live.run("for n in 1 2 3 4 5; do echo $n; sleep 0.02; done")
        text = live(taken(live.engine.logs.render(key, LogQuery(follow=True), framed=False)))
        assert text == b"1\n2\n3\n4\n5\n"

    def test_following_over_rotations_loses_nothing(self, live: Live) -> None:
        flags = "--log-opt max-size=20k --log-opt max-file=3"
        key = live.create("n=0; while [ $n -lt 3000 ]; do n=$((n+1)); echo line $n; done", flags)

        async def follow() -> bytes:
            await live.containers.start(key)
            logs = live.engine.logs
            return await taken(logs.render(key, LogQuery(follow=True), framed=False))

        numbers = [int(line.split()[1]) for line in live(follow()).splitlines()]
        assert numbers[-1] == 3000
        # A reader that is slower than three files are full misses some, but never sees one twice.
        assert numbers == sorted(set(numbers))

    def test_binary_output_is_kept_apart_from_what_follows(self, live: Live) -> None:
        key = live.run(r"printf '\377\000\033\n'; echo after")
        live.end(key)
        text = live(taken(live.engine.logs.render(key, LogQuery(), framed=False)))
        assert text.splitlines()[-1] == b"after"

    def test_long_lines_are_whole(self, live: Live) -> None:
        key = live.run("dd if=/dev/zero bs=1000 count=100 2>/dev/null | tr '\\0' x; echo; echo end")
        live.end(key)
        query = LogQuery(tail=2)
        text = live(taken(live.engine.logs.render(key, query, framed=False)))
        assert text == b"x" * 100_000 + b"\nend\n"

    def test_drivers(self, live: Live) -> None:
        local = live.run("echo here", "--log-driver local")
        none = live.run("echo gone", "--log-driver none")
        live.end(local)
        live.end(none)
        assert live(taken(live.engine.logs.render(local, LogQuery(), framed=False))) == b"here\n"
        with pytest.raises(Unsupported):
            live.engine.logs.render(none, LogQuery())


class TestStats:
    def test_usage_is_that_of_the_container(self, live: Live) -> None:
        key = live.run(BUSY, "-m 64m --pids-limit 50 --network none")
        live(asyncio.sleep(0.3))
        sample = live(live.engine.stats.read(key))
        assert sample.cpu_percent > 20
        assert 0 < sample.memory_used_bytes <= sample.usage.memory.usage.usage < 64 << 20
        assert sample.memory_limit_bytes == 64 << 20
        assert (sample.usage.pids.current, sample.usage.pids.limit) == (1, 50)
        assert sample.networks == ()

    def test_an_idle_container_uses_nothing(self, live: Live) -> None:
        key = live.run(SLEEP)
        live(asyncio.sleep(0.7))
        live(live.engine.stats.read(key))
        live(asyncio.sleep(0.6))
        sample = live(live.engine.stats.read(key))
        assert sample.before.at_ns > 0
        assert sample.cpu_percent < 5

    def test_the_host_network_is_not_shown(self, live: Live) -> None:
        key = live.run(SLEEP, "--network host")
        assert live(live.engine.stats.read(key)).networks is None

    def test_one_that_does_not_run_uses_nothing(self, live: Live) -> None:
        sample = live(live.engine.stats.read(live.create()))
        assert (sample.now.at_ns, sample.cpu_percent) == (0, 0.0)

    def test_a_stream_ends_with_the_removal(self, live: Live) -> None:
        key = live.run(SLEEP)

        async def stream() -> list[StatsSample]:
            samples = []
            async for sample in live.engine.stats.stream(key):
                samples.append(sample)
                if len(samples) == 1:
                    await live.containers.remove(key, force=True)
            return samples

        assert len(live(stream())) == 1

    def test_many_at_once_are_quick(self, live: Live) -> None:
        keys = [live.run(SLEEP) for _ in range(10)]

        async def all_of_them() -> list[StatsSample]:
            return await asyncio.gather(*(live.engine.stats.read(key) for key in keys * 5))

        samples = live(all_of_them())
        assert {sample.id for sample in samples} == set(keys)
        assert all(sample.now.at_ns for sample in samples)

    def test_the_past_is_kept(self, live: Live) -> None:
        key = live.run(SLEEP)
        live.until(lambda: live.engine.stats.history(key))
        (point, *_) = live.engine.stats.history(key)
        assert point.memory_bytes > 0
        live(live.containers.kill(key))
        live.end(key)
        assert live.engine.stats.history(key) == ()


class TestTop:
    def test_processes_of_the_container_only(self, live: Live) -> None:
        key = live.run("sleep 1111 & sleep 2222")
        top = live.engine.top

        def shown() -> list[str]:
            return [row[-1] for row in live(top.processes(key)).rows]

        table = live(top.processes(key, "-o pid,args"))
        assert table.titles == ("PID", "COMMAND")
        deadline = time.monotonic() + 10
        while sorted(shown())[-2:] != ["sleep 1111", "sleep 2222"]:
            assert time.monotonic() < deadline
        assert all("sleep" in command or "sh" in command for command in shown())
        assert live(top.processes(key, "aux")).titles[0] == "USER"

    def test_what_it_cannot(self, live: Live) -> None:
        with pytest.raises(WrongState):
            live(live.engine.top.processes(live.create()))
        with pytest.raises(InvalidArgument):
            live(live.engine.top.processes(live.run(SLEEP), "--colour"))


def health_flags(**options: str) -> str:
    chosen = {"interval": "50ms", "timeout": "5s", "retries": "2"} | options
    return " ".join(f"--health-{name.replace('_', '-')} {value}" for name, value in chosen.items())


class TestHealth:
    def status(self, live: Live, key: str) -> str:
        health = live.get(key).state.health
        return "" if health is None else health.status

    def test_from_starting_over_healthy_to_unhealthy(self, live: Live) -> None:
        flags = health_flags(cmd="test${IFS}-f${IFS}/tmp/well")
        key = live.run(SLEEP, flags)
        assert self.status(live, key) == "starting"
        shell = ("/bin/sh", "-c", "mkdir -p /tmp; touch /tmp/well")
        live(self.execute(live, key, *shell))
        live.until(lambda: self.status(live, key) == "healthy")
        live(self.execute(live, key, "rm", "/tmp/well"))
        live.until(lambda: self.status(live, key) == "unhealthy")
        told = [action for action in live.actions(key) if action.startswith("health")]
        assert told == ["health_status: healthy", "health_status: unhealthy"]
        health = live.get(key).state.health
        assert health is not None
        assert health.probes[-1].exit_code == 1

    async def execute(self, live: Live, key: str, *command: str) -> None:
        from orlop.engine.exec_request import ExecRequest

        exec_id = await live.engine.execs.create(key, ExecRequest(command))
        await live.engine.execs.start(exec_id)
        await live.engine.execs.wait(exec_id)

    def test_output_is_kept(self, live: Live) -> None:
        key = live.run(SLEEP, health_flags(cmd="echo${IFS}fine;exit${IFS}3"))
        live.until(lambda: live.get(key).state.health.probes)  # type: ignore[union-attr]
        health = live.get(key).state.health
        assert health is not None
        assert (health.probes[0].output, health.probes[0].exit_code) == ("fine\n", 3)

    def test_a_check_that_hangs_is_killed(self, live: Live) -> None:
        flags = health_flags(cmd="sleep${IFS}4321", timeout="100ms", retries="1")
        key = live.run(SLEEP, flags)
        live.until(lambda: self.status(live, key) == "unhealthy")
        health = live.get(key).state.health
        assert health is not None
        assert "exceeded timeout" in health.probes[0].output
        live(live.containers.pause(key))
        live(live.containers.unpause(key))
        assert len(live.cgroup(key).processes()) <= 5

    def test_a_new_engine_goes_on(self, live: Live) -> None:
        key = live.run(SLEEP, health_flags(cmd="true"))
        live.until(lambda: self.status(live, key) == "healthy")
        live.restart()
        probes = live.get(key).state.health.probes  # type: ignore[union-attr]
        live.until(lambda: live.get(key).state.health.probes[-1] != probes[-1])  # type: ignore[union-attr]
        assert self.status(live, key) == "healthy"


class TestWhy:
    def summary(self, live: Live, key: str) -> str:
        return live(live.engine.why.explain(key)).summary

    def comes_to(self, live: Live, key: str, text: str) -> None:
        """Waits until this is the reason."""

        async def ask() -> None:
            while text not in (await live.engine.why.explain(key)).summary:  # noqa: ASYNC110 - nobody tells of it
                await asyncio.sleep(0.01)

        live(ask())

    def test_ends(self, live: Live) -> None:
        fine, bad = live.run("true"), live.run("echo went wrong; exit 42")
        killed = live.run(SLEEP)
        live(live.containers.kill(killed))
        for key in (fine, bad, killed):
            live.end(key)
        assert "ended with success" in self.summary(live, fine)
        why = live(live.engine.why.explain(bad))
        assert "status 42" in why.summary
        assert why.lines == ("went wrong",)
        assert "killed it through the engine" in self.summary(live, killed)

    def test_want_of_memory(self, live: Live) -> None:
        key = live.run("x=x; while :; do x=$x$x; done", "-m 16m --memory-swap 16m")
        assert live.end(key) == 137
        why = live(live.engine.why.explain(key))
        assert "its memory limit of 16 MiB was reached" in why.summary

    def test_a_limit_of_processes(self, live: Live) -> None:
        forks = "n=0; while [ $n -lt 9 ]; do n=$((n+1)); sleep 100 & done; echo all; wait"
        key = live.run(f"({forks}) 2>/dev/null; {SLEEP}", "--pids-limit 5")
        self.comes_to(live, key, "could not be made")

    def test_a_container_that_is_well(self, live: Live) -> None:
        assert "nothing holds it up" in self.summary(live, live.run(SLEEP))

    def test_a_throttled_container(self, live: Live) -> None:
        key = live.run(BUSY, "--cpus 0.05")
        self.comes_to(live, key, "its CPU limit held it back")


def test_metrics_are_of_running_containers(live: Live) -> None:
    key = live.run(SLEEP, "--name web")
    live.end(live.run("true"))
    text = live(live.engine.metrics.text())
    assert 'orlop_containers{state="running"} 1\n' in text
    assert 'orlop_containers{state="exited"} 1\n' in text
    assert f'container_threads{{id="{key}",name="web"' in text
    assert 'orlop_events_total{type="container",action="start"} 2\n' in text
