"""Commands that meet: on different containers, and on the same one."""

from __future__ import annotations

import random
import signal
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from orlop.errors import NotFound
from orlop.launch.executor import sealed_launcher
from orlop.runtime.lifecycle.create import create
from orlop.runtime.lifecycle.delete import delete
from orlop.runtime.lifecycle.gather import Choices
from orlop.runtime.lifecycle.kill import kill
from orlop.runtime.lifecycle.start import start
from orlop.runtime.lifecycle.status import CREATED, RUNNING, STOPPED
from tests.integration.support.bundles import BundleFactory
from tests.integration.support.commands import Subject
from tests.integration.support.deadlines import eventually

pytestmark = [pytest.mark.requires_root, pytest.mark.requires_launcher, pytest.mark.slow]

MANY = 20
ROUNDS = 20


@pytest.fixture(scope="module", autouse=True)
def launcher() -> None:
    """The process has its copy of the launcher before anybody counts descriptors."""
    sealed_launcher()


@pytest.fixture
def subject(bundle: BundleFactory, workspace: Path) -> Subject:
    return Subject(bundle("echo ran >> /ran; exec probe wait"), workspace)


class TestDifferentContainers:
    def test_in_threads(self, bundle: BundleFactory, workspace: Path) -> None:
        bundles = [bundle() for _ in range(MANY)]
        subjects = [Subject(made, workspace, f"c{n}") for n, made in enumerate(bundles)]

        def live(number: int) -> None:
            subject, choices = subjects[number], Choices(str(bundles[number].path))
            for _ in range(3):
                create(subject.store, subject.id, choices, print)
                assert subject.status() == CREATED
                start(subject.store, subject.id)
                assert subject.status() == RUNNING
                delete(subject.store, subject.id, force=True)

        with ThreadPoolExecutor(MANY) as threads:
            list(threads.map(live, range(MANY)))
        assert [subject.repair() for subject in subjects] == [[]] * MANY

    def test_in_processes(self, bundle: BundleFactory, workspace: Path) -> None:
        subjects = [Subject(bundle(), workspace, f"c{n}") for n in range(MANY)]
        for verb, status in (("create", CREATED), ("start", RUNNING)):
            commands = [subject.begin(verb) for subject in subjects]
            assert [command.wait() for command in commands] == [0] * MANY, subjects[0].complaints()
            assert {subject.status() for subject in subjects} == {status}
        commands = [subject.begin("delete") for subject in subjects]
        assert [command.wait() for command in commands] == [0] * MANY, subjects[0].complaints()
        assert [subject.repair() for subject in subjects] == [[]] * MANY


class TestOneContainer:
    def test_one_of_several_creates_wins(self, subject: Subject) -> None:
        for _ in range(ROUNDS):
            assert meet(subject, "create", "create", "create", "create") == [0, 1, 1, 1]
            assert subject.status() == CREATED
            subject.do("start")
            assert subject.repair() == []
        assert all_contain(subject.complaints(), "already exists")

    def test_one_of_several_starts_wins(self, subject: Subject) -> None:
        for _ in range(ROUNDS):
            subject.do("create")
            assert meet(subject, "start", "start", "start", "start") == [0, 1, 1, 1]
            assert subject.status() == RUNNING
            assert subject.repair() == []
        assert all_contain(subject.complaints(), "it is running, not created")

    def test_deletes_wait_for_creates(self, subject: Subject) -> None:
        for _ in range(ROUNDS):
            meet(subject, "create", "delete", "create", "delete")
            try:
                assert subject.status() == CREATED
            except NotFound:
                assert subject.left() == []  # there is a whole container or nothing
            else:
                subject.do("start")
            assert subject.repair() == []
        assert all_contain(subject.complaints(), "exist")  # already, or not any more

    def test_kill_during_a_start(self, subject: Subject) -> None:
        for _ in range(ROUNDS):
            subject.do("create")
            command = subject.begin("start")
            command.lasts(random.uniform(0, 0.01))
            kill(subject.store, subject.id, signal.SIGKILL)
            command.wait()
            eventually(lambda: subject.status() == STOPPED, "the container to stop")
            delete(subject.store, subject.id)
            assert subject.left() == []
        assert all_contain(subject.complaints(), "cannot")


def meet(subject: Subject, *verbs: str) -> list[int]:
    """Begins commands all at once; returns their exit statuses, sorted."""
    commands = [subject.begin(verb) for verb in verbs]
    return sorted(command.wait() for command in commands)


def all_contain(complaints: Sequence[str], text: str) -> bool:
    """Whether all that failed did so for the reason that it should."""
    others = [line for line in complaints if text not in line or "internal error" in line]
    assert others == []
    return True
