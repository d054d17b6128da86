"""The root file system: read-only, /dev, masked and read-only paths, names.

See: runtime-spec config.md#root, config-linux.md#default-devices, #masked-paths.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from tests import isolation
from tests.integration.support import mountinfo
from tests.integration.support.bundles import REMOVE, BundleFactory
from tests.integration.support.runtimes import Runtime

pytestmark = pytest.mark.requires_root


class TestRoot:
    def test_can_be_written(self, runtime: Runtime, bundle: BundleFactory) -> None:
        made = bundle("echo x > /file")
        runtime.run(made).ok()
        assert (made.rootfs / "file").read_text() == "x\n"

    def test_read_only(self, runtime: Runtime, bundle: BundleFactory) -> None:
        made = bundle("mkdir /new; echo x > /etc/passwd", root={"readonly": True})
        result = runtime.run(made)
        assert result.err.lower().count("read-only file system") == 2
        assert not (made.rootfs / "new").exists()

    def test_read_only_leaves_mounts_writable(
        self, runtime: Runtime, bundle: BundleFactory
    ) -> None:
        made = bundle("echo x > /dev/shm/file", root={"readonly": True})
        runtime.run(made).ok()

    def test_absolute_path(self, runtime: Runtime, bundle: BundleFactory) -> None:
        made = bundle(["echo", "hello"])
        made.config["root"]["path"] = str(made.rootfs)
        made.save()
        assert runtime.run(made).ok().out == "hello\n"

    def test_other_relative_path(self, runtime: Runtime, bundle: BundleFactory) -> None:
        made = bundle(["echo", "hello"], root={"path": "deep/root"})
        (made.path / "deep").mkdir()
        made.rootfs.rename(made.path / "deep/root")
        assert runtime.run(made).ok().out == "hello\n"

    def test_missing(self, runtime: Runtime, bundle: BundleFactory) -> None:
        made = bundle(["echo", "hello"])
        shutil.rmtree(made.rootfs)
        runtime.run(made).refused("rootfs")
        assert runtime.ids() == []

    def test_hides_the_host(self, runtime: Runtime, bundle: BundleFactory) -> None:
        made = bundle("cat /proc/self/mountinfo; ls -a /; ls -a /..; cd /; pwd")
        result = runtime.run(made).ok()
        targets = [mount.target for mount in mountinfo.parse(result.out)]
        assert targets[0] == "/"
        assert not [target for target in targets if not target.startswith("/")]
        assert "unreachable" not in result.out
        assert str(made.path) not in " ".join(targets)

    def test_that_is_a_mount_point(
        self, runtime: Runtime, bundle: BundleFactory, workspace: Path
    ) -> None:
        made = bundle(["echo", "hello"])
        isolation.mount(str(made.rootfs), str(made.rootfs), "none", 4096)
        try:
            assert runtime.run(made).ok().out == "hello\n"
        finally:
            isolation.unmount(str(made.rootfs))


class TestDev:
    DEVICES = (
        ("null", "1:3"),
        ("zero", "1:5"),
        ("full", "1:7"),
        ("random", "1:8"),
        ("urandom", "1:9"),
        ("tty", "5:0"),
    )

    def test_default_devices(self, runtime: Runtime, bundle: BundleFactory) -> None:
        names = " ".join(f"/dev/{name}" for name, _ in self.DEVICES)
        made = bundle(f"umask 0; stat -c '%n %F %t:%T %a %u %g' {names}")
        expected = [
            f"/dev/{name} character special file {number} 666 0 0" for name, number in self.DEVICES
        ]
        assert runtime.run(made).ok().lines() == expected

    def test_default_devices_work(self, runtime: Runtime, bundle: BundleFactory) -> None:
        made = bundle(
            "echo x > /dev/null && head -c 4 /dev/zero | wc -c && head -c 4 /dev/urandom | wc -c;"
            "echo x > /dev/full"
        )
        result = runtime.run(made)
        assert result.out.split() == ["4", "4"]
        assert "no space left" in result.err.lower()

    def test_links(self, runtime: Runtime, bundle: BundleFactory) -> None:
        made = bundle("for name in fd stdin stdout stderr ptmx; do readlink /dev/$name; done")
        assert runtime.run(made).ok().lines() == [
            "/proc/self/fd",
            "/proc/self/fd/0",
            "/proc/self/fd/1",
            "/proc/self/fd/2",
            "pts/ptmx",
        ]

    def test_nothing_else(self, runtime: Runtime, bundle: BundleFactory) -> None:
        found = set(runtime.run(bundle(["ls", "-A", "/dev"])).ok().out.split())
        known = {name for name, _ in self.DEVICES} | {
            "fd",
            "stdin",
            "stdout",
            "stderr",
            "ptmx",
            "pts",
            "shm",
            "core",
        }
        assert found <= known
        assert known - found <= {"core"}

    def test_own_devices(self, runtime: Runtime, bundle: BundleFactory) -> None:
        devices = [
            {
                "path": "/dev/own/loop",
                "type": "b",
                "major": 7,
                "minor": 3,
                "fileMode": 0o640,
                "uid": 5,
                "gid": 6,
            },
            {"path": "/dev/chars", "type": "c", "major": 10, "minor": 200},
            {"path": "/dev/pipe", "type": "p"},
        ]
        made = bundle(
            "stat -c '%F %t:%T %a %u %g' /dev/own/loop /dev/chars /dev/pipe",
            linux={"devices": devices},
        )
        lines = runtime.run(made).ok().lines()
        assert lines[0] == "block special file 7:3 640 5 6"
        assert lines[1].startswith("character special file a:c8 ")
        assert lines[2].startswith("fifo ")

    def test_own_device_in_the_place_of_a_default_one(
        self, runtime: Runtime, bundle: BundleFactory
    ) -> None:
        device = {"path": "/dev/tty", "type": "c", "major": 5, "minor": 0, "fileMode": 0o600}
        made = bundle("stat -c '%t:%T %a' /dev/tty", linux={"devices": [device]})
        assert runtime.run(made).ok().out.strip().startswith("5:0 ")

    def test_host_is_not_touched(self, runtime: Runtime, bundle: BundleFactory) -> None:
        before = sorted(os.listdir("/dev"))
        runtime.run(bundle(["true"])).ok()
        assert sorted(os.listdir("/dev")) == before

    def test_console_is_there_with_a_terminal_only(
        self, runtime: Runtime, bundle: BundleFactory
    ) -> None:
        assert runtime.run(bundle("test -e /dev/console")).status == 1


class TestMaskedPaths:
    def test_file_is_empty(self, runtime: Runtime, bundle: BundleFactory) -> None:
        made = bundle(
            "cat /secret /proc/kcore | wc -c; echo x > /secret",
            linux={"maskedPaths": ["/secret", "/proc/kcore"]},
        )
        (made.rootfs / "secret").write_text("secret")
        assert runtime.run(made).out.strip() == "0"
        assert (made.rootfs / "secret").read_text() == "secret"

    def test_directory_is_empty_and_read_only(
        self, runtime: Runtime, bundle: BundleFactory
    ) -> None:
        made = bundle(
            "ls -A /secret /proc/irq; touch /secret/x",
            linux={"maskedPaths": ["/secret", "/proc/irq"]},
        )
        (made.rootfs / "secret").mkdir()
        (made.rootfs / "secret/file").touch()
        result = runtime.run(made)
        assert "file" not in result.out.split()
        assert "read-only file system" in result.err.lower()
        assert [path.name for path in (made.rootfs / "secret").iterdir()] == ["file"]

    def test_what_is_not_there_is_passed_over(
        self, runtime: Runtime, bundle: BundleFactory
    ) -> None:
        made = bundle(["echo", "hello"], linux={"maskedPaths": ["/none", "/none/deep"]})
        assert runtime.run(made).ok().out == "hello\n"
        assert not (made.rootfs / "none").exists()

    def test_usual_list(self, runtime: Runtime, bundle: BundleFactory) -> None:
        made = bundle(
            "wc -c < /proc/keys; ls /proc/acpi /sys/firmware 2>/dev/null | wc -l",
            linux={
                "maskedPaths": [
                    "/proc/acpi",
                    "/proc/asound",
                    "/proc/kcore",
                    "/proc/keys",
                    "/proc/latency_stats",
                    "/proc/timer_list",
                    "/proc/sched_debug",
                    "/sys/firmware",
                    "/proc/scsi",
                ]
            },
        )
        assert runtime.run(made).ok().out.split()[0] == "0"


class TestReadOnlyPaths:
    def test_cannot_be_written(self, runtime: Runtime, bundle: BundleFactory) -> None:
        made = bundle(
            "cat /data/file; echo x > /data/file; echo x > /proc/sys/kernel/msgmax",
            linux={"readonlyPaths": ["/data", "/proc/sys"]},
        )
        (made.rootfs / "data").mkdir()
        (made.rootfs / "data/file").write_text("data\n")
        result = runtime.run(made)
        assert result.out == "data\n"
        assert result.err.lower().count("read-only file system") == 2

    def test_file(self, runtime: Runtime, bundle: BundleFactory) -> None:
        made = bundle(
            "echo x > /etc/passwd; echo y > /etc/other", linux={"readonlyPaths": ["/etc/passwd"]}
        )
        assert "read-only file system" in runtime.run(made).err.lower()
        assert (made.rootfs / "etc/other").read_text() == "y\n"

    def test_what_is_not_there_is_passed_over(
        self, runtime: Runtime, bundle: BundleFactory
    ) -> None:
        made = bundle(["echo", "hello"], linux={"readonlyPaths": ["/none"]})
        assert runtime.run(made).ok().out == "hello\n"


class TestNames:
    def test_host_name(self, runtime: Runtime, bundle: BundleFactory) -> None:
        own = os.uname().nodename
        made = bundle(["hostname"], hostname="other-name.example")
        assert runtime.run(made).ok().out == "other-name.example\n"
        assert os.uname().nodename == own

    def test_host_name_of_the_caller_by_default(
        self, runtime: Runtime, bundle: BundleFactory
    ) -> None:
        assert runtime.run(bundle(["hostname"], hostname=REMOVE)).ok().out == (
            f"{os.uname().nodename}\n"
        )

    @pytest.mark.runc_lacks("1.2", "domainname")
    def test_domain_name(self, runtime: Runtime, bundle: BundleFactory) -> None:
        made = bundle(["cat", "/proc/sys/kernel/domainname"], domainname="example.org")
        assert runtime.run(made).ok().out == "example.org\n"

    def test_host_name_needs_a_namespace(self, runtime: Runtime, bundle: BundleFactory) -> None:
        made = bundle(["echo", "hello"], namespaces={"uts": REMOVE})
        own = os.uname().nodename
        assert "hello" not in runtime.run(made).refused("hostname").out
        assert os.uname().nodename == own
