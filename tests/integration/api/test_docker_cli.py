"""What people do with the docker command, unchanged: its forty most common commands."""

from __future__ import annotations

import json
import tarfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.api.conftest import PLAIN
from tests.integration.support.deadlines import eventually
from tests.integration.support.engine import Engine
from tests.integration.support.images import IMAGE
from tests.integration.support.runtimes import Result, execute

pytestmark = [
    pytest.mark.requires_root,
    pytest.mark.requires_launcher,
    pytest.mark.requires_docker,
]

MIB = 1 << 20
RESTART_S = 10


def run(engine: Engine, *words: str | Path, flags: tuple[str | Path, ...] = ()) -> Result:
    """`docker run --rm` of a command."""
    return engine.docker("run", "--rm", *flags, *PLAIN, *words)


def start(engine: Engine, *words: str, flags: tuple[str | Path, ...] = ()) -> str:
    """A container that runs; by default it waits for signals. Returns its id."""
    command = words or ("probe", "wait")
    return engine.docker("run", "-d", *flags, *PLAIN, *command).ok().out.strip()


@pytest.fixture
def web(engine: Engine) -> str:
    """A container of that name that waits for signals, and says which it got."""
    start(engine, flags=("--name", "web", "--label", "tier=front"))
    eventually(lambda: engine.docker("logs", "web").out == "ready\n", "the container to be ready")
    return "web"


class TestRun:
    def test_output(self, engine: Engine) -> None:
        result = run(engine, "sh", "-c", "echo out; echo err >&2").ok()
        assert (result.out, result.err) == ("out\n", "err\n")

    def test_input(self, engine: Engine) -> None:
        text = "line\n" * 20_000
        result = engine.docker("run", "--rm", "-i", *PLAIN, "wc", "-c", stdin=text)
        assert result.ok().out.strip() == str(len(text))

    def test_much_output_with_a_slow_start(self, engine: Engine) -> None:
        result = run(engine, "sh", "-c", "seq 100000").ok()
        assert len(result.lines()) == 100_000
        assert result.lines()[-1] == "100000"

    @pytest.mark.parametrize("code", [0, 42, 255])
    def test_exit_status(self, engine: Engine, code: int) -> None:
        assert run(engine, "sh", "-c", f"exit {code}").status == code

    def test_status_125_for_a_bad_request(self, engine: Engine) -> None:
        assert run(engine, "true", flags=("--memory", "1k")).status == 125

    def test_status_126(self, engine: Engine) -> None:
        result = run(engine, "/etc/passwd")
        assert result.status == 126
        assert "permission denied" in result.err

    @pytest.mark.parametrize("program", ["no-such-program", "/no/such/program"])
    def test_status_127(self, engine: Engine, program: str) -> None:
        result = run(engine, program)
        assert result.status == 127
        assert program in result.err

    def test_status_137(self, engine: Engine) -> None:
        name = start(engine)
        engine.docker("kill", name).ok()
        assert engine.docker("wait", name).ok().out == "137\n"

    def test_nothing_is_left_of_rm(self, engine: Engine) -> None:
        run(engine, "true").ok()
        assert engine.docker("ps", "-aq").ok().out == ""

    def test_detached_and_by_id_file(self, engine: Engine, workspace: Path) -> None:
        file = workspace / "id"
        name = start(engine, "sh", "-c", "echo hello; exit 3", flags=("--cidfile", file))
        assert file.read_text() == name
        assert engine.docker("wait", name).ok().out == "3\n"
        assert engine.docker("logs", name).ok().out == "hello\n"
        state = engine.inspect(name)["State"]
        assert (state["Status"], state["ExitCode"], state["Pid"]) == ("exited", 3, 0)

    def test_the_name_is_taken(self, engine: Engine, web: str) -> None:
        result = engine.docker("run", "--name", web, *PLAIN, "true")
        assert result.status == 125
        result.refused("Conflict", "/web", "already in use")

    def test_an_image_that_nobody_has(self, engine: Engine) -> None:
        result = engine.docker("run", "--pull", "never", "localhost:1/nothing", "true")
        assert result.status == 125
        result.refused("No such image: localhost:1/nothing")
        engine.docker("run", "localhost:1/nothing", "true").refused("Unable to find image")

    def test_flags_arrive(self, engine: Engine) -> None:
        flags = ("-e", "A=two words", "-w", "/tmp", "-u", "tester", "-h", "inside", "--read-only")
        script = 'echo "$A"; pwd; id -un; hostname; touch /x'
        result = run(engine, "sh", "-c", script, flags=flags)
        assert result.lines() == ["two words", "/tmp", "tester", "inside"]
        assert "Read-only" in result.err

    def test_memory_limit(self, engine: Engine) -> None:
        flags = ("--memory", "16m", "--memory-swap", "16m")
        name = start(engine, "probe", "take-memory", str(64 * MIB), flags=flags)
        assert engine.docker("wait", name).ok().out == "137\n"
        assert engine.inspect(name)["State"]["OOMKilled"] is True

    def test_several_at_once(self, engine: Engine) -> None:
        words = [("run", "--rm", *PLAIN, "sh", "-c", f"echo {n}; exit {n}") for n in (1, 2, 3)]
        results = [command.finish() for command in [engine.foreground(*w) for w in words]]
        assert [(r.status, r.out) for r in results] == [(1, "1\n"), (2, "2\n"), (3, "3\n")]


@pytest.mark.parametrize("version", ["1.24", "1.30", "1.40", "1.44"])
def test_older_versions(engine: Engine, version: str) -> None:
    """Clients of these versions run containers, and nothing is left of them.

    Those before 1.25 remove the container themselves and end with the event that tells them so;
    if that is there before the answer, they complain of their own haste.
    """
    environment = {**engine.environment, "DOCKER_API_VERSION": version}
    words = ["docker", "run", "--rm", "-i", *PLAIN, "sh", "-c", "cat; exit 3"]
    result = execute(words, env=environment, stdin="typed")
    assert (result.status, result.out) == (3, "typed")
    assert result.err == "" or (version == "1.24" and "context canceled" in result.err)
    assert execute(["docker", "ps", "-aq"], env=environment).ok().out == ""
    execute(["docker", "image", "inspect", IMAGE], env=environment).ok()


class TestLife:
    def test_create_and_start(self, engine: Engine) -> None:
        words = ("create", "--name", "made", *PLAIN, "sh", "-c", "echo hi")
        made = engine.docker(*words).ok().out.strip()
        assert engine.inspect("made")["State"]["Status"] == "created"
        assert engine.docker("start", "made").ok().out == "made\n"
        engine.docker("wait", made).ok()
        assert engine.docker("start", "-a", made).ok().out == "hi\n"

    def test_start_with_input(self, engine: Engine) -> None:
        engine.docker("create", "-i", "--name", "cat", *PLAIN, "cat").ok()
        assert engine.docker("start", "-ai", "cat", stdin="typed\n").ok().out == "typed\n"

    def test_stop(self, engine: Engine) -> None:
        name = start(engine, "sh", "-c", "trap 'exit 5' TERM; while :; do sleep 0.05; done")
        assert engine.docker("stop", "-t", "20", name).ok().out.strip() == name
        assert engine.inspect(name)["State"]["ExitCode"] == 5
        engine.docker("stop", name).ok()  # 304

    def test_stop_of_one_that_does_not_listen(self, engine: Engine) -> None:
        name = start(engine, "sh", "-c", "trap '' TERM; while :; do sleep 0.05; done")
        engine.docker("stop", "-t", "0", name).ok()
        assert engine.inspect(name)["State"]["ExitCode"] == 137

    def test_restart(self, engine: Engine, web: str) -> None:
        before = engine.inspect(web)["State"]
        engine.docker("restart", "-t", "0", web).ok()
        after = engine.inspect(web)["State"]
        assert (before["Pid"] != after["Pid"], after["Running"]) == (True, True)

    def test_signals(self, engine: Engine, web: str) -> None:
        engine.docker("kill", "-s", "USR1", web).ok()
        eventually(lambda: "10" in engine.docker("logs", web).out, "the signal to be seen")
        assert engine.inspect(web)["State"]["Running"] is True
        engine.docker("kill", "-s", "NOSUCH", web).refused("invalid signal")

    def test_pause(self, engine: Engine, web: str) -> None:
        engine.docker("pause", web).ok()
        assert engine.inspect(web)["State"]["Status"] == "paused"
        assert "(Paused)" in engine.docker("ps").ok().out
        engine.docker("pause", web).refused("paused")
        engine.docker("unpause", web).ok()
        assert engine.inspect(web)["State"]["Status"] == "running"

    def test_rename(self, engine: Engine, web: str) -> None:
        engine.docker("rename", web, "web2").ok()
        assert engine.inspect("web2")["Name"] == "/web2"
        engine.docker("inspect", web).refused("No such object")

    def test_update(self, engine: Engine, web: str) -> None:
        engine.docker("update", "--memory", "64m", "--cpus", "0.5", web).ok()
        config = engine.inspect(web)["HostConfig"]
        assert (config["Memory"], config["NanoCpus"]) == (64 * MIB, 500_000_000)
        engine.docker("update", "--restart", "on-failure:3", web).ok()
        policy = engine.inspect(web)["HostConfig"]["RestartPolicy"]
        assert policy == {"Name": "on-failure", "MaximumRetryCount": 3}

    def test_remove(self, engine: Engine, web: str) -> None:
        engine.docker("rm", web).refused("running")
        engine.docker("rm", "-f", web).ok()
        engine.docker("rm", web).refused("No such container")
        engine.docker("rm", "-f", web).ok()  # Docker's CLI wants no error then

    def test_prune(self, engine: Engine, web: str) -> None:
        ended = start(engine, "true")
        engine.docker("wait", ended).ok()
        assert ended in engine.docker("container", "prune", "-f").ok().out
        assert engine.docker("ps", "-a", "--format", "{{.Names}}").ok().out == f"{web}\n"

    def test_restarts_by_policy(self, engine: Engine) -> None:
        name = start(engine, "sh", "-c", "exit 1", flags=("--restart", "on-failure:2"))
        eventually(
            lambda: (
                engine.inspect(name)["State"]["Status"] == "exited"
                and engine.inspect(name)["RestartCount"] == 2
            ),
            "the last restart",
        )


class TestLooking:
    def test_ps(self, engine: Engine, web: str) -> None:
        ended = start(engine, "true", flags=("--name", "ended"))
        engine.docker("wait", ended).ok()
        names = ("ps", "-a", "--format", "{{.Names}}")
        assert engine.docker("ps", "--format", "{{.Names}}").ok().lines() == [web]
        assert engine.docker(*names).ok().lines() == ["ended", web]
        assert engine.docker(*names, "-f", "label=tier").ok().lines() == [web]
        assert engine.docker(*names, "-f", "status=exited").ok().lines() == ["ended"]
        assert engine.docker(*names, "-f", f"ancestor={IMAGE}").ok().lines() == ["ended", web]
        assert engine.docker(*names, "-n", "1").ok().lines() == ["ended"]
        row = engine.docker("ps", "-s", "--format", "{{json .}}").ok().json()
        assert row["Image"] == IMAGE
        assert row["Status"].startswith("Up ")
        assert "virtual" in row["Size"]

    def test_inspect(self, engine: Engine, web: str) -> None:
        found = engine.inspect(web)
        assert found["Config"]["Labels"]["tier"] == "front"
        assert (found["Path"], found["Args"]) == ("probe", ["wait"])
        assert list(found["NetworkSettings"]["Networks"]) == ["none"]
        assert found["Image"] == engine.docker("images", "-q", "--no-trunc", IMAGE).out.strip()
        text = engine.docker("inspect", "-s", "-f", "{{.SizeRootFs}}", web).ok().out
        assert int(text) > MIB

    def test_logs(self, engine: Engine) -> None:
        name = start(engine, "sh", "-c", "for n in 1 2 3; do echo $n; done; echo err >&2")
        engine.docker("wait", name).ok()
        whole = engine.docker("logs", name).ok()
        assert (whole.out, whole.err) == ("1\n2\n3\n", "err\n")
        assert engine.docker("logs", "-n", "2", name).ok().out == "3\n"
        assert engine.docker("logs", "--since", "2100-01-01", name).ok().out == ""
        stamped = engine.docker("logs", "-t", name).ok().lines()[0]
        assert stamped.startswith("20")
        assert stamped.endswith("Z 1")

    def test_logs_follow(self, engine: Engine) -> None:
        script = "echo first; while [ ! -e /go ]; do sleep 0.02; done; echo last"
        name = start(engine, "sh", "-c", script)
        following = engine.foreground("logs", "-f", name)
        assert following.line() == "first"
        engine.docker("exec", name, "touch", "/go").ok()
        assert following.finish().out == "last\n"

    def test_top(self, engine: Engine, web: str) -> None:
        lines = engine.docker("top", web).ok().lines()
        assert lines[0].split()[:2] == ["UID", "PID"]
        assert lines[1].endswith("probe wait")

    def test_stats(self, engine: Engine, web: str) -> None:
        (row,) = engine.docker("stats", "--no-stream", "--format", "{{json .}}").ok().lines()
        found = json.loads(row)
        assert found["Name"] == web
        assert found["PIDs"] == "1"
        assert not found["MemUsage"].startswith("0B")

    def test_port(self, engine: Engine, web: str) -> None:
        assert engine.docker("port", web).ok().out == ""

    def test_events(self, engine: Engine) -> None:
        name = start(engine, "true", flags=("--name", "short"))
        engine.docker("wait", name).ok()
        engine.docker("rm", name).ok()
        now = f"{time.time():.9f}"  # 0s would mean the beginning of this second
        words = ("events", "--since", "1h", "--until", now, "-f", "container=short")
        lines = engine.docker(*words, "--format", "{{.Action}}").ok().lines()
        assert lines[-4:] == ["create", "start", "die", "destroy"]

    def test_events_come_as_they_happen(self, engine: Engine) -> None:
        since = ("--since", f"{time.time():.9f}")
        words = ("events", *since, "-f", "type=container", "--format", "{{.Action}} {{.Actor.ID}}")
        listening = engine.foreground(*words)
        try:
            made = engine.docker("create", *PLAIN, "true").ok().out.strip()
            assert listening.line() == f"create {made}"
            engine.docker("rm", made).ok()
            assert listening.line() == f"destroy {made}"
        finally:
            listening.abandon()


class TestExec:
    def test_output_and_input(self, engine: Engine, web: str) -> None:
        words = ("exec", "-i", web, "sh", "-c", "cat; echo err >&2")
        result = engine.docker(*words, stdin="hello").ok()
        assert (result.out, result.err) == ("hello", "err\n")

    @pytest.mark.parametrize("code", [0, 1, 255])
    def test_exit_status(self, engine: Engine, web: str, code: int) -> None:
        assert engine.docker("exec", web, "sh", "-c", f"exit {code}").status == code

    def test_no_such_program(self, engine: Engine, web: str) -> None:
        result = engine.docker("exec", web, "no-such-program")
        assert result.status == 127
        assert "no-such-program" in result.out + result.err

    def test_not_executable(self, engine: Engine, web: str) -> None:
        assert engine.docker("exec", web, "/etc/passwd").status == 126

    def test_flags(self, engine: Engine, web: str) -> None:
        words = ("exec", "-e", "A=1", "-w", "/tmp", "-u", "tester", web)
        result = engine.docker(*words, "sh", "-c", "echo $A; pwd; id -un").ok()
        assert result.lines() == ["1", "/tmp", "tester"]

    def test_detached(self, engine: Engine, web: str) -> None:
        engine.docker("exec", "-d", web, "touch", "/made").ok()
        found = ("exec", web, "ls", "/made")
        eventually(lambda: engine.docker(*found).status == 0, "the detached program")

    def test_in_one_that_does_not_run(self, engine: Engine) -> None:
        engine.docker("create", "--name", "made", *PLAIN, "true").ok()
        engine.docker("exec", "made", "true").refused("not running")


class TestFiles:
    def test_copy_in_and_out(self, engine: Engine, web: str, workspace: Path) -> None:
        (workspace / "d").mkdir()
        (workspace / "d" / "file").write_text("content")
        engine.docker("cp", workspace / "d", f"{web}:/tmp/new").ok()
        assert engine.docker("exec", web, "cat", "/tmp/new/file").ok().out == "content"
        engine.docker("cp", f"{web}:/tmp/new/file", workspace / "back").ok()
        assert (workspace / "back").read_text() == "content"
        engine.docker("cp", f"{web}:/nothing", workspace).refused("/nothing")
        nowhere = engine.docker("cp", workspace / "d/file", f"{web}:/nothing/").refused()
        # docker's own writer may have noticed before that nobody wants what it packs.
        assert nowhere.err.splitlines()[-1] == "no such directory"
        kinds = engine.docker("cp", workspace / "d/file", f"{web}:/etc/passwd/x").refused()
        assert "level=error" not in kinds.err

    def test_copy_a_stream(self, engine: Engine, web: str, workspace: Path) -> None:
        with (workspace / "tar").open("wb") as out:
            engine.docker("cp", f"{web}:/etc/passwd", "-", stdout=out).ok()
        with tarfile.open(workspace / "tar") as archive:
            assert archive.getnames() == ["passwd"]
        with (workspace / "tar").open("rb") as source:
            engine.docker("cp", "-", f"{web}:/tmp", stdin=source).ok()
        assert "tester" in engine.docker("exec", web, "cat", "/tmp/passwd").ok().out

    def test_diff(self, engine: Engine, web: str) -> None:
        engine.docker("exec", web, "sh", "-c", "touch /tmp/new; rm /etc/group").ok()
        lines = engine.docker("diff", web).ok().lines()
        assert {"A /tmp/new", "D /etc/group", "C /tmp", "C /etc"} <= set(lines)

    def test_export(self, engine: Engine, web: str, workspace: Path) -> None:
        engine.docker("exec", web, "touch", "/new").ok()
        engine.docker("export", "-o", workspace / "tar", web).ok()
        with tarfile.open(workspace / "tar") as archive:
            assert {"new", "bin/busybox", "etc/passwd"} <= set(archive.getnames())

    def test_volumes(self, engine: Engine, workspace: Path) -> None:
        assert engine.docker("volume", "create", "--label", "a=b", "v1").ok().out == "v1\n"
        try:
            flags = ("-v", "v1:/data", "-v", f"{workspace}:/m:ro")
            (workspace / "file").write_text("outside\n")
            run(engine, "sh", "-c", "cat /m/file > /data/kept", flags=flags).ok()
            again = run(engine, "cat", "/data/kept", flags=("-v", "v1:/data")).ok()
            assert again.out == "outside\n"
            names = ("volume", "ls", "-q", "-f", "label=a")
            assert engine.docker(*names).ok().lines() == ["v1"]
            (found,) = engine.docker("volume", "inspect", "v1").ok().json()
            assert Path(found["Mountpoint"], "kept").read_text() == "outside\n"
            name = start(engine, flags=("-v", "v1:/data"))
            engine.docker("volume", "rm", "v1").refused("in use")
            engine.docker("rm", "-f", name).ok()
        finally:
            engine.docker("volume", "rm", "v1").ok()
        engine.docker("volume", "inspect", "v1").refused("no such volume")

    def test_anonymous_volumes(self, engine: Engine) -> None:
        before = set(engine.docker("volume", "ls", "-q").ok().lines())
        name = start(engine, flags=("-v", "/data"))
        (volume,) = set(engine.docker("volume", "ls", "-q").ok().lines()) - before
        assert engine.inspect(name)["Mounts"][0]["Name"] == volume
        engine.docker("rm", "-f", "-v", name).ok()
        assert set(engine.docker("volume", "ls", "-q").ok().lines()) == before


@pytest.fixture
def mine(engine: Engine) -> Iterator[str]:
    """An image that was committed from a container; with all its names gone afterwards."""
    name = start(engine)
    engine.docker("exec", name, "sh", "-c", "echo kept > /new").ok()
    words = ("-m", "why", "-a", "me", "-c", 'CMD ["cat", "/new"]', "-c", "ENV A=1")
    engine.docker("commit", *words, name, "mine:1").ok()
    yield "mine:1"
    engine.remove_all()
    engine.docker("rmi", "-f", "mine:1", "mine:2")


class TestImages:
    def test_commit(self, engine: Engine, mine: str) -> None:
        assert engine.docker("run", "--rm", "--network", "none", mine).ok().out == "kept\n"
        (found,) = engine.docker("image", "inspect", mine).ok().json()
        assert (found["Author"], found["Comment"]) == ("me", "why")
        assert "A=1" in found["Config"]["Env"]
        assert len(found["RootFS"]["Layers"]) == 2

    def test_list_tag_remove(self, engine: Engine, mine: str) -> None:
        engine.docker("tag", mine, "mine:2").ok()
        names = ("images", "--format", "{{.Repository}}:{{.Tag}}")
        assert engine.docker(*names, "mine").ok().lines() == ["mine:1", "mine:2"]
        assert engine.docker(*names, "-f", "reference=mine:1").ok().lines() == ["mine:1"]
        assert engine.docker("rmi", "mine:2").ok().out == "Untagged: mine:2\n"
        assert "Deleted: sha256:" in engine.docker("rmi", mine).ok().out
        engine.docker("image", "inspect", mine).refused("No such image")

    def test_in_use(self, engine: Engine) -> None:
        start(engine)
        engine.docker("rmi", IMAGE).refused("running container")

    def test_history(self, engine: Engine, mine: str) -> None:
        rows = engine.docker("history", "--format", "{{.Comment}}", mine).ok().lines()
        assert rows[0] == "why"

    def test_save_and_load(self, engine: Engine, mine: str, workspace: Path) -> None:
        engine.docker("save", "-o", workspace / "tar", mine).ok()
        engine.remove_all()
        engine.docker("rmi", mine).ok()
        assert engine.docker("load", "-i", workspace / "tar").ok().out == f"Loaded image: {mine}\n"
        assert engine.docker("run", "--rm", "--network", "none", mine).ok().out == "kept\n"

    def test_prune(self, engine: Engine, mine: str) -> None:
        engine.remove_all()
        before = engine.docker("images", "-q").ok().lines()
        engine.docker("image", "prune", "-f").ok()
        assert engine.docker("images", "-q").ok().lines() == before

    def test_registries_that_do_not_answer(self, engine: Engine) -> None:
        engine.docker("pull", "localhost:1/x").refused("localhost:1")
        engine.docker("tag", IMAGE, "localhost:1/x").ok()
        try:
            engine.docker("push", "localhost:1/x").refused("localhost:1")
        finally:
            engine.docker("rmi", "localhost:1/x").ok()
        engine.docker("search", "x").refused("not supported")


class TestSystem:
    def test_version_and_info(self, engine: Engine) -> None:
        version = engine.docker("version", "--format", "{{json .Server}}").ok().json()
        assert version["ApiVersion"] == "1.47"
        info = engine.docker("info", "--format", "{{json .}}").ok().json()
        assert info["DockerRootDir"] == str(engine.data_root)
        assert info["ServerErrors"] is None if "ServerErrors" in info else True
        assert info["NCPU"] > 0

    def test_disk_usage(self, engine: Engine, web: str) -> None:
        lines = engine.docker("system", "df").ok().lines()
        assert [line.split()[0] for line in lines] == [
            *("TYPE", "Images", "Containers", "Local", "Build"),
        ]
        assert web in engine.docker("system", "df", "-v").ok().out

    def test_prune(self, engine: Engine) -> None:
        start(engine, "true")
        result = engine.docker("system", "prune", "-f").ok()
        assert "Total reclaimed space" in result.out

    def test_networks(self, engine: Engine) -> None:
        names = ("network", "ls", "--format", "{{.Name}}")
        assert sorted(engine.docker(*names).ok().lines()) == ["bridge", "host", "none"]
        (found,) = engine.docker("network", "inspect", "host").ok().json()
        assert found["Driver"] == "host"
        engine.docker("network", "rm", "host").refused("pre-defined")
        engine.docker("network", "prune", "-f").ok()

    def test_what_there_is_not(self, engine: Engine, workspace: Path) -> None:
        (workspace / "Dockerfile").write_text("FROM scratch\n")
        engine.environment["DOCKER_BUILDKIT"] = "0"
        engine.docker("build", workspace).refused("building images is not supported")
        engine.docker("service", "ls").refused("not a swarm manager")
        assert engine.docker("plugin", "ls", "-q").ok().out == ""
        engine.docker("inspect", "nothing").refused("No such object")
