"""kill -9 in the middle of pulls and loads: nothing is half there, and the next try succeeds."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from orlop.engine.images import ImageFilter
from tests.integration.support.deadlines import wait_exit
from tests.integration.support.image_services import ImageService, image_service
from tests.integration.support.layouts import Layout, tar
from tests.integration.support.registry import Registry, running_registry

pytestmark = [pytest.mark.requires_root, pytest.mark.requires_registry]

ROUNDS = 30
PRUNE_ALL = ImageFilter(dangling=False)
LAYERS = [tar({f"file-{n}": os.urandom(2_000_000), "same": b"%d" % n}) for n in range(4)]

# Forks for each line of its input a child that performs it, and says its PID.
FORKING = """\
import asyncio, os, sys
from pathlib import Path
from tests.integration.support.image_services import ImageService
for line in sys.stdin:
    directory, what, argument = line.split()
    child = os.fork()
    if child:
        print(child, flush=True)
        os.waitpid(child, 0)
        continue
    service = ImageService(Path(directory))
    if what == "pull":
        service(service.images.pull(argument))
    else:
        service.load(Path(argument))
    os._exit(0)
"""


class Forker:
    """A process that forks others, since starting an interpreter for each would take long."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", FORKING],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )

    def begin(self, directory: Path, what: str, argument: str | Path) -> int:
        """The PID of a child that is at it."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{directory} {what} {argument}\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())

    def close(self) -> None:
        """It has ended."""
        self._process.communicate()


@pytest.fixture
def forker() -> Iterator[Forker]:
    found = Forker()
    yield found
    found.close()


@pytest.fixture
def large(workspace: Path) -> Iterator[Registry]:
    """A registry with an image of some layers."""
    layout = Layout(workspace / "large")
    layout.add(LAYERS)
    with running_registry(workspace / "r") as registry:
        registry.fill(layout.directory, "large:1")
        yield registry


def check(service: ImageService) -> None:
    """Every image that there is, is whole."""
    for row in service.images.list():
        if row.is_host:
            continue
        lowers = service.images.inspect(row.id).lowers
        for number, lower in enumerate(reversed(lowers)):
            assert Path(lower, f"file-{number}").stat().st_size == 2_000_000
    for blob in (service.directory / "blobs/sha256").iterdir():
        digest = subprocess.run(["sha256sum", blob], capture_output=True, text=True, check=True)
        assert digest.stdout.startswith(blob.name)


def kill_after(pid: int, seconds: float) -> None:
    """The process has had so much time."""
    time.sleep(seconds)
    with contextlib.suppress(ProcessLookupError):  # it has ended by itself
        os.kill(pid, signal.SIGKILL)
        wait_exit(pid)


@pytest.mark.slow
def test_pulls(forker: Forker, large: Registry, workspace: Path) -> None:
    rng = random.Random(4711)
    ref = f"{large.address}/large:1"
    whole = 0
    for number in range(ROUNDS):
        data = workspace / f"data-{number % 3}"
        kill_after(forker.begin(data, "pull", ref), rng.uniform(0.01, 0.25))
        with image_service(data) as service:
            check(service)
            whole += len(service.names())
            if number % 3 == 2:
                pulled, _ = service.pull(large, "large:1")
                assert service.names() == [pulled.ref]
                check(service)
                service(service.images.remove(pulled.ref))
                service(service.images.prune(PRUNE_ALL))
                assert service.leftovers() == []
    assert whole < ROUNDS  # else nothing was killed in time


@pytest.mark.slow
def test_loads(forker: Forker, large: Registry, workspace: Path) -> None:
    with image_service(workspace / "first") as first:
        pulled, _ = first.pull(large, "large:1")
        (workspace / "saved.tar").write_bytes(first.save(pulled.ref))
    rng, data = random.Random(4712), workspace / "data"
    for _ in range(ROUNDS // 2):
        kill_after(forker.begin(data, "load", workspace / "saved.tar"), rng.uniform(0.01, 0.25))
        with image_service(data) as service:
            check(service)
            if not service.names():
                service(service.images.prune(PRUNE_ALL))
                assert service.leftovers() == []
    with image_service(data) as service:
        assert service.load(workspace / "saved.tar") == (pulled.ref,)
        check(service)
