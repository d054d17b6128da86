"""run: a container from its begin to its end, in the foreground or detached."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from tests.integration.support import cgroups
from tests.integration.support.bundles import BundleFactory
from tests.integration.support.deadlines import eventually
from tests.integration.support.processes import alive, namespace, status
from tests.integration.support.runtimes import Runtime

pytestmark = pytest.mark.requires_root


class TestForeground:
    @pytest.mark.parametrize("status", [0, 1, 42, 125, 127, 255])
    def test_exit_status_is_the_programs(
        self, runtime: Runtime, bundle: BundleFactory, status: int
    ) -> None:
        assert runtime.run(bundle(f"exit {status}")).status == status

    @pytest.mark.parametrize("name", ["KILL", "SEGV", "TERM"])
    def test_exit_status_after_a_signal(
        self, runtime: Runtime, bundle: BundleFactory, name: str
    ) -> None:
        # PID 1 is immune against its own signals, so the signal comes from outside.
        made = bundle("trap - TERM; echo ready; exec sleep 1000")
        made.config["linux"]["namespaces"].remove({"type": "pid"})
        made.config["process"]["args"] = ["sh", "-c", f"kill -{name} $$"]
        made.save()
        number = signal.Signals[f"SIG{name}"]
        assert runtime.run(made).status == 128 + number

    def test_first_process_is_pid_1(self, runtime: Runtime, bundle: BundleFactory) -> None:
        assert runtime.run(bundle("echo $$")).ok().out == "1\n"

    def test_nothing_is_left_after_the_end(self, runtime: Runtime, bundle: BundleFactory) -> None:
        made = bundle(["true"])
        runtime.run(made).ok()
        assert runtime.ids() == []
        for hierarchy in cgroups.hierarchies():
            path = hierarchy.root / made.config["linux"]["cgroupsPath"].lstrip("/")
            assert not path.exists()

    def test_keep_leaves_a_stopped_container(self, runtime: Runtime, bundle: BundleFactory) -> None:
        name = runtime.new_id()
        result = runtime("run", "--keep", "--bundle", bundle("exit 3").path, name)
        assert result.status == 3
        assert runtime("state", name).ok().json()["status"] == "stopped"
        runtime("delete", name).ok()
        assert runtime.ids() == []

    def test_pid_file(self, runtime: Runtime, bundle: BundleFactory, workspace: Path) -> None:
        file = workspace / "pid"
        running = runtime.foreground(
            "run", "--pid-file", file, "--bundle", bundle().path, runtime.new_id()
        )
        assert running.line() == "ready"
        # The program may be faster than its runtime.
        pid = int(eventually(lambda: file.read_text() if file.exists() else "", "the pid file"))
        assert status(pid)["NSpid"].split()[-1] == "1"
        running.send(signal.SIGTERM)
        running.finish()

    def test_it_is_running_while_it_runs(self, runtime: Runtime, bundle: BundleFactory) -> None:
        name = runtime.new_id()
        running = runtime.foreground("run", "--bundle", bundle().path, name)
        assert running.line() == "ready"
        assert runtime("state", name).ok().json()["status"] == "running"
        running.send(signal.SIGTERM)
        running.finish()

    @pytest.mark.parametrize(
        "number", [signal.SIGUSR1, signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGCONT]
    )
    def test_signals_are_forwarded(
        self, runtime: Runtime, bundle: BundleFactory, number: signal.Signals
    ) -> None:
        running = runtime.foreground("run", "--bundle", bundle().path, runtime.new_id())
        assert running.line() == "ready"
        running.send(number)
        assert running.line() == f"signal {number:d}"
        running.send(signal.SIGTERM)
        assert running.line() == f"signal {signal.SIGTERM:d}"
        assert running.finish().status == 0

    def test_ends_when_the_container_is_killed_and_deleted_from_outside(
        self, runtime: Runtime, bundle: BundleFactory
    ) -> None:
        name = runtime.new_id()
        running = runtime.foreground("run", "--bundle", bundle().path, name)
        assert running.line() == "ready"
        runtime("delete", "--force", name).ok()
        assert running.finish().status == 128 + signal.SIGKILL

    def test_orphans_of_the_container_do_not_hold_it_up(
        self, runtime: Runtime, bundle: BundleFactory
    ) -> None:
        made = bundle("sleep 1000 >/dev/null 2>&1 & exit 5")
        assert runtime.run(made).status == 5


class TestDetached:
    def test_returns_while_the_container_runs(
        self, runtime: Runtime, bundle: BundleFactory, workspace: Path
    ) -> None:
        file = workspace / "pid"
        container = runtime.start(bundle(), "--pid-file", file)
        assert container.out.line() == "ready"
        assert container.status == "running"
        assert alive(int(file.read_text()))

    def test_exit_status_is_0_whatever_becomes_of_the_program(
        self, runtime: Runtime, bundle: BundleFactory
    ) -> None:
        container = runtime.start(bundle("exit 3"))
        eventually(lambda: container.status == "stopped", "the container to stop")
        container.delete()

    def test_failure_to_start_is_reported(self, runtime: Runtime, bundle: BundleFactory) -> None:
        made = bundle(["no-such-program"])
        runtime.attempt("run", made, "--detach").refused("no-such-program")
        assert runtime.ids() == []

    def test_session_is_not_the_callers(self, runtime: Runtime, bundle: BundleFactory) -> None:
        # A hang-up of the caller's terminal must not reach the container.
        container = runtime.start(bundle("echo $(cut -d' ' -f6 /proc/self/stat); probe wait"))
        assert int(container.out.line()) == 1


class TestFlags:
    def test_no_pivot_works_and_still_hides_the_host(
        self, runtime: Runtime, bundle: BundleFactory
    ) -> None:
        made = bundle("ls /; cat /proc/self/mountinfo")
        result = runtime.run(made, "--no-pivot").ok()
        assert "rootfs" not in result.lines()[: len(list(made.rootfs.iterdir()))]
        assert result.lines()[:2] == ["bin", "dev"]

    def test_a_new_session_keyring_is_made(self, runtime: Runtime, bundle: BundleFactory) -> None:
        assert self.keyring(runtime, bundle) != self.keyring(runtime, bundle)

    def test_no_new_keyring_keeps_the_callers(
        self, runtime: Runtime, bundle: BundleFactory
    ) -> None:
        first = self.keyring(runtime, bundle, "--no-new-keyring")
        assert first == self.keyring(runtime, bundle, "--no-new-keyring")

    @staticmethod
    def keyring(runtime: Runtime, bundle: BundleFactory, *flags: str) -> str:
        return runtime.run(bundle(["probe", "keyring"]), *flags).ok().out

    @pytest.mark.runc_lacks("1.2", "--pidfd-socket")
    def test_pidfd_socket_gets_the_first_process(
        self, runtime: Runtime, bundle: BundleFactory, workspace: Path
    ) -> None:
        from tests.integration.support.terminals import DescriptorSocket

        listener = DescriptorSocket(workspace / "pidfd")
        try:
            container = runtime.create(bundle(), "--pidfd-socket", listener.path)
            _, pidfd = listener.receive()
            info = Path(f"/proc/self/fdinfo/{pidfd}").read_text()
            assert f"Pid:\t{container.pid}\n" in info
        finally:
            listener.close()

    def test_unknown_flags_are_refused(self, runtime: Runtime, bundle: BundleFactory) -> None:
        result = runtime.attempt("run", bundle(["echo", "hello"]), "--no-such-flag")
        assert result.status != 0
        assert "hello" not in result.out

    def test_unknown_verbs_are_refused(self, runtime: Runtime) -> None:
        assert runtime("no-such-verb").status != 0

    @pytest.mark.parametrize("verb", ["checkpoint", "restore"])
    def test_checkpoint_and_restore_do_not_pretend(
        self, runtime: Runtime, bundle: BundleFactory, workspace: Path, verb: str
    ) -> None:
        container = runtime.start(bundle())
        images = workspace / "images"
        if verb == "checkpoint":
            runtime(verb, "--image-path", images, container.id).refused()
        else:
            runtime(
                verb, "--image-path", images, "--bundle", container.bundle.path, runtime.new_id()
            ).refused()
        assert container.status == "running"


class TestSeparation:
    @pytest.mark.parametrize("kind", ["pid", "net", "ipc", "uts", "mnt"])
    def test_new_namespaces(self, runtime: Runtime, bundle: BundleFactory, kind: str) -> None:
        container = runtime.start(bundle())
        assert namespace(container.pid, kind) != namespace("self", kind)

    @pytest.mark.parametrize("kind", ["user", "cgroup", "time"])
    def test_namespaces_that_were_not_asked_for_stay_the_hosts(
        self, runtime: Runtime, bundle: BundleFactory, kind: str
    ) -> None:
        container = runtime.start(bundle())
        assert namespace(container.pid, kind) == namespace("self", kind)

    def test_environment_is_the_configurations_alone(
        self, runtime: Runtime, bundle: BundleFactory
    ) -> None:
        made = bundle(["env"], process={"env": ["PATH=/bin", "A=1", "EMPTY=", "HOME=/x"]})
        lines = runtime.run(made, env={"PATH": "/usr/bin:/bin", "SECRET": "x"}).ok().lines()
        assert sorted(lines) == ["A=1", "EMPTY=", "HOME=/x", "PATH=/bin"]
