"""The runtime under test, and bundles for it.

`ORLOP_TEST_RUNTIME` names the runtime's program; by default it is the project's own. With
`ORLOP_TEST_RUNTIME=/usr/sbin/runc` the tests are tested: what runc does differently with good
reason is either written so that both pass, or marked.

tests/integration/conftest.py imports the fixtures; tests/isolation.py gives them a cgroup
hierarchy, a /run and a network of their own.
"""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.support.bundles import BundleFactory
from tests.integration.support.rootfs import RootfsTemplate
from tests.integration.support.runtimes import Flavour, Runtime, program_under_test
from tests.isolation import remove_tree
from tests.preconditions import need


def register_markers(config: pytest.Config) -> None:
    """Make known what `what_runc_cannot` looks for."""
    config.addinivalue_line(
        "markers", "runc_lacks(version, what): `what` came with a later version of runc"
    )
    config.addinivalue_line("markers", "runc_differs(why): runc does it otherwise")


@pytest.fixture(scope="session")
def flavour() -> Flavour:
    """Which runtime is under test."""
    try:
        return Flavour.of(program_under_test())
    except LookupError as missing:
        pytest.fail(str(missing))


@pytest.fixture(autouse=True)
def what_runc_cannot(request: pytest.FixtureRequest) -> None:
    """Skips, under runc, the tests that are marked as not for it."""
    lacks = request.node.get_closest_marker("runc_lacks")
    differs = request.node.get_closest_marker("runc_differs")
    if not (lacks or differs):
        return
    flavour: Flavour = request.getfixturevalue("flavour")
    if flavour.name != "runc":
        return
    if differs:
        pytest.skip(f"runc differs: {differs.args[0]}")
    version, what = lacks.args
    if flavour.version < tuple(int(part) for part in version.split(".")):
        pytest.skip(f"{what} came with runc {version}")


@pytest.fixture(scope="session")
def session_directory() -> Iterator[Path]:
    """A directory that every user may pass through, as roots of user namespaces must."""
    path = Path(tempfile.mkdtemp(prefix="orlop-peers-"))
    path.chmod(0o711)
    yield path
    subprocess.run(["rm", "-r", "--one-file-system", path], check=True)


@pytest.fixture(scope="session")
def rootfs_template(session_directory: Path) -> RootfsTemplate:
    """The busybox root file system."""
    need("busybox")
    need("compiler")
    return RootfsTemplate(session_directory / "template")


@pytest.fixture
def workspace(session_directory: Path) -> Iterator[Path]:
    """An empty directory of this test, with a short path (sockets are made in it)."""
    path = Path(tempfile.mkdtemp(prefix="t", dir=session_directory))
    path.chmod(0o711)
    yield path
    remove_tree(path)


@pytest.fixture
def bundle(workspace: Path, rootfs_template: RootfsTemplate) -> BundleFactory:
    """Makes bundles with root file systems of their own."""
    return BundleFactory(workspace, rootfs_template.copy_to)


@pytest.fixture
def runtime(workspace: Path, flavour: Flavour) -> Iterator[Runtime]:
    """The runtime under test, with a state directory of this test.

    Containers that the test leaves are deleted by force. What is still there then was left
    behind by the runtime: tests/leaks.py finds it.
    """
    runtime = Runtime(program_under_test(), workspace / "state", flavour)
    yield runtime
    runtime.remove_all()
