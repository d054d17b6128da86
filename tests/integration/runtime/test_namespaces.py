"""Namespaces: new ones, joined ones, user maps, clocks, and sysctls that live in them.

See: runtime-spec config-linux.md#namespaces.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import pytest

from tests import isolation
from tests.integration.support.bundles import REMOVE, Bundle, BundleFactory, Command, Json
from tests.integration.support.processes import namespace, status
from tests.integration.support.rootfs import hand_over
from tests.integration.support.runtimes import Container, Runtime
from tests.integration.support.streams import Reader
from tests.integration.support.terminals import DescriptorSocket

pytestmark = pytest.mark.requires_root

UIDS = [{"containerID": 0, "hostID": 100_000, "size": 65536}]
GIDS = [{"containerID": 0, "hostID": 200_000, "size": 65536}]
PROC_NAMES = {
    "pid": "pid",
    "network": "net",
    "ipc": "ipc",
    "uts": "uts",
    "cgroup": "cgroup",
    "time": "time",
    "user": "user",
}


def with_user_namespace(
    bundle: BundleFactory,
    command: Command = "probe wait",
    linux: Json | None = None,
    **changes: Any,
) -> Bundle:
    """A bundle in a user namespace that owns its root file system."""
    maps: Json = {"uidMappings": UIDS, "gidMappings": GIDS}
    made = bundle(command, namespaces={"user": None}, linux={**maps, **(linux or {})}, **changes)
    hand_over(made.rootfs, 100_000, 200_000)
    return made


def path_of(container: Container, kind: str) -> str:
    """The file of a namespace of a running container."""
    return f"/proc/{container.pid}/ns/{PROC_NAMES[kind]}"


class TestNew:
    def test_none_at_all(self, runtime: Runtime, bundle: BundleFactory) -> None:
        # The mount namespace is the least that a root file system needs.
        kinds = ("pid", "network", "ipc", "uts")
        made = bundle(namespaces=dict.fromkeys(kinds, REMOVE), hostname=REMOVE)
        made.config["mounts"] = [m for m in made.config["mounts"] if m["destination"] != "/sys"]
        made.save()
        container = runtime.start(made)
        for kind in kinds:
            name = PROC_NAMES[kind]
            assert namespace(container.pid, name) == namespace("self", name)
        assert namespace(container.pid, "mnt") != namespace("self", "mnt")

    def test_ipc_is_empty(self, runtime: Runtime, bundle: BundleFactory) -> None:
        made = bundle("cat /proc/sysvipc/shm | wc -l; ls /dev/shm | wc -l")
        assert runtime.run(made).ok().out.split() == ["1", "0"]

    def test_network_has_a_loopback_device_alone(
        self, runtime: Runtime, bundle: BundleFactory
    ) -> None:
        made = bundle("ls /sys/class/net; ip -o addr")
        lines = runtime.run(made).ok().lines()
        assert lines[0] == "lo"
        assert all(" lo " in line for line in lines[1:])

    def test_loopback_is_up(self, runtime: Runtime, bundle: BundleFactory) -> None:
        # What runc, crun and youki do, and what programs in a container expect.
        made = bundle(["ip", "-o", "addr", "show", "lo"])
        assert "127.0.0.1/8" in runtime.run(made).ok().out


class TestByPath:
    @pytest.mark.parametrize("kind", ["pid", "network", "ipc", "uts"])
    def test_is_joined(self, runtime: Runtime, bundle: BundleFactory, kind: str) -> None:
        first = runtime.start(bundle())
        hostname = REMOVE if kind == "uts" else "second"
        second = runtime.start(bundle(namespaces={kind: path_of(first, kind)}, hostname=hostname))
        for other in ("pid", "network", "ipc", "uts"):
            name = PROC_NAMES[other]
            same = namespace(first.pid, name) == namespace(second.pid, name)
            assert same == (other == kind), other

    def test_cgroup_is_joined(self, runtime: Runtime, bundle: BundleFactory) -> None:
        first = runtime.start(bundle(namespaces={"cgroup": None}))
        second = runtime.start(bundle(namespaces={"cgroup": path_of(first, "cgroup")}))
        assert namespace(first.pid, "cgroup") == namespace(second.pid, "cgroup")
        assert namespace(first.pid, "cgroup") != namespace("self", "cgroup")

    @pytest.mark.runc_lacks("1.2", "time namespaces")
    def test_time_is_joined(self, runtime: Runtime, bundle: BundleFactory) -> None:
        offsets = {"monotonic": {"secs": 5000, "nanosecs": 0}}
        first = runtime.start(bundle(namespaces={"time": None}, linux={"timeOffsets": offsets}))
        second = runtime.start(bundle(namespaces={"time": path_of(first, "time")}))
        assert namespace(first.pid, "time") == namespace(second.pid, "time")

    @pytest.mark.runc_lacks("1.2", "joining a user namespace without maps")
    def test_user_is_joined(self, runtime: Runtime, bundle: BundleFactory) -> None:
        first = runtime.start(with_user_namespace(bundle))
        made = bundle(
            namespaces={
                kind: path_of(first, kind) for kind in ("user", "network", "ipc", "pid", "uts")
            },
            hostname=REMOVE,
        )
        hand_over(made.rootfs, 100_000, 200_000)
        second = runtime.start(made)
        assert namespace(first.pid, "user") == namespace(second.pid, "user")
        assert status(second.pid)["Uid"].split()[0] == "100000"

    def test_all_of_a_pod(self, runtime: Runtime, bundle: BundleFactory) -> None:
        first = runtime.start(bundle(["probe", "wait"], hostname="pod"))
        paths = {kind: path_of(first, kind) for kind in ("network", "ipc", "uts")}
        made = bundle(["hostname"], namespaces=paths, hostname=REMOVE)
        assert runtime.run(made).ok().out == "pod\n"

    def test_that_is_pinned(self, runtime: Runtime, bundle: BundleFactory, workspace: Path) -> None:
        first = runtime.start(bundle())
        pin = workspace / "netns"
        pin.touch()
        isolation.mount(path_of(first, "network"), str(pin), "none", 4096)
        try:
            expected = namespace(first.pid, "net")
            first.stop()
            made = bundle(["readlink", "/proc/self/ns/net"], namespaces={"network": str(pin)})
            assert runtime.run(made).ok().out.strip() == expected
        finally:
            isolation.unmount(str(pin))

    def test_processes_of_a_joined_pid_namespace_are_seen(
        self, runtime: Runtime, bundle: BundleFactory
    ) -> None:
        first = runtime.start(bundle())
        made = bundle("echo $$; readlink /proc/1/exe", namespaces={"pid": path_of(first, "pid")})
        own, init = runtime.run(made).ok().lines()
        assert int(own) > 1
        assert init == "/bin/probe"

    def test_that_does_not_exist(self, runtime: Runtime, bundle: BundleFactory) -> None:
        made = bundle(["echo", "hello"], namespaces={"network": "/no/such/namespace"})
        runtime.run(made).refused("/no/such/namespace")

    def test_that_is_no_namespace(
        self, runtime: Runtime, bundle: BundleFactory, workspace: Path
    ) -> None:
        (workspace / "file").touch()
        made = bundle(["echo", "hello"], namespaces={"network": str(workspace / "file")})
        assert "hello" not in runtime.run(made).refused().out

    def test_of_another_type(self, runtime: Runtime, bundle: BundleFactory) -> None:
        made = bundle(["echo", "hello"], namespaces={"network": "/proc/self/ns/uts"})
        assert "hello" not in runtime.run(made).refused().out


class TestUser:
    def test_maps(self, runtime: Runtime, bundle: BundleFactory) -> None:
        made = with_user_namespace(bundle, "cat /proc/self/uid_map /proc/self/gid_map; id -u")
        lines = runtime.run(made).ok().lines()
        assert [line.split() for line in lines[:2]] == [
            ["0", "100000", "65536"],
            ["0", "200000", "65536"],
        ]
        assert lines[2] == "0"

    def test_several_ranges(self, runtime: Runtime, bundle: BundleFactory) -> None:
        maps = [
            {"containerID": 0, "hostID": 100_000, "size": 10},
            {"containerID": 10, "hostID": 300_000, "size": 5},
            {"containerID": 1000, "hostID": 1000, "size": 1},
        ]
        made = with_user_namespace(
            bundle, ["cat", "/proc/self/uid_map"], linux={"uidMappings": maps}
        )
        lines = runtime.run(made).ok().lines()
        assert [line.split() for line in lines] == [
            ["0", "100000", "10"],
            ["10", "300000", "5"],
            ["1000", "1000", "1"],
        ]

    def test_root_inside_is_somebody_else_outside(
        self, runtime: Runtime, bundle: BundleFactory
    ) -> None:
        container = runtime.start(with_user_namespace(bundle))
        found = status(container.pid)
        assert found["Uid"].split() == ["100000"] * 4
        assert found["Gid"].split() == ["200000"] * 4

    def test_other_users(self, runtime: Runtime, bundle: BundleFactory) -> None:
        process = {"user": {"uid": 7, "gid": 8, "additionalGids": [9]}}
        container = runtime.start(with_user_namespace(bundle, process=process))
        found = status(container.pid)
        assert found["Uid"].split()[0] == "100007"
        assert found["Gid"].split()[0] == "200008"
        assert "200009" in found["Groups"].split()

    def test_files_have_the_owners_of_the_map(
        self, runtime: Runtime, bundle: BundleFactory
    ) -> None:
        made = with_user_namespace(bundle, "touch /tmp/file; stat -c %u /root /tmp/file")
        assert runtime.run(made).ok().out.split() == ["0", "0"]
        found = (made.rootfs / "tmp/file").stat()
        assert (found.st_uid, found.st_gid) == (100_000, 200_000)

    def test_mounts_and_devices_work(self, runtime: Runtime, bundle: BundleFactory) -> None:
        mqueue = {"destination": "/dev/mqueue", "type": "mqueue", "source": "mqueue"}
        made = with_user_namespace(
            bundle,
            "echo x > /dev/null && head -c 3 /dev/zero | wc -c && ls /sys/class/net "
            "&& touch /dev/shm/x /dev/mqueue/y && ls -d /proc/1",
            mounts=[mqueue],
        )
        assert runtime.run(made).ok().out.split() == ["3", "lo", "/proc/1"]

    def test_exec(self, runtime: Runtime, bundle: BundleFactory) -> None:
        container = runtime.start(with_user_namespace(bundle))
        result = container.exec("id -u; readlink /proc/self/ns/user").ok()
        assert result.lines() == ["0", namespace(container.pid, "user")]

    def test_exec_on_a_terminal(
        self, runtime: Runtime, bundle: BundleFactory, workspace: Path
    ) -> None:
        container = runtime.start(with_user_namespace(bundle))
        console = DescriptorSocket(workspace / "console")
        try:
            flags = ("--tty", "--detach", "--console-socket", console.path)
            container.exec("stat -L -c %u /proc/self/fd/0; tty", *flags).ok()
            _, master = console.receive()
            screen = Reader(os.dup(master))
            assert screen.line() == "0"
            assert screen.line().startswith("/dev/")
            screen.close()
        finally:
            console.close()

    def test_capabilities_are_worth_nothing_outside(
        self, runtime: Runtime, bundle: BundleFactory
    ) -> None:
        sets = ("bounding", "effective", "permitted")
        process = {"capabilities": {kind: ["CAP_SYS_ADMIN", "CAP_DAC_OVERRIDE"] for kind in sets}}
        made = with_user_namespace(
            bundle,
            "mount -t tmpfs none /tmp && echo mounted; echo 1 > /proc/sys/kernel/panic && echo bad",
            process=process,
        )
        assert runtime.run(made).out == "mounted\n"

    def test_terminal_belongs_to_the_user(
        self, runtime: Runtime, bundle: BundleFactory, workspace: Path
    ) -> None:
        console = DescriptorSocket(workspace / "console")
        try:
            made = with_user_namespace(
                bundle, "stat -L -c %u /proc/self/fd/0; tty", process={"terminal": True}
            )
            runtime.create(made, "--console-socket", console.path).start()
            _, master = console.receive()
            screen = Reader(os.dup(master))
            assert screen.line() == "0"
            assert screen.line().startswith("/dev/")
            screen.close()
        finally:
            console.close()

    def test_without_maps(self, runtime: Runtime, bundle: BundleFactory) -> None:
        made = bundle(["echo", "hello"], namespaces={"user": None})
        assert "hello" not in runtime.run(made).refused("mapping").out

    @pytest.mark.runc_differs("1.1 takes no notice of them")
    def test_maps_without_a_namespace(self, runtime: Runtime, bundle: BundleFactory) -> None:
        made = bundle(["echo", "hello"], linux={"uidMappings": UIDS, "gidMappings": GIDS})
        assert "hello" not in runtime.run(made).refused("mapping").out

    def test_user_that_is_not_mapped(self, runtime: Runtime, bundle: BundleFactory) -> None:
        made = with_user_namespace(
            bundle, ["echo", "hello"], process={"user": {"uid": 70_000, "gid": 0}}
        )
        assert "hello" not in runtime.run(made).refused().out

    def test_maps_that_overlap(self, runtime: Runtime, bundle: BundleFactory) -> None:
        made = with_user_namespace(bundle, ["echo", "hello"], linux={"uidMappings": UIDS + UIDS})
        assert "hello" not in runtime.run(made).refused().out


@pytest.mark.runc_lacks("1.2", "time namespaces")
class TestTime:
    def test_offsets(self, runtime: Runtime, bundle: BundleFactory) -> None:
        offsets = {
            "monotonic": {"secs": 86_400, "nanosecs": 0},
            "boottime": {"secs": 604_800, "nanosecs": 500},
        }
        made = bundle(
            ["probe", "clocks"], namespaces={"time": None}, linux={"timeOffsets": offsets}
        )
        monotonic, boottime = runtime.run(made).ok().lines()
        own = time.clock_gettime(time.CLOCK_MONOTONIC)
        assert 86_300 < int(monotonic.split()[1]) - own <= 86_400
        own = time.clock_gettime(time.CLOCK_BOOTTIME)
        assert 604_700 < int(boottime.split()[1]) - own <= 604_801

    def test_exec_has_them_too(self, runtime: Runtime, bundle: BundleFactory) -> None:
        offsets = {"monotonic": {"secs": 86_400, "nanosecs": 0}}
        container = runtime.start(bundle(namespaces={"time": None}, linux={"timeOffsets": offsets}))
        found = int(container.exec(["probe", "clocks"]).ok().lines()[0].split()[1])
        assert found - time.clock_gettime(time.CLOCK_MONOTONIC) > 86_000

    def test_without_offsets(self, runtime: Runtime, bundle: BundleFactory) -> None:
        container = runtime.start(bundle(namespaces={"time": None}))
        assert namespace(container.pid, "time") != namespace("self", "time")

    def test_offsets_without_a_namespace(self, runtime: Runtime, bundle: BundleFactory) -> None:
        offsets = {"monotonic": {"secs": 86_400, "nanosecs": 0}}
        made = bundle(["echo", "hello"], linux={"timeOffsets": offsets})
        assert "hello" not in runtime.run(made).refused().out


class TestSysctl:
    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("net.ipv4.ip_forward", "1"),
            ("net.ipv4.ping_group_range", "0 0"),
            ("kernel.msgmax", "65000"),
            ("kernel.shm_rmid_forced", "1"),
            ("kernel.sem", "300 32000 64 200"),
            ("fs.mqueue.msg_max", "55"),
        ],
    )
    def test_is_set_inside_alone(
        self, runtime: Runtime, bundle: BundleFactory, name: str, value: str
    ) -> None:
        path = Path("/proc/sys", name.replace(".", "/"))
        before = path.read_text()
        made = bundle(["cat", str(path)], linux={"sysctl": {name: value}})
        assert runtime.run(made).ok().out.split() == value.split()
        assert path.read_text() == before

    def test_with_slashes(self, runtime: Runtime, bundle: BundleFactory) -> None:
        made = bundle(
            ["cat", "/proc/sys/net/ipv4/ip_forward"], linux={"sysctl": {"net/ipv4/ip_forward": "1"}}
        )
        assert runtime.run(made).ok().out == "1\n"

    @pytest.mark.parametrize(
        "name",
        ["kernel.panic", "vm.swappiness", "fs.file-max", "kernel.core_pattern", "../../x", "none"],
    )
    def test_of_the_whole_machine_is_refused(
        self, runtime: Runtime, bundle: BundleFactory, name: str
    ) -> None:
        made = bundle(["echo", "hello"], linux={"sysctl": {name: "1"}})
        assert "hello" not in runtime.run(made).refused(name).out

    @pytest.mark.parametrize(
        ("name", "kind"), [("net.ipv4.ip_forward", "network"), ("kernel.msgmax", "ipc")]
    )
    def test_needs_the_namespace(
        self, runtime: Runtime, bundle: BundleFactory, name: str, kind: str
    ) -> None:
        made = bundle(
            ["echo", "hello"],
            namespaces={kind: REMOVE},
            linux={"sysctl": {name: "1"}},
        )
        assert "hello" not in runtime.run(made).refused(name).out

    def test_wrong_value(self, runtime: Runtime, bundle: BundleFactory) -> None:
        made = bundle(["echo", "hello"], linux={"sysctl": {"net.ipv4.ip_forward": "nonsense"}})
        assert "hello" not in runtime.run(made).refused("ip_forward").out
