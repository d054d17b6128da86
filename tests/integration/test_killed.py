"""The runtime itself is killed (-9), at any moment: `delete --force` repairs what it left."""

from __future__ import annotations

import os
import random
import time
from pathlib import Path

import pytest

from orlop.launch.executor import sealed_launcher
from orlop.runtime.lifecycle.status import CREATED, RUNNING
from tests.integration.support.bundles import BundleFactory
from tests.integration.support.commands import Subject

pytestmark = [pytest.mark.requires_root, pytest.mark.requires_launcher, pytest.mark.slow]

BEFORE: dict[str, tuple[str, ...]] = {
    "create": (),
    "run": (),
    "start": ("create",),
    "delete": ("create", "start"),
}
"""What has to be done before a command can be."""


@pytest.fixture(scope="module", autouse=True)
def launcher() -> None:
    """The process has its copy of the launcher before anybody counts descriptors."""
    sealed_launcher()


@pytest.mark.parametrize(
    ("verb", "rounds"), [("create", 100), ("run", 100), ("start", 30), ("delete", 30)]
)
def test_delete_repairs(bundle: BundleFactory, workspace: Path, verb: str, rounds: int) -> None:
    subject = Subject(bundle("true"), workspace)
    duration_s = min(undisturbed_s(subject, verb) for _ in range(5))
    wrong: list[str] = []
    killed = 0
    for _ in range(rounds):
        subject.do(*BEFORE[verb])
        command = subject.begin(verb)
        moment_s = random.uniform(0, duration_s)
        killed += command.lasts(moment_s)
        command.kill()
        wrong += [f"killed after {moment_s * 1000:.1f} ms: {what}" for what in subject.repair()]
    assert not wrong, f"it takes {duration_s * 1000:.1f} ms\n" + "\n".join(wrong)
    assert killed > rounds / 10, "hardly any command was still running when it was killed"


def test_a_start_goes_on_without_its_command(bundle: BundleFactory, workspace: Path) -> None:
    hook = {"path": "/bin/cat", "args": ["cat", "/gate"]}
    made = bundle(hooks={"startContainer": [hook]})
    os.mkfifo(made.rootfs / "gate")
    subject = Subject(made, workspace)
    subject.do("create")
    command = subject.begin("start")
    with open(made.rootfs / "gate", "w"):  # as soon as the hook has opened it, too
        assert subject.status() == CREATED
        command.kill()
        assert subject.status() == RUNNING
        assert subject.begin("start").wait() == 1
    assert "it is running, not created" in subject.complaints()[0]
    assert subject.repair() == []


def undisturbed_s(subject: Subject, verb: str) -> float:
    """How long the command takes when nobody kills it."""
    subject.do(*BEFORE[verb])
    began = time.monotonic()
    subject.do(verb)
    ended = time.monotonic()
    assert subject.repair() == []
    return ended - began
