"""podman with the runtime under test: what people do with `podman`, unchanged."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.support import cgroups
from tests.integration.support.deadlines import eventually, wait_exit
from tests.integration.support.images import IMAGE, archive
from tests.integration.support.podman import Podman
from tests.integration.support.processes import namespace, parse_status, state_letter, status
from tests.integration.support.rootfs import RootfsTemplate
from tests.integration.support.runtimes import program_under_test
from tests.preconditions import need

pytestmark = [pytest.mark.requires_root, pytest.mark.requires_podman]

MIB = 1 << 20


@pytest.fixture(scope="session")
def installation(session_directory: Path, rootfs_template: RootfsTemplate) -> Iterator[Podman]:
    """The session's podman, with the image."""
    need("podman")
    directory = session_directory / "podman"
    directory.mkdir()
    podman = Podman(directory, program_under_test())
    podman.prepare(archive(rootfs_template, directory))
    yield podman
    podman.close()


@pytest.fixture
def podman(installation: Podman) -> Iterator[Podman]:
    """The session's podman, without containers before and after the test."""
    # The runtime is at its default place; podman's own clean-up would not find another.
    state = Path("/run", program_under_test().name)
    before = set(state.rglob("*"))
    yield installation
    installation.remove_all()
    assert installation.mounts_of_containers() == []
    for path in set(state.glob("@*/*")) - before:
        path.unlink()  # what a runtime keeps for later starts (compiled filters) is no leak


@pytest.fixture
def running(podman: Podman) -> str:
    """A container that waits for signals, and says which it got."""
    name = podman.start("--", "probe", "wait")
    eventually(lambda: podman("logs", name).out == "ready\n", "the container to be ready")
    return name


class TestRun:
    def test_output(self, podman: Podman) -> None:
        result = podman.run("--", "sh", "-c", "echo out; echo err >&2").ok()
        assert (result.out, result.err) == ("out\n", "err\n")

    def test_runtime_is_the_one_under_test(self, podman: Podman) -> None:
        name = podman.start("--", "probe", "wait")
        assert podman.inspect(name)["OCIRuntime"] == str(program_under_test())

    @pytest.mark.parametrize("code", [0, 42, 255])
    def test_exit_status(self, podman: Podman, code: int) -> None:
        assert podman.run("--", "sh", "-c", f"exit {code}").status == code

    def test_status_126_when_the_program_is_not_executable(self, podman: Podman) -> None:
        assert podman.run("--", "/etc/passwd").status == 126

    def test_status_127_when_there_is_no_such_program(self, podman: Podman) -> None:
        result = podman.run("--", "no-such-program")
        assert result.status == 127
        assert "no-such-program" in result.err

    def test_input(self, podman: Podman) -> None:
        text = "line\n" * 2000
        assert podman.run("-i", "--", "wc", "-c", stdin=text).ok().out.strip() == str(len(text))

    def test_detached(self, podman: Podman) -> None:
        name = podman.start("--", "sh", "-c", "echo hello; exit 3")
        assert podman("wait", name).ok().out.strip() == "3"
        assert podman("logs", name).ok().out == "hello\n"
        assert podman.inspect(name)["State"]["Status"] == "exited"

    def test_removed_at_the_end(self, podman: Podman) -> None:
        podman.run("--", "true").ok()
        assert podman("ps", "-aq").ok().out == ""

    def test_terminal(self, podman: Podman) -> None:
        words = ("run", "--rm", "--network", "none", "-it", f"localhost/{IMAGE}", "sh")
        with podman.on_terminal(*words) as terminal:
            before = terminal.settings()
            terminal.type("echo $((6 * 7)); tty\r")
            terminal.screen.until("\n42")
            terminal.screen.until("/dev/")
            terminal.type("exit 5\r")
            assert terminal.wait() == 5
            assert terminal.settings() == before

    def test_terminal_size_follows(self, podman: Podman) -> None:
        words = ("run", "--rm", "--name", "sized", "--network", "none", "-it", f"localhost/{IMAGE}")
        with podman.on_terminal(*words, "probe", "window", rows=31, columns=97) as terminal:
            terminal.screen.until("size 31 97")
            terminal.resize(50, 132, until="size 50 132")
            podman("kill", "--signal", "TERM", "sized").ok()
            assert terminal.wait() == 0


class TestLimits:
    def test_memory_cpu_pids(self, podman: Podman) -> None:
        flags = ("--memory", "64m", "--cpus", "0.5", "--pids-limit", "20")
        name = podman.start(*flags, "--", "probe", "wait")
        pid = podman.pid(name)
        if cgroups.unified_only():
            assert cgroups.of_process(pid, "memory").joinpath("memory.max").read_text() == (
                f"{64 * MIB}\n"
            )
        else:
            memory = cgroups.of_process(pid, "memory") / "memory.limit_in_bytes"
            assert int(memory.read_text()) == 64 * MIB
            quota = cgroups.of_process(pid, "cpu") / "cpu.cfs_quota_us"
            assert quota.read_text() == "50000\n"
        assert (cgroups.of_process(pid, "pids") / "pids.max").read_text() == "20\n"

    def test_ulimit(self, podman: Podman) -> None:
        # One limit on the command line takes the place of all of the settings'.
        flags = ("--ulimit", "nofile=100:200", "--ulimit", "nproc=1024:1024")
        result = podman.run(*flags, "--", "cat", "/proc/self/limits").ok()
        (line,) = [line for line in result.lines() if line.startswith("Max open files")]
        assert line.split()[3:5] == ["100", "200"]

    def test_out_of_memory(self, podman: Podman) -> None:
        flags = ("--memory", "16m", "--memory-swap", "16m")
        result = podman.run(*flags, "--", "probe", "take-memory", str(64 * MIB))
        assert result.status == 137


class TestSecurity:
    def test_no_capabilities(self, podman: Podman) -> None:
        result = podman.run("--cap-drop", "ALL", "--", "cat", "/proc/self/status").ok()
        assert int(parse_status(result.out)["CapEff"], 16) == 0

    def test_user(self, podman: Podman) -> None:
        result = podman.run("--user", "tester", "--", "sh", "-c", "id -u; id -g").ok()
        assert result.lines() == ["1000", "1000"]

    def test_filter(self, podman: Podman, workspace: Path) -> None:
        profile = workspace / "profile.json"
        rule = {"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO", "errnoRet": 77}
        profile.write_text(json.dumps({"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [rule]}))
        result = podman.run("--security-opt", f"seccomp={profile}", "--", "probe", "mkdir", "/x")
        assert result.ok().out == "errno 77\n"

    def test_default_filter(self, podman: Podman) -> None:
        result = podman.run("--", "cat", "/proc/self/status").ok()
        assert parse_status(result.out)["Seccomp"] == "2"

    def test_no_new_privileges(self, podman: Podman) -> None:
        flags = ("--security-opt", "no-new-privileges")
        result = podman.run(*flags, "--", "cat", "/proc/self/status").ok()
        assert parse_status(result.out)["NoNewPrivs"] == "1"

    def test_read_only(self, podman: Podman) -> None:
        result = podman.run("--read-only", "--read-only-tmpfs=false", "--", "touch", "/file")
        assert result.status == 1
        assert "read-only file system" in result.err.lower()

    def test_read_only_volume(self, podman: Podman, workspace: Path) -> None:
        result = podman.run("-v", f"{workspace}:/m:ro", "--", "touch", "/m/file")
        assert "read-only file system" in result.err.lower()
        assert list(workspace.iterdir()) == []


class TestNamespaces:
    def test_no_network(self, podman: Podman) -> None:
        assert podman.run("--", "ls", "/sys/class/net").ok().out == "lo\n"

    def test_network_of_the_host(self, podman: Podman) -> None:
        result = podman.run("--network", "host", "--", "readlink", "/proc/self/ns/net")
        assert result.ok().out.strip() == namespace("self", "net")

    def test_pod_shares(self, podman: Podman) -> None:
        created = podman(
            *("pod", "create", "--name", "pod", "--network", "none", "--hostname", "together"),
            *("--infra-image", f"localhost/{IMAGE}", "--infra-command", "/bin/pause"),
        ).ok()
        first = podman.start("--pod", "pod", "--", "probe", "wait")
        second = podman.start("--pod", "pod", "--", "probe", "wait")
        for kind in ("net", "ipc", "uts"):
            found = namespace(podman.pid(first), kind)
            assert found == namespace(podman.pid(second), kind)
            assert found != namespace("self", kind)
        for kind in ("pid", "mnt"):
            assert namespace(podman.pid(first), kind) != namespace(podman.pid(second), kind)
        assert podman.run("--pod", "pod", "--", "hostname").ok().out == "together\n"
        podman("pod", "stop", "--time", "0", "pod").ok()
        podman("pod", "rm", "--force", "pod").ok()
        # podman removes the pod's own cgroup only where it knows the controller.
        for hierarchy in cgroups.hierarchies():
            directory = hierarchy.root / "libpod_parent" / created.out.strip()
            if directory.exists():
                directory.rmdir()

    def test_network_of_another_container(self, podman: Podman, running: str) -> None:
        result = podman.run(
            "--network", f"container:{running}", "--", "readlink", "/proc/self/ns/net"
        )
        assert result.ok().out.strip() == namespace(podman.pid(running), "net")

    def test_user_namespace(self, podman: Podman) -> None:
        flags = ("--uidmap", "0:100000:65536", "--gidmap", "0:200000:65536")
        name = podman.start(*flags, "--", "sh", "-c", "id -u; cat /proc/self/uid_map; probe wait")
        eventually(lambda: "ready" in podman("logs", name).out, "the container to be ready")
        lines = podman("logs", name).ok().lines()
        assert lines[0] == "0"
        assert lines[1].split() == ["0", "100000", "65536"]
        assert status(podman.pid(name))["Uid"].split()[0] == "100000"
        assert podman("exec", name, "stat", "-c", "%u", "/etc/passwd").ok().out == "0\n"

    @pytest.mark.runc_lacks("1.2", "idmapped mounts")
    def test_volume_with_mapped_owners(self, podman: Podman, workspace: Path) -> None:
        (workspace / "file").touch()
        os.chown(workspace / "file", 7, 7)
        flags = ("--uidmap", "0:100000:65536", "--gidmap", "0:200000:65536")
        volume = ("-v", f"{workspace}:/m:idmap")
        result = podman.run(*flags, *volume, "--", "stat", "-c", "%u %g", "/m/file")
        assert result.ok().out == "7 7\n"


class TestLife:
    def test_stop_asks_first(self, podman: Podman, running: str) -> None:
        podman("stop", running).ok()
        state = podman.inspect(running)["State"]
        assert (state["Status"], state["ExitCode"]) == ("exited", 0)
        assert podman("logs", running).ok().lines()[-1] == f"signal {signal.SIGTERM:d}"

    def test_stop_insists(self, podman: Podman) -> None:
        name = podman.start("--", "sleep", "1000")
        podman("stop", "--time", "0", name).ok()
        assert podman.inspect(name)["State"]["ExitCode"] == 137

    def test_kill_with_a_signal(self, podman: Podman, running: str) -> None:
        podman("kill", "--signal", "USR1", running).ok()
        expected = f"ready\nsignal {signal.SIGUSR1:d}\n"
        eventually(lambda: podman("logs", running).out == expected, "the signal")

    def test_pause(self, podman: Podman, running: str) -> None:
        pid = podman.pid(running)
        podman("pause", running).ok()
        assert podman.inspect(running)["State"]["Status"] == "paused"
        assert state_letter(pid) in "DS"
        podman("unpause", running).ok()
        assert podman.inspect(running)["State"]["Status"] == "running"

    def test_forced_removal(self, podman: Podman, running: str) -> None:
        pid = podman.pid(running)
        directory = cgroups.of_process(pid, "pids")
        podman("rm", "--force", "--time", "0", running).ok()
        wait_exit(pid)
        assert not directory.exists()
        assert podman("ps", "-aq").ok().out == ""

    def test_restart(self, podman: Podman, running: str) -> None:
        before = podman.pid(running)
        podman("restart", "--time", "5", running).ok()
        assert podman.pid(running) != before
        assert podman.inspect(running)["State"]["Status"] == "running"

    def test_start_again(self, podman: Podman) -> None:
        name = podman.start("--", "sh", "-c", "echo once more")
        podman("wait", name).ok()
        podman("start", "--attach", name).ok()
        assert podman("logs", name).ok().out == "once more\n" * 2

    def test_first_process_killed_from_outside(self, podman: Podman, running: str) -> None:
        os.kill(podman.pid(running), signal.SIGKILL)
        assert podman("wait", running).ok().out.strip() == "137"


class TestExec:
    def test_output_and_input(self, podman: Podman, running: str) -> None:
        script = "cat; echo err >&2"
        result = podman("exec", "-i", running, "sh", "-c", script, stdin="hello").ok()
        assert (result.out, result.err) == ("hello", "err\n")

    @pytest.mark.parametrize("code", [0, 1, 42, 255])
    def test_exit_status(self, podman: Podman, running: str, code: int) -> None:
        assert podman("exec", running, "sh", "-c", f"exit {code}").status == code

    def test_program_that_does_not_exist(self, podman: Podman, running: str) -> None:
        assert podman("exec", running, "no-such-program").status == 127

    def test_program_that_is_not_executable(self, podman: Podman, running: str) -> None:
        assert podman("exec", running, "/etc/passwd").status == 126

    def test_user_directory_environment(self, podman: Podman, running: str) -> None:
        flags = ("--user", "tester:audio", "--workdir", "/tmp", "--env", "A=1")
        result = podman("exec", *flags, running, "sh", "-c", "id -u; id -g; pwd; echo $A").ok()
        assert result.lines() == ["1000", "29", "/tmp", "1"]

    def test_terminal(self, podman: Podman, running: str) -> None:
        with podman.on_terminal("exec", "-it", running, "sh") as terminal:
            terminal.type("echo $((6 * 7)); tty\r")
            terminal.screen.until("\n42")
            terminal.screen.until("/dev/")
            terminal.type("exit 6\r")
            assert terminal.wait() == 6


class TestLooking:
    def test_logs(self, podman: Podman) -> None:
        name = podman.start("--", "sh", "-c", "for n in 1 2 3; do echo $n; done")
        podman("wait", name).ok()
        assert podman("logs", name).ok().lines() == ["1", "2", "3"]

    def test_stats(self, podman: Podman) -> None:
        name = podman.start("--memory", "64m", "--", "probe", "wait")
        (row,) = podman("stats", "--no-stream", "--format", "json", name).ok().json()
        assert row["mem_usage"].endswith("/ 67.11MB")
        assert row["pids"] == "1"

    def test_top(self, podman: Podman, running: str) -> None:
        lines = podman("top", running, "pid", "args").ok().lines()
        assert [line.split() for line in lines[1:]] == [["1", "probe", "wait"]]

    def test_inspect(self, podman: Podman, running: str) -> None:
        state = podman.inspect(running)["State"]
        assert state["Running"] is True
        assert Path(f"/proc/{state['Pid']}/exe").readlink() == Path("/bin/probe")

    def test_info_tells_about_the_runtime(self, podman: Podman) -> None:
        info = podman("info", "--format", "json").ok().json()
        assert info["host"]["ociRuntime"]["path"] == str(program_under_test())
