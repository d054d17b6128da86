"""Images in archives: ours, and those of docker, podman and skopeo; and hostile ones."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard

from orlop.engine.images import Commit, NewLayer
from orlop.errors import Conflict, InvalidArgument, NotFound, Unavailable
from orlop.image.config import ImageConfig
from tests.integration.images.conftest import BASE, NOISE, TOP
from tests.integration.support.image_services import ImageService, image_service, stream
from tests.integration.support.layouts import Layout, digest, tar
from tests.integration.support.runtimes import execute

pytestmark = [pytest.mark.requires_root, pytest.mark.requires_registry]


def members(archive: bytes) -> dict[str, bytes]:
    """The files of an archive."""
    with tarfile.open(fileobj=io.BytesIO(archive)) as opened:
        found = ((m.name, opened.extractfile(m)) for m in opened.getmembers())
        return {name: file.read() for name, file in found if file}


class TestSaving:
    @pytest.fixture
    def saved(self, service: ImageService) -> bytes:
        service.import_(BASE, "base:1")
        service.import_(TOP, "top:1", "CMD top")
        service(service.images.tag("top:1", "other/top:2"))
        return service.save("base:1", "top:1", "other/top:2")

    def test_and_loading(self, saved: bytes, service: ImageService, workspace: Path) -> None:
        ids = {service.images.inspect(name).summary.id for name in ("base:1", "top:1")}
        with image_service(workspace / "other") as other:
            assert other.load(saved) == ("base:1", "top:1", "other/top:2")
            assert other.names() == ["base:1", "other/top:2", "top:1"]
            assert {row.id for row in other.images.list() if not row.is_host} == ids
            assert other.read("other/top:2", "data") == NOISE
            assert [event.attribute("name") for event in other.told("load")] == [
                "base:1",
                "top:1",
                "other/top:2",
            ]

    def test_it_has_both_formats(self, saved: bytes) -> None:
        files = members(saved)
        listed = json.loads(files["manifest.json"])
        assert [entry["RepoTags"] for entry in listed] == [["base:1"], ["top:1", "other/top:2"]]
        index = json.loads(files["index.json"])
        assert [
            entry["annotations"]["io.containerd.image.name"] for entry in index["manifests"]
        ] == [
            "docker.io/library/base:1",
            "docker.io/library/top:1",
            "docker.io/other/top:2",
        ]
        assert files["oci-layout"] == b'{"imageLayoutVersion":"1.0.0"}'
        assert set(json.loads(files["repositories"])) == {"base", "top", "other/top"}
        for entry in listed:
            for name in (entry["Config"], *entry["Layers"]):
                assert digest(files[name]) == "sha256:" + name.rpartition("/")[2]

    def test_by_id_there_is_no_name(self, service: ImageService, workspace: Path) -> None:
        image = service.import_(BASE, "base:1")
        archive = service.save(image[7:20])
        with image_service(workspace / "other") as other:
            assert other.load(archive) == (image,)
            (row, _) = other.images.list()
            assert (row.id, row.tags) == (image, ())

    def test_a_repository_is_all_its_tags(self, service: ImageService) -> None:
        service.import_(BASE, "base:1")
        service(service.images.tag("base:1", "base:2"))
        listed = json.loads(members(service.save("base"))["manifest.json"])
        assert [entry["RepoTags"] for entry in listed] == [["base:1", "base:2"]]

    def test_what_is_not_here(self, service: ImageService) -> None:
        for refs, error in ((("none",), NotFound), (("host",), InvalidArgument)):
            with pytest.raises(error):
                service(service.images.save(refs))

    def test_who_stops_reading_leaves_nothing_open(self, service: ImageService) -> None:
        service.import_(TOP, "top:1")

        async def some() -> None:
            archive = await service.images.save(("top:1",))
            async for _ in archive:
                break
            await archive.aclose()  # type: ignore[attr-defined]

        service(some())


class TestOfOthers:
    def test_skopeos_docker_archive(
        self, service: ImageService, layout: Path, workspace: Path
    ) -> None:
        archive = workspace / "a.tar"
        target = f"docker-archive:{archive}:tool:1"
        execute(["skopeo", "--insecure-policy", "copy", f"oci:{layout}", target]).ok()
        assert service.load(archive) == ("tool:1",)
        assert service.read("tool:1", "data") == NOISE

    def test_skopeos_oci_archive(
        self, service: ImageService, layout: Path, workspace: Path
    ) -> None:
        archive = workspace / "a.tar"
        target = f"oci-archive:{archive}:example.test/tool:1"
        execute(["skopeo", "--insecure-policy", "copy", f"oci:{layout}", target]).ok()
        assert service.load(archive) == ("example.test/tool:1",)
        assert service.read("example.test/tool:1", "data") == NOISE

    def test_skopeo_reads_ours(self, service: ImageService, workspace: Path) -> None:
        service.import_(TOP, "top:1")
        archive = workspace / "a.tar"
        archive.write_bytes(service.save("top:1"))
        for source in (f"docker-archive:{archive}", f"oci-archive:{archive}:1"):
            words = ["skopeo", "--insecure-policy", "copy", source, f"dir:{workspace / 'out'}"]
            execute(words).ok()
            assert (workspace / "out/manifest.json").exists()

    def test_a_layout_of_several_platforms(self, service: ImageService, workspace: Path) -> None:
        made = Layout(workspace / "l")
        made.add([tar({"arch": b"amd64"})])
        made.add([tar({"arch": b"arm64"})], architecture="arm64")
        made.bundle("multi:1")
        archive = pack(made.directory)
        assert service.load(archive) == ("multi:1",)
        assert service.read("multi:1", "arch") == b"amd64"
        wanted = service.images.load(stream(archive), platform="linux/arm64")
        assert service(wanted) == ("multi:1",)
        assert service.read("multi:1", "arch") == b"arm64"

    def test_layers_may_be_links_as_docker_once_wrote_them(self, service: ImageService) -> None:
        archive = docker_archive([BASE], name="old:1")
        files = members(archive)
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w") as made:
            for name, data in files.items():
                add(made, "real/layer.tar" if name == "0/layer.tar" else name, data)
            link = tarfile.TarInfo("0/layer.tar")
            link.type, link.linkname = tarfile.SYMTYPE, "../real/layer.tar"
            made.addfile(link)
        assert service.load(buffer.getvalue()) == ("old:1",)
        assert service.read("old:1", "etc/os") == b"test\n"

    @pytest.mark.parametrize(
        "compress",
        [gzip.compress, bz2.compress, lzma.compress, zstandard.ZstdCompressor().compress],
        ids=["gzip", "bzip2", "xz", "zstd"],
    )
    def test_the_archive_may_be_compressed(
        self, service: ImageService, compress: Callable[[bytes], bytes]
    ) -> None:
        assert service.load(compress(docker_archive([BASE], name="x:1"))) == ("x:1",)

    def test_a_layer_that_is_here_is_not_unpacked_again(self, service: ImageService) -> None:
        service.load(docker_archive([BASE], name="x:1"))
        before = service.leftovers()
        service.load(docker_archive([BASE, TOP], name="y:1"))
        assert len(service.leftovers()) == len(before) + 1 + 3  # layer; blob, config, manifest


def pack(directory: Path) -> bytes:
    """A directory as an archive."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for path in sorted(directory.rglob("*")):
            archive.add(path, path.relative_to(directory), recursive=False)
    return buffer.getvalue()


def add(archive: tarfile.TarFile, name: str, data: bytes) -> None:
    """One more file."""
    entry = tarfile.TarInfo(name)
    entry.size = len(data)
    archive.addfile(entry, io.BytesIO(data))


def docker_archive(layers: list[bytes], *, name: str, **more: object) -> bytes:
    """What docker save has written before 25, with other members of manifest.json's entry."""
    config = {"rootfs": {"type": "layers", "diff_ids": [digest(layer) for layer in layers]}}
    paths = [f"{n}/layer.tar" for n in range(len(layers))]
    entry = {"Config": "c.json", "RepoTags": [name], "Layers": paths} | more
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        add(archive, "c.json", json.dumps(config).encode())
        for path, layer in zip(paths, layers, strict=True):
            add(archive, path, layer)
        add(archive, "manifest.json", json.dumps([entry]).encode())
    return buffer.getvalue()


def listing(value: object, **files: bytes) -> bytes:
    """An archive with this manifest.json."""
    return tar({"manifest.json": json.dumps(value).encode(), **files})


EVIL = tar({"../../canary": b"evil", "ok": b""})


class TestHostileArchives:
    @pytest.mark.parametrize(
        "archive",
        [
            b"",
            b"no archive",
            b"\x1f\x8b\x08" + b"x" * 100,
            b"\x28\xb5\x2f\xfd" + b"x" * 100,
            tar({}),
            tar({"x": b"y"}),
            tar({"repositories": b"{}"}),
            tar({"manifest.json": b"{"}),
            tar({"manifest.json": b"[" * 100_000}),
            tar({"index.json": b"[]"}),
            tar({"index.json": b'{"schemaVersion":2,"manifests":[]}'}),
            listing({}),
            listing([{}]),
            listing([]),
            listing([{"Config": "none"}]),
            listing([{"Config": "../../../etc/passwd"}]),
            listing([{"Config": "/etc/passwd"}]),
            listing([{"Config": "c", "Layers": ["a"]}], c=b"{}"),
            listing([{"Config": "c", "Layers": []}] * 1001, c=b"{}"),
            docker_archive([BASE], name="x:1", Layers=["/etc/passwd"]),
            docker_archive([BASE], name="x:1", Layers=["c.json"]),
            docker_archive([BASE], name="UPPER:1"),
            docker_archive([BASE], name="../x"),
            docker_archive([BASE], name="x:1")[:12500],
            docker_archive([b"no archive"], name="x:1"),
        ],
    )
    def test_they_change_nothing(self, service: ImageService, archive: bytes) -> None:
        with pytest.raises(InvalidArgument):
            service.load(archive)
        assert service.names() == []
        service(service.images.prune())
        assert service.leftovers() == []

    def test_a_layer_stays_in_its_directory(self, service: ImageService) -> None:
        canary = service.directory.parent / "canary"
        try:
            service.load(docker_archive([EVIL], name="x:1"))
        except InvalidArgument:
            assert service.names() == []
        assert not canary.exists()

    def test_a_layer_that_is_too_large_for_what_it_was_in(self, service: ImageService) -> None:
        """manifest.json names a link that leads to itself."""
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w") as archive:
            add(archive, "manifest.json", json.dumps([{"Config": "a", "Layers": []}]).encode())
            for name, target in (("a", "b"), ("b", "a")):
                link = tarfile.TarInfo(name)
                link.type, link.linkname = tarfile.SYMTYPE, target
                archive.addfile(link)
        with pytest.raises(InvalidArgument):
            service.load(buffer.getvalue())

    def test_it_cannot_take_the_place_of_host(self, service: ImageService) -> None:
        service.load(docker_archive([BASE], name="host:latest"))
        assert service.names() == [row.id for row in service.images.list() if not row.is_host]
        assert service(service.images.resolve("host")).lowers == ()

    def test_a_sender_who_goes_away(self, service: ImageService) -> None:
        async def broken() -> None:
            async def archive() -> object:
                yield docker_archive([TOP], name="x:1")[:100_000]
                raise ConnectionResetError

            with pytest.raises(Unavailable):
                await service.images.load(archive())  # type: ignore[arg-type]

        service(broken())
        assert service.names() == []
        assert service.leftovers() == []


class TestImporting:
    def test_what_it_says(self, service: ImageService) -> None:
        archive = stream(gzip.compress(BASE))
        image = service(
            service.images.import_(
                archive,
                ref="base:1",
                changes=("CMD sh", "LABEL a=b"),
                message="from afar",
                platform="linux/arm64",
            )
        )
        details = service.images.inspect("base:1")
        assert details.summary.id == image
        assert details.config.command == ("/bin/sh", "-c", "sh")
        assert str(details.summary.platform) == "linux/arm64"
        assert [step.comment for step in service.images.history(image)] == ["from afar"]
        assert details.diff_ids == (digest(BASE),)
        assert len(service.told("import")) == 1

    @pytest.mark.parametrize(
        "compress",
        [bytes, bz2.compress, lzma.compress, zstandard.ZstdCompressor().compress],
        ids=["not", "bzip2", "xz", "zstd"],
    )
    def test_compressed_in_any_way(
        self, service: ImageService, compress: Callable[[bytes], bytes]
    ) -> None:
        service.import_(compress(TOP), "x")
        assert service.read("x", "data") == NOISE
        assert service.images.inspect("x").diff_ids == (digest(TOP),)

    def test_what_makes_no_sense_changes_nothing(self, service: ImageService) -> None:
        for archive, ref, change in (
            (b"no archive", "x", "CMD x"),
            (BASE, "UPPER", "CMD x"),
            (BASE, "x", "RUN x"),
            (BASE, f"x@{digest(b'')}", "CMD x"),
        ):
            with pytest.raises(InvalidArgument):
                service.import_(archive, ref, change)
        with pytest.raises(Conflict):
            service.import_(BASE, "host")
        assert service.names() == []
        assert service.leftovers() == []


class TestCommitting:
    def test_a_layer_on_top(self, service: ImageService, workspace: Path) -> None:
        base = service.import_(BASE, "base")
        (workspace / "layer.tar").write_bytes(TOP)
        wanted = Commit(
            base,
            ImageConfig(command=("x",)),
            NewLayer(str(workspace / "layer.tar"), digest(TOP)),
            author="me",
            comment="why",
            created_by="sh",
            container="c" * 64,
            ref="child:1",
        )
        image = service(service.images.commit(wanted))
        details = service.images.inspect("child:1")
        assert details.summary.id == image
        assert details.summary.parent == base
        assert details.diff_ids == (digest(BASE), digest(TOP))
        assert (details.author, details.comment, details.container) == ("me", "why", "c" * 64)
        assert service.read("child:1", "etc/os") == b"test\n"
        top, below = service.images.history(image)
        assert (top.created_by, top.comment, top.author) == ("sh", "why", "me")
        assert below.size == 6

    def test_on_what_is_not_there(self, service: ImageService) -> None:
        with pytest.raises(NotFound):
            service(service.images.commit(Commit("sha256:" + "0" * 64, ImageConfig())))
        host = service(service.images.resolve("host")).id
        with pytest.raises(InvalidArgument):
            service(service.images.commit(Commit(host, ImageConfig())))
