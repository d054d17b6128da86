"""exec: another process in a running container."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.integration.support import cgroups
from tests.integration.support.bundles import BundleFactory
from tests.integration.support.deadlines import eventually, wait_exit
from tests.integration.support.processes import (
    NAMESPACES,
    alive,
    namespace,
    parse_status,
    state_letter,
    status,
)
from tests.integration.support.runtimes import Container, Runtime

pytestmark = pytest.mark.requires_root

NET_ADMIN = 1 << 12


@pytest.fixture
def container(runtime: Runtime, bundle: BundleFactory) -> Container:
    """A running container with the base configuration."""
    container = runtime.start(bundle())
    assert container.out.line() == "ready"
    return container


@pytest.fixture
def process_file(workspace: Path) -> Callable[..., Path]:
    """Writes a process.json for --process."""

    def write(**fields: Any) -> Path:
        process = {
            "terminal": False,
            "user": {"uid": 0, "gid": 0},
            "args": ["true"],
            "env": ["PATH=/bin"],
            "cwd": "/",
        }
        path = workspace / "process.json"
        path.write_text(json.dumps({**process, **fields}))
        return path

    return write


class TestStatus:
    @pytest.mark.parametrize("code", [0, 1, 42, 127, 255])
    def test_is_the_programs(self, container: Container, code: int) -> None:
        assert container.exec(f"exit {code}").status == code

    @pytest.mark.parametrize("name", ["TERM", "KILL"])
    def test_after_a_signal(self, container: Container, name: str) -> None:
        result = container.exec(f"kill -{name} $$")
        assert result.status == 128 + signal.Signals[f"SIG{name}"]

    def test_program_that_does_not_exist(self, container: Container) -> None:
        result = container.exec(["no-such-program"]).refused("no-such-program")
        assert result.status == 255
        assert "executable file not found in $PATH" in result.err
        assert container.status == "running"

    def test_program_by_a_path_that_does_not_exist(self, container: Container) -> None:
        result = container.exec(["/no/such/program"]).refused("/no/such/program")
        assert result.status == 255
        assert "no such file or directory" in result.err.lower()

    def test_program_that_is_not_executable(self, container: Container) -> None:
        result = container.exec(["/etc/passwd"]).refused("permission denied")
        assert result.status == 255

    def test_without_a_program(self, container: Container) -> None:
        container("exec").refused()

    def test_flags_of_the_program_are_its_own(self, container: Container) -> None:
        result = container.runtime("exec", container.id, "echo", "--user", "-t", "--", "x")
        assert result.ok().out == "--user -t -- x\n"

    def test_input_and_output(self, container: Container) -> None:
        result = container.exec("cat; echo error >&2", stdin="hello\n").ok()
        assert (result.out, result.err) == ("hello\n", "error\n")

    def test_signals_are_forwarded(self, container: Container) -> None:
        running = container.runtime.foreground("exec", container.id, "probe", "wait")
        assert running.line() == "ready"
        running.send(signal.SIGUSR1)
        assert running.line() == f"signal {signal.SIGUSR1:d}"
        running.send(signal.SIGTERM)
        assert running.finish().status == 0
        assert container.status == "running"

    def test_ends_with_the_container(self, container: Container) -> None:
        running = container.runtime.foreground("exec", container.id, "probe", "wait")
        assert running.line() == "ready"
        container("kill", "KILL").ok()
        assert running.finish().status == 128 + signal.SIGKILL


class TestPlace:
    def test_is_in_all_namespaces_of_the_container(
        self, runtime: Runtime, bundle: BundleFactory
    ) -> None:
        container = runtime.start(bundle(namespaces={"cgroup": None}))
        kinds = [kind for kind in NAMESPACES if kind != "time"]
        names = " ".join(f"/proc/self/ns/{kind}" for kind in kinds)
        result = container.exec(f"for ns in {names}; do readlink $ns; done").ok()
        assert result.lines() == [namespace(container.pid, kind) for kind in kinds]

    def test_is_in_the_cgroups_of_the_container(
        self, container: Container, workspace: Path
    ) -> None:
        file = workspace / "pid"
        container.exec(["sleep", "1000"], "--detach", "--pid-file", file).ok()
        pid = int(file.read_text())
        own = Path(f"/proc/{container.pid}/cgroup").read_text()
        assert Path(f"/proc/{pid}/cgroup").read_text() == own

    def test_has_the_root_of_the_container(self, container: Container) -> None:
        (container.bundle.rootfs / "mark").write_text("x")
        assert "mark" in container.exec(["ls", "/"]).ok().out.split()

    def test_processes_see_each_other(self, container: Container) -> None:
        assert container.exec(["readlink", "/proc/1/exe"]).ok().out == "/bin/probe\n"

    def test_working_directory_is_the_configurations(
        self, runtime: Runtime, bundle: BundleFactory
    ) -> None:
        container = runtime.start(bundle(process={"cwd": "/home/tester"}))
        assert container.exec(["pwd"]).ok().out == "/home/tester\n"

    def test_working_directory(self, container: Container) -> None:
        assert container.exec(["pwd"], "--cwd=/tmp").ok().out == "/tmp\n"

    def test_working_directory_must_be_absolute(self, container: Container) -> None:
        container.exec(["pwd"], "--cwd=tmp").refused()

    def test_sub_cgroup_of_one_controller(self, container: Container) -> None:
        below = cgroups.directory(container.cgroups_path, "pids") / "below"
        below.mkdir()
        flag = "--cgroup=below" if cgroups.unified_only() else "--cgroup=pids:below"
        result = container.exec(["cat", "/proc/self/cgroup"], flag).ok()
        assert f"{container.cgroups_path}/below" in result.out

    def test_sub_cgroup_that_does_not_exist(self, container: Container) -> None:
        container.exec(["true"], "--cgroup=pids:none").refused("cgroup")


class TestIdentity:
    def test_user_is_the_configurations(self, runtime: Runtime, bundle: BundleFactory) -> None:
        user = {"uid": 1000, "gid": 1001, "additionalGids": [29]}
        container = runtime.start(bundle(process={"user": user}))
        uid, gid, groups = self.identity(container)
        assert (uid, gid) == ("1000", "1001")
        assert set(groups.split()) - {gid} == {"29"}

    def test_user(self, container: Container) -> None:
        assert self.identity(container, "--user", "1000:1001")[:2] == ["1000", "1001"]

    def test_user_without_group(self, container: Container) -> None:
        assert self.identity(container, "--user", "7")[0] == "7"

    def test_additional_groups(self, container: Container) -> None:
        found = self.identity(container, "--user", "1000:1000", "-g", "29", "-g", "1001")
        assert set(found[2].split()) - {"1000"} == {"29", "1001"}

    @pytest.mark.parametrize(
        "user",
        [
            "x",
            "-1",
            "1:",
            "1:x",
            pytest.param("4294967296", marks=pytest.mark.runc_differs("1.1 wraps it to 0")),
            "2147483648:1",
        ],
    )
    def test_strange_users_never_become_root(self, container: Container, user: str) -> None:
        result = container.runtime("exec", "--user", user, container.id, "id", "-u")
        assert result.out.strip() != "0"

    @staticmethod
    def identity(container: Container, *flags: str) -> list[str]:
        result = container.runtime(
            "exec", *flags, container.id, "sh", "-c", "id -u; id -g; cat /proc/self/status"
        ).ok()
        uid, gid, *rest = result.lines()
        groups = sorted(parse_status("\n".join(rest))["Groups"].split(), key=int)
        return [uid, gid, " ".join(groups)]


class TestEnvironment:
    def test_is_the_configurations(self, runtime: Runtime, bundle: BundleFactory) -> None:
        container = runtime.start(bundle(process={"env": ["PATH=/bin", "A=1", "HOME=/x"]}))
        result = container.exec(["env"], env={"PATH": "/bin:/usr/bin", "SECRET": "1"}).ok()
        assert sorted(result.lines()) == ["A=1", "HOME=/x", "PATH=/bin"]

    def test_is_added_to(self, runtime: Runtime, bundle: BundleFactory) -> None:
        container = runtime.start(bundle(process={"env": ["PATH=/bin", "A=1", "HOME=/x"]}))
        flags = ["--env", "B=2=3", "--env", "A=4"]
        result = container.runtime("exec", *flags, container.id, "env").ok()
        assert sorted(result.lines()) == ["A=4", "B=2=3", "HOME=/x", "PATH=/bin"]

    def test_home_is_found_in_the_containers_passwd(self, container: Container) -> None:
        made = {"env": ["PATH=/bin"], "user": {"uid": 1000, "gid": 1000}}
        path = container.bundle.path / "process.json"
        path.write_text(json.dumps({"args": ["sh", "-c", "echo $HOME"], "cwd": "/", **made}))
        result = container("exec", f"--process={path}").ok()
        assert result.out == "/home/tester\n"

    def test_program_is_looked_up_along_the_containers_path(self, container: Container) -> None:
        (container.bundle.rootfs / "usr/own").mkdir()
        tool = container.bundle.rootfs / "usr/own/tool"
        tool.write_text("#!/bin/sh\necho tool\n")
        tool.chmod(0o755)
        assert container.exec(["tool"], "--env=PATH=/usr/own:/bin").ok().out == "tool\n"


class TestRights:
    def test_capabilities_are_the_configurations(self, container: Container) -> None:
        own = status(container.pid)
        inside = self.status_inside(container)
        for kind in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
            assert inside[kind] == own[kind], kind

    def test_cap_adds_one(self, container: Container) -> None:
        before = self.status_inside(container)
        inside = self.status_inside(container, "--cap", "CAP_NET_ADMIN")
        for kind in ("CapPrm", "CapEff", "CapBnd"):
            assert int(inside[kind], 16) == int(before[kind], 16) | NET_ADMIN, kind

    def test_cap_that_does_not_exist_gives_nothing(self, container: Container) -> None:
        # runc 1.1 and later warn and go on; a refusal is as good.
        result = container.runtime(
            "exec", "--cap", "CAP_NONSENSE", container.id, "cat", "/proc/self/status"
        )
        if result.status == 0:
            assert parse_status(result.out)["CapEff"] == status(container.pid)["CapEff"]

    def test_no_new_privileges(self, runtime: Runtime, bundle: BundleFactory) -> None:
        container = runtime.start(bundle(process={"noNewPrivileges": False}))
        assert self.status_inside(container)["NoNewPrivs"] == "0"
        assert self.status_inside(container, "--no-new-privs")["NoNewPrivs"] == "1"

    def test_user_without_capabilities_has_none(self, container: Container) -> None:
        inside = self.status_inside(container, "--user", "1000")
        assert int(inside["CapEff"], 16) == 0

    def test_limits_are_the_configurations(self, runtime: Runtime, bundle: BundleFactory) -> None:
        limits = [{"type": "RLIMIT_FSIZE", "soft": 4096, "hard": 8192}]
        container = runtime.start(bundle(process={"rlimits": limits}))
        result = container.exec(["grep", "Max file size", "/proc/self/limits"]).ok()
        assert result.out.split()[3:5] == ["4096", "8192"]

    def test_cannot_be_traced_while_it_enters(self, container: Container) -> None:
        # After the program was executed it is dumpable again, as any other.
        assert container.exec(["probe", "dumpable"]).ok().out == "dumpable 1\n"

    @staticmethod
    def status_inside(container: Container, *flags: str) -> dict[str, str]:
        result = container.runtime("exec", *flags, container.id, "cat", "/proc/self/status")
        return parse_status(result.ok().out)


class TestProcessFile:
    def test_decides_everything(
        self, container: Container, process_file: Callable[..., Path]
    ) -> None:
        path = process_file(
            args=["sh", "-c", "id -u; id -g; pwd; echo $A; grep NoNew /proc/self/status"],
            user={"uid": 5, "gid": 6},
            cwd="/tmp",
            env=["PATH=/bin", "A=1"],
            noNewPrivileges=False,
        )
        result = container("exec", f"--process={path}").ok()
        assert result.lines() == ["5", "6", "/tmp", "1", "NoNewPrivs:\t0"]

    def test_its_own_capabilities(
        self, container: Container, process_file: Callable[..., Path]
    ) -> None:
        kinds = ("bounding", "effective", "permitted")
        path = process_file(
            args=["cat", "/proc/self/status"],
            capabilities={kind: ["CAP_NET_ADMIN"] for kind in kinds},
        )
        inside = parse_status(container("exec", f"--process={path}").ok().out)
        assert int(inside["CapEff"], 16) == NET_ADMIN
        assert int(inside["CapBnd"], 16) == NET_ADMIN

    @pytest.mark.parametrize(
        "fields",
        [{"args": []}, {"cwd": "relative"}, {"cwd": ""}, {"user": "root"}, {"env": "A=1"}],
        ids=str,
    )
    def test_that_is_wrong(
        self,
        container: Container,
        process_file: Callable[..., Path],
        fields: dict[str, Any],
    ) -> None:
        container("exec", f"--process={process_file(**fields)}").refused()
        assert container.status == "running"

    def test_that_does_not_exist(self, container: Container) -> None:
        container("exec", "--process=/no/such/file").refused("/no/such/file")

    def test_that_is_no_json(self, container: Container, workspace: Path) -> None:
        path = workspace / "process.json"
        path.write_text("{nonsense")
        container("exec", f"--process={path}").refused()


class TestDetached:
    def test_returns_while_the_process_runs(self, container: Container, workspace: Path) -> None:
        file = workspace / "pid"
        container.exec(["sleep", "1000"], "--detach", "--pid-file", file).ok()
        pid = int(file.read_text())
        assert alive(pid)
        assert namespace(pid, "pid") == namespace(container.pid, "pid")

    def test_ends_with_the_container(self, container: Container, workspace: Path) -> None:
        file = workspace / "pid"
        container.exec(["sleep", "1000"], "--detach", "--pid-file", file).ok()
        container("kill", "KILL").ok()
        wait_exit(int(file.read_text()))

    def test_failure_is_reported_and_leaves_no_process(
        self, container: Container, workspace: Path
    ) -> None:
        container.exec(["no-such-program"], "--detach").refused("no-such-program")
        procs = cgroups.directory(container.cgroups_path, "pids") / "cgroup.procs"
        eventually(
            lambda: procs.read_text().split() == [str(container.pid)], "the others to be gone"
        )


@pytest.mark.vm
class TestPaused:
    def test_is_refused(self, container: Container) -> None:
        container("pause").ok()
        container.exec(["true"]).refused("paused")
        container("resume").ok()
        container.exec(["true"]).ok()

    def test_unless_told_otherwise(self, container: Container) -> None:
        container("pause").ok()
        running = container.runtime.foreground(
            "exec", "--ignore-paused", container.id, "echo", "hello"
        )
        procs = cgroups.directory(container.cgroups_path, "freezer") / "cgroup.procs"
        eventually(lambda: len(procs.read_text().split()) > 1, "the process to enter")
        assert all(state_letter(int(pid)) in "DS" for pid in procs.read_text().split())
        container("resume").ok()
        assert running.finish().ok().out == "hello\n"


def test_many_at_once(container: Container) -> None:
    running = [
        container.runtime.foreground("exec", container.id, "sh", "-c", f"echo {n}; exit {n}")
        for n in range(8)
    ]
    results = [command.finish() for command in running]
    assert [result.status for result in results] == list(range(8))
    assert [result.out for result in results] == [f"{n}\n" for n in range(8)]
