"""Layers: unpacked whole or not at all, shared, found again, and as other programs do it."""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import os
import shutil
import stat
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from orlop.errors import NotFound
from orlop.storage import layers as layers_module
from orlop.storage.extract import Rules
from orlop.storage.layers import LayerStore
from orlop.storage.overlay import can_be_upper
from orlop.storage.roots import Part, StoppedRoot, in_stopped_root
from orlop.storage.tar.entry import ArchiveError
from orlop.storage.trees import copy
from tests.tarballs import END, directory, member, pax, symlink

pytestmark = pytest.mark.requires_root


def digest(archive: bytes) -> str:
    return f"sha256:{hashlib.sha256(archive).hexdigest()}"


@pytest.fixture
def store(workspace: Path) -> LayerStore:
    return LayerStore(str(workspace / "layers"))


def names(store: LayerStore) -> set[str]:
    return set(os.listdir(store.root))


class TestTheStore:
    def test_a_layer(self, store: LayerStore) -> None:
        archive = directory(b"a/") + member(b"a/b", content=b"12345") + END
        layer = store.add([gzip.compress(archive)], digest(archive))
        assert layer.diff_id == digest(archive)
        assert (layer.size, layer.files, layer.implicit) == (5, 2, ())
        assert Path(store.tree(layer.diff_id), "a/b").read_bytes() == b"12345"
        assert names(store) == {digest(archive)[7:19]}

    def test_it_is_found_again(self, store: LayerStore) -> None:
        layer = store.add([member(b"a") + END])
        again = LayerStore(store.root)
        assert again.all() == (layer,)
        assert again.tree(layer.diff_id) == store.tree(layer.diff_id)

    def test_it_is_unpacked_once(self, store: LayerStore) -> None:
        archive = member(b"a") + END
        layer = store.add([archive])
        inode = os.stat(store.tree(layer.diff_id)).st_ino
        assert store.add(iter([b"never read"]), layer.diff_id) == layer
        assert store.add([archive]) == layer
        assert os.stat(store.tree(layer.diff_id)).st_ino == inode
        assert len(names(store)) == 1

    def test_two_at_a_time(self, store: LayerStore) -> None:
        archive = b"".join(member(b"f%d" % n, content=b"x" * 100) for n in range(500)) + END
        threads = [threading.Thread(target=store.add, args=([archive],)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(store.all()) == len(names(store)) == 1

    def test_another_digest(self, store: LayerStore) -> None:
        with pytest.raises(ArchiveError, match="as its image says"):
            store.add([member(b"a") + END], digest(b"another"))
        assert names(store) == set()

    def test_what_follows_the_end_counts(self, store: LayerStore) -> None:
        archive = member(b"a") + END + bytes(10_000)
        assert store.add([archive]).diff_id == digest(archive)

    @pytest.mark.parametrize("cut", [100, 600, 1100])
    def test_one_that_is_cut_off(self, store: LayerStore, cut: int) -> None:
        archive = member(b"a", content=b"x" * 600) + member(b"b") + END
        with pytest.raises(ArchiveError, match="cut off"):
            store.add([archive[:cut]])
        assert names(store) == set()

    def test_a_source_that_fails(self, store: LayerStore) -> None:
        def failing() -> Iterator[bytes]:
            yield member(b"a", content=bytes(100_000))
            raise ConnectionError("no more")

        with pytest.raises(ConnectionError, match="no more"):
            store.add(failing())
        assert names(store) == set()

    def test_a_digest_with_the_same_beginning(
        self, store: LayerStore, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(layers_module, "_SHORT", 0)
        first, second = (store.add([member(name) + END]) for name in (b"a", b"b"))
        assert store.tree(first.diff_id) != store.tree(second.diff_id)
        assert len(LayerStore(store.root).all()) == 2

    def test_removal(self, store: LayerStore) -> None:
        layer = store.add([member(b"a", content=b"12345") + END])
        assert store.remove(layer.diff_id) == 5
        assert store.remove(layer.diff_id) == 0
        assert not store.has(layer.diff_id)
        assert names(store) == set()
        with pytest.raises(NotFound):
            store.tree(layer.diff_id)


class TestAfterACrash:
    def test_what_was_half_done_is_removed(self, store: LayerStore) -> None:
        layer = store.add([member(b"a") + END])
        (Path(store.root) / ".new-1-1/tree/x").mkdir(parents=True)
        (Path(store.root) / "0123456789ab/tree").mkdir(parents=True)  # without facts
        (Path(store.root) / "stray").write_text("x")
        assert LayerStore(store.root).all() == (layer,)
        assert names(store) == {layer.directory}

    def test_of_the_machine(self, store: LayerStore, monkeypatch: pytest.MonkeyPatch) -> None:
        """What may not have been on the disk is not believed; what was, is."""
        settled = store.add([member(b"a") + END])
        store.settle()
        store.add([member(b"b") + END])
        monkeypatch.setattr(layers_module, "boot_id", lambda: "another boot")
        (found,) = LayerStore(store.root).all()
        assert (found.diff_id, found.boot) == (settled.diff_id, "")
        assert names(store) == {settled.directory}


class TestLowers:
    """What an image's overlay shows."""

    def seen(self, store: LayerStore, *archives: bytes) -> dict[str, os.stat_result]:
        lowers = store.lowers([store.add([archive + END]).diff_id for archive in archives])
        found = {}

        def look(root: int) -> None:
            for at, directories, files, above in os.fwalk(".", dir_fd=root):
                for name in directories + files:
                    path = os.path.normpath(os.path.join(at, name))
                    found[path] = os.stat(name, dir_fd=above, follow_symlinks=False)

        in_stopped_root(StoppedRoot((Part("/", lowers),)), look)
        return found

    @pytest.fixture(autouse=True)
    def overlay(self, workspace: Path) -> None:
        if not can_be_upper(str(workspace)):
            pytest.skip("no overlays here")

    def test_whiteouts(self, store: LayerStore) -> None:
        below = member(b"a") + member(b"d/x") + member(b"d/y") + member(b"e/z")
        above = member(b".wh.a") + member(b"d/.wh.x") + directory(b"e/") + member(b"e/.wh..wh..opq")
        assert set(self.seen(store, below, above)) == {"d", "d/y", "e"}

    def test_a_directory_in_place_of_a_whiteout(self, store: LayerStore) -> None:
        below = member(b"d/old")
        for above in (
            member(b".wh.d") + directory(b"d/") + member(b"d/new"),
            directory(b"d/") + member(b"d/new") + member(b".wh.d"),
        ):
            assert set(self.seen(store, below, above)) == {"d", "d/new"}

    def test_directories_that_a_layer_says_nothing_about(self, store: LayerStore) -> None:
        below = directory(b"tmp/", mode=0o1777, uid=5) + directory(b"tmp/in/", mode=0o700, gid=6)
        above = member(b"tmp/in/file")
        seen = self.seen(store, below, above)
        assert stat.S_IMODE(seen["tmp"].st_mode) == 0o1777
        assert (seen["tmp"].st_uid, seen["tmp/in"].st_gid) == (5, 6)
        assert stat.S_IMODE(seen["tmp/in"].st_mode) == 0o700
        assert "tmp/in/file" in seen

    def test_directories_of_which_only_the_upper_one_says_something(
        self, store: LayerStore
    ) -> None:
        seen = self.seen(store, member(b"d/a"), directory(b"d/", mode=0o750) + member(b"d/b"))
        assert stat.S_IMODE(seen["d"].st_mode) == 0o750
        assert not any(layer.diff_id.startswith("attributes:") for layer in store.all())

    def test_a_directory_that_was_hidden_in_between(self, store: LayerStore) -> None:
        seen = self.seen(store, directory(b"d/", mode=0o1777), member(b".wh.d"), member(b"d/file"))
        assert stat.S_IMODE(seen["d"].st_mode) == 0o755

    def test_the_layer_of_attributes_lasts(self, store: LayerStore) -> None:
        archives = directory(b"tmp/", mode=0o1777) + END, member(b"tmp/file") + END
        ids = [store.add([archive]).diff_id for archive in archives]
        lowers = store.lowers(ids)
        assert len(lowers) == 3
        assert LayerStore(store.root).lowers(ids) == lowers
        store.remove(ids[0])
        assert [layer.diff_id for layer in store.all()] == [ids[1]]


def build(top: Path) -> None:
    """A tree with everything that a file system can hold."""
    for path in ("bin", "etc/deep/er", "empty", "private"):
        (top / path).mkdir(parents=True)
    (top / "bin/program").write_bytes(os.urandom(100_000))
    (top / "bin/program").chmod(0o4755)
    os.chown(top / "bin/program", 1000, 29)
    os.chmod(top / "bin/program", 0o6711)
    os.link(top / "bin/program", top / "bin/again")
    (top / "bin/sh").symlink_to("/bin/busybox")
    (top / ("n" * 200)).write_text("long name")
    (top / "etc/deep/er" / ("m" * 120)).symlink_to("x" * 150)
    (top / "etc/ünïcode").write_text("text")
    (top / "etc/empty").touch()
    os.mkfifo(top / "etc/fifo", 0o640)
    os.mknod(top / "etc/null", stat.S_IFCHR | 0o666, os.makedev(1, 3))
    os.mknod(top / "etc/disk", stat.S_IFBLK | 0o660, os.makedev(8, 1))
    os.setxattr(top / "bin/again", "user.note", b"a\0b")
    os.setxattr(top / "etc", "trusted.note", b"t")
    capability = bytes.fromhex("0100000200200000000000000000000000000000")
    (top / "bin/ping").write_text("ping")
    os.setxattr(top / "bin/ping", "security.capability", capability)
    with (top / "etc/sparse").open("wb") as file:
        file.write(b"start")
        file.seek(1 << 20)
        file.write(b"middle")
        file.truncate(4 << 20)
    os.chmod(top / "private", 0o700)
    os.chown(top / "private", 1234, 70_000)
    os.chmod(top / "empty", 0o3777)
    for number, (at, directories, files) in enumerate(os.walk(top, topdown=False)):
        for name in [*directories, *files, "."]:
            ns = 1_600_000_000_123_456_789 + number * 1_000_000_007
            os.utime(os.path.join(at, name), ns=(ns, ns), follow_symlinks=False)


def facts(top: str | Path) -> dict[str, tuple[object, ...]]:
    """Everything that can be told of the files of a tree."""
    found: dict[str, tuple[object, ...]] = {}
    inodes: dict[int, str] = {}
    for at, directories, files in os.walk(top):
        directories.sort()
        for name in sorted([*directories, *files, "."]):
            path = os.path.normpath(os.path.join(at, name))
            status = os.lstat(path)
            shown = os.path.relpath(path, top)
            attributes = {
                key: os.getxattr(path, key, follow_symlinks=False)
                for key in os.listxattr(path, follow_symlinks=False)
            }
            found[shown] = (
                stat.filemode(status.st_mode),
                status.st_uid,
                status.st_gid,
                status.st_rdev,
                0 if stat.S_ISDIR(status.st_mode) else status.st_size,
                status.st_mtime_ns,
                tuple(sorted(attributes.items())),
                os.readlink(path) if stat.S_ISLNK(status.st_mode) else "",
                inodes.setdefault(status.st_ino, shown),
                Path(path).read_bytes() if stat.S_ISREG(status.st_mode) else b"",
            )
    return found


@pytest.fixture(scope="module")
def original(session_directory: Path) -> Iterator[Path]:
    top = session_directory / "original"
    top.mkdir()
    build(top)
    yield top
    shutil.rmtree(top)


class TestTheSameAsOthers:
    @pytest.mark.parametrize("form", ["posix", "gnu"])
    def test_gnu_tar(self, original: Path, workspace: Path, store: LayerStore, form: str) -> None:
        """What GNU tar packs, sparse files and all, we unpack as it was."""
        path = workspace / "layer.tar"
        extended = ["--xattrs", "--xattrs-include=*"] if form == "posix" else []
        command: list[str | Path] = [
            "tar",
            "-C",
            original,
            f"--format={form}",
            "-S",
            *extended,
            "-cf",
            path,
            ".",
        ]
        subprocess.run(command, check=True)
        layer = store.add([path.read_bytes()])
        ours, theirs = facts(store.tree(layer.diff_id)), facts(original)
        if form == "gnu":  # it has neither attributes nor parts of a second
            ours, theirs = ({k: _without_fine(v) for k, v in f.items()} for f in (ours, theirs))
        assert ours == theirs

    def test_a_sparse_file_stays_sparse(
        self, original: Path, workspace: Path, store: LayerStore
    ) -> None:
        path = workspace / "layer.tar"
        subprocess.run(["tar", "-C", original, "-S", "-cf", path, "etc/sparse"], check=True)
        layer = store.add([path.read_bytes()])
        assert os.stat(f"{store.tree(layer.diff_id)}/etc/sparse").st_blocks < 1024

    def test_a_copy(self, original: Path, workspace: Path) -> None:
        (workspace / "copy").mkdir()
        with _open(original) as source, _open(workspace / "copy") as target:
            copy(source, target, lambda _: None)
        assert facts(workspace / "copy") == facts(original)

    def test_umoci(self, original: Path, workspace: Path, store: LayerStore) -> None:
        """Umoci unpacks the same layer to the same tree."""
        if not shutil.which("umoci"):
            pytest.skip("no umoci")
        image = f"{workspace}/image:latest"
        for words in (
            ["init", "--layout", f"{workspace}/image"],
            ["new", "--image", image],
            ["insert", "--image", image, str(original), "/"],
            ["unpack", "--image", image, f"{workspace}/bundle"],
        ):
            subprocess.run(["umoci", *words], check=True, capture_output=True)
        blobs = sorted((workspace / "image/blobs/sha256").iterdir(), key=lambda p: p.stat().st_size)
        layer = store.add([blobs[-1].read_bytes()])
        ours = facts(store.tree(layer.diff_id))
        theirs = facts(workspace / "bundle/rootfs")
        assert {k: _without_fine(v) for k, v in ours.items() if k != "."} == {
            k: _without_fine(v) for k, v in theirs.items() if k != "."
        }


@contextlib.contextmanager
def _open(path: Path) -> Iterator[int]:
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield fd
    finally:
        os.close(fd)


def _without_fine(fact: tuple[object, ...]) -> tuple[object, ...]:
    mode, uid, gid, rdev, size, mtime, _, link, inode, content = fact
    assert isinstance(mtime, int)
    return mode, uid, gid, rdev, size, mtime // 1_000_000_000, link, inode, content


def test_without_rights_over_the_host(workspace: Path) -> None:
    """As a user: no owners, no devices, and the overlay's attributes are the user's."""
    rules = Rules(
        whiteouts="overlay", fresh=True, opaque="user.overlay.opaque", owners=False, devices=False
    )
    store = LayerStore(str(workspace / "layers"), rules)
    warnings: list[str] = []
    archive = (
        member(b"null", b"3", device=(1, 3))
        + member(b"file", uid=5, gid=6, mode=0o4755)
        + directory(b"d/")
        + member(b"d/.wh..wh..opq")
        + symlink(b"link", b"file")
        + pax({b"SCHILY.xattr.user.a": b"b"})
        + member(b"noted")
    )
    layer = store.add([archive + END], warn=warnings.append)
    tree = Path(store.tree(layer.diff_id))
    assert sorted(os.listdir(tree)) == ["d", "file", "link", "noted"]
    assert (tree / "file").stat().st_uid == 0
    assert os.getxattr(tree / "d", "user.overlay.opaque") == b"y"
    assert "null" in warnings[0]
