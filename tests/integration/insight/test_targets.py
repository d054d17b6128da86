"""Targets by name and by looking around, whoever made them."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from orlop.errors import Conflict, NotFound, Unavailable
from orlop.insight.targets import Target, discover, resolve
from tests.integration.support.bundles import BundleFactory
from tests.integration.support.dockerd import Docker, running_daemon
from tests.integration.support.images import archive
from tests.integration.support.orlop import orlop, process_in, process_running
from tests.integration.support.podman import Podman
from tests.integration.support.rootfs import RootfsTemplate
from tests.integration.support.runtimes import Runtime, program_under_test
from tests.preconditions import need

pytestmark = [pytest.mark.requires_root, pytest.mark.requires_launcher]


def found(pid: int, roots: tuple[str, ...] = ("/nowhere",)) -> Target:
    """The discovered target that has this process as its first."""
    (target,) = (target for target in discover(roots) if target.process.pid == pid)
    return target


class TestRuntime:
    def test_by_id(self, runtime: Runtime, bundle: BundleFactory) -> None:
        container = runtime.start(bundle(hostname="asked"))
        target = resolve(container.id, ("/nowhere", str(runtime.root)))
        assert (target.name, target.engine, target.process.pid) == (
            container.id,
            "orlop",
            container.pid,
        )
        assert target.asked is not None
        assert target.asked.hostname == "asked"
        assert Path(target.asked_from).is_file()

    def test_one_that_has_ended_is_said_to_have(
        self, runtime: Runtime, bundle: BundleFactory
    ) -> None:
        container = runtime.start(bundle())
        container.stop()
        with pytest.raises(Conflict, match="stopped"):
            resolve(container.id, (str(runtime.root),))

    def test_discovered_with_all_its_processes(
        self, runtime: Runtime, bundle: BundleFactory
    ) -> None:
        container = runtime.start(bundle())
        command = runtime.command("exec", container.id, "sh", "-c", "echo ready; read line")
        with process_running(command):
            target = found(container.pid, (str(runtime.root),))
            assert (target.name, target.engine) == (container.id, "orlop")
            assert len(target.members) == 2
        assert found(container.pid).engine == "process"  # of another root nothing is known


class TestProcess:
    def test_any(self) -> None:
        target = resolve(f"pid:{os.getpid()}")
        assert (target.engine, target.process.pid, target.asked) == ("process", os.getpid(), None)

    def test_a_thread_is_no_process(self) -> None:
        done = threading.Event()
        thread = threading.Thread(target=done.wait)
        thread.start()
        try:
            with pytest.raises(NotFound):
                resolve(f"pid:{thread.native_id}")
        finally:
            done.set()
            thread.join()

    def test_one_that_has_ended_and_was_not_reaped(self) -> None:
        child = subprocess.Popen(["true"])
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        with pytest.raises(NotFound, match="ended"):
            resolve(f"pid:{child.pid}")
        child.wait()


class TestSmallTools:
    def test_unshare(self) -> None:
        with process_in("unshare", "--net") as pid:
            target = found(pid)
            assert (target.name, target.members) == (f"pid:{pid}", (pid,))

    def test_unshare_waits_outside_the_pid_namespace_that_it_made(self) -> None:
        with process_in("unshare", "--pid", "--fork", "--mount", depth=1) as pid:
            target = found(pid)
            assert target.engine == "unshare"
            assert len(target.members) == 2

    @pytest.mark.requires_bwrap
    def test_bwrap(self) -> None:
        with process_in("bwrap", "--bind", "/", "/", "--unshare-net", depth=1) as pid:
            assert found(pid).engine == "bwrap"


@pytest.fixture(scope="module")
def daemon(session_directory: Path, rootfs_template: RootfsTemplate) -> Iterator[Docker]:
    need("docker")
    directory = session_directory / "docker-targets"
    directory.mkdir()
    image = archive(rootfs_template, directory)
    with running_daemon(directory, program_under_test(), image) as docker:
        yield docker


class TestDocker:
    @pytest.fixture
    def docker(
        self, daemon: Docker, session_directory: Path, monkeypatch: pytest.MonkeyPatch
    ) -> Iterator[Docker]:
        """The daemon as docker's own command finds it."""
        monkeypatch.setenv("DOCKER_HOST", f"unix://{session_directory}/docker-targets/docker.sock")
        yield daemon
        daemon.remove_all()

    def test_by_name_and_id_with_what_was_asked(self, docker: Docker) -> None:
        container = docker.start("--name", "db", "--hostname", "asked", "--", "probe", "wait")
        target = resolve("docker:db")
        assert (target.name, target.engine, target.id) == ("docker:db", "docker", container)
        assert target.process.pid == docker.pid("db")
        assert resolve(f"docker:{container[:8]}").process == target.process
        assert target.asked is not None
        assert target.asked.hostname == "asked"

    def test_discovered_without_asking_docker(
        self, docker: Docker, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        container = docker.start("--", "probe", "wait")
        pid = docker.pid(container)
        with monkeypatch.context() as without:
            without.setenv("PATH", "/nowhere")
            target = found(pid)
        assert (target.name, target.engine) == (f"docker:{container[:12]}", "docker")
        assert target.id == container
        assert resolve(target.name).process == target.process

    def test_what_docker_does_not_run(self, docker: Docker) -> None:
        with pytest.raises(NotFound, match="docker container 'none'"):
            resolve("docker:none")
        container = docker.start("--name", "ended", "--", "probe", "wait")
        docker("kill", container).ok()
        with pytest.raises(Conflict, match="exited"):
            resolve("docker:ended")

    def test_no_daemon_and_no_command(self, monkeypatch: pytest.MonkeyPatch) -> None:
        need("docker")
        monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere/docker.sock")
        with pytest.raises(Unavailable, match="cannot ask docker"):
            resolve("docker:db")
        monkeypatch.setenv("PATH", "/nowhere")
        with pytest.raises(Unavailable, match="cannot run docker"):
            resolve("docker:db")


@pytest.fixture(scope="module")
def installation(session_directory: Path, rootfs_template: RootfsTemplate) -> Iterator[Podman]:
    need("podman")
    directory = session_directory / "podman-targets"
    directory.mkdir()
    podman = Podman(directory, program_under_test())
    podman.prepare(archive(rootfs_template, directory))
    yield podman
    podman.close()


class TestPodman:
    @pytest.fixture
    def podman(
        self, installation: Podman, workspace: Path, monkeypatch: pytest.MonkeyPatch
    ) -> Iterator[Podman]:
        """A podman that is what the command `podman` means."""
        script = workspace / "podman"
        program = shutil.which("podman") or ""
        command = [program if word == "podman" else word for word in installation.command()]
        script.write_text(f'#!/bin/sh\nexec {" ".join(command)} "$@"\n')
        script.chmod(0o755)
        monkeypatch.setenv("PATH", f"{workspace}:{os.environ['PATH']}")
        monkeypatch.setenv("CONTAINERS_CONF", installation.settings)
        yield installation
        installation.remove_all()

    def test_by_name_with_what_was_asked_and_discovered(self, podman: Podman) -> None:
        container = podman.start("--name", "db", "--hostname", "asked", "--", "probe", "wait")
        target = resolve("podman:db")
        assert (target.engine, target.id) == ("podman", container)
        assert target.process.pid == podman.pid("db")
        assert target.asked is not None
        assert target.asked.hostname == "asked"
        assert found(target.process.pid).name == "podman:db"

    def test_a_proof_of_it_holds(self, podman: Podman) -> None:
        podman.start("--name", "db", "--", "probe", "wait")
        orlop("proof", "podman:db").ok()


def test_a_process_is_gone_as_soon_as_it_has_ended() -> None:
    with process_in("unshare", "--net") as pid:
        target = found(pid)
        os.kill(pid, signal.SIGKILL)
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
        assert target.process not in [other.process for other in discover(("/nowhere",))]
