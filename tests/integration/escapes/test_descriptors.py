"""Leaked descriptors and working directories outside of the root: CVE-2024-21626 and its kin.

A descriptor of a host directory that the runtime leaves open is a way out: as working directory
(/proc/self/fd/N), as program, or for whoever finds it.

Debian's runc 1.1.5 has the fix of the first, and passes.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.escapes.conftest import Trap
from tests.integration.escapes.support import Canaries, nothing_reached, process
from tests.integration.support.runtimes import Runtime

pytestmark = pytest.mark.requires_root

NUMBERS = range(3, 31)


@pytest.fixture
def leaked() -> Iterator[tuple[int, ...]]:
    """Descriptors of the host's root directory, which a careless parent passes to the runtime."""
    root = os.open("/", os.O_PATH | os.O_DIRECTORY)
    high = (os.dup2(root, 17), os.dup2(root, 23))
    yield (root, *high)
    for fd in {root, *high}:
        os.close(fd)


def test_run_with_a_descriptor_as_working_directory(
    runtime: Runtime, trap: Trap, canaries: Canaries, leaked: tuple[int, ...]
) -> None:
    bundle = trap(["attack", "reach", f"{canaries.path}/secret"], process=process())
    for number in NUMBERS:
        bundle.config["process"]["cwd"] = f"/proc/self/fd/{number}"
        bundle.save()
        nothing_reached(runtime.run(bundle, pass_fds=leaked))


def test_exec_with_a_descriptor_as_working_directory(
    runtime: Runtime, trap: Trap, canaries: Canaries, leaked: tuple[int, ...]
) -> None:
    look = ["attack", "reach", f"{canaries.path}/secret"]
    container = runtime.start(trap(process=process()))
    for number in NUMBERS:
        cwd = f"/proc/self/fd/{number}"
        nothing_reached(container.exec(look, f"--cwd={cwd}", pass_fds=leaked))


def test_a_link_to_a_descriptor_as_working_directory(
    runtime: Runtime, trap: Trap, canaries: Canaries, leaked: tuple[int, ...]
) -> None:
    look = ["attack", "reach", f"{canaries.path}/secret"]
    container = runtime.start(trap(process=process()))
    for number in (*NUMBERS[:8], *leaked):
        link = container.bundle.rootfs / f"link{number}"
        link.symlink_to(f"/proc/self/fd/{number}/")
        nothing_reached(container.exec(look, f"--cwd=/{link.name}", pass_fds=leaked))


def test_a_program_behind_a_descriptor(
    runtime: Runtime, trap: Trap, leaked: tuple[int, ...]
) -> None:
    """`/proc/self/fd/N/...` as program would execute a file of the host."""
    bundle = trap(process=process())
    for number in (*NUMBERS[:8], *leaked):
        bundle.config["process"]["args"] = [f"/proc/self/fd/{number}/usr/bin/env"]
        bundle.save()
        runtime.run(bundle, pass_fds=leaked).refused()


def test_programs_find_standard_input_and_output_and_nothing_else(
    runtime: Runtime, trap: Trap, leaked: tuple[int, ...]
) -> None:
    look = ["probe", "descriptors"]
    result = runtime.run(trap(look, process=process()), pass_fds=leaked).ok()
    assert [line.split()[0] for line in result.lines()] == ["0", "1", "2"]
    container = runtime.start(trap(process=process()), pass_fds=leaked)
    assert set(os.listdir(f"/proc/{container.pid}/fd")) == {"0", "1", "2"}
    result = container.exec(look, pass_fds=leaked).ok()
    assert [line.split()[0] for line in result.lines()] == ["0", "1", "2"]


def test_a_created_container_holds_no_directory_of_the_host(
    runtime: Runtime, trap: Trap, canaries: Canaries, leaked: tuple[int, ...]
) -> None:
    """What waits for `start` is already inside, and its PID namespace may be shared."""
    container = runtime.create(trap(process=process()), pass_fds=leaked)
    fds = Path(f"/proc/{container.pid}/fd")
    secret = str(canaries.path / "secret")
    ways = [
        f"{way} ({os.readlink(fd)})"
        for fd in fds.iterdir()
        for way in (f"{fd}/{'../' * 16}{secret[1:]}", f"{fd}/1/root{secret}")
        if os.path.exists(way)
    ]
    assert ways == []
    cgroups = [os.readlink(fd) for fd in fds.iterdir() if "/sys/fs/cgroup" in os.readlink(fd)]
    assert cgroups == []
    container.start()
    container.stop()
