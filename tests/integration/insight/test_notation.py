"""The notation of plans beside what strace(1) sees of the launcher."""

from __future__ import annotations

import os
import socket
import struct
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from orlop.launch import executor
from orlop.launch import plan as ops
from orlop.launch.executor import Launch
from orlop.launch.plan import CONTAINER, LAUNCHER, MIDDLE, NO_SLOT, STAY, Operation, Plan, Slot
from orlop.runtime.lifecycle import create
from orlop.runtime.lifecycle.gather import Choices
from orlop.runtime.lifecycle.run import run
from orlop.runtime.state import Store
from tests import isolation
from tests.integration.insight.traces import Comparison, compare, of_launcher, strace
from tests.integration.support.bundles import REMOVE, Bundle, BundleFactory
from tests.integration.support.rootfs import hand_over

NEWNS, NEWUTS, NEWIPC, NEWNET = 0x20000, 0x4000000, 0x8000000, 0x40000000
NEW_LISTENER, RET_ALLOW = 1 << 3, 0x7FFF0000
PATH = "/usr/sbin:/usr/bin:/sbin:/bin"
ALLOW_ALL_DEVICES = struct.pack("<BBhi", 0xB7, 0, 0, 1) + struct.pack("<BBhi", 0x95, 0, 0, 0)
ALLOW_ALL_CALLS = struct.pack("<HBBI", 0x06, 0, 0, RET_ALLOW)

PlanStep = tuple[ops.Side, Operation]
TRUE: tuple[PlanStep, ...] = (
    (CONTAINER, ops.FindProgram("true", PATH)),
    (CONTAINER, ops.Execute(("true",), (f"PATH={PATH}", "HOME="))),
)


@dataclass
class World:
    """Where scenarios take place.

    Attributes:
        plans: those that were launched.
    """

    bundle: BundleFactory
    directory: Path
    plans: list[Plan]

    def of_bundle(self, bundle: Bundle, **choices: object) -> Comparison:
        """Runs a bundle under strace."""
        store = Store(str(self.directory / "state"))
        chosen = Choices(str(bundle.path), **choices)  # type: ignore[arg-type]
        trace = self.directory / "trace"
        with strace(trace):
            status, _ = run(store, "orlop-insight", chosen, lambda _: None, keep=False)
        assert status == 0
        return compare(self.plans.pop(), of_launcher(trace))

    def of_steps(
        self,
        *steps: PlanStep,
        slots: int = 0,
        inherit: Sequence[int] = (),
        then: Callable[[Launch], object] = Launch.wait_running,
    ) -> Comparison:
        """Launches a plan made by hand under strace."""
        made = tuple(ops.Step(side, op) for side, op in steps)
        plan = Plan(made, slots + len(inherit), len(inherit), STAY)
        trace = self.directory / "trace"
        with strace(trace), executor.launch(plan, inherit) as running:
            then(running)
            assert running.wait_exit() == 0
        return compare(plan, of_launcher(trace))


@pytest.fixture
def world(bundle: BundleFactory, workspace: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """Remembers the plans of bundles."""
    plans: list[Plan] = []

    def recorded(plan: Plan, inherit: Sequence[int] = (), **others: object) -> Launch:
        plans.append(plan)
        return executor.launch(plan, inherit, **others)  # type: ignore[arg-type]

    monkeypatch.setattr(create, "launch", recorded)
    return World(bundle, workspace, plans)


def a_bit_of_everything(world: World) -> Comparison:
    data = world.directory / "data"
    data.mkdir()
    layers = []
    for number in range(20):
        layers.append(str(world.directory / f"a-layer-with-a-long-name-{number}"))
        os.mkdir(layers[-1])
    subprocess.run(["ip", "link", "add", "seen0", "type", "veth", "peer", "seen1"], check=True)
    subprocess.run(["ip", "addr", "add", "10.9.8.7/24", "dev", "seen0"], check=True)
    hook = {"path": "/bin/true", "args": ["true", "word"], "env": ["A=b"], "timeout": 9}
    made = world.bundle(
        "true",
        domainname="lan",
        root={"readonly": True},
        hooks={"createRuntime": [hook], "startContainer": [hook]},
        mounts=[
            {"destination": "/data", "source": str(data), "options": ["rbind", "ro", "rslave"]},
            {"destination": "/etc", "type": "tmpfs", "options": ["tmpcopyup", "ro"]},
            {"destination": "/sys/fs/cgroup", "type": "cgroup", "options": ["ro", "nosuid"]},
            {"destination": "/data", "options": ["remount", "noexec"]},
            {
                "destination": "/long",
                "type": "overlay",
                "source": "overlay",
                "options": ["nosuid", f"lowerdir={':'.join(layers)}"],
            },
        ],
        namespaces={"cgroup": None},
        process={
            "user": {"uid": 1000, "gid": 1000, "additionalGids": [29, 1001], "umask": 0o27},
            "cwd": "/dev/shm/new",
            "env": ["PATH=/bin"],
            "rlimits": [{"type": "RLIMIT_NOFILE", "soft": 100, "hard": 200}],
            "oomScoreAdj": 500,
            "scheduler": {"policy": "SCHED_BATCH", "nice": 3},
            "ioPriority": {"class": "IOPRIO_CLASS_BE", "priority": 4},
            "capabilities": {
                kind: ["CAP_KILL"]
                for kind in ("bounding", "effective", "permitted", "inheritable", "ambient")
            },
        },
        linux={
            "resources": {"pids": {"limit": 100}, "memory": {"limit": 256 << 20}},
            "sysctl": {"net.ipv4.ip_forward": "1"},
            "devices": [
                {"path": "/dev/new/fuse", "type": "c", "major": 10, "minor": 229, "gid": 5}
            ],
            "maskedPaths": ["/proc/kcore", "/proc/tty", "/nowhere"],
            "readonlyPaths": ["/proc/sys", "/nowhere"],
            "rootfsPropagation": "rslave",
            "personality": {"domain": "LINUX"},
            "memoryPolicy": {"mode": "MPOL_BIND", "nodes": "0"},
            "netDevices": {"seen0": {"name": "lan0"}},
            "seccomp": {"defaultAction": "SCMP_ACT_ALLOW"},
        },
    )
    return world.of_bundle(made)


def a_user_namespace(world: World) -> Comparison:
    shared = world.directory / "shared"
    shared.mkdir()
    maps = [{"containerID": 0, "hostID": 100000, "size": 65536}]
    made = world.bundle(
        "true",
        mounts=[{"destination": "/data", "source": str(shared), "options": ["bind", "idmap"]}],
        namespaces={"user": None, "time": None, "ipc": "/proc/self/ns/ipc"},
        process={"rlimits": [{"type": "RLIMIT_CORE", "soft": 0, "hard": 0}]},
        linux={
            "uidMappings": maps,
            "gidMappings": maps,
            "timeOffsets": {"boottime": {"secs": 100}},
        },
    )
    hand_over(made.rootfs, 100000, 100000)
    return world.of_bundle(made)


def a_root_that_is_switched_to(world: World) -> Comparison:
    return world.of_bundle(world.bundle("true"), no_pivot=True)


def a_root_without_mounts(world: World) -> Comparison:
    made = world.bundle("true", namespaces={"mount": REMOVE})
    made.config["mounts"] = []
    made.save()
    return world.of_bundle(made)


def a_terminal_and_descriptors(world: World) -> Comparison:
    ours, theirs = socket.socketpair()
    terminal = Slot(2)
    with ours, theirs:
        return world.of_steps(
            (LAUNCHER, ops.Clone(0)),
            (CONTAINER, ops.NewSession()),
            (CONTAINER, ops.OpenConsole(terminal, NO_SLOT, Slot(0), 24, 80, 1)),
            (CONTAINER, ops.UseTerminal(terminal)),
            (CONTAINER, ops.UseStdio(NO_SLOT, Slot(1), NO_SLOT)),
            (CONTAINER, ops.OwnStdio(1)),
            (LAUNCHER, ops.SendPidfd(Slot(0))),
            (CONTAINER, ops.FindProgram("true", PATH)),
            (CONTAINER, ops.Execute(("true",), ("HOME=",), 1, 1)),
            slots=1,
            inherit=(theirs.fileno(), theirs.fileno()),
        )


def helpers_joins_and_the_scheduler(world: World) -> Comparison:
    with open("/proc/self/ns/ipc") as namespace:
        return world.of_steps(
            (MIDDLE, ops.Unshare(NEWUTS)),
            (MIDDLE, ops.Clone(0)),
            (LAUNCHER, ops.RunIdMapHelper("/bin/true", ("0", "1", "2"))),
            (LAUNCHER, ops.WriteProc(ops.OF_CONTAINER, "coredump_filter", b"0x33")),
            (CONTAINER, ops.WriteProc(ops.SELF, "coredump_filter", b"0x33")),
            (CONTAINER, ops.MakeSymlink(NO_SLOT, f"{world.directory}/new/link", "target")),
            (CONTAINER, ops.Undumpable()),
            (CONTAINER, ops.Join(Slot(0), NEWIPC)),
            (CONTAINER, ops.SetAffinity(b"\x01" + bytes(7))),
            (CONTAINER, ops.SetPersonality(8)),
            (CONTAINER, ops.SetUser(0, 0, b"", ops.KEEP_GROUPS)),
            *TRUE,
            inherit=(namespace.fileno(),),
        )


def a_device_filter(world: World) -> Comparison:
    path = next(h.at for h in isolation.hierarchies() if h.fstype == "cgroup2") / "insight"
    try:
        return world.of_steps(
            (LAUNCHER, ops.MakeCgroup(str(path))),
            (LAUNCHER, ops.Open(Slot(0), str(path), os.O_RDONLY | os.O_DIRECTORY)),
            (LAUNCHER, ops.AttachDeviceFilter(Slot(0), ALLOW_ALL_DEVICES)),
            (LAUNCHER, ops.Clone(NEWNS, Slot(0))),
            (CONTAINER, ops.CloneTree(Slot(1), NO_SLOT, "/etc", ops.NO_FOLLOW)),
            (CONTAINER, ops.CloneTree(Slot(2), Slot(1), "default", ops.RECURSIVE)),
            *TRUE,
            slots=3,
        )
    finally:
        isolation.remove_cgroup(path)


def a_seccomp_listener_and_a_start(world: World) -> Comparison:
    with socket.socket(socket.AF_UNIX) as agent, socket.socket(socket.AF_UNIX) as start:
        for name, listener in (("agent", agent), ("start", start)):
            listener.bind(str(world.directory / name))
            listener.listen()

        def begin(running: Launch) -> None:
            running.wait_created()
            with socket.socket(socket.AF_UNIX) as connection:
                connection.connect(str(world.directory / "start"))
                running.wait_running()

        return world.of_steps(
            (LAUNCHER, ops.Clone(0)),
            (CONTAINER, ops.LoadSeccomp(ALLOW_ALL_CALLS, NEW_LISTENER)),
            (LAUNCHER, ops.SendSeccompListener(str(world.directory / "agent"), ("{", "}"))),
            (CONTAINER, ops.AwaitStart(Slot(0))),
            *TRUE,
            inherit=(start.fileno(),),
            then=begin,
        )


def a_further_part(world: World) -> Comparison:
    part = Plan(tuple(ops.Step(side, op) for side, op in TRUE), 0, 0, STAY)

    def go_on(running: Launch) -> None:
        running.send_part(part)
        running.wait_running()

    return world.of_steps((LAUNCHER, ops.Clone(0)), (LAUNCHER, ops.NextPart()), then=go_on)


SCENARIOS = (
    a_bit_of_everything,
    a_user_namespace,
    a_root_that_is_switched_to,
    a_root_without_mounts,
    a_terminal_and_descriptors,
    helpers_joins_and_the_scheduler,
    a_device_filter,
    a_seccomp_listener_and_a_start,
    a_further_part,
)


# These need somebody at the other end who asks (launcher/test_serving.py, test_opened.py), a
# program given by descriptor (insight/test_probe.py), or streams and an init (shim/).
NOT_IN_SCENARIOS = {
    ops.Serve,
    ops.ReceiveFile,
    ops.SendFile,
    ops.ListDirectory,
    ops.SendOpened,
    ops.UseProgram,
    ops.Supervise,
    ops.BecomeInit,
}


@pytest.mark.requires_root
@pytest.mark.requires_launcher
@pytest.mark.requires_strace
@pytest.mark.requires_iproute2
@pytest.mark.requires_userns
@pytest.mark.requires_timens
@pytest.mark.requires_overlay
def test_strace_sees_what_the_notation_says(world: World) -> None:
    """Every call of every operation, in its place; conditional ones at least once."""
    found = {scenario.__name__: scenario(world) for scenario in SCENARIOS}
    missing = {name: seen.missing for name, seen in found.items() if seen.missing}
    assert missing == {}
    seen = set().union(*(comparison.seen for comparison in found.values()))
    unseen = set().union(*(comparison.unseen for comparison in found.values()))
    assert unseen - seen == set()
    assert set(ops.operations().values()) - {kind for kind, _ in seen} == NOT_IN_SCENARIOS
