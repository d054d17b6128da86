"""mounts: every kind, their options, and the places where they must not lead.

See: runtime-spec config.md#mounts, config-linux.md#default-filesystems.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import isolation
from tests.integration.support import cgroups, mountinfo
from tests.integration.support.bundles import BundleFactory, Json
from tests.integration.support.mountinfo import MountPoint
from tests.integration.support.runtimes import Container, Runtime, execute

pytestmark = pytest.mark.requires_root


@pytest.fixture
def source(workspace: Path) -> Path:
    """A directory of the host with a file in it."""
    source = workspace / "source"
    source.mkdir()
    (source / "file").write_text("of the host\n")
    return source


@pytest.fixture
def submount(source: Path) -> Iterator[Path]:
    """A file system that is mounted below `source`."""
    path = source / "sub"
    path.mkdir()
    isolation.mount("tmpfs", str(path), "tmpfs")
    yield path
    isolation.unmount(str(path))


def bind(source: Path | str, destination: str, *options: str) -> Json:
    """A bind mount, recursive if the options say so."""
    kinds = () if "rbind" in options else ("bind",)
    return {
        "destination": destination,
        "type": "bind",
        "source": str(source),
        "options": [*kinds, *options],
    }


def tmpfs(destination: str, *options: str) -> Json:
    return {
        "destination": destination,
        "type": "tmpfs",
        "source": "tmpfs",
        "options": list(options),
    }


def mount_inside(container: Container, target: str) -> MountPoint:
    """The mount at `target` in the container's mount namespace."""
    text = Path(f"/proc/{container.pid}/mountinfo").read_text()
    return mountinfo.at(text, target)


class TestBind:
    def test_directory(self, runtime: Runtime, bundle: BundleFactory, source: Path) -> None:
        made = bundle("cat /m/file; echo inside > /m/new", mounts=[bind(source, "/m")])
        assert runtime.run(made).ok().out == "of the host\n"
        assert (source / "new").read_text() == "inside\n"

    def test_file(self, runtime: Runtime, bundle: BundleFactory, source: Path) -> None:
        made = bundle(["cat", "/etc/deep/name"], mounts=[bind(source / "file", "/etc/deep/name")])
        assert runtime.run(made).ok().out == "of the host\n"
        assert (made.rootfs / "etc/deep/name").is_file(), "it was made to be mounted on"

    @pytest.mark.parametrize("kind", ["bind", "rbind"])
    def test_read_only(
        self, runtime: Runtime, bundle: BundleFactory, source: Path, kind: str
    ) -> None:
        made = bundle(
            "cat /m/file; echo x > /m/file; mkdir /m/new", mounts=[bind(source, "/m", kind, "ro")]
        )
        result = runtime.run(made)
        assert result.out == "of the host\n"
        assert result.err.lower().count("read-only file system") == 2
        assert (source / "file").read_text() == "of the host\n"

    def test_read_only_leaves_the_host_writable(
        self, runtime: Runtime, bundle: BundleFactory, source: Path
    ) -> None:
        runtime.start(bundle(mounts=[bind(source, "/m", "ro")]))
        (source / "file").write_text("written\n")

    def test_relative_source_is_in_the_bundle(
        self, runtime: Runtime, bundle: BundleFactory
    ) -> None:
        made = bundle(["cat", "/m/file"], mounts=[bind("own", "/m")])
        (made.path / "own").mkdir()
        (made.path / "own/file").write_text("of the bundle\n")
        assert runtime.run(made).ok().out == "of the bundle\n"

    def test_type_none_with_option_bind(
        self, runtime: Runtime, bundle: BundleFactory, source: Path
    ) -> None:
        mount = {**bind(source, "/m"), "type": "none"}
        assert runtime.run(bundle(["cat", "/m/file"], mounts=[mount])).ok().out == "of the host\n"

    def test_no_type_with_option_bind(
        self, runtime: Runtime, bundle: BundleFactory, source: Path
    ) -> None:
        mount = bind(source, "/m")
        del mount["type"]
        assert runtime.run(bundle(["cat", "/m/file"], mounts=[mount])).ok().out == "of the host\n"

    def test_missing_source(self, runtime: Runtime, bundle: BundleFactory, source: Path) -> None:
        made = bundle(["echo", "hello"], mounts=[bind(source / "none", "/m")])
        result = runtime.run(made).refused(str(source / "none"))
        assert "no such file or directory" in result.err.lower()

    def test_plain_bind_leaves_submounts_out(
        self, runtime: Runtime, bundle: BundleFactory, source: Path, submount: Path
    ) -> None:
        (submount / "below").write_text("x")
        made = bundle(["ls", "/m/sub"], mounts=[bind(source, "/m", "bind")])
        assert runtime.run(made).ok().out == ""

    def test_recursive_bind_has_submounts(
        self, runtime: Runtime, bundle: BundleFactory, source: Path, submount: Path
    ) -> None:
        (submount / "below").write_text("x")
        made = bundle(["ls", "/m/sub"], mounts=[bind(source, "/m", "rbind")])
        assert runtime.run(made).ok().out == "below\n"


class TestOptions:
    @pytest.mark.parametrize(
        "option",
        ["ro", "nosuid", "nodev", "noexec", "noatime", "nodiratime", "relatime", "nosymfollow"],
    )
    @pytest.mark.parametrize("kind", ["tmpfs", "bind"])
    def test_of_the_mount(
        self,
        runtime: Runtime,
        bundle: BundleFactory,
        source: Path,
        option: str,
        kind: str,
    ) -> None:
        mount = tmpfs("/m", option) if kind == "tmpfs" else bind(source, "/m", option)
        container = runtime.start(bundle(mounts=[mount]))
        assert option in mount_inside(container, "/m").options

    @pytest.mark.parametrize(
        ("set_first", "then"),
        [("ro", "rw"), ("nosuid", "suid"), ("nodev", "dev"), ("noexec", "exec")],
    )
    def test_the_last_one_wins(
        self, runtime: Runtime, bundle: BundleFactory, set_first: str, then: str
    ) -> None:
        container = runtime.start(bundle(mounts=[tmpfs("/m", set_first, then)]))
        assert set_first not in mount_inside(container, "/m").options

    def test_strictatime(self, runtime: Runtime, bundle: BundleFactory) -> None:
        container = runtime.start(bundle(mounts=[tmpfs("/m", "strictatime")]))
        options = mount_inside(container, "/m").options
        assert not options & {"relatime", "noatime"}

    def test_noexec_works(self, runtime: Runtime, bundle: BundleFactory) -> None:
        made = bundle("cp /bin/busybox /m/; /m/busybox true", mounts=[tmpfs("/m", "noexec")])
        assert "permission denied" in runtime.run(made).err.lower()

    @pytest.mark.parametrize(
        ("option", "attribute"),
        [
            ("rro", "ro"),
            ("rnosuid", "nosuid"),
            ("rnodev", "nodev"),
            ("rnoexec", "noexec"),
            ("rnoatime", "noatime"),
            ("rnodiratime", "nodiratime"),
            ("rnosymfollow", "nosymfollow"),
        ],
    )
    def test_recursive_ones_reach_submounts(
        self,
        runtime: Runtime,
        bundle: BundleFactory,
        source: Path,
        submount: Path,
        option: str,
        attribute: str,
    ) -> None:
        container = runtime.start(bundle(mounts=[bind(source, "/m", "rbind", option)]))
        assert attribute in mount_inside(container, "/m").options
        assert attribute in mount_inside(container, "/m/sub").options

    def test_others_do_not_reach_submounts(
        self, runtime: Runtime, bundle: BundleFactory, source: Path, submount: Path
    ) -> None:
        container = runtime.start(bundle(mounts=[bind(source, "/m", "rbind", "ro")]))
        assert "ro" in mount_inside(container, "/m").options
        assert "ro" not in mount_inside(container, "/m/sub").options

    def test_recursive_ones_can_take_away(
        self, runtime: Runtime, bundle: BundleFactory, source: Path, submount: Path
    ) -> None:
        isolation.mount("none", str(submount), "none", 32 | 8 | 4096)  # bind, remount, noexec
        container = runtime.start(bundle(mounts=[bind(source, "/m", "rbind", "rexec")]))
        assert "noexec" not in mount_inside(container, "/m/sub").options

    def test_of_the_file_system(self, runtime: Runtime, bundle: BundleFactory) -> None:
        made = bundle(mounts=[tmpfs("/m", "size=64k", "mode=1750", "uid=7", "nr_inodes=50")])
        container = runtime.start(made)
        assert {"size=64k", "mode=1750", "uid=7", "nr_inodes=50"} <= mount_inside(
            container, "/m"
        ).super_options

    def test_unknown_to_the_file_system(self, runtime: Runtime, bundle: BundleFactory) -> None:
        made = bundle(["echo", "hello"], mounts=[tmpfs("/m", "nonsense=1")])
        assert runtime.run(made).refused("/m").out == ""


class TestTmpfs:
    def test_is_empty(self, runtime: Runtime, bundle: BundleFactory) -> None:
        made = bundle(["ls", "-A", "/etc"], mounts=[tmpfs("/etc")])
        assert runtime.run(made).ok().out == ""

    def test_is_not_kept(self, runtime: Runtime, bundle: BundleFactory) -> None:
        made = bundle("echo x > /m/file", mounts=[tmpfs("/m")])
        runtime.run(made).ok()
        assert list((made.rootfs / "m").iterdir()) == []

    def test_with_a_copy_of_what_was_there(self, runtime: Runtime, bundle: BundleFactory) -> None:
        made = bundle(
            "cat /d/file; readlink /d/link; stat -c '%a %u' /d/own; echo changed > /d/file",
            mounts=[tmpfs("/d", "tmpcopyup", "mode=755")],
        )
        directory = made.rootfs / "d"
        directory.mkdir()
        (directory / "file").write_text("of the image\n")
        (directory / "link").symlink_to("file")
        (directory / "own").mkdir()
        (directory / "own").chmod(0o750)
        os.chown(directory / "own", 1000, 1000)
        assert runtime.run(made).ok().lines() == ["of the image", "file", "750 1000"]
        assert (directory / "file").read_text() == "of the image\n"

    def test_mode_of_the_directory_is_taken_over(
        self, runtime: Runtime, bundle: BundleFactory
    ) -> None:
        made = bundle("stat -c %a /d", mounts=[tmpfs("/d")])
        (made.rootfs / "d").mkdir()
        (made.rootfs / "d").chmod(0o1771)
        found = runtime.run(made).ok().out.strip()
        # The kernel's own default is 1777; runc gives the mode that the image has.
        assert found in ("1771", "1777")

    def test_limit_of_size_holds(self, runtime: Runtime, bundle: BundleFactory) -> None:
        made = bundle(
            "head -c 200000 /dev/zero > /m/x; wc -c < /m/x", mounts=[tmpfs("/m", "size=64k")]
        )
        assert runtime.run(made).ok().out.strip() == "65536"


class TestKernelFileSystems:
    def test_proc_is_that_of_the_pid_namespace(
        self, runtime: Runtime, bundle: BundleFactory
    ) -> None:
        made = bundle("ls -d /proc/[0-9]*; grep ' /proc ' /proc/mounts")
        lines = runtime.run(made).ok().lines()
        assert lines[0] == "/proc/1"
        assert len([line for line in lines if line.startswith("/proc/")]) <= 3
        assert lines[-1].split()[2] == "proc"

    def test_sysfs_shows_the_network_namespace(
        self, runtime: Runtime, bundle: BundleFactory
    ) -> None:
        assert runtime.run(bundle(["ls", "/sys/class/net"])).ok().out == "lo\n"

    def test_devpts_is_a_new_instance(self, runtime: Runtime, bundle: BundleFactory) -> None:
        assert runtime.run(bundle(["ls", "/dev/pts"])).ok().out == "ptmx\n"

    def test_mqueue(self, runtime: Runtime, bundle: BundleFactory) -> None:
        mount = {"destination": "/dev/mqueue", "type": "mqueue", "source": "mqueue"}
        made = bundle("touch /dev/mqueue/queue; ls /dev/mqueue", mounts=[mount])
        assert runtime.run(made).ok().out == "queue\n"

    def test_overlay(self, runtime: Runtime, bundle: BundleFactory, workspace: Path) -> None:
        for name in ("lower", "upper", "work"):
            (workspace / name).mkdir()
        (workspace / "lower/file").write_text("lower\n")
        mount = {
            "destination": "/m",
            "type": "overlay",
            "source": "overlay",
            "options": [
                f"lowerdir={workspace}/lower",
                f"upperdir={workspace}/upper",
                f"workdir={workspace}/work",
            ],
        }
        runtime.run(bundle("cat /m/file; echo upper > /m/file", mounts=[mount])).ok()
        assert (workspace / "lower/file").read_text() == "lower\n"
        assert (workspace / "upper/file").read_text() == "upper\n"

    def test_unknown_file_system(self, runtime: Runtime, bundle: BundleFactory) -> None:
        mount = {"destination": "/m", "type": "no-such-fs", "source": "none"}
        runtime.run(bundle(["echo", "hello"], mounts=[mount])).refused("/m")


class TestCgroupMount:
    MOUNT: Json = {  # noqa: RUF012 - a literal of the configuration
        "destination": "/sys/fs/cgroup",
        "type": "cgroup",
        "source": "cgroup",
        "options": ["ro", "nosuid", "noexec", "nodev"],
    }

    @pytest.mark.parametrize("own_namespace", [False, True], ids=["shared", "own"])
    def test_shows_the_containers_own_cgroup(
        self, runtime: Runtime, bundle: BundleFactory, own_namespace: bool
    ) -> None:
        namespaces = {"cgroup": None} if own_namespace else {}
        place = "" if cgroups.unified_only() else "pids/"
        made = bundle(
            f"cat /sys/fs/cgroup/{place}cgroup.procs; cat /sys/fs/cgroup/{place}pids.max",
            mounts=[self.MOUNT],
            namespaces=namespaces,
            linux={"resources": {"pids": {"limit": 33}}},
        )
        lines = runtime.run(made).ok().lines()
        assert "1" in lines
        assert lines[-1] == "33"

    def test_is_read_only(self, runtime: Runtime, bundle: BundleFactory) -> None:
        place = "" if cgroups.unified_only() else "pids/"
        made = bundle(
            f"mkdir /sys/fs/cgroup/{place}x; echo 9 > /sys/fs/cgroup/{place}pids.max",
            mounts=[self.MOUNT],
            namespaces={"cgroup": None},
        )
        assert runtime.run(made).err.lower().count("read-only file system") == 2

    def test_can_be_writable(self, runtime: Runtime, bundle: BundleFactory) -> None:
        place = "" if cgroups.unified_only() else "pids/"
        mount = {**self.MOUNT, "options": ["nosuid", "noexec", "nodev"]}
        made = bundle(
            f"mkdir /sys/fs/cgroup/{place}x && ls -d /sys/fs/cgroup/{place}x",
            mounts=[mount],
            namespaces={"cgroup": None},
        )
        runtime.run(made).ok()

    @pytest.mark.requires_cgroup_v1
    def test_has_every_hierarchy(self, runtime: Runtime, bundle: BundleFactory) -> None:
        made = bundle(["ls", "/sys/fs/cgroup"], mounts=[self.MOUNT])
        found = set(runtime.run(made).ok().out.split())
        assert {"pids", "memory", "cpu", "freezer", "devices"} <= found

    def test_namespace_hides_the_path(self, runtime: Runtime, bundle: BundleFactory) -> None:
        made = bundle(["cat", "/proc/self/cgroup"], namespaces={"cgroup": None})
        for line in runtime.run(made).ok().lines():
            assert line.split(":")[2] == "/", line


class TestPlaces:
    def test_missing_directories_are_made(self, runtime: Runtime, bundle: BundleFactory) -> None:
        made = bundle(["ls", "-d", "/a/b/c"], mounts=[tmpfs("/a/b/c")])
        runtime.run(made).ok()
        assert (made.rootfs / "a/b/c").is_dir()

    def test_order_is_that_of_the_list(
        self, runtime: Runtime, bundle: BundleFactory, source: Path
    ) -> None:
        made = bundle("cat /m/inner/file; ls /m", mounts=[tmpfs("/m"), bind(source, "/m/inner")])
        assert runtime.run(made).ok().out == "of the host\ninner\n"

    def test_later_ones_cover_earlier_ones(
        self, runtime: Runtime, bundle: BundleFactory, source: Path
    ) -> None:
        made = bundle(["ls", "/m"])
        made.config["mounts"] += [bind(source, "/m"), tmpfs("/m")]
        made.save()
        assert runtime.run(made).ok().out == ""

    @pytest.mark.parametrize(
        ("link", "destination", "lands_in"),
        [
            ("/real", "/link/x", "real/x"),
            ("real", "/link/x", "real/x"),
            ("../../../../real", "/link/x", "real/x"),
            ("/real", "/link", "real"),
            ("/not-there-yet", "/link/x", "not-there-yet/x"),
        ],
    )
    def test_links_lead_to_places_inside(
        self,
        runtime: Runtime,
        bundle: BundleFactory,
        source: Path,
        link: str,
        destination: str,
        lands_in: str,
    ) -> None:
        made = bundle(["cat", f"/{lands_in}/file"], mounts=[bind(source, destination)])
        (made.rootfs / "real").mkdir()
        (made.rootfs / "link").symlink_to(link)
        assert runtime.run(made).ok().out == "of the host\n"

    def test_dots_lead_to_places_inside(
        self, runtime: Runtime, bundle: BundleFactory, source: Path
    ) -> None:
        made = bundle(["cat", "/m/file"], mounts=[bind(source, "/../../m")])
        assert runtime.run(made).ok().out == "of the host\n"
        assert not (made.path.parent / "m").exists()

    def test_link_to_a_place_of_the_host_makes_nothing_there(
        self, runtime: Runtime, bundle: BundleFactory, workspace: Path
    ) -> None:
        outside = workspace / "outside"
        outside.mkdir()
        made = bundle(["true"], mounts=[tmpfs("/link/made")])
        (made.rootfs / "link").symlink_to(outside)
        runtime.run(made)
        assert list(outside.iterdir()) == []

    @pytest.mark.parametrize("place", ["/proc/sys", "/proc/self", "/proc/1/fd"])
    def test_proc_cannot_be_covered_in_parts(
        self, runtime: Runtime, bundle: BundleFactory, source: Path, place: str
    ) -> None:
        made = bundle(["echo", "hello"], mounts=[bind(source, place)])
        assert "hello" not in runtime.run(made).refused("/proc").out

    @pytest.mark.parametrize("place", ["/proc/cpuinfo", "/proc/meminfo", "/proc/uptime"])
    def test_some_files_of_proc_can_be_covered(
        self, runtime: Runtime, bundle: BundleFactory, source: Path, place: str
    ) -> None:
        # lxcfs does that.
        made = bundle(["cat", place], mounts=[bind(source / "file", place)])
        assert runtime.run(made).ok().out == "of the host\n"

    def test_proc_as_a_link_is_refused(self, runtime: Runtime, bundle: BundleFactory) -> None:
        made = bundle(["echo", "hello"])
        (made.rootfs / "proc").rmdir()
        (made.rootfs / "evil").mkdir()
        (made.rootfs / "proc").symlink_to("evil")
        assert "hello" not in runtime.run(made).refused("/proc").out

    def test_read_only_root_can_still_be_mounted_on(
        self, runtime: Runtime, bundle: BundleFactory, source: Path
    ) -> None:
        made = bundle(
            ["cat", "/new/place/file"], mounts=[bind(source, "/new/place")], root={"readonly": True}
        )
        assert runtime.run(made).ok().out == "of the host\n"


class TestPropagation:
    @pytest.mark.parametrize("option", ["private", "rprivate", "slave", "rslave"])
    def test_mounts_of_the_container_stay_in_it(
        self, runtime: Runtime, bundle: BundleFactory, source: Path, option: str
    ) -> None:
        (source / "later").mkdir()
        container = runtime.start(bundle(mounts=[bind(source, "/m", "rbind", option)]))
        self.mount_inside_at(runtime, container, "/m/later")
        text = Path("/proc/self/mountinfo").read_text()
        assert not [m for m in mountinfo.parse(text) if m.target == str(source / "later")]

    @pytest.mark.parametrize(
        ("option", "expected"), [("rslave", True), ("slave", True), ("rprivate", False)]
    )
    def test_mounts_of_the_host_reach_slaves(
        self,
        runtime: Runtime,
        bundle: BundleFactory,
        source: Path,
        option: str,
        expected: bool,
    ) -> None:
        later = source / "later"
        later.mkdir()
        made = bundle(
            mounts=[bind(source, "/m", "rbind", option)], linux={"rootfsPropagation": "rslave"}
        )
        container = runtime.start(made)
        isolation.mount("tmpfs", str(later), "tmpfs")
        try:
            (later / "mark").touch()
            seen = container.exec(["ls", "/m/later"]).ok().out
            assert (seen == "mark\n") == expected
        finally:
            isolation.unmount(str(later))

    def test_shared_works_both_ways(
        self, runtime: Runtime, bundle: BundleFactory, source: Path
    ) -> None:
        isolation.mount(str(source), str(source), "none", 4096)  # bind: a mount point of its own
        try:
            (source / "later").mkdir()
            made = bundle(
                mounts=[bind(source, "/m", "rbind", "rshared")],
                linux={"rootfsPropagation": "rshared"},
            )
            container = runtime.start(made)
            assert [tag for tag in mount_inside(container, "/m").propagation if "shared" in tag]
            self.mount_inside_at(runtime, container, "/m/later")
            text = Path("/proc/self/mountinfo").read_text()
            assert mountinfo.at(text, str(source / "later")).fstype == "tmpfs"
            isolation.unmount(str(source / "later"))
        finally:
            isolation.unmount(str(source))

    @pytest.mark.parametrize("option", ["unbindable", "runbindable"])
    def test_unbindable(
        self, runtime: Runtime, bundle: BundleFactory, source: Path, option: str
    ) -> None:
        container = runtime.start(bundle(mounts=[bind(source, "/m", "rbind", option)]))
        assert "unbindable" in mount_inside(container, "/m").propagation

    @pytest.mark.parametrize(
        ("wanted", "field"),
        [("private", ""), ("rprivate", ""), ("slave", "master"), ("rslave", "master")],
    )
    def test_of_the_root(
        self, runtime: Runtime, bundle: BundleFactory, wanted: str, field: str
    ) -> None:
        container = runtime.start(bundle(linux={"rootfsPropagation": wanted}))
        found = mount_inside(container, "/").propagation
        assert not [tag for tag in found if tag.startswith("shared")]
        # A slave whose master the kernel found no way to name is private.
        assert field == "" or not found or found[0].startswith(field)

    @pytest.mark.runc_lacks("1.2", "the right mount for it")
    def test_of_the_root_shared(self, runtime: Runtime, bundle: BundleFactory) -> None:
        container = runtime.start(bundle(linux={"rootfsPropagation": "shared"}))
        assert [t for t in mount_inside(container, "/").propagation if t.startswith("shared")]

    @pytest.mark.runc_lacks("1.2", "the right mount for it")
    def test_of_the_root_unbindable(self, runtime: Runtime, bundle: BundleFactory) -> None:
        container = runtime.start(bundle(linux={"rootfsPropagation": "unbindable"}))
        assert "unbindable" in mount_inside(container, "/").propagation

    def test_mounts_of_a_container_are_not_seen_by_the_host(
        self, runtime: Runtime, bundle: BundleFactory
    ) -> None:
        before = Path("/proc/self/mountinfo").read_text()
        runtime.start(bundle(mounts=[tmpfs("/m")]))
        assert Path("/proc/self/mountinfo").read_text() == before

    @staticmethod
    def mount_inside_at(runtime: Runtime, container: Container, place: str) -> None:
        """Mount a tmpfs in the container's mount namespace, with the host's rights."""
        execute(
            [
                "nsenter",
                "-t",
                str(container.pid),
                "-m",
                "busybox",
                "mount",
                "-t",
                "tmpfs",
                "none",
                place,
            ]
        ).ok()
        assert mount_inside(container, place).fstype == "tmpfs"


@pytest.mark.runc_lacks("1.2", "idmapped mounts")
class TestIdMap:
    MAP: Json = {  # noqa: RUF012 - a literal of the configuration
        "uidMappings": [{"containerID": 0, "hostID": 100_000, "size": 65536}],
        "gidMappings": [{"containerID": 0, "hostID": 200_000, "size": 65536}],
    }

    @pytest.mark.parametrize("option", ["idmap", "ridmap"])
    def test_shifts_the_owners(
        self, runtime: Runtime, bundle: BundleFactory, source: Path, option: str
    ) -> None:
        os.chown(source / "file", 5, 6)
        mount = {**bind(source, "/m", "rbind", option), **self.MAP}
        made = bundle(["stat", "-c", "%u %g", "/m/file"], mounts=[mount])
        assert runtime.run(made).ok().out == "100005 200006\n"

    def test_recursion(
        self, runtime: Runtime, bundle: BundleFactory, source: Path, submount: Path
    ) -> None:
        (submount / "below").touch()
        made = bundle(
            ["stat", "-c", "%u", "/m/sub/below"],
            mounts=[{**bind(source, "/m", "rbind", "ridmap"), **self.MAP}],
        )
        assert runtime.run(made).ok().out == "100000\n"

    def test_no_recursion(
        self, runtime: Runtime, bundle: BundleFactory, source: Path, submount: Path
    ) -> None:
        (submount / "below").touch()
        made = bundle(
            ["stat", "-c", "%u", "/m/sub/below"],
            mounts=[{**bind(source, "/m", "rbind", "idmap"), **self.MAP}],
        )
        assert runtime.run(made).ok().out == "0\n"

    def test_what_is_written_has_the_hosts_owner(
        self, runtime: Runtime, bundle: BundleFactory, source: Path
    ) -> None:
        os.chown(source, 5, 6)
        process = {"user": {"uid": 100_005, "gid": 200_006}}
        mount = {**bind(source, "/m", "idmap"), **self.MAP}
        runtime.run(bundle("touch /m/new", mounts=[mount], process=process)).ok()
        status = (source / "new").stat()
        assert (status.st_uid, status.st_gid) == (5, 6)

    def test_maps_of_the_container_by_default(
        self, runtime: Runtime, bundle: BundleFactory, source: Path
    ) -> None:
        maps = [{"containerID": 0, "hostID": 300_000, "size": 65536}]
        made = bundle(
            ["stat", "-c", "%u %g", "/tmp/file"],
            mounts=[bind(source, "/tmp", "idmap")],
            namespaces={"user": None},
            linux={"uidMappings": maps, "gidMappings": maps},
        )
        assert runtime.run(made).ok().out == "0 0\n"
