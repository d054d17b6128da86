"""The command in front of both engines, which the tests of this directory share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import isolation
from tests.integration.cli.peers import Orlop, without_containers
from tests.integration.support.dockerd import running_daemon
from tests.integration.support.engine import running_engine
from tests.integration.support.images import IMAGE, archive
from tests.integration.support.rootfs import RootfsTemplate
from tests.integration.support.runtimes import program_under_test
from tests.preconditions import need


@pytest.fixture(scope="session")
def image_archive(session_directory: Path, rootfs_template: RootfsTemplate) -> Path:
    """The tests' image, packed."""
    directory = session_directory / "cli-image"
    directory.mkdir()
    return archive(rootfs_template, directory)


@pytest.fixture(scope="session")
def before_orlop(session_directory: Path, image_archive: Path) -> Iterator[Orlop]:
    """The command in front of the project's own engine."""
    need("launcher")
    directory = session_directory / "c"
    directory.mkdir()
    with running_engine(directory) as engine:
        orlop = Orlop(engine.url, directory)
        orlop("import", image_archive, IMAGE).ok()
        orlop.run("--", "true").ok()  # once, for what stays: control groups of all containers
        yield orlop


@pytest.fixture(scope="session")
def before_docker(session_directory: Path, image_archive: Path) -> Iterator[Orlop]:
    """The command in front of dockerd."""
    need("docker")
    directory = session_directory / "cd"
    directory.mkdir()
    with running_daemon(directory, program_under_test(), image_archive):
        yield Orlop(f"unix://{directory / 'docker.sock'}", directory)


@pytest.fixture(scope="session", params=["orlop", "docker"])
def peer(request: pytest.FixtureRequest) -> Orlop:
    """The command in front of either engine."""
    found: Orlop = request.getfixturevalue(f"before_{request.param}")
    return found


@pytest.fixture
def orlop(peer: Orlop) -> Iterator[Orlop]:
    """The command in front of either engine; without containers before and after the test."""
    with without_containers(peer) as orlop:
        yield orlop


@pytest.fixture
def own(before_orlop: Orlop) -> Iterator[Orlop]:
    """The command in front of the project's own engine alone."""
    with without_containers(before_orlop) as orlop:
        yield orlop


@pytest.fixture
def default_groups() -> Iterator[None]:
    """Afterwards the control groups are gone that an engine with default settings leaves."""
    groups = [hierarchy.at / "orlop" for hierarchy in isolation.hierarchies()]
    new = [group for group in groups if not group.exists()]
    yield
    for group in new:
        if group.exists():
            isolation.remove_cgroup(group)
