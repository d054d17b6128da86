"""Labels, as the kernel takes them: run in the virtual machine."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from orlop.kernel import lsm
from orlop.kernel.features import read_features

pytestmark = pytest.mark.requires_root

PROFILE = f"orlop-kernel-test-{os.getpid()}"


@pytest.fixture
def apparmor_profile() -> Iterator[str]:
    text = f"profile {PROFILE} flags=(attach_disconnected) {{ file, deny /etc/hostname r, }}\n"
    subprocess.run(["apparmor_parser", "-r", "-K"], input=text.encode(), check=True)
    yield PROFILE
    subprocess.run(["apparmor_parser", "-R", "-K"], input=text.encode(), check=True)


def output_with(attribute: tuple[str, bytes], *program: str) -> str:
    """The output of a program that is executed after a file below /proc/self was written."""
    name, data = attribute
    write = (
        "import os, sys\n"
        f"fd = os.open('/proc/self/{name}', os.O_WRONLY)\n"
        f"os.write(fd, {data!r})\n"
        f"os.execvp({program[0]!r}, {list(program)!r})\n"
    )
    done = subprocess.run(
        [sys.executable, "-S", "-c", write], capture_output=True, text=True, check=True
    )
    return done.stdout.strip("\0\n")


@pytest.mark.requires_apparmor
def test_apparmor_is_seen_and_applied(apparmor_profile: str) -> None:
    assert read_features().apparmor
    lsm.require(lsm.APPARMOR, read_features().lsms)
    shown = output_with(lsm.apparmor_exec(apparmor_profile), "cat", "/proc/self/attr/current")
    assert shown.startswith(apparmor_profile)


@pytest.mark.requires_selinux
def test_selinux_is_seen_and_applied() -> None:
    assert read_features().selinux
    label = Path("/proc/self/attr/current").read_text().strip("\0\n")
    other = f"{label.rsplit(':s0', 1)[0]}:s0:c7"
    assert output_with(lsm.selinux_exec(other), "cat", "/proc/self/attr/current") == other
