"""A start that fails: at every operation of its plan, by an error and by the death of a process.

Whatever fails, the error names the operation, and nothing of the container is left: no process, no
mount, no cgroup, no state, no socket; its poststop hooks have run.
"""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from orlop.errors import LaunchError, SyscallError
from orlop.launch.executor import Launch, sealed_launcher
from orlop.launch.plan import MIDDLE, STAY
from orlop.launch.wire import KILL, NO_FAULT
from orlop.records import fields
from orlop.runtime.lifecycle import create, execute, run
from orlop.runtime.lifecycle.delete import delete
from orlop.runtime.lifecycle.execute import ExecChoices, running_container
from orlop.runtime.lifecycle.gather import Choices
from orlop.runtime.lifecycle.start import start
from orlop.runtime.lifecycle.status import RUNNING, STOPPED, look
from orlop.runtime.state import Store
from tests.integration.support.bundles import Bundle, BundleFactory, Json
from tests.integration.support.deadlines import eventually
from tests.integration.support.faults import FAIL, KILL_LAUNCHER, Saboteur, Sink, Watch, sweep
from tests.integration.support.rootfs import hand_over

pytestmark = [pytest.mark.requires_root, pytest.mark.requires_launcher, pytest.mark.slow]

each_fault = pytest.mark.parametrize(
    "fault", [FAIL, KILL, KILL_LAUNCHER], ids=["fails", "dies", "launcher dies"]
)
ID = "orlop-sweep"
MAPS = [{"containerID": 0, "hostID": 100_000, "size": 65536}]
NEW = ("cgroup", "ipc", "mount", "network", "pid", "time", "uts")
EVERYTHING: Json = {
    "domainname": "example.org",
    "process": {
        "user": {"uid": 7, "gid": 8, "additionalGids": [9], "umask": 0o77},
        "rlimits": [{"type": "RLIMIT_NOFILE", "soft": 100, "hard": 200}],
        "oomScoreAdj": 100,
        "ioPriority": {"class": "IOPRIO_CLASS_BE", "priority": 4},
        "scheduler": {"policy": "SCHED_BATCH", "nice": 3},
    },
    "linux": {
        "resources": {"memory": {"limit": 1 << 26}, "pids": {"limit": 20}},
        "sysctl": {"net.ipv4.ip_forward": "1"},
        "maskedPaths": ["/proc/kcore", "/sys/firmware"],
        "readonlyPaths": ["/proc/sys"],
        "personality": {"domain": "LINUX"},
        "rootfsPropagation": "private",
        "timeOffsets": {"monotonic": {"secs": 100, "nanosecs": 0}},
    },
}
COPIED_UP: Json = {"destination": "/etc", "type": "tmpfs", "options": ["tmpcopyup"]}
NOTIFYING: Json = {
    "defaultAction": "SCMP_ACT_ALLOW",
    "architectures": ["SCMP_ARCH_X86_64", "SCMP_ARCH_AARCH64"],
    "syscalls": [{"names": ["swapon"], "action": "SCMP_ACT_NOTIFY"}],
}


@dataclass
class Scene:
    """A container's bundle, and what is around it.

    Attributes:
        bundle: its bundle.
        choices: of the caller.
        store: where the states are.
        sinks: the sockets that the launcher connects to.
        hooked: file to which the bundle's poststop hook adds a line, if it has one.
    """

    bundle: Bundle
    choices: Choices
    store: Store
    sinks: Sequence[Sink] = ()
    hooked: Path | None = None

    def begin(self, *, wait: bool = False, flags: int = 0) -> Launch:
        """As `create` and `run` begin it; where it did not fail it is there."""
        opened = create.open_bundle(self.choices, print)
        return create.begin(self.store, ID, opened, self.choices, wait=wait, flags=flags)

    def create(self) -> None:
        """Until it waits for its start."""
        create.create(self.store, ID, self.choices, print)

    def run(self) -> None:
        """To its end."""
        run.run(self.store, ID, self.choices, print, keep=False)

    def watch(self) -> Watch:
        """Looks from now on for what containers of this bundle leave."""
        return Watch(self.bundle.config["linux"]["cgroupsPath"].lstrip("/"), self.store.root)

    def settle(self, watch: Watch, *, repair: bool = True) -> Sequence[str]:
        """What is wrong after a failed start; with `repair` the container is deleted then."""
        for sink in self.sinks:
            sink.drain()
        wrong = watch.left()
        if self.hooked:
            ran = self.hooked.read_text() if self.hooked.exists() else ""
            self.hooked.unlink(missing_ok=True)
            if ran != "poststop\n":
                wrong.append(f"the poststop hooks did {ran!r}")
        if wrong and repair:
            delete(self.store, ID, force=True)
        return wrong


class Stage:
    """Sets scenes, and clears up behind them."""

    def __init__(self, bundle: BundleFactory, workspace: Path) -> None:
        self.workspace = workspace
        self._bundle = bundle
        self._sinks: list[Sink] = []

    def scene(self, *, sockets: Sequence[str] = (), **arguments: Any) -> Scene:
        """A bundle of these arguments.

        The sockets are in the workspace, and are chosen where their names are those of choices.
        """
        made = self._bundle(**arguments)
        if "user" in arguments.get("namespaces", ()):
            hand_over(made.rootfs, 100_000, 100_000)
        sinks = [Sink(self.workspace / name) for name in sockets]
        self._sinks += sinks
        chosen: Json = {s.path.name: str(s.path) for s in sinks if s.path.name in fields(Choices)}
        store = Store(str(self.workspace / "state"))
        hooked = self.workspace / "hooked" if "hooks" in arguments else None
        return Scene(made, Choices(str(made.path), **chosen), store, sinks, hooked)

    def hook(self, script: str) -> Json:
        """A hook of the host that runs a script in the workspace."""
        script = f"cd {self.workspace} && {script}"
        return {"path": "/bin/sh", "args": ["sh", "-c", script], "env": ["PATH=/usr/bin:/bin"]}

    def clear(self) -> None:
        """Closes the sockets."""
        for sink in self._sinks:
            sink.close()


@pytest.fixture
def stage(bundle: BundleFactory, workspace: Path) -> Iterator[Stage]:
    stage = Stage(bundle, workspace)
    yield stage
    stage.clear()


@pytest.fixture(scope="module", autouse=True)
def launcher() -> None:
    """The process has its copy of the launcher before anybody counts descriptors."""
    sealed_launcher()


@pytest.fixture
def other_network() -> Iterator[str]:
    """The path of a network namespace that belongs to the host's user namespace."""
    command = ["unshare", "--net", "sh", "-c", "echo; exec sleep infinity"]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as owner:
        assert owner.stdout
        owner.stdout.readline()
        yield f"/proc/{owner.pid}/ns/net"
        owner.kill()


@each_fault
class TestFirstProcess:
    """Ways to begin a container."""

    def test_all_namespaces_and_settings(
        self, stage: Stage, monkeypatch: pytest.MonkeyPatch, fault: int
    ) -> None:
        scene = stage.scene(namespaces=dict.fromkeys(NEW), mounts=[COPIED_UP], **EVERYTHING)
        self.sweep(monkeypatch, fault, scene, scene.begin)

    def test_user_namespace(
        self, stage: Stage, monkeypatch: pytest.MonkeyPatch, fault: int
    ) -> None:
        mapped = {
            "destination": "/mnt",
            "type": "bind",
            "source": str(stage.workspace),
            "options": ["bind", "idmap"],
            "uidMappings": MAPS,
            "gidMappings": MAPS,
        }
        maps: Json = {"uidMappings": MAPS, "gidMappings": MAPS}
        scene = stage.scene(namespaces={"user": None}, mounts=[mapped], linux=maps)
        made = self.sweep(monkeypatch, fault, scene, scene.begin)
        assert "make_user_namespace" in made.names

    def test_middle_process(
        self, stage: Stage, monkeypatch: pytest.MonkeyPatch, fault: int, other_network: str
    ) -> None:
        scene = stage.scene(
            namespaces={"user": None, "network": other_network},
            linux={"uidMappings": MAPS, "gidMappings": MAPS},
        )
        # Only the owner of the network namespace may mount a sysfs.
        mounts = scene.bundle.config["mounts"]
        scene.bundle.config["mounts"] = [m for m in mounts if m["destination"] != "/sys"]
        scene.bundle.save()
        made = self.sweep(monkeypatch, fault, scene, scene.begin)
        assert any(step.side == MIDDLE for step in made.plan.steps)

    def test_hooks_and_terminal(
        self, stage: Stage, monkeypatch: pytest.MonkeyPatch, fault: int
    ) -> None:
        kinds = ("prestart", "createRuntime", "createContainer", "startContainer", "poststart")
        scene = stage.scene(
            command=["true"],
            hooks={
                **{kind: [{"path": "/bin/true"}] for kind in kinds},
                "poststop": [stage.hook("echo poststop >> hooked")],
            },
            process={"terminal": True},
            sockets=["console_socket"],
        )
        self.sweep(monkeypatch, fault, scene, scene.run)

    def test_seccomp_listener_and_pidfd(
        self, stage: Stage, monkeypatch: pytest.MonkeyPatch, fault: int
    ) -> None:
        seccomp = {**NOTIFYING, "listenerPath": str(stage.workspace / "listener")}
        scene = stage.scene(linux={"seccomp": seccomp}, sockets=["listener", "pidfd_socket"])
        made = self.sweep(monkeypatch, fault, scene, scene.begin)
        assert {"send_seccomp_listener", "send_pidfd"} <= set(made.names)

    def sweep(
        self,
        monkeypatch: pytest.MonkeyPatch,
        fault: int,
        scene: Scene,
        begin: Callable[[], object],
    ) -> Saboteur:
        saboteur = Saboteur(fault)
        monkeypatch.setattr(create, "launch", saboteur)
        watch = scene.watch()
        sweep(saboteur, begin, lambda: scene.settle(watch))
        return saboteur


class TestStart:
    """What comes after `create`, and is reported by `start`."""

    @pytest.fixture
    def scene(self, stage: Stage) -> Scene:
        return stage.scene(
            hooks={
                "startContainer": [{"path": "/bin/true"}],
                "poststop": [stage.hook("echo poststop >> hooked")],
            },
            linux={"seccomp": {"defaultAction": "SCMP_ACT_ALLOW"}},
        )

    def await_start(self, scene: Scene, monkeypatch: pytest.MonkeyPatch, fault: int) -> Saboteur:
        """A saboteur of the first operation after the container was created."""
        saboteur = Saboteur(fault, NO_FAULT)
        monkeypatch.setattr(create, "launch", saboteur)
        scene.create()
        delete(scene.store, ID)
        assert scene.hooked
        scene.hooked.unlink()
        saboteur.index = saboteur.names.index("await_start") + 1
        return saboteur

    def test_reports_what_fails(self, scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
        saboteur = self.await_start(scene, monkeypatch, FAIL)
        watch = scene.watch()
        sweep(saboteur, lambda: self.start(scene), lambda: scene.settle(watch))

    def test_reports_that_the_process_died(
        self, scene: Scene, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        saboteur = self.await_start(scene, monkeypatch, KILL)
        watch = scene.watch()
        more = True
        while more:
            with pytest.raises(LaunchError, match="its process died before the program ran"):
                self.start(scene)
            assert scene.settle(watch) == []
            more = saboteur.advance()

    def start(self, scene: Scene) -> None:
        """Create and start, and delete if that fails."""
        scene.create()
        try:
            start(scene.store, ID)
        except LaunchError:
            assert look(scene.store.open(ID, lock=False)).status == STOPPED
            delete(scene.store, ID)
            raise


class TestExec:
    @each_fault
    def test_leaves_the_container_alone(
        self, stage: Stage, monkeypatch: pytest.MonkeyPatch, fault: int
    ) -> None:
        maps: Json = {"uidMappings": MAPS, "gidMappings": MAPS}
        seccomp = {**NOTIFYING, "listenerPath": str(stage.workspace / "listener")}
        scene = stage.scene(
            namespaces=dict.fromkeys((*NEW, "user")),
            linux={**maps, "seccomp": seccomp},
            sockets=["listener", "pidfd", "console"],
        )
        choices = ExecChoices(
            console_socket=str(stage.workspace / "console"),
            pidfd_socket=str(stage.workspace / "pidfd"),
        )
        with scene.begin() as launch:
            launch.reap()
        try:
            found = running_container(scene.store, ID)
            spec = found.spec()
            assert spec.process
            process = spec.process.replace(args=("/bin/probe", "wait"), terminal=True)
            saboteur = Saboteur(fault)
            monkeypatch.setattr(execute, "launch", saboteur)
            watch = scene.watch()
            sweep(
                saboteur,
                lambda: execute.execute(found, spec, process, choices, print),
                lambda: scene.settle(watch, repair=False),
            )
            assert look(scene.store.open(ID, lock=False)).status == RUNNING
        finally:
            delete(scene.store, ID, force=True)


class TestPidFile:
    """What fails when the container or process is there already."""

    @pytest.mark.parametrize("flags", [0, STAY], ids=["leaves", "stays"])
    @pytest.mark.parametrize("wait", [False, True], ids=["run", "create"])
    def test_that_cannot_be_written(self, stage: Stage, wait: bool, flags: int) -> None:
        scene = stage.scene()
        scene.choices = scene.choices.replace(pid_file=str(stage.workspace / "none/pid"))
        watch = scene.watch()
        with pytest.raises(SyscallError, match="none/pid"):
            scene.begin(wait=wait, flags=flags)
        assert scene.settle(watch) == []

    @pytest.mark.parametrize("detach", [False, True])
    def test_that_cannot_be_written_for_exec(self, stage: Stage, detach: bool) -> None:
        scene = stage.scene()
        with scene.begin() as launch:
            launch.reap()
        try:
            found = running_container(scene.store, ID)
            spec = found.spec()
            assert spec.process
            watch = scene.watch()
            choices = ExecChoices(pid_file=str(stage.workspace / "none/pid"), detach=detach)
            with pytest.raises(SyscallError, match="none/pid"):
                execute.execute(found, spec, spec.process, choices, print)
            assert scene.settle(watch, repair=False) == []
        finally:
            delete(scene.store, ID, force=True)


class TestDeathFromOutside:
    """Deaths that no fault can bring about: of who only waits."""

    def test_container_dies_while_the_launcher_works(self, stage: Stage) -> None:
        kill = """kill -9 $(sed 's/.*"pid": *\\([0-9]*\\).*/\\1/'); echo killed > marker"""
        scene = self.scene(stage, prestart=[stage.hook(kill)])
        watch = scene.watch()
        with pytest.raises(LaunchError):
            scene.begin()
        assert (stage.workspace / "marker").exists()
        assert scene.settle(watch) == []

    @pytest.mark.parametrize("kind", ["prestart", "createContainer"])
    def test_launcher_dies_while_a_hook_runs(
        self, stage: Stage, monkeypatch: pytest.MonkeyPatch, kind: str
    ) -> None:
        saboteur = Saboteur(0, NO_FAULT)
        monkeypatch.setattr(create, "launch", saboteur)
        os.mkfifo(stage.workspace / "marker")
        scene = self.scene(stage, **{kind: [stage.hook("echo > marker; exec sleep 1000")]})

        def kill() -> None:
            (stage.workspace / "marker").read_text()
            pid = eventually(lambda: saboteur.launcher, "launch to return")
            os.kill(pid, signal.SIGKILL)

        watch = scene.watch()
        killer = threading.Thread(target=kill, daemon=True)
        killer.start()
        with pytest.raises(LaunchError, match="the launcher was killed") as caught:
            scene.begin()
        killer.join()
        assert caught.value.op == "run_hook"
        assert scene.settle(watch) == []

    def test_container_that_runs_outlives_the_launcher(self, stage: Stage) -> None:
        scene = self.scene(stage)
        watch = scene.watch()
        with scene.begin(flags=STAY) as launch:
            os.kill(launch.pid, signal.SIGKILL)
            launch.reap()
        assert look(scene.store.open(ID, lock=False)).status == RUNNING
        delete(scene.store, ID, force=True)
        assert scene.settle(watch) == []

    def scene(self, stage: Stage, **hooks: list[Json]) -> Scene:
        return stage.scene(hooks={**hooks, "poststop": [stage.hook("echo poststop >> hooked")]})
