"""A container's life in an engine, from creation to removal."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import time
from pathlib import Path

import pytest

from orlop.engine.container import CREATED, EXITED, PAUSED, RUNNING
from orlop.engine.containers import Ended, WaitCondition
from orlop.engine.engine import Engine
from orlop.errors import (
    AlreadyExists,
    CommandNotExecutable,
    CommandNotFound,
    InvalidArgument,
    NotFound,
    Unavailable,
    WrongState,
)
from orlop.intent.flags import parse_run
from orlop.intent.request import Always, Limits
from tests.integration.support.engines import Live

pytestmark = [pytest.mark.requires_root, pytest.mark.requires_busybox]

FOREVER = "trap 'exit 7' TERM; echo ready; while :; do sleep 0.01; done"
DEAF = "trap '' TERM; echo ready; while :; do sleep 0.01; done"


def ready(live: Live, key: str) -> None:
    """The program of a container has set its traps."""
    live.until(lambda: "ready" in live.log(key))


class TestCreation:
    def test_what_is_made_is_as_it_was_asked(self, live: Live) -> None:
        key = live.create("true", "--name web -e A=1 -l a=b")
        made = live.get("web")
        assert made == live.get(key) == live.get(key[:12])
        assert made.state.status == CREATED
        assert dict(made.request.labels) == {"a": "b"}
        assert live.actions(key) == ["create"]

    def test_it_lasts(self, live: Live) -> None:
        live.create("true", "--name web")
        before = live.get("web")
        live.restart()
        assert live.get("web") == before

    def test_a_name_is_made_up(self, live: Live) -> None:
        assert "_" in live.get(live.create()).name

    def test_a_name_that_is_taken(self, live: Live) -> None:
        live.create("true", "--name web")
        with pytest.raises(AlreadyExists, match="web"):
            live.create("true", "--name web")
        assert len(live.containers.all()) == 1

    @pytest.mark.parametrize(
        ("flags", "kind"),
        [
            ("--name -x", InvalidArgument),
            ("--rm --restart always", InvalidArgument),
            ("-m 1k", InvalidArgument),
            ("--log-driver syslog", InvalidArgument),
            ("--runtime other", InvalidArgument),
            ("--ipc container:nobody", InvalidArgument),
            ("-u nobody-here", InvalidArgument),
            ("--volumes-from nobody", InvalidArgument),
        ],
    )
    def test_what_cannot_be_leaves_nothing(
        self, live: Live, flags: str, kind: type[Exception]
    ) -> None:
        with pytest.raises(kind):
            live.create("true", flags)
        assert live.containers.all() == ()
        assert os.listdir(live.settings.containers) == []

    def test_an_image_that_is_not_there(self, live: Live) -> None:
        with pytest.raises(NotFound, match="image"):
            live(live.containers.create(parse_run(["nothing-here:1"])))


class TestRunning:
    def test_from_start_to_end(self, live: Live) -> None:
        key = live.run("echo out; echo err >&2; exit 3")
        assert live.end(key) == 3
        state = live.get(key).state
        assert (state.status, state.exit_code, state.pid) == (EXITED, 3, 0)
        assert 0 < state.started_ns <= state.finished_ns
        lines = {json.loads(line)["log"] for line in live.log(key).splitlines()}
        assert lines == {"out\n", "err\n"}
        assert live.actions(key) == ["create", "start", "die"]
        (died,) = (e for e in live.engine.events.history() if e.action == "die")
        assert died.attribute("exitCode") == "3"

    def test_while_it_runs(self, live: Live) -> None:
        key = live.run("sleep 100")
        state = live.get(key).state
        assert state.status == RUNNING
        assert b"sleep" in Path(f"/proc/{state.pid}/cmdline").read_bytes()
        assert live(live.containers.start(key)) is False

    def test_again_and_again(self, live: Live) -> None:
        key = live.run("echo once")
        for _ in range(3):
            live.end(key)
            live(live.containers.start(key))
        live.end(key)
        assert live.log(key).count("once") == 4

    def test_what_it_has_written_to_its_root_is_there_the_next_time(self, live: Live) -> None:
        key = live.run("test -e /mine && exit 5; echo x > /mine")
        assert live.end(key) == 0
        live(live.containers.start(key))
        assert live.end(key) == 5
        assert not (live.root / "mine").exists()

    def test_a_program_that_is_not_there(self, live: Live) -> None:
        words = [str(live.root), "/bin/nothing"]
        key = live(live.containers.create(parse_run(words))).id
        with pytest.raises(CommandNotFound):
            live(live.containers.start(key))
        state = live.get(key).state
        assert (state.status, state.exit_code) == (CREATED, 127)
        assert "/bin/nothing" in state.error
        assert list(live.containers.store.ids()) == []

    def test_a_program_that_is_none(self, live: Live) -> None:
        key = live(live.containers.create(parse_run([str(live.root), "/etc/passwd"]))).id
        with pytest.raises(CommandNotExecutable):
            live(live.containers.start(key))
        assert live.get(key).state.exit_code == 126

    def test_one_that_cannot_be_started_is_removed_if_it_was_to_be(self, live: Live) -> None:
        words = ["--rm", str(live.root), "/bin/nothing"]
        key = live(live.containers.create(parse_run(words))).id
        with pytest.raises(CommandNotFound):
            live(live.containers.start(key))
        assert live.containers.all() == ()

    def test_killed_by_a_signal(self, live: Live) -> None:
        key = live.run("kill -SEGV $$; sleep 9", "--init")
        assert live.end(key) == 128 + signal.SIGSEGV

    def test_usage_is_kept(self, live: Live) -> None:
        key = live.run("i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done")
        live.end(key)
        assert live.get(key).state.user_us > 0

    def test_the_kernel_kills_for_want_of_memory(self, live: Live) -> None:
        key = live.run("x=a; while :; do x=$x$x; done", "-m 8m --memory-swap 8m")
        assert live.end(key) == 137
        oom = live.get(key).state.oom
        assert oom is not None
        assert oom.limit_bytes == 8 << 20
        assert live.actions(key) == ["create", "start", "oom", "die"]


class TestStopping:
    def test_one_that_listens(self, live: Live) -> None:
        key = live.run(FOREVER)
        ready(live, key)
        assert live(live.containers.stop(key)) is True
        state = live.get(key).state
        assert (state.status, state.exit_code, state.stopped_by_user) == (EXITED, 7, True)
        assert live.actions(key) == ["create", "start", "kill", "die", "stop"]
        assert live(live.containers.stop(key)) is False

    def test_one_that_does_not(self, live: Live) -> None:
        key = live.run(DEAF)
        ready(live, key)
        live(live.containers.stop(key, timeout_s=0))
        assert live.get(key).state.exit_code == 137

    def test_its_own_signal(self, live: Live) -> None:
        key = live.run("trap 'exit 9' USR1; echo ready; while :; do sleep 0.01; done")
        ready(live, key)
        live(live.containers.stop(key, signal=signal.SIGUSR1))
        assert live.get(key).state.exit_code == 9

    def test_one_that_stands_still(self, live: Live) -> None:
        key = live.run(FOREVER)
        ready(live, key)
        live(live.containers.pause(key))
        live(live.containers.stop(key))
        assert live.get(key).state.exit_code == 7

    def test_while_it_is_being_stopped_it_can_be_killed(self, live: Live) -> None:
        key = live.run(DEAF)
        ready(live, key)

        async def both() -> None:
            stopping = asyncio.ensure_future(live.containers.stop(key, timeout_s=-1))
            await asyncio.sleep(0.05)
            await live.containers.kill(key)
            await stopping

        live(both())
        assert live.get(key).state.exit_code == 137

    def test_restart(self, live: Live) -> None:
        key = live.run(FOREVER)
        first = live.get(key).state.pid
        live(live.containers.restart(key))
        state = live.get(key).state
        assert state.status == RUNNING
        assert state.pid != first
        assert live.actions(key)[-2:] == ["start", "restart"]

    def test_kill(self, live: Live) -> None:
        key = live.run(FOREVER)
        live(live.containers.kill(key, 9))
        assert live.end(key) == 137
        with pytest.raises(WrongState):
            live(live.containers.kill(key, 9))

    def test_killing_one_that_stands_still(self, live: Live) -> None:
        key = live.run(FOREVER)
        live(live.containers.pause(key))
        live(live.containers.kill(key))
        assert live.end(key) == 137

    def test_a_signal_that_does_not_end_it(self, live: Live) -> None:
        key = live.run("trap 'echo hup' HUP; echo ready; while :; do sleep 0.01; done")
        ready(live, key)
        live(live.containers.kill(key, signal.SIGHUP))
        live.until(lambda: "hup" in live.log(key))
        assert live.get(key).state.status == RUNNING


class TestStandingStill:
    def test_and_going_on(self, live: Live) -> None:
        key = live.run(FOREVER)
        live(live.containers.pause(key))
        assert live.get(key).state.status == PAUSED
        assert live.get(key).is_running
        with pytest.raises(WrongState):
            live(live.containers.pause(key))
        with pytest.raises(WrongState):
            live(live.containers.start(key))
        live(live.containers.unpause(key))
        assert live.get(key).state.status == RUNNING
        with pytest.raises(WrongState):
            live(live.containers.unpause(key))
        assert live.actions(key)[-2:] == ["pause", "unpause"]

    def test_not_without_a_process(self, live: Live) -> None:
        with pytest.raises(WrongState):
            live(live.containers.pause(live.create()))


class TestRemoval:
    def test_nothing_is_left(self, live: Live) -> None:
        key = live.run("echo x > /file")
        live.end(key)
        live(live.containers.remove(key))
        assert live.containers.all() == ()
        assert os.listdir(live.settings.containers) == []
        assert list(live.containers.store.ids()) == []
        assert live.actions(key)[-1] == "destroy"
        with pytest.raises(NotFound):
            live.get(key)

    def test_one_that_runs_only_by_force(self, live: Live) -> None:
        key = live.run(DEAF)
        with pytest.raises(WrongState) as told:
            live(live.containers.remove(key))
        assert told.value.hint
        live(live.containers.remove(key, force=True))
        assert live.containers.all() == ()

    def test_one_that_stands_still(self, live: Live) -> None:
        key = live.run(DEAF)
        live(live.containers.pause(key))
        live(live.containers.remove(key, force=True))
        assert live.containers.all() == ()

    def test_it_removes_itself(self, live: Live) -> None:
        async def work() -> Ended:
            words = ["--rm", str(live.root), "/bin/sh", "-c", "exit 4"]
            key = (await live.containers.create(parse_run(words))).id
            removed = live.containers.wait(key, WaitCondition.REMOVED)
            await live.containers.start(key)
            return await removed

        assert live(work()) == Ended(4)
        assert live.containers.all() == ()
        live.until(lambda: not os.listdir(live.settings.containers))

    def test_a_deep_tree_that_it_has_made(self, live: Live) -> None:
        key = live.run("i=0; while [ $i -lt 1500 ]; do mkdir d; cd d; i=$((i+1)); done; true")
        assert live.end(key) == 0
        live(live.containers.remove(key))
        assert os.listdir(live.settings.containers) == []

    def test_prune(self, live: Live) -> None:
        running, ended, kept = live.run("sleep 99"), live.run("echo x > /f"), live.create()
        live.end(ended)
        pruned = live(live.containers.prune(lambda container: container.id == kept))
        assert pruned.ids == (ended,)
        assert pruned.bytes == 2
        assert {c.id for c in live.containers.all()} == {running, kept}


class TestChanging:
    def test_another_name(self, live: Live) -> None:
        key = live.create("true", "--name one")
        live.create("true", "--name other")
        live(live.containers.rename("one", "two"))
        assert live.get("two").id == key
        with pytest.raises(NotFound):
            live.get("one")
        for name, kind in (("other", AlreadyExists), ("-", InvalidArgument)):
            with pytest.raises(kind):
                live(live.containers.rename("two", name))
        live.restart()
        assert live.get("two").id == key

    def test_limits_of_one_that_runs(self, live: Live) -> None:
        key = live.run("sleep 100", "-m 64m --pids-limit 50")
        update = live.containers.update(key, Limits(memory_bytes=96 << 20), Always())
        live(update)
        request = live.get(key).request
        assert request.limits.memory_bytes == 96 << 20
        assert request.limits.pids == 50
        assert request.handling.restart == Always()
        paths = live.containers.store.open(key, lock=False).read().cgroup.values()
        files = [Path(p, n) for p in paths for n in ("memory.limit_in_bytes", "memory.max")]
        assert [f.read_text().strip() for f in files if f.exists()] == [str(96 << 20)]

    def test_limits_of_one_that_does_not(self, live: Live) -> None:
        key = live.create("true", "-m 64m")
        live(live.containers.update(key, Limits(nano_cpus=5 * 10**8)))
        limits = live.get(key).request.limits
        assert (limits.memory_bytes, limits.nano_cpus) == (64 << 20, 5 * 10**8)
        live(live.containers.start(key))
        assert live.end(key) == 0

    def test_what_cannot_be_changes_nothing(self, live: Live) -> None:
        key = live.run("sleep 100", "-m 64m")
        with pytest.raises(InvalidArgument):
            live(live.containers.update(key, Limits(memory_bytes=5)))
        assert live.get(key).request.limits.memory_bytes == 64 << 20


class TestWaiting:
    def test_the_next_end(self, live: Live) -> None:
        async def work() -> tuple[Ended, Ended]:
            words = [str(live.root), "/bin/sh", "-c", "exit 6"]
            key = (await live.containers.create(parse_run(words))).id
            first = live.containers.wait(key, WaitCondition.NEXT_EXIT)
            await live.containers.start(key)
            one = await first
            second = live.containers.wait(key, WaitCondition.NEXT_EXIT)
            await live.containers.start(key)
            return one, await second

        assert live(work()) == (Ended(6), Ended(6))

    def test_many_at_once(self, live: Live) -> None:
        key = live.run("sleep 0.1; exit 2")

        async def work() -> set[int]:
            waits = [live.containers.wait(key, WaitCondition.NOT_RUNNING) for _ in range(50)]
            return {ended.status for ended in await asyncio.gather(*waits)}

        assert live(work()) == {2}


def test_a_signal_waits_for_a_start(live: Live) -> None:
    key = live.create("sleep 100")

    async def main() -> None:
        with live.containers.attaching(key):  # for which the start waits
            start = asyncio.ensure_future(live.containers.start(key))
            await asyncio.wait({start}, timeout=0.05)
            kill = asyncio.ensure_future(live.containers.kill(key))
            done, _ = await asyncio.wait({kill}, timeout=0.05)
            assert not done
        await start
        await kill

    live(main())
    assert live.end(key) == 137


class TestSharing:
    def test_namespaces_of_another(self, live: Live) -> None:
        owner = live.run("echo shared > /dev/shm/x; sleep 100", "--name db --ipc shareable")
        joins = "--network container:db --pid container:db --ipc container:db"
        key = live.run("cat /dev/shm/x; grep -c db /etc/hosts; ls /proc; sleep 100", joins)
        for kind in ("net", "pid", "ipc"):
            links = {os.readlink(f"/proc/{live.get(k).state.pid}/ns/{kind}") for k in (owner, key)}
            assert len(links) == 1, kind
        live.until(lambda: "shared" in live.log(key))

    def test_the_host_name_of_another(self, live: Live) -> None:
        live.run("sleep 100", "--name db --hostname database")
        key = live.run("hostname; cat /etc/hostname", "--network container:db")
        assert live.end(key) == 0
        assert live.log(key).count("database") == 2
        unnamed = live.run("sleep 100", "--name web")
        key = live.run("hostname", "--network container:web")
        live.end(key)
        assert unnamed[:12] in live.log(key)
        with pytest.raises(InvalidArgument, match="host name"):
            live.create("true", "--network container:db --hostname other")

    def test_one_that_does_not_share(self, live: Live) -> None:
        live.run("sleep 100", "--name db")
        with pytest.raises(InvalidArgument, match="share"):
            live.create("true", "--ipc container:db")

    def test_one_that_does_not_run(self, live: Live) -> None:
        live.create("true", "--name db")
        key = live.create("true", "--network container:db")
        with pytest.raises(WrongState, match="db"):
            live(live.containers.start(key))


class TestOneEngine:
    def test_a_second_one_is_refused(self, live: Live) -> None:
        with pytest.raises(Unavailable, match="another engine"):
            live(Engine.open(live.settings))
        other = live.settings.replace(data_root=live.settings.data_root + "2")
        with pytest.raises(Unavailable, match="another engine"):
            live(Engine.open(other))

    def test_a_sick_container_holds_nobody_up(self, live: Live) -> None:
        key = live.run("sleep 100", "--name sick")
        launcher = os.getppid()
        pid = live.get(key).state.pid
        status = Path(f"/proc/{pid}/stat").read_text()
        launcher = int(status.rpartition(")")[2].split()[1])
        os.kill(launcher, signal.SIGSTOP)
        try:
            before = time.monotonic()
            assert {c.name for c in live.containers.all()} == {"sick"}
            other = live.run("exit 3")
            assert live.end(other) == 3
            assert time.monotonic() - before < 5
        finally:
            os.kill(launcher, signal.SIGCONT)
