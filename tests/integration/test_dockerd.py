"""dockerd with the runtime under test: what people do with `docker`, unchanged."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.support import cgroups
from tests.integration.support.deadlines import eventually
from tests.integration.support.dockerd import RUNTIME, Docker, json_lines, running_daemon
from tests.integration.support.images import archive
from tests.integration.support.processes import namespace, parse_status, state_letter
from tests.integration.support.rootfs import RootfsTemplate
from tests.integration.support.runtimes import program_under_test
from tests.preconditions import need

pytestmark = [pytest.mark.requires_root, pytest.mark.requires_docker]

MIB = 1 << 20
DOCKERS_CAPABILITIES = 0xA80425FB
LESS_THAN_ALL = pytest.mark.runc_differs(
    "1.1 fails where root lacks a capability itself; config.md#process wants a warning"
)


@pytest.fixture(scope="session")
def daemon(session_directory: Path, rootfs_template: RootfsTemplate) -> Iterator[Docker]:
    """The session's dockerd."""
    need("docker")
    directory = session_directory / "docker"
    directory.mkdir()
    image = archive(rootfs_template, directory)
    with running_daemon(directory, program_under_test(), image) as docker:
        yield docker


@pytest.fixture
def docker(daemon: Docker) -> Iterator[Docker]:
    """The session's dockerd, without containers before and after the test."""
    yield daemon
    daemon.remove_all()


def limit(docker: Docker, name: str, controller: str, v1: str, v2: str) -> str:
    """The text of a limit's file in a container's cgroup."""
    directory = cgroups.of_process(docker.pid(name), controller)
    return (directory / (v2 if cgroups.unified_only() else v1)).read_text().strip()


def status_inside(docker: Docker, *flags: str | Path) -> dict[str, str]:
    """/proc/self/status in a container with these flags."""
    return parse_status(docker.run(*flags, "--", "cat", "/proc/self/status").ok().out)


def all_capabilities() -> tuple[int, int]:
    """What a privileged container has: root's own, or those of them that dockerd 20.10 knows."""
    own = int(parse_status(Path("/proc/self/status").read_text())["CapEff"], 16)
    return own, own & ((1 << 38) - 1)


class TestRun:
    def test_output(self, docker: Docker) -> None:
        result = docker.run("--", "sh", "-c", "echo out; echo err >&2").ok()
        assert (result.out, result.err) == ("out\n", "err\n")

    def test_runtime_is_the_one_under_test(self, docker: Docker) -> None:
        name = docker.start("--", "probe", "wait")
        assert docker.inspect(name)["HostConfig"]["Runtime"] == RUNTIME

    @pytest.mark.parametrize("code", [0, 42, 255])
    def test_exit_status(self, docker: Docker, code: int) -> None:
        assert docker.run("--", "sh", "-c", f"exit {code}").status == code

    def test_status_125_when_the_runtime_refuses(self, docker: Docker, workspace: Path) -> None:
        result = docker.run("-v", f"{workspace}:/proc/sys", "--", "true")
        assert result.status == 125
        assert "/proc" in result.err

    def test_status_126_when_the_program_is_not_executable(self, docker: Docker) -> None:
        result = docker.run("--", "/etc/passwd")
        assert result.status == 126
        assert "permission denied" in result.err.lower()

    def test_status_127_when_there_is_no_such_program(self, docker: Docker) -> None:
        result = docker.run("--", "no-such-program")
        assert result.status == 127
        assert "no-such-program" in result.err

    def test_status_137_after_a_kill(self, docker: Docker) -> None:
        name = docker.start("--", "probe", "wait")
        docker("kill", name).ok()
        assert docker("wait", name).ok().out.strip() == "137"

    def test_input(self, docker: Docker) -> None:
        text = "line\n" * 20_000
        result = docker.run("-i", "--", "wc", "-c", stdin=text)
        assert result.ok().out.strip() == str(len(text))

    def test_detached(self, docker: Docker) -> None:
        name = docker.start("--", "sh", "-c", "echo hello; exit 3")
        assert docker("wait", name).ok().out.strip() == "3"
        assert docker("logs", name).ok().out == "hello\n"
        state = docker.inspect(name)["State"]
        assert (state["Status"], state["ExitCode"], state["Pid"]) == ("exited", 3, 0)

    def test_two_at_once(self, docker: Docker) -> None:
        running = [
            docker.foreground(
                *("run", "--rm", "--runtime", RUNTIME, "--network", "none"),
                *("orlop-test", "sh", "-c", f"echo {n}; exit {n}"),
            )
            for n in (1, 2, 3)
        ]
        results = [command.finish() for command in running]
        assert [(result.status, result.out) for result in results] == [
            (1, "1\n"),
            (2, "2\n"),
            (3, "3\n"),
        ]


class TestTerminal:
    FLAGS = ("run", "--rm", "--runtime", RUNTIME, "--network", "none", "-it", "orlop-test")

    def test_conversation(self, docker: Docker) -> None:
        with docker.on_terminal(*self.FLAGS, "sh") as terminal:
            terminal.type("echo $((6 * 7)); tty\r")
            terminal.screen.until("\n42")
            terminal.screen.until("/dev/")
            terminal.type("exit 5\r")
            assert terminal.wait() == 5

    def test_size_follows(self, docker: Docker) -> None:
        with docker.on_terminal(*self.FLAGS, "probe", "window", rows=31, columns=97) as terminal:
            terminal.screen.until("size 31 97")
            terminal.resize(50, 132, until="size 50 132")
            # Detaching leaves the container running; --rm and the fixture remove it.
            terminal.type("\x10\x11")
            assert terminal.wait() == 0

    def test_control_c(self, docker: Docker) -> None:
        script = "trap 'echo interrupted; exit 3' INT; echo ready; while :; do read x; done"
        with docker.on_terminal(*self.FLAGS, "sh", "-c", script) as terminal:
            terminal.screen.until("ready\r\n")
            terminal.type("\x03")
            terminal.screen.until("interrupted")
            assert terminal.wait() == 3

    def test_restored_at_the_end(self, docker: Docker) -> None:
        with docker.on_terminal(*self.FLAGS, "true") as terminal:
            before = terminal.settings()
            assert terminal.wait() == 0
            assert terminal.settings() == before

    def test_attach(self, docker: Docker) -> None:
        name = docker.start("-it", "--", "sh")
        with docker.on_terminal("attach", name) as terminal:
            terminal.type("echo $((6 * 7)); exit 4\r")
            terminal.screen.until("\n42")
            assert terminal.wait() == 4


class TestLimits:
    def test_memory(self, docker: Docker) -> None:
        name = docker.start("--memory", "64m", "--", "probe", "wait")
        found = limit(docker, name, "memory", "memory.limit_in_bytes", "memory.max")
        assert int(found) == 64 * MIB

    def test_memory_holds(self, docker: Docker) -> None:
        name = docker.start(
            *("--memory", "16m", "--memory-swap", "16m"),
            *("--", "probe", "take-memory", str(64 * MIB)),
        )
        assert docker("wait", name).ok().out.strip() == "137"
        assert docker.inspect(name)["State"]["OOMKilled"] is True

    def test_cpus(self, docker: Docker) -> None:
        name = docker.start("--cpus", "0.5", "--", "probe", "wait")
        if cgroups.unified_only():
            assert limit(docker, name, "cpu", "", "cpu.max") == "50000 100000"
        else:
            assert limit(docker, name, "cpu", "cpu.cfs_quota_us", "") == "50000"

    def test_cpuset_and_shares(self, docker: Docker) -> None:
        flags = ("--cpuset-cpus", "1", "--cpu-shares", "300")
        name = docker.start(*flags, "--", "probe", "wait")
        assert limit(docker, name, "cpuset", "cpuset.cpus", "cpuset.cpus") == "1"
        assert int(limit(docker, name, "cpu", "cpu.shares", "cpu.weight")) in (300, 12)

    def test_pids(self, docker: Docker) -> None:
        result = docker.run("--pids-limit", "10", "--", "probe", "fork", "50").ok()
        assert result.out == "made 9\n"

    def test_ulimit(self, docker: Docker) -> None:
        flags = ("--ulimit", "nofile=100:200", "--ulimit", "core=0")
        result = docker.run(*flags, "--", "cat", "/proc/self/limits").ok()
        (line,) = [line for line in result.lines() if line.startswith("Max open files")]
        assert line.split()[3:5] == ["100", "200"]

    def test_oom_score(self, docker: Docker) -> None:
        result = docker.run("--oom-score-adj", "500", "--", "cat", "/proc/self/oom_score_adj")
        assert result.ok().out == "500\n"


class TestSecurity:
    def test_default_capabilities(self, docker: Docker) -> None:
        found = status_inside(docker)
        assert int(found["CapEff"], 16) == DOCKERS_CAPABILITIES
        assert int(found["CapBnd"], 16) == DOCKERS_CAPABILITIES
        assert int(found["CapAmb"], 16) == 0

    def test_none(self, docker: Docker) -> None:
        found = status_inside(docker, "--cap-drop", "ALL")
        assert [int(found[name], 16) for name in ("CapEff", "CapPrm", "CapBnd")] == [0, 0, 0]

    def test_one(self, docker: Docker) -> None:
        found = status_inside(docker, "--cap-drop", "ALL", "--cap-add", "NET_ADMIN")
        assert int(found["CapEff"], 16) == 1 << 12

    @LESS_THAN_ALL
    def test_privileged(self, docker: Docker) -> None:
        result = docker.run("--privileged", "--", "sh", "-c", "cat /proc/self/status; ls /dev").ok()
        found = parse_status(result.out)
        assert int(found["CapEff"], 16) in all_capabilities()
        assert found["Seccomp"] == "0"
        assert "loop-control" in result.out

    def test_default_filter(self, docker: Docker) -> None:
        assert status_inside(docker)["Seccomp"] == "2"

    def test_filter_of_ones_own(self, docker: Docker, workspace: Path) -> None:
        profile = workspace / "profile.json"
        rule = {"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO", "errnoRet": 77}
        profile.write_text(json.dumps({"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [rule]}))
        result = docker.run("--security-opt", f"seccomp={profile}", "--", "probe", "mkdir", "/x")
        assert result.ok().out == "errno 77\n"

    def test_no_filter(self, docker: Docker) -> None:
        assert status_inside(docker, "--security-opt", "seccomp=unconfined")["Seccomp"] == "0"

    def test_no_new_privileges(self, docker: Docker) -> None:
        assert status_inside(docker)["NoNewPrivs"] == "0"
        assert status_inside(docker, "--security-opt", "no-new-privileges")["NoNewPrivs"] == "1"

    @pytest.mark.parametrize(
        ("user", "uid", "gid"), [("5:6", "5", "6"), ("tester", "1000", "1000"), ("7", "7", "0")]
    )
    def test_user(self, docker: Docker, user: str, uid: str, gid: str) -> None:
        found = status_inside(docker, "--user", user)
        assert found["Uid"].split()[0] == uid
        assert found["Gid"].split()[0] == gid
        assert int(found["CapEff"], 16) == 0

    def test_groups(self, docker: Docker) -> None:
        found = status_inside(docker, "--user", "tester", "--group-add", "29")
        assert {"29", "1001"} <= set(found["Groups"].split())

    def test_masked_paths(self, docker: Docker) -> None:
        script = "cat /proc/kcore /proc/keys | wc -c; echo 1 > /proc/sys/kernel/msgmax"
        result = docker.run("--", "sh", "-c", script)
        assert result.out == "0\n"
        assert "read-only file system" in result.err.lower()

    def test_device(self, docker: Docker) -> None:
        script = "exec 3<>/dev/fuse && echo opened"
        assert docker.run("--device", "/dev/fuse", "--", "sh", "-c", script).ok().out == "opened\n"

    def test_no_device(self, docker: Docker) -> None:
        found = docker.run("--cap-add", "MKNOD", "--", "probe", "device", "c", "10", "229", "rw")
        assert found.ok().out == "errno 1\n"


class TestFiles:
    def test_read_only(self, docker: Docker) -> None:
        result = docker.run("--read-only", "--", "touch", "/file")
        assert result.status == 1
        assert "read-only file system" in result.err.lower()

    def test_read_only_with_tmpfs(self, docker: Docker) -> None:
        flags = ("--read-only", "--tmpfs", "/scratch:size=1m,mode=1777")
        script = "touch /scratch/file && grep /scratch /proc/mounts"
        result = docker.run(*flags, "--", "sh", "-c", script).ok()
        assert "size=1024k" in result.out

    def test_volume(self, docker: Docker, workspace: Path) -> None:
        docker.run("-v", f"{workspace}:/m", "--", "sh", "-c", "echo inside > /m/file").ok()
        assert (workspace / "file").read_text() == "inside\n"

    def test_read_only_volume(self, docker: Docker, workspace: Path) -> None:
        (workspace / "file").write_text("outside\n")
        script = "cat /m/file; echo x > /m/file"
        result = docker.run("-v", f"{workspace}:/m:ro", "--", "sh", "-c", script)
        assert result.out == "outside\n"
        assert "read-only file system" in result.err.lower()

    def test_shared_memory(self, docker: Docker) -> None:
        result = docker.run("--shm-size", "1m", "--", "df", "-k", "/dev/shm").ok()
        assert result.lines()[-1].split()[1] == "1024"

    def test_names(self, docker: Docker) -> None:
        script = "hostname; cat /etc/hostname"
        result = docker.run("--hostname", "inside", "--", "sh", "-c", script).ok()
        assert result.lines() == ["inside", "inside"]

    def test_working_directory_and_environment(self, docker: Docker) -> None:
        flags = ("-w", "/new/place", "-e", "A=1", "-e", "B=two words")
        result = docker.run(*flags, "--", "sh", "-c", 'pwd; echo "$A $B"').ok()
        assert result.lines() == ["/new/place", "1 two words"]


class TestNamespaces:
    def test_no_network(self, docker: Docker) -> None:
        assert docker.run("--", "ls", "/sys/class/net").ok().out == "lo\n"

    def test_network_of_the_host(self, docker: Docker) -> None:
        result = docker.run("--network", "host", "--", "readlink", "/proc/self/ns/net")
        assert result.ok().out.strip() == namespace("self", "net")

    def test_network_of_another_container(self, docker: Docker) -> None:
        first = docker.start("--", "probe", "wait")
        result = docker.run(
            "--network", f"container:{first}", "--", "readlink", "/proc/self/ns/net"
        )
        assert result.ok().out.strip() == namespace(docker.pid(first), "net")

    def test_pid_of_the_host(self, docker: Docker) -> None:
        result = docker.run("--pid", "host", "--", "readlink", "/proc/self/ns/pid")
        assert result.ok().out.strip() == namespace("self", "pid")

    def test_pid_of_another_container(self, docker: Docker) -> None:
        first = docker.start("--", "probe", "wait")
        result = docker.run("--pid", f"container:{first}", "--", "readlink", "/proc/1/exe")
        assert result.ok().out == "/bin/probe\n"

    def test_ipc_of_another_container(self, docker: Docker) -> None:
        first = docker.start("--ipc", "shareable", "--", "probe", "wait")
        result = docker.run("--ipc", f"container:{first}", "--", "readlink", "/proc/self/ns/ipc")
        assert result.ok().out.strip() == namespace(docker.pid(first), "ipc")

    def test_uts_of_the_host(self, docker: Docker) -> None:
        result = docker.run("--uts", "host", "--", "readlink", "/proc/self/ns/uts")
        assert result.ok().out.strip() == namespace("self", "uts")

    def test_own_cgroup(self, docker: Docker) -> None:
        result = docker.run("--cgroupns", "private", "--", "cat", "/proc/self/cgroup").ok()
        assert all(line.endswith(":/") for line in result.lines())

    def test_sysctl(self, docker: Docker) -> None:
        flag = ("--sysctl", "net.ipv4.ip_forward=1")
        result = docker.run(*flag, "--", "cat", "/proc/sys/net/ipv4/ip_forward").ok()
        assert result.out == "1\n"


@pytest.fixture
def running(docker: Docker) -> str:
    """A container that waits for signals, and says which it got."""
    name = docker.start("--", "probe", "wait")
    eventually(lambda: docker("logs", name).out == "ready\n", "the container to be ready")
    return name


class TestExec:
    def test_output_and_input(self, docker: Docker, running: str) -> None:
        result = docker("exec", "-i", running, "sh", "-c", "cat; echo err >&2", stdin="hello").ok()
        assert (result.out, result.err) == ("hello", "err\n")

    @pytest.mark.parametrize("code", [0, 1, 42, 255])
    def test_exit_status(self, docker: Docker, running: str, code: int) -> None:
        assert docker("exec", running, "sh", "-c", f"exit {code}").status == code

    def test_program_that_does_not_exist(self, docker: Docker, running: str) -> None:
        result = docker("exec", running, "no-such-program")
        assert result.status in (126, 127)  # dockerd 20.10 says 126, later ones 127
        assert "no-such-program" in result.err + result.out

    def test_program_that_is_not_executable(self, docker: Docker, running: str) -> None:
        assert docker("exec", running, "/etc/passwd").status == 126

    def test_user_directory_environment(self, docker: Docker, running: str) -> None:
        flags = ("-u", "tester:audio", "-w", "/tmp", "-e", "A=1")
        result = docker("exec", *flags, running, "sh", "-c", "id -u; id -g; pwd; echo $A").ok()
        assert result.lines() == ["1000", "29", "/tmp", "1"]

    @LESS_THAN_ALL
    def test_privileged(self, docker: Docker, running: str) -> None:
        result = docker("exec", "--privileged", running, "cat", "/proc/self/status").ok()
        assert int(parse_status(result.out)["CapEff"], 16) in all_capabilities()

    def test_default_capabilities(self, docker: Docker, running: str) -> None:
        result = docker("exec", running, "cat", "/proc/self/status").ok()
        assert int(parse_status(result.out)["CapEff"], 16) == DOCKERS_CAPABILITIES

    def test_detached(self, docker: Docker, running: str) -> None:
        docker("exec", "-d", running, "sh", "-c", "echo done > /tmp/mark").ok()
        eventually(
            lambda: docker("exec", running, "cat", "/tmp/mark").out == "done\n", "the process"
        )

    def test_terminal(self, docker: Docker, running: str) -> None:
        with docker.on_terminal("exec", "-it", running, "sh") as terminal:
            terminal.type("echo $((6 * 7)); tty\r")
            terminal.screen.until("\n42")
            terminal.screen.until("/dev/")
            terminal.type("exit 6\r")
            assert terminal.wait() == 6

    def test_terminal_size_follows(self, docker: Docker, running: str) -> None:
        words = ("exec", "-it", running, "probe", "window")
        with docker.on_terminal(*words, rows=31, columns=97) as terminal:
            # The client sends the size after the start: the first line may have none yet.
            terminal.screen.until("size 31 97")
            terminal.resize(50, 132, until="size 50 132")
            init = docker.pid(running)
            pids = (cgroups.of_process(init, "pids") / "cgroup.procs").read_text().split()
            (process,) = {int(pid) for pid in pids} - {init}
            os.kill(process, signal.SIGTERM)
            assert terminal.wait() == 0

    def test_in_a_paused_container(self, docker: Docker, running: str) -> None:
        docker("pause", running).ok()
        assert docker("exec", running, "true").status != 0
        docker("unpause", running).ok()
        docker("exec", running, "true").ok()


class TestLife:
    def test_stop_asks_first(self, docker: Docker, running: str) -> None:
        docker("stop", running).ok()
        state = docker.inspect(running)["State"]
        assert (state["Status"], state["ExitCode"]) == ("exited", 0)
        assert docker("logs", running).ok().lines()[-1] == f"signal {signal.SIGTERM:d}"

    def test_stop_insists(self, docker: Docker) -> None:
        name = docker.start("--", "sleep", "1000")
        docker("stop", "-t", "0", name).ok()
        assert docker.inspect(name)["State"]["ExitCode"] == 137

    def test_kill_with_a_signal(self, docker: Docker, running: str) -> None:
        docker("kill", "-s", "USR1", running).ok()
        expected = f"ready\nsignal {signal.SIGUSR1:d}\n"
        eventually(lambda: docker("logs", running).out == expected, "the signal")
        assert docker.inspect(running)["State"]["Status"] == "running"

    def test_pause(self, docker: Docker, running: str) -> None:
        pid = docker.pid(running)
        docker("pause", running).ok()
        assert docker.inspect(running)["State"]["Status"] == "paused"
        assert state_letter(pid) in "DS"
        docker("unpause", running).ok()
        assert docker.inspect(running)["State"]["Status"] == "running"

    def test_restart(self, docker: Docker, running: str) -> None:
        before = docker.pid(running)
        docker("restart", running).ok()
        state = docker.inspect(running)["State"]
        assert state["Status"] == "running"
        assert state["Pid"] != before

    def test_start_again(self, docker: Docker) -> None:
        name = docker.start("--", "sh", "-c", "echo once more")
        docker("wait", name).ok()
        docker("start", "-a", name).ok()
        assert docker("logs", name).ok().out == "once more\n" * 2

    def test_forced_removal(self, docker: Docker, running: str) -> None:
        pid = docker.pid(running)
        directory = cgroups.of_process(pid, "pids")
        docker("rm", "-f", running).ok()
        assert not directory.exists()
        assert docker("ps", "-aq").ok().out == ""

    def test_forced_removal_of_a_paused_container(self, docker: Docker, running: str) -> None:
        docker("pause", running).ok()
        docker("rm", "-f", running).ok()

    def test_first_process_killed_from_outside(self, docker: Docker, running: str) -> None:
        os.kill(docker.pid(running), signal.SIGKILL)
        assert docker("wait", running).ok().out.strip() == "137"

    def test_restart_policy(self, docker: Docker) -> None:
        flags = ("--restart", "on-failure:2")
        name = docker.start(*flags, "--", "sh", "-c", "echo again; exit 1")
        eventually(lambda: docker("logs", name).out == "again\n" * 3, "two more starts")


class TestLooking:
    def test_stats(self, docker: Docker) -> None:
        name = docker.start("--memory", "64m", "--pids-limit", "50", "--", "probe", "wait")
        result = docker("stats", "--no-stream", "--format", "{{json .}}", name).ok()
        (row,) = json_lines(result.out)
        assert row["MemUsage"].endswith("/ 64MiB")
        assert float(row["MemPerc"].rstrip("%")) > 0
        assert row["PIDs"] == "1"

    def test_top(self, docker: Docker, running: str) -> None:
        result = docker("top", running).ok()
        assert "probe wait" in result.lines()[1]
        assert len(result.lines()) == 2

    def test_update(self, docker: Docker) -> None:
        name = docker.start("--memory", "64m", "--cpus", "1", "--", "probe", "wait")
        docker("update", "--memory", "96m", "--memory-swap", "-1", "--cpus", "0.25", name).ok()
        found = limit(docker, name, "memory", "memory.limit_in_bytes", "memory.max")
        assert int(found) == 96 * MIB
        quota = limit(docker, name, "cpu", "cpu.cfs_quota_us", "cpu.max")
        assert quota.split()[0] == "25000"

    def test_update_of_pids(self, docker: Docker, running: str) -> None:
        docker("update", "--pids-limit", "33", running).ok()
        assert limit(docker, running, "pids", "pids.max", "pids.max") == "33"

    def test_logs(self, docker: Docker) -> None:
        name = docker.start("--", "sh", "-c", "for n in 1 2 3; do echo $n; echo e$n >&2; done")
        docker("wait", name).ok()
        result = docker("logs", name).ok()
        assert result.lines() == ["1", "2", "3"]
        assert result.err.splitlines() == ["e1", "e2", "e3"]

    def test_inspect(self, docker: Docker, running: str) -> None:
        state: dict[str, Any] = docker.inspect(running)["State"]
        assert state["Running"] is True
        assert Path(f"/proc/{state['Pid']}/exe").readlink() == Path("/bin/probe")

    def test_copy(self, docker: Docker, running: str, workspace: Path) -> None:
        (workspace / "file").write_text("hello\n")
        docker("cp", workspace / "file", f"{running}:/tmp/file").ok()
        assert docker("exec", running, "cat", "/tmp/file").ok().out == "hello\n"
