"""Overwriting the runtime from inside: CVE-2019-5736, and CVE-2016-9962 beside it.

A process that enters a container is visible in it, and so is the program that it executes, through
/proc/PID/exe. Who keeps that open until the runtime is not executed any more can write into the
host's file, and is root of the host when the runtime is run the next time.

runc 1.1.5 passes.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.escapes.conftest import Trap
from tests.integration.escapes.support import (
    DOCKER_CAPABILITIES,
    ROUNDS,
    Canaries,
    RuntimeFiles,
    process,
)
from tests.integration.support.runtimes import Container, Runtime

pytestmark = [pytest.mark.requires_root, pytest.mark.slow]

SELF = "#!/proc/self/exe\n"


@pytest.fixture
def victim(runtime: Runtime, workspace: Path) -> Runtime:
    """The runtime under test; a foreign one as a copy, as an attack on it may succeed."""
    if runtime.flavour.name == "orlop":
        return runtime
    copy = workspace / "victim"
    shutil.copy2(runtime.program, copy)
    runtime.program = copy
    return runtime


@pytest.fixture
def files(victim: Runtime, workspace: Path) -> Iterator[RuntimeFiles]:
    """The files of the runtime, looked at when the test is over."""
    files = RuntimeFiles(victim.program, workspace / "backup")
    yield files
    files.check()


def hunter(runtime: Runtime, trap: Trap, canaries: Canaries) -> Container:
    """A container in which a process lies in wait."""
    bundle = trap(f"exec attack hunt {canaries.path}/secret", process=process())
    (bundle.rootfs / "bin/trap").write_text(SELF)
    (bundle.rootfs / "bin/trap").chmod(0o755)
    container = runtime.start(bundle)
    assert container.out.line() == "hunting"
    return container


@pytest.mark.usefixtures("files")
def test_processes_that_enter_cannot_be_overwritten(
    victim: Runtime, trap: Trap, canaries: Canaries
) -> None:
    container = hunter(victim, trap, canaries)
    for number in range(ROUNDS):
        # The trap is a script whose interpreter is whatever executes it: the runtime.
        container.exec(["/bin/trap"] if number % 2 else ["/bin/true"])
    container.stop()
    caught = container.out.rest()
    assert "overwrote" not in caught
    assert "reached" not in caught


@pytest.mark.usefixtures("files")
def test_processes_that_start_in_a_shared_pid_namespace_cannot_be_overwritten(
    victim: Runtime, trap: Trap, canaries: Canaries
) -> None:
    container = hunter(victim, trap, canaries)
    pids = f"/proc/{container.pid}/ns/pid"
    for args in (["/bin/true"], ["/bin/trap"]):
        prey = trap(args, namespaces={"pid": pids}, process=process())
        shutil.copy(container.bundle.rootfs / "bin/trap", prey.rootfs / "bin/trap")
        for _ in range(50):
            victim.run(prey)
    container.stop()
    caught = container.out.rest()
    assert "overwrote" not in caught
    assert "reached" not in caught


@pytest.mark.usefixtures("files")
@pytest.mark.parametrize("verb", ["run", "exec"])
def test_a_trojan_among_the_images_libraries_cannot_overwrite(
    victim: Runtime, trap: Trap, verb: str
) -> None:
    """The other half of the exploit: /proc/self/exe as program, and a trojan that it loads.

    The trojan is the image's dynamic loader here, which every dynamically linked program needs.
    """
    program = ["/bin/trap"] if verb == "run" else ["probe", "wait"]
    bundle = trap(program, process=process())
    (bundle.rootfs / "bin/trap").symlink_to("/proc/self/exe")
    for name in ("lib64/ld-linux-x86-64.so.2", "lib/ld-linux-aarch64.so.1"):
        (bundle.rootfs / name).parent.mkdir()
        os.link(bundle.rootfs / "bin/attack", bundle.rootfs / name)
    result = victim.run(bundle) if verb == "run" else victim.start(bundle).exec(["/bin/trap"])
    assert "overwrote" not in result.out


def test_a_joining_process_cannot_be_traced(
    victim: Runtime, trap: Trap, canaries: Canaries
) -> None:
    """CVE-2016-9962: who may trace the process that enters gets at its descriptors."""
    container = hunter(victim, trap, canaries)
    for _ in range(50):
        container.exec(
            ["/bin/true"], *(f"--cap={name}" for name in (*DOCKER_CAPABILITIES, "CAP_SYS_PTRACE"))
        )
    container.stop()
    assert "reached" not in container.out.rest()
