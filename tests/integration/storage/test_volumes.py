"""Volumes of an engine: made, filled, shared, kept, removed, and put right after a crash."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

import pytest

from orlop.engine.volumes import ANONYMOUS_LABEL, Volume, VolumeFilter, memory
from orlop.engine.volumes.table import FILLING, FRESH, READY, REMOVING
from orlop.errors import Conflict, InvalidArgument, NotFound, OrlopError, Unsupported
from orlop.intent.flags import parse_run
from tests.integration.storage.copies import chunks, packed
from tests.integration.support.engines import Live

pytestmark = [pytest.mark.requires_root, pytest.mark.requires_busybox]


def output(live: Live, command: str, flags: str = "") -> str:
    """What a container with these flags has written, when it has ended well."""
    key = live.run(command, flags)
    assert live.end(key) == 0, live.log(key)
    return "".join(
        line.split('"log":"')[1].split('\\n"')[0] + "\n" for line in live.log(key).splitlines()
    )


def create(live: Live, name: str = "", **options: object) -> Volume:
    return live(live.engine.volumes.create(name, **options))  # type: ignore[arg-type]


class TestMaking:
    def test_one_with_a_name(self, live: Live) -> None:
        made = create(live, "data", labels=(("b", "2"), ("a", "1")))
        assert made == live.engine.volumes.get("data")
        assert made.mountpoint == f"{live.settings.data_root}/volumes/data/_data"
        assert os.path.isdir(made.mountpoint)
        assert (made.labels, made.anonymous) == ((("a", "1"), ("b", "2")), False)

    def test_it_is_made_once(self, live: Live) -> None:
        first = create(live, "data", labels=(("a", "1"),))
        assert create(live, "data") == first

    def test_one_without_a_name(self, live: Live) -> None:
        made = create(live)
        assert len(made.name) == 64
        assert made.anonymous
        assert (ANONYMOUS_LABEL, "") in made.labels

    @pytest.mark.parametrize("name", ["a", "../x", "a/b", "-a", ".a", "a b", "a" * 256, "a\n"])
    def test_what_is_no_name(self, live: Live, name: str) -> None:
        with pytest.raises(InvalidArgument, match="no name of a volume"):
            create(live, name)

    def test_what_is_no_driver(self, live: Live) -> None:
        with pytest.raises(NotFound, match="volume driver 'flocker'"):
            create(live, "data", driver="flocker")

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"color": "red"}, "no option 'color'"),
            ({"type": "tmpfs"}, "needs 'device'"),
            ({"device": "/x"}, "needs 'type'"),
            ({"o": "bind"}, "needs 'device'"),
        ],
    )
    def test_what_is_no_option(self, live: Live, options: dict[str, str], message: str) -> None:
        with pytest.raises(InvalidArgument, match=message):
            create(live, "data", options=tuple(options.items()))
        assert live.engine.volumes.all() == ()

    def test_a_quota(self, live: Live) -> None:
        with pytest.raises(Unsupported, match="quotas"):
            create(live, "data", options=(("size", "1g"),))

    def test_events(self, live: Live) -> None:
        create(live, "data")
        live(live.engine.volumes.remove("data"))
        assert live.actions("data") == ["create", "destroy"]


class TestUsing:
    def test_it_outlives_containers(self, live: Live) -> None:
        output(live, "echo kept > /v/file", "-v data:/v")
        assert output(live, "cat /other/file", "-v data:/other") == "kept\n"

    def test_it_is_shared(self, live: Live) -> None:
        live.run("echo hello > /v/file; while :; do sleep 0.1; done", "--name one -v data:/v")
        source = Path(live.engine.volumes.get("data").mountpoint)
        live.until((source / "file").exists)
        assert output(live, "cat /v/file", "--volumes-from one") == "hello\n"

    def test_read_only(self, live: Live) -> None:
        key = live.run("echo x > /v/file", "-v data:/v:ro")
        assert live.end(key) != 0

    def test_it_is_filled_with_what_the_image_has(self, live: Live) -> None:
        script = "ls -ln /home; cat /etc/passwd | head -n 1; stat -c %a /tmp"
        flags = "-v homes:/home -v etc:/etc -v tmp:/tmp"
        assert "tester" in output(live, script, flags)
        assert output(live, "stat -c %a /x", "-v tmp:/x") == "1777\n"
        assert output(live, "head -n 1 /x/passwd", "-v etc:/x").startswith("root:")

    def test_links_owners_and_attributes_come_along(self, live: Live, workspace: Path) -> None:
        source = workspace / "image/data"
        source.mkdir(parents=True)
        (source / "file").write_text("x")
        os.link(source / "file", source / "hard")
        (source / "link").symlink_to("file")
        os.setxattr(source / "file", "user.note", b"hi")
        os.chown(source / "file", 1000, 29)
        os.chmod(source / "file", 0o4711)
        os.chown(source, 7, 8)
        live.root = workspace / "image"
        live.create("true", "-v data:/data")
        made = Path(live.engine.volumes.get("data").mountpoint)
        status = (made / "file").stat()
        assert (status.st_uid, status.st_gid, status.st_nlink) == (1000, 29, 2)
        assert status.st_mode & 0o7777 == 0o4711
        assert status.st_mtime_ns == (source / "file").stat().st_mtime_ns
        assert os.getxattr(made / "file", "user.note") == b"hi"
        assert os.readlink(made / "link") == "file"
        assert (made.stat().st_uid, made.stat().st_gid) == (7, 8)

    def test_what_is_not_empty_is_not_filled(self, live: Live) -> None:
        made = create(live, "data")
        Path(made.mountpoint, "mine").write_text("x")
        live.create("true", "-v data:/etc")
        assert os.listdir(made.mountpoint) == ["mine"]

    def test_what_was_emptied_is_not_filled_again(self, live: Live) -> None:
        live.create("true", "-v data:/etc")
        made = Path(live.engine.volumes.get("data").mountpoint)
        for entry in made.iterdir():
            entry.unlink()
        live.create("true", "-v data:/etc")
        assert list(made.iterdir()) == []

    def test_nocopy(self, live: Live) -> None:
        live.create("true", "-v data:/etc:nocopy")
        assert os.listdir(live.engine.volumes.get("data").mountpoint) == []

    def test_a_target_that_is_a_link_out(self, live: Live, workspace: Path) -> None:
        (workspace / "image").mkdir()
        (workspace / "secret").mkdir()
        (workspace / "secret/file").write_text("of the host")
        (workspace / "image/data").symlink_to(workspace / "secret")
        (workspace / "image/up").symlink_to("../secret")
        live.root = workspace / "image"
        live.create("true", "-v one:/data -v two:/up")
        for name in ("one", "two"):
            assert os.listdir(live.engine.volumes.get(name).mountpoint) == []

    def test_a_volume_of_the_image_that_leads_out(self, live: Live) -> None:
        """What an image calls its volume is a path in its own root: CVE-2022-23648."""
        archive = packed(("etc", None), ("etc/of-the-image", b"x"))
        change = 'VOLUME ["/../../etc"]'
        live(live.engine.images.import_(chunks(archive), ref="odd", changes=(change,)))
        with contextlib.suppress(InvalidArgument):
            live(live.containers.create(parse_run(["odd", "/bin/true"])))
        for volume in live.engine.volumes.all():
            assert set(os.listdir(volume.mountpoint)) <= {"of-the-image"}

    def test_a_subpath(self, live: Live) -> None:
        made = create(live, "data")
        Path(made.mountpoint, "sub").mkdir()
        Path(made.mountpoint, "sub/file").write_text("below\n")
        mount = "--mount type=volume,source=data,target=/v,volume-subpath=sub"
        assert output(live, "cat /v/file", mount) == "below\n"

    @pytest.mark.parametrize("subpath", ["../x", "/etc", "a/../../x"])
    def test_a_subpath_that_leads_out(self, live: Live, subpath: str) -> None:
        create(live, "data")
        with pytest.raises((InvalidArgument, NotFound)):
            live.create(
                "true", f"--mount type=volume,source=data,target=/v,volume-subpath={subpath}"
            )

    def test_a_subpath_that_becomes_a_link(self, live: Live) -> None:
        """Another container changes what is at the subpath, between creation and start."""
        made = create(live, "data")
        Path(made.mountpoint, "sub").mkdir()
        key = live.create("ls /v", "--mount type=volume,source=data,target=/v,volume-subpath=sub")
        Path(made.mountpoint, "sub").rmdir()
        Path(made.mountpoint, "sub").symlink_to("/etc")
        with pytest.raises(NotFound, match="subpath"):
            live(live.containers.start(key))

    def test_a_bind(self, live: Live, workspace: Path) -> None:
        (workspace / "place").mkdir()
        (workspace / "place/file").write_text("of the host\n")
        options = (("type", "none"), ("device", str(workspace / "place")), ("o", "bind"))
        create(live, "data", options=options)
        assert output(live, "cat /v/file", "-v data:/v") == "of the host\n"

    def test_a_tmpfs(self, live: Live) -> None:
        options = (("type", "tmpfs"), ("device", "tmpfs"), ("o", "size=1m,mode=700"))
        create(live, "data", options=options)
        assert output(live, "stat -c %a /v; df -k /v | tail -n 1", "-v data:/v").startswith("700\n")
        assert "1024" in output(live, "df -k /v | tail -n 1", "-v data:/v")

    def test_a_tmpfs_is_the_same_for_all_that_run(self, live: Live) -> None:
        create(live, "data", options=(("type", "tmpfs"), ("device", "tmpfs"), ("o", "size=1m")))
        place = live.engine.volumes.get("data").mountpoint
        command = "echo of the first > /v/file; echo ready; while :; do sleep 0.1; done"
        first = live.run(command, "-v data:/v")
        live.until(lambda: "ready" in live.log(first))
        assert output(live, "cat /v/file; stat -c %a /v", "-v data:/v") == "of the first\n1777\n"
        live(live.containers.kill(first))
        live.end(first)
        live.until(lambda: not os.path.ismount(place))
        assert output(live, "ls /v; echo nothing", "-v data:/v") == "nothing\n"
        live.until(lambda: not os.path.ismount(place))
        with pytest.raises(OrlopError, match="size"):
            create(live, "wrong", options=(("type", "tmpfs"), ("device", "x"), ("o", "size=much")))
            live.run("true", "-v wrong:/v")

    def test_a_tmpfs_outlives_an_engine_as_long_as_it_is_used(self, live: Live) -> None:
        create(live, "data", options=(("type", "tmpfs"), ("device", "tmpfs")))
        create(live, "other", options=(("type", "tmpfs"), ("device", "tmpfs")))
        unused = live.engine.volumes.get("other").mountpoint
        memory.mount(unused, (("type", "tmpfs"),))  # as a dead engine may leave it
        command = "echo kept > /v/file; echo ready; while :; do sleep 0.1; done"
        first = live.run(command, "-v data:/v")
        live.until(lambda: "ready" in live.log(first))
        live.restart()
        assert not os.path.ismount(unused)
        assert output(live, "cat /v/file", "-v data:/v") == "kept\n"
        live(live.containers.kill(first))
        live.end(first)
        live.until(lambda: not os.path.ismount(live.engine.volumes.get("data").mountpoint))

    def test_a_type_that_the_kernel_lacks(self, live: Live) -> None:
        options = (("type", "nofs"), ("device", "server:/x"), ("o", "addr=127.0.0.1"))
        create(live, "data", options=options)
        with pytest.raises(Unsupported, match="nofs"):
            live.create("true", "-v data:/v")


class TestRemoving:
    def test_one_that_nobody_has(self, live: Live) -> None:
        made = create(live, "data")
        live(live.engine.volumes.remove("data"))
        assert not os.path.exists(os.path.dirname(made.mountpoint))
        with pytest.raises(NotFound):
            live.engine.volumes.get("data")
        with pytest.raises(NotFound):
            live(live.engine.volumes.remove("data"))
        live(live.engine.volumes.remove("data", force=True))

    def test_one_that_containers_have(self, live: Live) -> None:
        key = live.create("true", "-v data:/v")
        with pytest.raises(Conflict, match=key[:12]):
            live(live.engine.volumes.remove("data", force=True))
        assert live.engine.volumes.users("data") == (key,)
        live(live.containers.remove(key))
        live(live.engine.volumes.remove("data"))

    def test_anonymous_ones_go_with_their_container(self, live: Live) -> None:
        key = live.create("true", "-v /v -v data:/w")
        assert len(live.engine.volumes.all()) == 2
        live(live.containers.remove(key, volumes=True))
        assert [volume.name for volume in live.engine.volumes.all()] == ["data"]

    def test_anonymous_ones_stay_otherwise(self, live: Live) -> None:
        live(live.containers.remove(live.create("true", "-v /v")))
        (left,) = live.engine.volumes.all()
        assert left.anonymous

    def test_anonymous_ones_that_others_have_stay(self, live: Live) -> None:
        key = live.create("true", "--name one -v /v")
        live.create("true", "--volumes-from one")
        live(live.containers.remove(key, volumes=True))
        assert len(live.engine.volumes.all()) == 1

    def test_with_rm(self, live: Live) -> None:
        key = live.run("true", "--rm -v /v -v data:/w")
        live.until(lambda: key not in [c.id for c in live.containers.all()])
        assert [volume.name for volume in live.engine.volumes.all()] == ["data"]

    def test_pruning(self, live: Live) -> None:
        for name in ("kept", "used"):
            create(live, name)
        anonymous = create(live)
        Path(anonymous.mountpoint, "file").write_text("12345")
        live.create("true", "-v used:/v -v /w")
        pruned = live(live.engine.volumes.prune())
        assert (pruned.names, pruned.bytes) == ((anonymous.name,), 5)
        pruned = live(live.engine.volumes.prune(lambda v: v.name != "kept", named=True))
        assert pruned.names == ()
        assert live(live.engine.volumes.prune(named=True)).names == ("kept",)


class TestShowing:
    def names(self, live: Live, **wanted: object) -> set[str]:
        found = live.engine.volumes.all(VolumeFilter(**wanted))  # type: ignore[arg-type]
        return {volume.name for volume in found}

    def test_filters(self, live: Live) -> None:
        create(live, "one", labels=(("env", "test"),))
        create(live, "two", labels=(("env", "prod"),))
        live.create("true", "-v two:/v")
        assert self.names(live) == {"one", "two"}
        assert self.names(live, names=("wo",)) == {"two"}
        assert self.names(live, names=("wo", "on")) == {"one", "two"}
        assert self.names(live, labels=(("env", None),)) == {"one", "two"}
        assert self.names(live, labels=(("env", "test"),)) == {"one"}
        assert self.names(live, labels=(("env", "test"), ("x", None))) == set()
        assert self.names(live, drivers=("local",)) == {"one", "two"}
        assert self.names(live, drivers=("nfs",)) == set()
        assert self.names(live, dangling=True) == {"one"}
        assert self.names(live, dangling=False) == {"two"}

    def test_sizes(self, live: Live, workspace: Path) -> None:
        made = create(live, "data")
        Path(made.mountpoint, "file").write_text("12345")
        os.link(f"{made.mountpoint}/file", f"{made.mountpoint}/hard")
        options = (("type", "none"), ("device", str(workspace)), ("o", "bind"))
        create(live, "elsewhere", options=options)
        assert live(live.engine.volumes.sizes()) == {"data": 5, "elsewhere": -1}


class TestAfterACrash:
    """What a dead engine has left in the middle of something."""

    def state(self, live: Live, name: str, state: str) -> None:
        live.engine.database.execute("UPDATE volumes SET state = ? WHERE name = ?", (state, name))

    def test_they_are_there_again(self, live: Live) -> None:
        made = create(live, "data", labels=(("a", "1"),))
        key = live.create("true", "-v data:/v")
        live.restart()
        assert live.engine.volumes.get("data") == made
        assert live.engine.volumes.users("data") == (key,)

    def test_one_that_was_being_made(self, live: Live) -> None:
        made = create(live, "data")
        os.rmdir(made.mountpoint)
        live.restart()
        assert os.path.isdir(made.mountpoint)

    def test_one_that_was_being_removed(self, live: Live) -> None:
        made = create(live, "data")
        self.state(live, "data", REMOVING)
        live.restart()
        assert live.engine.volumes.all() == ()
        assert not os.path.exists(os.path.dirname(made.mountpoint))

    def test_one_that_was_being_filled(self, live: Live) -> None:
        live.create("true", "-v data:/etc")
        made = Path(live.engine.volumes.get("data").mountpoint)
        (made / "group").unlink()
        self.state(live, "data", FILLING)
        live.restart()
        assert list(made.iterdir()) == []
        live.create("true", "-v data:/etc")
        assert {entry.name for entry in made.iterdir()} >= {"passwd", "group"}

    def test_a_directory_that_nobody_knows(self, live: Live) -> None:
        made = create(live, "data")
        Path(made.mountpoint, "file").write_text("precious")
        live.engine.database.execute("DELETE FROM volumes")
        live.restart()
        assert live.engine.volumes.get("data").mountpoint == made.mountpoint
        assert Path(made.mountpoint, "file").read_text() == "precious"
        assert live.engine.volumes._table.state("data") == READY

    def test_a_user_that_is_gone(self, live: Live) -> None:
        create(live, "data")
        live.engine.database.execute("INSERT INTO volume_users VALUES ('data', 'gone')")
        live.restart()
        assert live.engine.volumes.users("data") == ()
        assert live.engine.volumes._table.state("data") == FRESH
