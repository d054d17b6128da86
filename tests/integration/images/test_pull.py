"""Pull and push, with a real registry."""

from __future__ import annotations

import asyncio
import gzip
import json
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import zstandard

from orlop.engine.images import Credentials, ImageFilter, Progress
from orlop.errors import InvalidArgument, NotFound, Unauthorized, Unavailable, Unsupported
from tests.integration.images.conftest import BASE, NOISE, TOP
from tests.integration.support.deadlines import eventually
from tests.integration.support.image_services import ImageService, image_service
from tests.integration.support.layouts import Layout, digest, tar
from tests.integration.support.registry import Registry, running_registry

Private = tuple[Registry, ImageService]

pytestmark = [pytest.mark.requires_root, pytest.mark.requires_registry]


class TestPulling:
    def test_all_of_it_is_here(self, service: ImageService, open_registry: Registry) -> None:
        pulled, _ = service.pull(open_registry, "tool:1")
        ref = f"{open_registry.address}/tool:1"
        assert pulled.ref == ref
        assert pulled.is_new
        assert service.read(ref, "etc/os") == b"test\n"
        assert service.read(ref, "data") == NOISE
        details = service.images.inspect(ref)
        assert details.summary.id == pulled.id
        assert details.config.command == ("/bin/sh",)
        assert details.config.labels == {"kind": "tool"}
        assert details.diff_ids == (digest(BASE), digest(TOP))
        assert details.summary.size == len(NOISE) + 6
        assert details.summary.digests == (f"{open_registry.address}/tool@{pulled.digest}",)
        assert [step.created_by for step in service.images.history(ref)] == ["step 1", "step 0"]

    def test_a_whiteout_hides_what_is_below(
        self, service: ImageService, open_registry: Registry
    ) -> None:
        pulled, _ = service.pull(open_registry, "tool:1")
        top, below = service(service.images.resolve(pulled.id)).lowers[-2:]
        assert Path(below, "gone").read_bytes() == b"x"
        assert Path(top, "gone").stat().st_rdev == 0
        assert Path(top, "gone").is_char_device()

    def test_progress_is_told_in_dockers_words(
        self, service: ImageService, open_registry: Registry
    ) -> None:
        pulled, told = service.pull(open_registry, "tool:1")
        assert told[0] == Progress(f"Pulling from {open_registry.address}/tool", "1")
        assert told[-2].status == f"Digest: {pulled.digest}"
        assert told[-1].status.startswith("Status: Downloaded newer image for ")
        layers = {one.id for one in told[1:-2]}
        assert len(layers) == 2
        for layer in layers:
            words = [one.status for one in told if one.id == layer]
            assert words[0] == "Pulling fs layer"
            assert "Download complete" in words
            assert words[-1] == "Pull complete"
        sizes = [one for one in told if one.status == "Downloading"]
        assert any(one.current == one.total for one in sizes)

    def test_a_second_time_nothing_is_fetched(
        self, service: ImageService, open_registry: Registry
    ) -> None:
        service.pull(open_registry, "tool:1")
        pulled, told = service.pull(open_registry, "tool:1")
        assert not pulled.is_new
        assert [one.status for one in told[1:3]] == ["Already exists"] * 2
        assert told[-1].status.startswith("Status: Image is up to date for ")

    def test_it_is_still_here_afterwards(self, workspace: Path, open_registry: Registry) -> None:
        with image_service(workspace / "data") as first:
            pulled, _ = first.pull(open_registry, "tool:1")
        with image_service(workspace / "data") as second:
            assert second.names() == [pulled.ref]
            assert second.read(pulled.ref, "etc/os") == b"test\n"

    def test_by_digest(self, service: ImageService, open_registry: Registry) -> None:
        digest_ = str(open_registry.inspect("tool:1")["Digest"])
        pulled, _ = service.pull(open_registry, f"tool@{digest_}")
        assert pulled.digest == digest_
        (row, _) = service.images.list()
        assert row.tags == ()
        assert service.images.inspect(f"{open_registry.address}/tool@{digest_}")

    def test_events_tell_of_it(self, service: ImageService, open_registry: Registry) -> None:
        pulled, _ = service.pull(open_registry, "tool:1")
        (event,) = service.told("pull")
        assert event.id == pulled.ref
        assert event.attribute("name") == f"{open_registry.address}/tool"
        assert event.attribute("kind") == "tool"

    def test_of_two_at_once_one_does_the_work(
        self, service: ImageService, open_registry: Registry
    ) -> None:
        told: list[list[Progress]] = [[], []]
        ref = f"{open_registry.address}/tool:1"

        async def both() -> None:
            await asyncio.gather(
                *(service.images.pull(ref, progress=told[n].append) for n in range(2))
            )

        service(both())
        for words in told:
            ends = [o.status for o in words if o.status in ("Pull complete", "Already exists")]
            assert len(ends) == 2
        assert len(service.leftovers()) == 4 + 2

    def test_who_gives_up_does_not_disturb_the_other(
        self, service: ImageService, open_registry: Registry
    ) -> None:
        ref = f"{open_registry.address}/tool:1"

        async def one_gives_up() -> str:
            started = asyncio.Event()

            def told(progress: Progress) -> None:
                if progress.status == "Pulling fs layer":
                    started.set()

            first = asyncio.create_task(service.images.pull(ref, progress=told))
            second = asyncio.create_task(service.images.pull(ref))
            await started.wait()
            first.cancel()
            (pulled,) = await second
            return pulled.id

        assert service.images.inspect(service(one_gives_up()))

    def test_all_tags(self, service: ImageService, workspace: Path) -> None:
        layout = Layout(workspace / "l")
        layout.add([BASE])
        with running_registry(workspace / "r") as registry:
            for tag in ("a", "b", "c"):
                registry.fill(layout.directory, f"many:{tag}")
            ref = f"{registry.address}/many"
            pulled = service(service.images.pull(ref, all_tags=True))
        assert service.names() == [f"{ref}:{tag}" for tag in "abc"]
        assert [one.is_new for one in pulled] == [True] * 3


def emptied(service: ImageService) -> bool:
    """Whether nothing is left when all is pruned, what has come in part too."""
    service(service.images.prune(ImageFilter(dangling=False)))
    return service.leftovers() == []


class TestWhatCannotBePulled:
    def test_no_such_name(self, service: ImageService, open_registry: Registry) -> None:
        for name in ("tool:2", "none:1", f"tool@sha256:{'0' * 64}"):
            with pytest.raises(NotFound):
                service.pull(open_registry, name)
        assert service.leftovers() == []

    def test_no_registry(self, service: ImageService) -> None:
        with pytest.raises(Unavailable, match="cannot reach the registry 127.0.0.1:1"):
            service(service.images.pull("127.0.0.1:1/x"))

    def test_no_name(self, service: ImageService) -> None:
        for ref in ("", "UPPER", "a:b:c", "x@sha256:0"):
            with pytest.raises(InvalidArgument):
                service(service.images.pull(ref))

    def test_a_layer_that_is_none(self, service: ImageService, workspace: Path) -> None:
        layout = Layout(workspace / "l")
        layout.add([BASE, b"no archive at all" * 100])
        with running_registry(workspace / "r") as registry:
            registry.fill(layout.directory, "bad:1")
            with pytest.raises(InvalidArgument):
                service.pull(registry, "bad:1")
        assert service.names() == []
        eventually(lambda: emptied(service), "the other layer's thread to give up")

    def test_another_layer_than_the_configuration_says(
        self, service: ImageService, workspace: Path
    ) -> None:
        """Whoever makes a manifest can put any layer beside any configuration."""
        layout = Layout(workspace / "l")
        layout.add([BASE])
        other = gzip.compress(tar({"evil": b"x"}), mtime=0)
        layout.blob(other)
        index = json.loads((layout.directory / "index.json").read_text())
        at = layout.directory / "blobs" / index["manifests"][0]["digest"].replace(":", "/")
        manifest = json.loads(at.read_text())
        manifest["layers"][0] |= {"digest": digest(other), "size": len(other)}
        raw = json.dumps(manifest).encode()
        index["manifests"][0] |= {"digest": layout.blob(raw), "size": len(raw)}
        (layout.directory / "index.json").write_text(json.dumps(index))
        with running_registry(workspace / "r") as registry:
            registry.fill(layout.directory, "bad:1")
            with pytest.raises(InvalidArgument, match="not sha256"):
                service.pull(registry, "bad:1")
        service(service.images.prune())
        assert service.leftovers() == []

    def test_a_blob_that_the_registry_has_damaged(
        self, service: ImageService, workspace: Path
    ) -> None:
        layout = Layout(workspace / "l")
        layout.add([BASE, TOP])
        with running_registry(workspace / "r") as registry:
            registry.fill(layout.directory, "bad:1")
            blobs = (workspace / "r/data").rglob("data")
            largest = max(blobs, key=lambda path: path.stat().st_size)
            with largest.open("r+b") as blob:
                blob.seek(1000)
                blob.write(b"????")
            with pytest.raises(Unavailable):
                service.pull(registry, "bad:1")
        assert service.names() == []
        eventually(lambda: emptied(service), "the other layer's thread to give up")

    def test_search(self, service: ImageService) -> None:
        with pytest.raises(Unsupported):
            service(service.images.search("debian"))


@pytest.fixture(scope="module")
def platforms(session_directory: Path) -> Iterator[Registry]:
    layout = Layout(session_directory / "platforms-layout")
    layout.add([tar({"arch": b"amd64"})])
    layout.add([tar({"arch": b"arm64"})], architecture="arm64")
    layout.add([tar({"arch": b"armv7"})], architecture="arm", variant="v7")
    layout.bundle()
    with running_registry(session_directory / "platforms") as registry:
        registry.fill(layout.directory, "multi:1", "--all")
        yield registry


class TestPlatforms:
    def test_the_hosts_is_the_default(self, service: ImageService, platforms: Registry) -> None:
        pulled, _ = service.pull(platforms, "multi:1")
        expected = {"x86_64": b"amd64", "aarch64": b"arm64"}[os.uname().machine]
        assert service.read(pulled.ref, "arch") == expected
        assert pulled.digest == registry_digest(platforms, "multi:1")

    def test_another_one(self, service: ImageService, platforms: Registry) -> None:
        pulled, _ = service.pull(platforms, "multi:1", platform="linux/arm/v7")
        assert service.read(pulled.ref, "arch") == b"armv7"
        assert str(service.images.inspect(pulled.ref).summary.platform) == "linux/arm/v7"
        with pytest.raises(NotFound):
            service(service.images.resolve(pulled.ref, "linux/amd64"))

    def test_one_that_there_is_not(self, service: ImageService, platforms: Registry) -> None:
        with pytest.raises(NotFound, match="linux/arm64"):
            service.pull(platforms, "multi:1", platform="linux/s390x")

    def test_distribution_lists_them(self, service: ImageService, platforms: Registry) -> None:
        offer = service(service.images.distribution(f"{platforms.address}/multi:1"))
        assert [str(one) for one in offer.platforms] == [
            "linux/amd64",
            "linux/arm64",
            "linux/arm/v7",
        ]
        assert offer.digest == registry_digest(platforms, "multi:1")


def registry_digest(registry: Registry, name: str) -> str:
    """What the registry has under a name."""
    words = ["skopeo", "inspect", "--raw", "--tls-verify=false"]
    raw = subprocess.run(
        [*words, f"docker://{registry.address}/{name}"], check=True, capture_output=True
    ).stdout
    return digest(raw)


class TestFormats:
    @pytest.mark.parametrize("form", ["v2s2", "oci"])
    def test_of_manifests(
        self, service: ImageService, open_registry: Registry, layout: Path, form: str
    ) -> None:
        name = f"form-{form}:1"
        open_registry.fill(layout, name, f"--format={form}")
        pulled, _ = service.pull(open_registry, name)
        assert service.read(pulled.ref, "data") == NOISE

    @pytest.mark.parametrize(
        ("kind", "compress"),
        [
            ("tar", bytes),
            ("tar+zstd", zstandard.ZstdCompressor().compress),
            ("tar+gzip", lambda data: gzip.compress(data[:1000]) + gzip.compress(data[1000:])),
        ],
    )
    def test_of_layers(
        self,
        service: ImageService,
        workspace: Path,
        open_registry: Registry,
        kind: str,
        compress: Callable[[bytes], bytes],
    ) -> None:
        layout = Layout(workspace / "l")
        layout.add([TOP], compressed=False)
        index = json.loads((layout.directory / "index.json").read_text())
        at = layout.directory / "blobs" / index["manifests"][0]["digest"].replace(":", "/")
        manifest = json.loads(at.read_text())
        packed = compress(TOP)
        manifest["layers"][0] = {
            "mediaType": f"application/vnd.oci.image.layer.v1.{kind}",
            "digest": layout.blob(packed),
            "size": len(packed),
        }
        raw = json.dumps(manifest).encode()
        index["manifests"][0] |= {"digest": layout.blob(raw), "size": len(raw)}
        (layout.directory / "index.json").write_text(json.dumps(index))
        name = f"layers-{kind.replace('+', '-')}:1"
        open_registry.fill(layout.directory, name)
        pulled, _ = service.pull(open_registry, name)
        assert service.read(pulled.ref, "data") == NOISE


class TestPushing:
    def push(self, service: ImageService, ref: str, **options: object) -> list[str]:
        told: list[Progress] = []
        service(service.images.push(ref, progress=told.append, **options))  # type: ignore[arg-type]
        return [one.status for one in told]

    def test_it_comes_back_the_same(
        self, service: ImageService, workspace: Path, open_registry: Registry
    ) -> None:
        image = service.import_(TOP, "mine", 'CMD ["/x"]', "ENV B=2")
        ref = f"{open_registry.address}/pushed/mine:v1"
        service(service.images.tag("mine", ref))
        (pushed,) = service(service.images.push(ref))
        assert pushed.tag == "v1"
        assert pushed.digest == open_registry.inspect("pushed/mine:v1")["Digest"]
        with image_service(workspace / "other") as other:
            pulled, _ = other.pull(open_registry, "pushed/mine:v1")
            assert pulled.id == image
            assert pulled.digest == pushed.digest
            assert other.read(ref, "data") == NOISE
            assert other.images.inspect(ref).config.environment == ("B=2",)

    def test_what_is_there_is_not_sent_again(
        self, service: ImageService, open_registry: Registry
    ) -> None:
        service.import_(tar({"x": os.urandom(10)}), "mine")
        ref = f"{open_registry.address}/again:1"
        service(service.images.tag("mine", ref))
        assert "Pushed" in self.push(service, ref)
        assert "Layer already exists" in self.push(service, ref)

    def test_layers_are_mounted_from_another_repository(
        self, service: ImageService, open_registry: Registry
    ) -> None:
        pulled, _ = service.pull(open_registry, "tool:1")
        ref = f"{open_registry.address}/elsewhere:1"
        service(service.images.tag(pulled.ref, ref))
        assert self.push(service, ref).count("Mounted from tool") == 2

    def test_all_tags(self, service: ImageService, open_registry: Registry) -> None:
        service.import_(BASE, "mine")
        ref = f"{open_registry.address}/tags"
        for tag in ("a", "b"):
            service(service.images.tag("mine", f"{ref}:{tag}"))
        pushed = service(service.images.push(ref, all_tags=True))
        assert [one.tag for one in pushed] == ["a", "b"]
        assert sorted(str(t) for t in _list(open_registry, "tags")) == ["a", "b"]

    def test_what_is_not_here(self, service: ImageService, open_registry: Registry) -> None:
        with pytest.raises(NotFound):
            service(service.images.push(f"{open_registry.address}/none:1"))


def _list(registry: Registry, name: str) -> list[object]:
    tags = registry.inspect(f"{name}:a")["RepoTags"]
    assert isinstance(tags, list)
    return tags


@pytest.fixture(scope="module")
def accounts(session_directory: Path, layout: Path) -> Iterator[Registry]:
    """A registry with TLS and accounts."""
    with running_registry(session_directory / "accounts", tls=True, htpasswd=True) as registry:
        registry.fill(layout, "private:1")
        yield registry


@pytest.fixture(scope="module")
def tokens(session_directory: Path, layout: Path) -> Iterator[Registry]:
    """A registry with a token server."""
    with running_registry(session_directory / "tokens", token=True) as registry:
        registry.fill(layout, "private:1")
        yield registry


@pytest.fixture(params=["accounts", "tokens"])
def private(
    request: pytest.FixtureRequest, accounts: Registry, tokens: Registry, workspace: Path
) -> Iterator[Private]:
    """Both, in turn, each with a service that knows its authority."""
    registry = {"accounts": accounts, "tokens": tokens}[request.param]
    with image_service(workspace / "data", registry) as service:
        yield registry, service


class TestAccounts:
    def test_who_has_one_pulls_and_pushes(self, private: Private) -> None:
        registry, service = private
        pulled, _ = service.pull(registry, "private:1")
        assert service.read(pulled.ref, "data") == NOISE
        ref = f"{registry.address}/mine/private:2"
        service(service.images.tag(pulled.ref, ref))
        auth = Credentials(registry.username, registry.password)
        service(service.images.push(ref, auth=auth))
        assert registry.inspect("mine/private:2")

    @pytest.mark.parametrize("auth", [Credentials(), Credentials("tester", "guess")])
    def test_others_are_refused(self, private: Private, auth: Credentials) -> None:
        registry, service = private
        ref = f"{registry.address}/private:1"
        with pytest.raises(Unauthorized):
            service(service.images.pull(ref, auth=auth))
        with pytest.raises(Unauthorized):
            service(service.images.distribution(ref, auth))
        assert service.leftovers() == []

    def test_login(self, private: Private) -> None:
        registry, service = private
        auth = Credentials(registry.username, registry.password)
        service(service.images.login(auth, registry.address))
        service(service.images.login(auth, f"https://{registry.address}/v2/"))
        with pytest.raises(Unauthorized):
            service(service.images.login(Credentials("tester", "guess"), registry.address))

    def test_a_refresh_token_stands_for_the_password(
        self, workspace: Path, tokens: Registry
    ) -> None:
        with image_service(workspace / "data", tokens) as service:
            auth = Credentials(tokens.username, tokens.password)
            token = service(service.images.login(auth, tokens.address))
            assert token
            ref = f"{tokens.address}/private:1"
            service(service.images.pull(ref, auth=Credentials("", "", token)))
            with pytest.raises(Unauthorized):
                service(service.images.pull(ref, auth=Credentials("", "", "other")))

    def test_one_token_does_for_all_blobs(self, workspace: Path, tokens: Registry) -> None:
        with image_service(workspace / "data", tokens) as service:
            tokens.scopes.clear()
            service.pull(tokens, "private:1")
        assert tokens.scopes == ["repository:private:pull"]


class TestTls:
    @pytest.mark.filterwarnings("ignore::urllib3.exceptions.InsecureRequestWarning")
    def test_a_registry_with_an_unknown_authority(self, workspace: Path, layout: Path) -> None:
        """On the loopback nobody asks, unless an authority was given for it."""
        with (
            running_registry(workspace / "r", tls=True) as registry,
            running_registry(workspace / "other", tls=True) as other,
            image_service(workspace / "data") as trusting,
        ):
            registry.fill(layout, "tool:1")
            trusting.pull(registry, "tool:1")
            authority = (other.certificates / other.address / "ca.crt").read_text()
            (registry.certificates / registry.address / "ca.crt").write_text(authority)
            with image_service(workspace / "strict", registry) as strict:
                with pytest.raises(Unavailable, match="certificate"):
                    strict.pull(registry, "tool:1")
