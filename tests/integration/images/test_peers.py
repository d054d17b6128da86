"""What docker and podman have pushed and saved is taken, and what we push and save they take."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.images.conftest import NOISE
from tests.integration.support.dockerd import Docker, running_daemon
from tests.integration.support.image_services import ImageService
from tests.integration.support.images import IMAGE, archive
from tests.integration.support.layouts import tar
from tests.integration.support.podman import Podman
from tests.integration.support.registry import Registry
from tests.integration.support.rootfs import RootfsTemplate
from tests.integration.support.runtimes import program_under_test
from tests.preconditions import need

pytestmark = [pytest.mark.requires_root, pytest.mark.requires_registry]


@pytest.fixture(scope="module")
def docker(session_directory: Path, rootfs_template: RootfsTemplate) -> Iterator[Docker]:
    """A dockerd with one small image."""
    need("docker")
    directory = session_directory / "images-docker"
    directory.mkdir()
    image = archive(rootfs_template, directory)
    with running_daemon(directory, program_under_test(), image) as found:
        yield found
        found.remove_all()


@pytest.fixture(scope="module")
def podman(session_directory: Path, rootfs_template: RootfsTemplate) -> Iterator[Podman]:
    """A podman with the same."""
    need("podman")
    directory = session_directory / "images-podman"
    directory.mkdir()
    with contextlib.closing(Podman(directory, program_under_test())) as found:
        found("import", archive(rootfs_template, directory), IMAGE).ok()
        yield found


def busybox(service: ImageService, ref: str) -> bytes:
    """A file that the peers' image has."""
    return service.read(ref, "etc/passwd")


@pytest.mark.requires_docker
class TestDocker:
    def test_we_pull_what_it_pushed(
        self, service: ImageService, docker: Docker, open_registry: Registry
    ) -> None:
        ref = f"{open_registry.address}/docker/pushed:1"
        docker("tag", IMAGE, ref).ok()
        docker("push", "--quiet", ref).ok()
        pulled, _ = service.pull(open_registry, "docker/pushed:1")
        expected = docker("image", "inspect", "--format", "{{.Id}} {{.RepoDigests}}", ref).ok().out
        assert pulled.id == expected.split()[0]
        assert pulled.digest in expected
        assert busybox(service, ref).startswith(b"root:")

    def test_it_pulls_what_we_pushed(
        self, service: ImageService, docker: Docker, open_registry: Registry, layout: Path
    ) -> None:
        pulled, _ = service.pull(open_registry, "tool:1")
        ref = f"{open_registry.address}/ours/docker:1"
        service(service.images.tag(pulled.ref, ref))
        service(service.images.push(ref))
        docker("pull", "--quiet", ref).ok()
        found = docker("image", "inspect", "--format", "{{.Id}} {{.Config.Cmd}}", ref).ok().out
        assert found.split() == [pulled.id, "[/bin/sh]"]

    def test_we_load_what_it_saved(
        self, service: ImageService, docker: Docker, workspace: Path
    ) -> None:
        docker("save", "--output", workspace / "saved.tar", IMAGE).ok()
        assert service.load(workspace / "saved.tar") == (f"{IMAGE}:latest",)
        image = docker("image", "inspect", "--format", "{{.Id}}", IMAGE).ok().out.strip()
        assert service.images.inspect(IMAGE).summary.id == image
        assert busybox(service, IMAGE).startswith(b"root:")

    def test_it_loads_what_we_saved(
        self, service: ImageService, docker: Docker, open_registry: Registry, workspace: Path
    ) -> None:
        pulled, _ = service.pull(open_registry, "tool:1")
        service(service.images.tag(pulled.ref, "ours/saved:1"))
        (workspace / "saved.tar").write_bytes(service.save("ours/saved:1"))
        said = docker("load", "--input", workspace / "saved.tar").ok().out
        assert "Loaded image: ours/saved:1" in said
        words = ("image", "inspect", "--format", "{{.Id}}", "ours/saved:1")
        assert docker(*words).ok().out.strip() == pulled.id

    def test_we_import_what_it_exported(
        self, service: ImageService, docker: Docker, workspace: Path
    ) -> None:
        name = docker("create", IMAGE, "true").ok().out.strip()
        docker("export", "--output", workspace / "exported.tar", name).ok()
        service.import_((workspace / "exported.tar").read_bytes(), "exported")
        assert busybox(service, "exported").startswith(b"root:")


@pytest.mark.requires_podman
class TestPodman:
    def test_we_pull_what_it_pushed(
        self, service: ImageService, podman: Podman, open_registry: Registry
    ) -> None:
        ref = f"{open_registry.address}/podman/pushed:1"
        podman("push", "--tls-verify=false", IMAGE, ref).ok()
        service.pull(open_registry, "podman/pushed:1")
        assert busybox(service, ref).startswith(b"root:")

    def test_zstd_layers(
        self, service: ImageService, podman: Podman, open_registry: Registry
    ) -> None:
        ref = f"{open_registry.address}/podman/zstd:1"
        flags = ("--tls-verify=false", "--format=oci", "--compression-format=zstd")
        podman("push", *flags, IMAGE, ref).ok()
        service.pull(open_registry, "podman/zstd:1")
        assert busybox(service, ref).startswith(b"root:")

    def test_it_pulls_what_we_pushed(
        self, service: ImageService, podman: Podman, open_registry: Registry
    ) -> None:
        service.import_(service_layer(), "mine")
        ref = f"{open_registry.address}/ours/podman:1"
        service(service.images.tag("mine", ref))
        service(service.images.push(ref))
        pulled = podman("pull", "--quiet", "--tls-verify=false", ref).ok().out.strip()
        assert f"sha256:{pulled}" == service.images.inspect("mine").summary.id

    @pytest.mark.parametrize("form", ["docker-archive", "oci-archive"])
    def test_we_load_what_it_saved(
        self, service: ImageService, podman: Podman, workspace: Path, form: str
    ) -> None:
        podman("save", f"--format={form}", "--output", workspace / "saved.tar", IMAGE).ok()
        (name,) = service.load(workspace / "saved.tar")
        assert busybox(service, name).startswith(b"root:")

    def test_it_loads_what_we_saved(
        self, service: ImageService, podman: Podman, workspace: Path
    ) -> None:
        image = service.import_(service_layer(), "ours/saved:1", "CMD x")
        (workspace / "saved.tar").write_bytes(service.save("ours/saved:1"))
        podman("load", "--input", workspace / "saved.tar").ok()
        words = ("image", "inspect", "--format", "{{.Id}}", "ours/saved:1")
        assert f"sha256:{podman(*words).ok().out.strip()}" == image


def service_layer() -> bytes:
    """An archive with a file."""
    return tar({"data": NOISE})
