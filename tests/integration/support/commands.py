"""Commands of the runtime in processes of their own, that can be killed and can meet others."""

from __future__ import annotations

import os
import select
import signal
from collections.abc import Mapping, Sequence
from pathlib import Path

from orlop.runtime.cli import main
from orlop.runtime.lifecycle.delete import delete
from orlop.runtime.lifecycle.status import look
from orlop.runtime.state import Store
from tests.integration.support.bundles import Bundle
from tests.integration.support.faults import Watch


class Command:
    """`orlop-runtime WORDS` in a fork of this process: it begins at once, and knows all modules."""

    def __init__(self, words: Sequence[str]) -> None:
        self._pid = os.fork()
        if self._pid == 0:
            status = 99
            try:
                status = main(words)
            finally:
                os._exit(status)
        self._pidfd = os.pidfd_open(self._pid)

    def lasts(self, seconds: float) -> bool:
        """Whether it still runs after that time."""
        return not select.select([self._pidfd], [], [], seconds)[0]

    def kill(self) -> None:
        """It has ended, by SIGKILL or before."""
        signal.pidfd_send_signal(self._pidfd, signal.SIGKILL)
        self.wait()

    def wait(self) -> int:
        """Its exit status, once it has ended."""
        os.close(self._pidfd)
        return os.waitstatus_to_exitcode(os.waitpid(self._pid, 0)[1])


class Subject:
    """One container that commands are applied to.

    Attributes:
        id: its id.
        store: where its state is.
    """

    def __init__(self, bundle: Bundle, directory: Path, name: str = "orlop-sweep") -> None:
        self.id = name
        self.store = Store(str(directory / "state"))
        self._log = directory / "log"
        self._flags: Mapping[str, Sequence[str]] = {
            "create": ["--bundle", str(bundle.path)],
            "run": ["--bundle", str(bundle.path)],
            "delete": ["--force"],
        }
        self._watch = Watch(bundle.config["linux"]["cgroupsPath"].lstrip("/"), self.store.root)

    def begin(self, verb: str) -> Command:
        """Begins a command; delete is forced."""
        where = ["--root", self.store.root, "--log", str(self._log)]
        return Command([*where, verb, *self._flags.get(verb, ()), self.id])

    def do(self, *verbs: str) -> None:
        """Performs commands, none of which fails."""
        for verb in verbs:
            assert self.begin(verb).wait() == 0, self.complaints()

    def status(self) -> str:
        """Its status now."""
        return look(self.store.open(self.id, lock=False)).status

    def complaints(self) -> list[str]:
        """Why commands have failed so far: what they have logged."""
        return self._log.read_text().splitlines() if self._log.exists() else []

    def left(self) -> list[str]:
        """What there is of it on the machine."""
        return self._watch.left()

    def repair(self) -> list[str]:
        """Deletes the container by force, and says what is left of it then."""
        delete(self.store, self.id, force=True)
        return self.left()
